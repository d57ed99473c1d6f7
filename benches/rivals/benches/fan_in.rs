//! Much that comes in, and nothing that goes out: `cargo bench --bench fan_in`.
//!
//! A flood is one connection on which a client writes as fast as it can, a few bytes at a time; the
//! server counts them. A rush is ten thousand connections, one behind the other; the server takes
//! them up. Client and server share a core, as in `echo`.
#![allow(clippy::disallowed_methods, reason = "measures real time")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use unspin_rivals::Result;
use unspin_rivals::args::Args;
use unspin_rivals::contenders::{self, BASE, Order, RIVALS, Rival, Service, THREADS};
use unspin_rivals::figures::count;
use unspin_rivals::load::{connect, most_connections};
use unspin_rivals::machine::keep_still;
use unspin_rivals::report::{Contender, Missing, Reading, Report};
use unspin_rivals::server::Server;

/// What the client writes at once: so few bytes that the calls are what costs.
const LINE: &[u8] = b"GET /fan-in\r\n";

const MEBIBYTE: usize = 1 << 20;

fn main() -> Result<()> {
    contenders::serve_if_asked()?;
    let args = Args::from_env();
    let mut report = Report::new("fan_in", "Fan-in, the server's share of one core", &args);
    report.note(keep_still());
    // A write takes the client most of a microsecond, and a mebibyte is eighty thousand writes.
    let (mebibytes, connections) = if args.quick { (1, 1_000) } else { (4, 10_000) };
    report.set_rounds(5);
    let row = format!("flood, {mebibytes} MiB, {} B at a time", LINE.len());
    compare(&mut report, &row, |rival| flood(rival, mebibytes))?;
    report.set_rounds(3);
    let row = format!("rush, {} connections", count(connections));
    let most = most_connections();
    if connections > most {
        report.note(format!("{row}: a process may have {most} connections here"));
    } else {
        compare(&mut report, &row, |rival| rush(rival, connections))?;
    }
    report.finish()
}

fn compare(
    report: &mut Report,
    row: &str,
    measure: impl Fn(&Rival) -> Result<Vec<Reading>>,
) -> Result<()> {
    let contenders = RIVALS.iter().map(|rival| {
        let measure = &measure;
        Contender::new(rival.name, move || {
            rival.prepare()?;
            measure(rival)
        })
    });
    report.compare(row, BASE, contenders.collect())
}

fn flood(rival: &Rival, mebibytes: usize) -> Result<Vec<Reading>> {
    let lines = mebibytes * MEBIBYTE / LINE.len();
    let server = Server::start(rival, Order { service: Service::Count, message: 64 << 10 })?;
    let account = server.account();
    let mut stream = TcpStream::connect(server.address())?;
    // Each write is a packet.
    stream.set_nodelay(true)?;
    let (before, start) = (account.cpu()?, Instant::now());
    for _ in 0..lines {
        stream.write_all(LINE)?;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut counted = [0; 8];
    stream.read_exact(&mut counted)?;
    let (spent, time) = (account.cpu()? - before, start.elapsed());
    if u64::from_le_bytes(counted) != (lines * LINE.len()) as u64 {
        return Err("the server has counted something else".into());
    }
    Ok(vec![
        Reading::new("CPU per MiB", "µs", spent.as_secs_f64() * 1e6 / mebibytes as f64),
        Reading::new("time per MiB", "µs", time.as_secs_f64() * 1e6 / mebibytes as f64),
    ])
}

fn rush(rival: &Rival, connections: usize) -> Result<Vec<Reading>> {
    let server = Server::start(rival, Order { service: Service::Echo, message: 64 })?;
    let account = server.account();
    let (before, start) = (account.cpu()?, Instant::now());
    let connected = connect(server.address(), connections);
    let (spent, time) = (account.cpu()? - before, start.elapsed());
    let streams = connected.map_err(|error| match rival.name {
        // Not every system lets a process have as many.
        THREADS => Missing(format!("{connections} threads: {error}")).into(),
        _ => Box::<dyn std::error::Error + Send + Sync>::from(error),
    })?;
    // The server first: else it would answer ten thousand ends.
    drop((server, streams));
    Ok(vec![
        Reading::new("CPU per connection", "µs", spent.as_secs_f64() * 1e6 / connections as f64),
        Reading::new("time per connection", "µs", time.as_secs_f64() * 1e6 / connections as f64),
    ])
}
