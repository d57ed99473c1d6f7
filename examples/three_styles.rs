//! One small program in three styles: `cargo run --release --example three_styles`.
//!
//! Each reads a file's length, waits a moment, writes the length to another file, and removes that
//! again: with callbacks, with promises, with async and await.

use std::path::PathBuf;
use std::time::Duration;

use unspin::{Error, Promise, Result, fs, set_timeout, sleep};

const MOMENT: Duration = Duration::from_millis(10);

fn main() -> Result<()> {
    unspin::run(|| {
        callbacks("callbacks");
        promises("promises");
        unspin::spawn(futures("futures")).or_uncaught();
    })
}

/// A callback is a task of its own. An `Err` from it is uncaught: here it ends the program.
fn callbacks(name: &'static str) {
    fs::read("Cargo.toml").callback(move |bytes| {
        let length = bytes?.len();
        set_timeout(MOMENT, move || {
            fs::write(scratch(name), length.to_string()).callback(move |written| {
                written?;
                fs::remove_file(scratch(name)).callback(move |removed| {
                    removed?;
                    println!("{name}: {length} bytes");
                    Ok(())
                });
                Ok(())
            });
        });
        Ok(())
    });
}

/// A reaction is a microtask. A rejection skips to whoever catches it; here nobody does, and the
/// program ends with it.
fn promises(name: &'static str) {
    fs::read("Cargo.toml")
        .promise()
        .then(|bytes| bytes.len())
        .and_then(|length| after(MOMENT).then(move |()| length))
        .and_then(move |length| {
            fs::write(scratch(name), length.to_string()).promise().then(move |()| length)
        })
        .and_then(move |length| fs::remove_file(scratch(name)).promise().then(move |()| length))
        .then(move |length| println!("{name}: {length} bytes"));
}

/// A promise from a callback.
fn after(delay: Duration) -> Promise<()> {
    Promise::new(|resolver| {
        set_timeout(delay, move || resolver.resolve(()));
    })
}

/// A woken future is polled as one microtask. `?` ends it; `or_uncaught` says where its error goes.
async fn futures(name: &'static str) -> Result<(), Error> {
    let length = fs::read("Cargo.toml").await?.len();
    sleep(MOMENT).await;
    fs::write(scratch(name), length.to_string()).await?;
    fs::remove_file(scratch(name)).await?;
    println!("{name}: {length} bytes");
    Ok(())
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("unspin-three-styles-{}-{name}", std::process::id()))
}
