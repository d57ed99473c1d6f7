//! An echo server with async and await: `cargo run --release --example echo_async [ADDR]`.
//!
//! At SIGINT or SIGTERM it accepts no more, echoes what is in flight, and ends with code 0.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use unspin::net::{Chunk, TcpListener, TcpStream};
use unspin::signal::{self, Signal, SignalWatcher};
use unspin::{AbortController, AbortSignal, Result, scope, spawn, timeout};

/// A connection over which nothing came for so long has nothing in flight.
const QUIET: Duration = Duration::from_secs(1);

/// Connections that are never quiet are cut off after this.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    common::log_from_env();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());

    unspin::block_on(async move {
        let listener = TcpListener::bind(address)?;
        let signals = signal::watch([Signal::INTERRUPT, Signal::TERMINATE])?;
        println!("listening on {}", listener.local_addr()?);
        let closing = AbortController::new();
        let signal = closing.signal().clone();
        spawn(close_at_signal(signals, closing, listener.clone())).log_err();
        // Ends when all connections have ended.
        let served = scope(|connections| async move {
            while let Some((stream, peer)) = accept(&listener).await? {
                let echo = echo(stream, signal.clone());
                connections.spawn(async move {
                    // One bad peer ends its own future and nothing else.
                    if let Err(error) = echo.await {
                        eprintln!("{peer}: {error}");
                    }
                    Ok(())
                });
            }
            Ok(())
        });
        served.await
    })
}

async fn close_at_signal(
    signals: SignalWatcher,
    closing: AbortController,
    listener: TcpListener,
) -> Result<()> {
    let signal = signals.next().await?;
    // The next one ends the process at once.
    signals.close();
    eprintln!("{signal}: closing");
    listener.close();
    closing.abort();
    unspin::set_timeout(PATIENCE, || unspin::exit(0)).unref();
    Ok(())
}

/// The next connection, until the listener is closed.
async fn accept(listener: &TcpListener) -> Result<Option<(TcpStream, SocketAddr)>> {
    match listener.accept().await {
        Ok(connection) => Ok(Some(connection)),
        Err(_) if listener.is_closed() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn echo(stream: TcpStream, closing: AbortSignal) -> Result<()> {
    while let Some(chunk) = chunk(&stream, &closing).await? {
        stream.write_all(&chunk).await?;
    }
    Ok(())
}

/// The next chunk; while the server closes, a peer that is quiet has sent all it will send.
async fn chunk(stream: &TcpStream, closing: &AbortSignal) -> Result<Option<Chunk>> {
    match closing.run_until_aborted(stream.chunk()).await {
        Ok(chunk) => chunk,
        Err(_) => timeout(QUIET, stream.chunk()).await.unwrap_or(Ok(None)),
    }
}
