//! An echo server on a Unix socket: `cargo run --release --example unix_echo [PATH]`, then
//! `nc -U unspin-echo.sock`.
//!
//! Whatever is at PATH already is left alone: it does not start then. At SIGINT and SIGTERM it
//! finishes what is in flight, and its path goes.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use unspin::net::UnixListener;
use unspin::signal::{self, Signal};

fn main() -> unspin::Result<()> {
    common::log_from_env();
    let path = std::env::args_os().nth(1).map_or_else(|| "unspin-echo.sock".into(), PathBuf::from);

    unspin::run(move || {
        let listener = UnixListener::bind(&path)?;
        listener.on_connection(|stream, _name| {
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
        });
        signal::once([Signal::INTERRUPT, Signal::TERMINATE]).callback(move |signal| {
            eprintln!("{}: closing", signal?);
            listener.close_all(Duration::from_secs(30)).callback(drop);
            unspin::Result::Ok(())
        });
        println!("listening on {}", path.display());
        Ok(())
    })
}
