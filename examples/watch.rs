//! Prints what happens below a directory: `cargo run --release --example watch [DIR]`.
//!
//! Until Ctrl-C, until the directory itself is gone, or until nobody reads it any more, as in
//! `watch DIR | head -1`. A reader that is slow is told of an overflow, and fills no memory.

mod common;

use std::ffi::OsString;
use std::io::ErrorKind::{BrokenPipe, NotConnected};

use unspin::fs::{WatchEvent, WatchKind, WatchOptions};
use unspin::{Result, signal, stdio};

fn main() -> Result<()> {
    common::log_from_env();
    let directory = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    unspin::block_on(async {
        match tell(directory).await {
            // Nobody reads it any more.
            Err(error) if matches!(error.kind(), BrokenPipe | NotConnected) => Ok(()),
            result => result,
        }
    })
}

async fn tell(directory: OsString) -> Result<()> {
    let watcher = WatchOptions::new().recursive(true).watch(directory)?;
    let output = stdio::stdout()?;
    let own = watcher.clone();
    output.on_close(move |_| own.close());
    let own = watcher.clone();
    let interrupt = signal::ctrl_c().callback(move |_| own.close());

    // Its error is that there was a Ctrl-C before.
    if watcher.ready().await.is_ok() {
        output.write(format!("watching {}\n", watcher.path().display()).as_bytes());
        output.flushed().await?;
    }
    loop {
        match watcher.next_event().await {
            Ok(Some(event)) => output.write(line(&event).as_bytes()),
            Ok(None) => break,
            Err(error) => {
                eprintln!("{error}");
                continue;
            }
        };
        output.flushed().await?;
    }
    interrupt.cancel();
    Ok(())
}

fn line(event: &WatchEvent) -> String {
    // Quoted, so that a name with a line break in it is one line.
    let path = &event.path;
    match &event.kind {
        WatchKind::Created => format!("+ {path:?}\n"),
        WatchKind::Removed => format!("- {path:?}\n"),
        WatchKind::Modified => format!("* {path:?}\n"),
        WatchKind::Attributes => format!("a {path:?}\n"),
        WatchKind::Renamed { from } => format!("> {path:?} from {from:?}\n"),
        WatchKind::Overflow => "! too much happened to tell it all\n".into(),
        other => format!("? {path:?} {other:?}\n"),
    }
}
