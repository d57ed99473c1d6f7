//! Prints what happens below a directory: `cargo run --release --example watch [DIR]`.
//!
//! Until Ctrl-C, or until the directory itself is gone.

mod common;

use unspin::fs::{WatchEvent, WatchKind, WatchOptions};
use unspin::signal;

fn main() -> unspin::Result<()> {
    common::log_from_env();
    let directory = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());

    unspin::run(|| {
        let watcher = WatchOptions::new().recursive(true).watch(directory)?;
        watcher.on_event(|_, event| tell(&event));
        watcher.on_error(|_, error| eprintln!("{error}"));
        let path = watcher.path().to_owned();
        watcher.ready().callback(move |ready| {
            // Its error is that there was a Ctrl-C before.
            if ready.is_ok() {
                println!("watching {}", path.display());
            }
        });

        let own = watcher.clone();
        let interrupt = signal::ctrl_c().callback(move |_| own.close());
        watcher.on_close(move || {
            interrupt.cancel();
        });
        Ok(())
    })
}

fn tell(event: &WatchEvent) {
    // Quoted, so that a name with a line break in it is one line.
    let path = &event.path;
    match &event.kind {
        WatchKind::Created => println!("+ {path:?}"),
        WatchKind::Removed => println!("- {path:?}"),
        WatchKind::Modified => println!("* {path:?}"),
        WatchKind::Attributes => println!("a {path:?}"),
        WatchKind::Renamed { from } => println!("> {path:?} from {from:?}"),
        WatchKind::Overflow => println!("! too much happened to tell it all"),
        other => println!("? {path:?} {other:?}"),
    }
}
