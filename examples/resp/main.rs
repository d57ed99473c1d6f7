//! A server of the Redis protocol: `cargo run --release --example resp [ADDR]`, then `redis-cli`.
//!
//! Texts, lists, hashes, sets, keys that expire, and channels, all of it in memory: enough for
//! `redis-cli` and `redis-benchmark`. At SIGINT and SIGTERM it closes each connection once that is
//! quiet.

mod about;
mod collections;
mod commands;
#[path = "../common/mod.rs"]
mod common;
mod connection;
mod keys;
#[path = "../common/leaving.rs"]
mod leaving;
mod lists;
mod parse;
mod pubsub;
mod reply;
mod store;
mod strings;

use std::rc::Rc;

use connection::{Connection, Server};
use unspin::net::TcpListener;

fn main() -> unspin::Result<()> {
    common::log_from_env();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".to_owned());

    unspin::run(|| {
        let server = Rc::new(Server::new());
        let listener = TcpListener::bind(address)?;
        leaving::leave_at_signal(listener.clone());
        listener.serve(move |_peer| Connection::new(&server));
        println!("listening on {}", listener.local_addr()?);
        Ok(())
    })
}
