//! Keys that are typed at a real terminal, in the styles of handlers and futures.

mod util;

use unspin::stdio::stdin;
use unspin::terminal::{Feature, Input};
use util::pty::{Pty, Session};
use util::{is_child, run_real};

/// Prints each key by name, and ends at `q`.
fn show_keys() {
    run_real(|| {
        let stdin = stdin()?;
        let raw = stdin.terminal().expect("it is one").raw_mode()?;
        raw.enable(Feature::BracketedPaste)?;
        stdin.on_key(move |stdin, input| {
            let _alive = &raw;
            if show(&input) {
                stdin.close();
            }
        });
        println!("ready");
        unspin::Result::Ok(())
    });
}

/// Whether it is the last one.
fn show(input: &Input) -> bool {
    match input {
        Input::Key(key) => println!("<{key}>"),
        Input::Paste { text, .. } => println!("<paste {text}>"),
        other => println!("<{other:?}>"),
    }
    matches!(input, Input::Key(key) if key.to_string() == "q")
}

#[track_caller]
fn typed(mut session: Session) {
    session.expect("ready");
    session.type_("aé\x1b[1;5A\x03".as_bytes());
    for key in ["<a>", "<é>", "<Ctrl-Up>", "<Ctrl-C>"] {
        session.expect(key);
    }
    // Nothing follows: it is the key.
    session.type_(b"\x1b");
    session.expect("<Escape>");
    // In pieces: each is waited for, as only a beginning can be.
    session.type_(b"\x1b[1;");
    session.type_(b"2B");
    session.expect("<Shift-Down>");
    session.type_(b"\x1b[200~two\rlines\x1b[201~");
    session.expect("<paste two\rlines>");
    session.type_(b"qx");
    session.expect("<q>");
    let (status, rest) = session.end();
    assert!(status.success());
    assert!(!rest.contains("<x>"), "it was closed: {rest}");
}

#[test]
fn keys_are_told_to_a_handler() {
    if is_child() {
        return show_keys();
    }
    typed(Pty::open().run("keys_are_told_to_a_handler"));
}

#[cfg(feature = "async")]
#[test]
fn keys_can_be_awaited() {
    if is_child() {
        return run_real(|| {
            unspin::spawn(async {
                let stdin = stdin()?;
                let _raw = stdin.terminal().expect("it is one").raw_mode()?;
                let mut keys = stdin.keys();
                println!("ready");
                while let Some(input) = keys.next().await? {
                    if show(&input) {
                        break;
                    }
                }
                unspin::Result::Ok(())
            })
            .or_uncaught();
        });
    }
    typed(Pty::open().run("keys_can_be_awaited"));
}

#[cfg(feature = "async")]
#[test]
fn keys_are_a_stream_that_ends_with_the_input() {
    if is_child() {
        return run_real(|| {
            unspin::spawn(async {
                use futures_lite::StreamExt;

                let mut keys = stdin()?.keys();
                while let Some(input) = keys.next().await? {
                    show(&input);
                }
                assert!(StreamExt::next(&mut keys).await.is_none());
                println!("the end");
                unspin::Result::Ok(())
            })
            .or_uncaught();
        });
    }
    let mut file = tempfile::tempfile().expect("there is room");
    // It ends with an escape that nothing can follow.
    std::io::Write::write_all(&mut file, b"a\x1b[A\x1b").expect("there is room");
    std::io::Seek::rewind(&mut file).expect("it is a file");
    let mut command = util::child("keys_are_a_stream_that_ends_with_the_input");
    let output = command.stdin(file).output().expect("it can be run");
    let printed = util::stdout(&output);
    assert!(printed.contains("<a>\n<Up>\n<Escape>\nthe end"), "{printed}");
}

#[test]
fn an_escape_at_the_end_of_the_input_is_told_all_the_same() {
    if is_child() {
        return run_real(|| {
            stdin()?.on_key(|_, input| {
                show(&input);
            });
            unspin::Result::Ok(())
        });
    }
    let mut file = tempfile::tempfile().expect("there is room");
    std::io::Write::write_all(&mut file, b"a\x1b").expect("there is room");
    std::io::Seek::rewind(&mut file).expect("it is a file");
    let mut command = util::child("an_escape_at_the_end_of_the_input_is_told_all_the_same");
    let output = command.stdin(file).output().expect("it can be run");
    let printed = util::stdout(&output);
    assert!(printed.contains("<a>\n<Escape>"), "{printed}");
}
