//! An echo server in callbacks: `cargo run --release --example echo [ADDR]`, then `nc 127.0.0.1 7000`.
//!
//! SIGINT and SIGTERM close it in good order: what is in flight is finished.
//! `RUST_LOG=unspin=debug` shows what the loop does: a line per phase, sleep and wake.

mod common;
#[path = "common/leaving.rs"]
mod leaving;

use unspin::net::TcpListener;

fn main() -> unspin::Result<()> {
    common::log_from_env();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());

    unspin::run(|| {
        let listener = TcpListener::bind(address)?;
        listener.on_connection(|stream, _peer| {
            // When the peer reads slower than it writes, the stream is not read until it drains:
            // nothing more is needed to keep memory bounded.
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
        });
        leaving::leave_at_signal(listener.clone());
        println!("listening on {}", listener.local_addr()?);
        Ok(())
    })
}
