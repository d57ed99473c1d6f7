//! Stamps a command's lines with the time: `cargo run --release --example shell -- 'COMMAND'`.
//!
//! It exits with the command's code. Ctrl-C is passed on to the command and all that it has started,
//! which decide what comes of it. The command waits where its output is not read, and learns as it
//! would without `shell` that nobody reads it any more. A line of more than 64 KiB is broken.

use std::io::ErrorKind::{BrokenPipe, NotConnected};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use unspin::process::{self, Stdio};
use unspin::signal::{self, Signal};
use unspin::stdio;
use unspin::stream::{Output, Transform, pipeline};

const LONGEST: usize = 64 * 1024;

fn main() -> unspin::Result<()> {
    let Some(command) = std::env::args().nth(1) else {
        eprintln!("usage: shell COMMAND");
        unspin::exit(2);
    };
    unspin::run(|| {
        // In a session of its own the terminal does not send it what is passed on to it anyway.
        let child = process::shell(command).detached(true);
        let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(output) = child.stdout() {
            pipeline(output).transform(Stamp::new()).to(stdio::stdout()?).callback(written);
        }
        if let Some(errors) = child.stderr() {
            pipeline(errors).transform(Stamp::new()).to(stdio::stderr()?).callback(written);
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

fn written(result: unspin::Result<()>) -> unspin::Result<()> {
    match result {
        // As in `shell COMMAND | head`: the reader has what it wanted.
        Err(error) if matches!(error.kind(), BrokenPipe | NotConnected) => Ok(()),
        result => result,
    }
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

/// Makes lines begin with the time of their last byte. A last one that has no newline gets one.
struct Stamp {
    began: Duration,
    /// What there is of the next line.
    line: Vec<u8>,
}

impl Stamp {
    fn new() -> Stamp {
        Stamp { began: unspin::now(), line: Vec::new() }
    }

    fn take(&mut self) -> Vec<u8> {
        let passed = unspin::now() - self.began;
        let mut stamped =
            format!("{:>4}.{:03} ", passed.as_secs(), passed.subsec_millis()).into_bytes();
        stamped.append(&mut self.line);
        stamped
    }
}

impl Transform for Stamp {
    fn chunk(&mut self, chunk: &[u8], out: &mut Output<'_>) -> unspin::Result<()> {
        let mut lines = Vec::new();
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() > LONGEST && !piece.ends_with(b"\n") {
                self.line.push(b'\n');
            }
            if self.line.ends_with(b"\n") {
                lines.append(&mut self.take());
            }
        }
        out.write(&lines);
        Ok(())
    }

    fn end(&mut self, out: &mut Output<'_>) -> unspin::Result<()> {
        if !self.line.is_empty() {
            self.line.push(b'\n');
            out.write(&self.take());
        }
        Ok(())
    }
}
