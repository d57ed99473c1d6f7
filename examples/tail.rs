//! The last ten lines of a file, and then what is added: `cargo run --release --example tail FILE`.
//!
//! As `tail -F`, it goes on when the file is cut, when it is renamed and made anew, and when it is
//! not there yet; and it ends when nobody reads it any more, as in `tail FILE | head -1`. It has one
//! chunk of the file in memory, however long the lines are and however slow the reader.

mod common;

use std::io::ErrorKind::{BrokenPipe, NotConnected, NotFound};
use std::path::PathBuf;

use unspin::fs::{self, File, WatchKind, WatchOptions};
use unspin::stdio::{self, Output};
use unspin::{Error, Result};

const LINES: usize = 10;
const CHUNK: u64 = 64 * 1024;

fn main() -> Result<()> {
    common::log_from_env();
    let path = std::env::args_os().nth(1).ok_or_else(|| Error::new("usage: tail FILE"))?;
    unspin::block_on(async {
        match follow(path.into()).await {
            // As in `tail FILE | head`: the reader has what it wanted.
            Err(error) if matches!(error.kind(), BrokenPipe | NotConnected) => Ok(()),
            other => other,
        }
    })
}

async fn follow(path: PathBuf) -> Result<()> {
    let output = stdio::stdout()?;
    // Before the first look: what is added after that is an event.
    let watcher = WatchOptions::new().may_be_missing(true).watch(&path)?;
    let own = watcher.clone();
    output.on_close(move |_| own.close());
    let mut tail = Tail { output, file: open(&path).await?, printed: 0 };
    match &tail.file {
        Some(file) => tail.printed = start_of_last_lines(file).await?,
        None => eprintln!("{} is not there yet", path.display()),
    }
    tail.print().await?;
    while let Some(event) = watcher.next_event().await? {
        // Whoever writes the file may go on with the old one until there is a new one.
        tail.print().await?;
        if matches!(event.kind, WatchKind::Created | WatchKind::Overflow) {
            tail.reopen(&path).await?;
            tail.print().await?;
        }
    }
    Ok(())
}

/// A file that is there.
async fn open(path: &PathBuf) -> Result<Option<File>> {
    match fs::open(path).await {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

struct Tail {
    output: Output,
    file: Option<File>,
    printed: u64,
}

impl Tail {
    /// Prints what was added.
    async fn print(&mut self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if file.metadata().await?.len() < self.printed {
            eprintln!("the file was cut");
            self.printed = 0;
        }
        loop {
            let chunk = file.read_at(self.printed, CHUNK as usize).await?;
            if chunk.is_empty() {
                return Ok(());
            }
            self.output.write(&chunk);
            self.output.flushed().await?;
            self.printed += chunk.len() as u64;
        }
    }

    /// Goes on with the file that has the name now, if that is another one.
    async fn reopen(&mut self, path: &PathBuf) -> Result<()> {
        let Some(file) = open(path).await? else { return Ok(()) };
        if !is_same(self.file.as_ref(), &file).await? {
            (self.file, self.printed) = (Some(file), 0);
        }
        Ok(())
    }
}

async fn is_same(old: Option<&File>, new: &File) -> Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let Some(old) = old else { return Ok(false) };
    let (old, new) = (old.metadata().await?, new.metadata().await?);
    Ok((old.dev(), old.ino()) == (new.dev(), new.ino()))
}

/// Where the last lines begin: looked for from the end, chunk by chunk.
async fn start_of_last_lines(file: &File) -> Result<u64> {
    let mut end = file.metadata().await?.len();
    // The line break at the very end begins no line.
    let last = end.saturating_sub(1);
    let mut left = LINES;
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        let chunk = file.read_at(start, (end - start) as usize).await?;
        for place in (0..chunk.len()).rev().filter(|place| chunk[*place] == b'\n') {
            let place = start + place as u64;
            left -= usize::from(place < last);
            if left == 0 {
                return Ok(place + 1);
            }
        }
        end = start;
    }
    Ok(0)
}
