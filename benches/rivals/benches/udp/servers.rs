//! The servers.

use std::env;
use std::net::Ipv4Addr;

use rustix::process::{Signal, set_parent_process_death_signal};
use unspin_rivals::Result;

/// With what the others are compared.
pub const BASE: &str = "tokio";

type Serve = fn() -> Result<()>;

pub const SERVERS: [(&str, Serve); 3] =
    [(BASE, tokio), ("unspin, callbacks", by_callbacks), ("unspin, async", by_batches)];

/// Room for a datagram, as whoever expects small ones gives it.
const ROOM: usize = 2048;

/// In a child that was started to serve, serves until it is killed.
pub fn serve_if_asked() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flag, name] = arguments.as_slice() else { return Ok(()) };
    if flag != "--udp" {
        return Ok(());
    }
    // A bench that is killed cannot stop its servers.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let server = SERVERS.iter().find(|(server, _)| server == name);
    let (_, serve) = server.ok_or_else(|| format!("no server is called {name}"))?;
    serve()?;
    Err(format!("{name} stopped serving").into())
}

fn tokio() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", socket.local_addr()?);
        let mut buffer = [0; ROOM];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await?;
            socket.send_to(&buffer[..length], from).await?;
        }
    })
}

/// What `examples/udp_echo.rs` does.
fn by_callbacks() -> Result<()> {
    unspin::run(|| {
        let socket = unspin::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.on_message(|socket, datagram| {
            socket.write_to(&datagram, datagram.from());
        });
        println!("{}", socket.local_addr()?);
        Ok(())
    })?;
    Ok(())
}

fn by_batches() -> Result<()> {
    unspin::block_on(async {
        let socket = unspin::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        println!("{}", socket.local_addr()?);
        loop {
            for datagram in socket.batch().await?.iter() {
                socket.write_to(&datagram, datagram.from());
            }
        }
    })?;
    Ok(())
}
