//! Runs a command, and writes each line of its output with the time that had passed: `-- 'COMMAND'`.
//!
//! It exits with the command's code. Ctrl-C is passed on to the command and all that it has started,
//! which decide what comes of it.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use unspin::pipes::PipeReader;
use unspin::process::{self, Stdio};
use unspin::signal::{self, Signal};

fn main() -> unspin::Result<()> {
    let Some(command) = std::env::args().nth(1) else {
        eprintln!("usage: shell COMMAND");
        unspin::exit(2);
    };
    unspin::run(|| {
        // In a session of its own the terminal does not send it what is passed on to it anyway.
        let child = process::shell(command).detached(true);
        let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let began = unspin::now();
        if let Some(stdout) = child.stdout() {
            stamp(&stdout, began, |line| std::io::stdout().write_all(line));
        }
        if let Some(stderr) = child.stderr() {
            stamp(&stderr, began, |line| std::io::stderr().write_all(line));
        }
        pass_on(&child)?;
        // The close comes after the last line.
        child.on_close(|_, status| {
            let by_signal = status.signal().map(|number| 128 + number);
            unspin::set_exit_code(status.code().or(by_signal).unwrap_or(1));
        });
        Ok(())
    })
}

fn pass_on(child: &process::Child) -> unspin::Result<()> {
    let watcher =
        signal::watch([Signal::INTERRUPT, Signal::QUIT, Signal::HANGUP, Signal::TERMINATE])?;
    let child = child.clone();
    watcher.unref().on_signal(move |_, signal| {
        // Nobody is left to get it: the end is about to be told.
        let _ = child.signal_group(signal);
    });
    Ok(())
}

/// Writes the lines of a stream with the time of their last byte. A last one that has no newline
/// gets one.
fn stamp(
    reader: &PipeReader,
    began: Duration,
    mut write: impl FnMut(&[u8]) -> std::io::Result<()> + Clone + 'static,
) {
    let mut say = move |line: &[u8]| {
        let passed = unspin::now() - began;
        let mut stamped =
            format!("{:>4}.{:03} ", passed.as_secs(), passed.subsec_millis()).into_bytes();
        stamped.extend_from_slice(line);
        write(&stamped)
    };
    let rest = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let (so_far, mut last) = (std::rc::Rc::clone(&rest), say.clone());
    reader.on_data(move |_, chunk| {
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            so_far.borrow_mut().extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                say(&so_far.take())?;
            }
        }
        unspin::Result::Ok(())
    });
    reader.on_end(move |_| {
        let mut line = rest.take();
        if !line.is_empty() {
            line.push(b'\n');
            last(&line)?;
        }
        unspin::Result::Ok(())
    });
}
