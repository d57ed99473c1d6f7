//! TLS over unspin, in a program that speaks to itself: `cargo run --release -p unspin-echo-tls`.
//!
//! A server echoes on a free port of this machine; a client greets it twice, the second time by the
//! session that the first one left, and sends some megabytes. Then both end.

mod config;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};

use futures_lite::{AsyncReadExt, AsyncWriteExt, StreamExt};
use futures_rustls::pki_types::ServerName;
use futures_rustls::rustls::HandshakeKind;
use futures_rustls::{TlsAcceptor, TlsConnector, client};
use unspin::net::{TcpListener, TcpStream};
use unspin::{Error, Result, spawn};

const GREETING: &[u8] = b"hello, and nobody else can read this";

/// As large as a message may be that is sent before its echo is read: the system holds it.
const BLOCK: usize = 32 * 1024;
const BLOCKS: usize = 512;

fn main() -> Result<()> {
    unspin::block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        println!("listening on {address}");
        let server = spawn(serve(listener.clone(), config::acceptor()?));
        let connector = config::connector()?;
        for _ in 0..2 {
            println!("{}", greet(&connector, address).await?);
        }
        println!("{}", send_much(&connector, address).await?);
        listener.close();
        println!("{} connections served", server.await??);
        Ok(())
    })
}

/// Serves until the listener is closed; returns how many connections there were.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor) -> Result<usize> {
    let mut connections = 0;
    let mut incoming = listener.incoming();
    while let Some(connection) = incoming.next().await {
        let (stream, _peer) = connection?;
        connections += 1;
        // One bad peer ends its own future and nothing else.
        spawn(echo(acceptor.clone(), stream)).log_err();
    }
    Ok(connections)
}

async fn echo(acceptor: TlsAcceptor, stream: TcpStream) -> Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut buffer = vec![0; BLOCK];
    loop {
        // An end that was not announced is an error: somebody may have cut the stream short.
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            break;
        }
        stream.write_all(&buffer[..length]).await?;
        stream.flush().await?;
    }
    stream.close().await?;
    Ok(())
}

async fn connect(
    connector: &TlsConnector,
    address: SocketAddr,
) -> Result<client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    // It is not this name that leads to the peer, but the peer must have a certificate for it.
    let name = ServerName::try_from("localhost").map_err(Error::new)?;
    Ok(connector.connect(name, stream).await?)
}

/// Says what was agreed on, and that the greeting came back.
async fn greet(connector: &TlsConnector, address: SocketAddr) -> Result<String> {
    let mut stream = connect(connector, address).await?;
    greet_over(&mut stream).await?;
    let session = stream.get_ref().1;
    let version = session.protocol_version().and_then(|version| version.as_str());
    let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let handshake = match session.handshake_kind() {
        Some(HandshakeKind::Resumed) => "a resumed session",
        _ => "a full handshake",
    };
    let text = format!(
        "{handshake}, {}, {}: the greeting came back",
        version.unwrap_or("an unknown version"),
        suite.unwrap_or("an unknown suite"),
    );
    end(stream).await?;
    Ok(text)
}

async fn greet_over(stream: &mut client::TlsStream<TcpStream>) -> Result<()> {
    stream.write_all(GREETING).await?;
    stream.flush().await?;
    let mut answer = vec![0; GREETING.len()];
    stream.read_exact(&mut answer).await?;
    assert_eq!(answer, GREETING);
    Ok(())
}

async fn send_much(connector: &TlsConnector, address: SocketAddr) -> Result<String> {
    let mut stream = connect(connector, address).await?;
    let block: Vec<u8> = (0..=250).cycle().take(BLOCK).collect();
    let mut answer = vec![0; BLOCK];
    let start = unspin::now();
    for _ in 0..BLOCKS {
        stream.write_all(&block).await?;
        stream.flush().await?;
        stream.read_exact(&mut answer).await?;
        assert!(answer == block, "a block came back changed");
    }
    let time = unspin::now() - start;
    end(stream).await?;
    let mib = BLOCK * BLOCKS / (1 << 20);
    Ok(format!("{mib} MiB there and back in {} ms", time.as_millis()))
}

/// Announces the end, and waits for the peer's.
async fn end(mut stream: client::TlsStream<TcpStream>) -> Result<()> {
    stream.close().await?;
    let left = stream.read(&mut [0]).await?;
    assert_eq!(left, 0, "the peer says no more");
    Ok(())
}
