//! A TCP proxy: `cargo run --release --example proxy 127.0.0.1:7003 localhost:6379`, then
//! `redis-cli -p 7003`.
//!
//! What one side sends goes to the other, no faster than the other reads: a slow reader costs a few
//! hundred kilobytes and slows the sender down. An end is passed on and the other way stays open; a
//! connection that breaks off takes its partner along.

mod common;
#[path = "common/leaving.rs"]
mod leaving;

use std::net::SocketAddr;
use std::time::Duration;

use unspin::net::{TcpListener, TcpStream};
use unspin::{Error, Result};

/// How long an upstream may take to answer. Its name is looked up anew for each connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    common::log_from_env();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstream] = <[String; 2]>::try_from(arguments)
        .map_err(|_| Error::new("usage: proxy LISTEN UPSTREAM"))?;

    unspin::run(|| {
        let listener = TcpListener::bind(listen)?;
        // The end that it makes of a client's bytes is passed on: upstream answers what it has got.
        leaving::leave_at_signal(listener.clone());
        println!("listening on {}", listener.local_addr()?);
        listener.on_connection(move |client, peer| {
            TcpStream::connect(&*upstream).timeout(CONNECT_LIMIT).callback(move |server| {
                let joined = match server {
                    Ok(server) => join(&client, &server, peer),
                    // Not an end in order, which would be an empty answer.
                    Err(error) => client.reset().and(Err(error)),
                };
                if let Err(error) = joined {
                    eprintln!("{peer}: {error}");
                }
            });
        });
        Ok(())
    })
}

/// Two pipes, one each way.
fn join(client: &TcpStream, server: &TcpStream, peer: SocketAddr) -> Result<()> {
    for (stream, name) in [(client, "client"), (server, "upstream")] {
        // What comes was held back long enough, if at all, by whoever sent it.
        stream.set_nodelay(true)?;
        stream.on_error(move |_, error| eprintln!("{peer}: {name}: {error}"));
    }
    unspin::pipe(client, server);
    unspin::pipe(server, client);
    Ok(())
}
