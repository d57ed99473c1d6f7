//! An HTTP/1.1 server: `cargo run --release --example http [DIR] [ADDR]`, then
//! `curl -v http://127.0.0.1:8080/Cargo.toml`.
//!
//! `/` is a text, `POST /echo` sends back what it gets, and anything else is a file below DIR, by
//! default the current directory. At SIGINT and SIGTERM it closes each connection once that is
//! quiet.

mod answer;
mod body;
#[path = "../common/mod.rs"]
mod common;
mod connection;
mod date;
mod file;
#[path = "../common/leaving.rs"]
mod leaving;
mod request;
mod response;

use std::net::SocketAddr;
use std::rc::Rc;

use connection::{Connection, Server};
use unspin::net::TcpListener;

fn main() -> unspin::Result<()> {
    common::log_from_env();
    let is_address = |word: &String| word.parse::<SocketAddr>().is_ok();
    let (addresses, folders): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(is_address);
    let address = addresses.first().map_or("127.0.0.1:8080", String::as_str);
    let folder = folders.first().map_or(".", String::as_str);
    // What is served lies below the real path, whatever symbolic links say.
    let root = std::fs::canonicalize(folder)?;

    unspin::run(|| {
        let server = Rc::new(Server::new(root));
        let listener = TcpListener::bind(address)?;
        leaving::leave_at_signal(listener.clone());
        listener.on_connection(move |stream, _peer| Connection::serve(&server, stream));
        println!("listening on {}", listener.local_addr()?);
        Ok(())
    })
}
