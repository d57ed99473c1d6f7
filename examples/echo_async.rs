//! An echo server with async and await: `cargo run --release --example echo_async [ADDR]`.

mod common;

use std::time::Duration;

use futures_lite::StreamExt;
use unspin::net::TcpListener;
use unspin::signal::{self, Signal};
use unspin::spawn;

/// Connections that are never quiet are cut off after this.
const GRACE: Duration = Duration::from_secs(30);

fn main() -> unspin::Result<()> {
    common::log_from_env();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());

    unspin::block_on(async move {
        let listener = TcpListener::bind(address)?;
        println!("listening on {}", listener.local_addr()?);
        let leaving = spawn(leave_at_signal(listener.clone()));
        let mut incoming = listener.incoming();
        // Until it is closed.
        while let Some(accepted) = incoming.next().await {
            let (stream, _peer) = accepted?;
            // One bad peer ends its own future and nothing else.
            spawn(async move {
                while let Some(chunk) = stream.chunk().await? {
                    stream.write_all(&chunk).await?;
                }
                Ok(())
            })
            .log_err();
        }
        leaving.await?
    })
}

/// Closes the listener at a signal, and each connection once it is quiet.
async fn leave_at_signal(listener: TcpListener) -> unspin::Result<()> {
    let signal = signal::once([Signal::INTERRUPT, Signal::TERMINATE]).await?;
    eprintln!("{signal}: closing");
    let closed = listener.close_all(GRACE).await?;
    if closed.cut_off > 0 {
        eprintln!("{} connections were cut off", closed.cut_off);
    }
    Ok(())
}
