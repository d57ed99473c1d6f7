//! What it costs to pass bytes on: `cargo bench --bench proxy`.
//!
//! Client and upstream are the bench itself, on the core that the proxy has as well. In bulk, the
//! upstream sends as fast as the client reads; as requests, small messages go to an echo server and
//! back, which is what a proxy in front of a database does.
#![allow(clippy::disallowed_methods, reason = "measures real time, and blocks")]

mod proxies;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use proxies::{BASE, PROXIES, Proxy};
use unspin_rivals::Result;
use unspin_rivals::args::Args;
use unspin_rivals::contenders::{self, Order, RIVALS, Service};
use unspin_rivals::load::{Load, Shape};
use unspin_rivals::machine::keep_still;
use unspin_rivals::report::{Contender, Missing, Reading, Report};
use unspin_rivals::server::Server;

/// What the upstream writes, and the client reads, at once.
const PIECE: usize = 256 << 10;

const MEBIBYTE: usize = 1 << 20;

const SMALL: Shape = Shape { connections: 50, size: 64, depth: 1 };

fn main() -> Result<()> {
    contenders::serve_if_asked()?;
    proxies::serve_if_asked()?;
    let args = Args::from_env();
    let mut report = Report::new("proxy", "A TCP proxy, its share of one core", &args);
    report.note(keep_still());
    let mebibytes = if args.quick { 64 } else { 1024 };
    for connections in [1, 16] {
        let each = mebibytes / connections;
        let row = format!("bulk, {connections} × {each} MiB");
        compare(&mut report, &row, |proxy| bulk(proxy, connections, each))?;
    }
    let time = Duration::from_millis(if args.quick { 60 } else { 280 });
    compare(&mut report, &format!("requests, {SMALL}"), |proxy| requests(proxy, time))?;
    report.finish()
}

fn compare(
    report: &mut Report,
    row: &str,
    measure: impl Fn(&Proxy) -> Result<Vec<Reading>>,
) -> Result<()> {
    let contenders = PROXIES.iter().map(|proxy| {
        let measure = &measure;
        Contender::new(proxy.name, move || measure(proxy))
    });
    report.compare(row, BASE, contenders.collect())
}

fn bulk(proxy: &Proxy, connections: usize, mebibytes: usize) -> Result<Vec<Reading>> {
    let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // For a proxy that does not connect.
    set_socket_timeout(&upstream, Timeout::Recv, Some(Duration::from_secs(10)))?;
    let running = proxy.start(upstream.local_addr()?)?;
    let address = running.address();
    let clients: Vec<_> =
        (0..connections).map(|_| thread::spawn(move || receive(address))).collect();
    let accepted: std::io::Result<Vec<_>> =
        (0..connections).map(|_| Ok(upstream.accept()?.0)).collect();
    let accepted = accepted?;
    let (before, start) = (running.cpu()?, Instant::now());
    let senders: Vec<_> =
        accepted.into_iter().map(|stream| thread::spawn(move || send(stream, mebibytes))).collect();
    for sender in senders {
        sender.join().map_err(|_| "an upstream has panicked")??;
    }
    for client in clients {
        let received = client.join().map_err(|_| "a client has panicked")??;
        if received != mebibytes * MEBIBYTE {
            return Err(format!("{} has passed on {received} bytes", proxy.name).into());
        }
    }
    let (spent, time) = (running.cpu()? - before, start.elapsed());
    let total = (connections * mebibytes) as f64;
    Ok(vec![
        Reading::new("CPU per GiB", "ms", spent.as_secs_f64() * 1e3 * 1024.0 / total),
        Reading::new("GiB per second of CPU", "", total / 1024.0 / spent.as_secs_f64()),
        Reading::new("GiB per second", "", total / 1024.0 / time.as_secs_f64()),
    ])
}

fn send(mut stream: TcpStream, mebibytes: usize) -> std::io::Result<()> {
    let piece = vec![7; PIECE];
    for _ in 0..mebibytes * MEBIBYTE / PIECE {
        stream.write_all(&piece)?;
    }
    Ok(())
}

fn receive(address: SocketAddr) -> std::io::Result<usize> {
    let mut stream = TcpStream::connect(address)?;
    let (mut piece, mut received) = (vec![0; PIECE], 0);
    loop {
        match stream.read(&mut piece)? {
            0 => return Ok(received),
            length => received += length,
        }
    }
}

fn requests(proxy: &Proxy, time: Duration) -> Result<Vec<Reading>> {
    if proxy.is_for_one {
        return Err(Missing("a process for each connection is not compared here".into()).into());
    }
    let upstream = Server::start(&RIVALS[0], Order { service: Service::Echo, message: 64 })?;
    let running = proxy.start(upstream.address())?;
    let mut load = Load::connect(running.address(), SMALL)?;
    load.warm_up(time / 4)?;
    let before = running.cpu()?;
    let served = load.run(time)?;
    let spent = running.cpu()? - before;
    Ok(vec![
        Reading::new("CPU per request", "µs", spent.as_secs_f64() * 1e6 / served.requests as f64),
        Reading::new("requests per second", "", served.requests as f64 / served.time.as_secs_f64()),
    ])
}
