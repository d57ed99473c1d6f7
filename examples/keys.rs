//! Shows keys, pasted text and the size of the window: `cargo run --release --example keys`.
//!
//! Ctrl-C or q ends it.

use std::io::ErrorKind;

use unspin::Error;
use unspin::stdio::stdin;
use unspin::terminal::{Feature, Input, KeyCode};

fn main() -> unspin::Result<()> {
    unspin::run(|| {
        let stdin = stdin()?;
        let terminal = stdin.terminal().ok_or_else(|| {
            Error::new(std::io::Error::new(ErrorKind::InvalidInput, "the input is no terminal"))
        })?;
        let raw = terminal.raw_mode()?;
        raw.enable(Feature::BracketedPaste)?;
        raw.enable(Feature::FocusEvents)?;

        let sizes = terminal.watch_size()?;
        sizes.on_resize(|_, size| println!("the window has {size} now"));
        stdin.on_key(move |stdin, input| {
            if is_the_last(&input) {
                stdin.close();
                sizes.close();
                // This handler has it, and is dropped with the input.
                let _put_back = &raw;
            }
            show(&input);
        });
        println!("a window of {}: press a key, or q to end", terminal.size()?);
        Ok(())
    })
}

fn is_the_last(input: &Input) -> bool {
    matches!(input, Input::Key(key) if key.is_ctrl('c') || key.code == KeyCode::Char('q'))
}

fn show(input: &Input) {
    match input {
        Input::Key(key) => println!("{key}"),
        Input::Paste { text, .. } => println!("pasted {text:?}"),
        Input::FocusGained => println!("the window has the focus"),
        Input::FocusLost => println!("the window has lost the focus"),
        other => println!("{other:?}"),
    }
}
