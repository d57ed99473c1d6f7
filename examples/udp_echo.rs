//! A UDP echo server: `cargo run --release --example udp_echo [ADDR]`, then `nc -u 127.0.0.1 7000`.
//!
//! `strace -c -f` shows that a burst costs a fraction of a system call for each datagram.

mod common;

use unspin::net::UdpSocket;
use unspin::signal::{self, Signal};

fn main() -> unspin::Result<()> {
    common::log_from_env();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());

    unspin::run(|| {
        let socket = UdpSocket::bind(address)?;
        socket.on_message(|socket, datagram| {
            // While more answers wait than the high-water mark allows, nothing is received, and the
            // system drops what its own buffer cannot hold: memory stays bounded.
            socket.write_to(&datagram, datagram.from());
        });
        let itself = socket.clone();
        signal::once([Signal::INTERRUPT, Signal::TERMINATE]).callback(move |signal| {
            eprintln!("{}: closing", signal?);
            // What it has answered is sent.
            itself.close();
            unspin::Result::Ok(())
        });
        println!("listening on {}", socket.local_addr()?);
        Ok(())
    })
}
