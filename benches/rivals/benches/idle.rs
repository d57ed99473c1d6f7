//! What it costs to do nothing: `cargo bench --bench idle`.
//!
//! Many connections on which nothing is said, and a timer that fires each second. A server that
//! sleeps does not disturb another, so those that the descriptors allow are measured side by side.
//! Memory is the process's own: what the kernel keeps for a socket is the same for all.
#![allow(clippy::disallowed_methods, reason = "measures real time")]

use std::cell::RefCell;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use unspin_rivals::Result;
use unspin_rivals::args::Args;
use unspin_rivals::contenders::{self, BASE, Order, RIVALS, Rival, Service, THREADS};
use unspin_rivals::figures::count;
use unspin_rivals::load::{connect, most_connections};
use unspin_rivals::machine::keep_still;
use unspin_rivals::plot;
use unspin_rivals::report::{Contender, Reading, Report};
use unspin_rivals::server::Server;

/// The most connections that are open, however many may be: they take the system's memory.
const AT_ONCE: usize = 20_000;

/// A thread for each of more connections is beyond what many systems allow.
const MOST_THREADS: usize = 1_000;

/// Until a server has come to rest after its last connection.
const SETTLED: Duration = Duration::from_millis(300);

const WAKES: &str = "wakes per second";
const MEMORY: &str = "memory per connection";

/// How many connections, how often measured, and for how long.
struct Row {
    connections: usize,
    rounds: usize,
    millis: u64,
}

const FULL: [Row; 2] = [
    Row { connections: 1_000, rounds: 3, millis: 4_000 },
    Row { connections: 10_000, rounds: 1, millis: 3_000 },
];

/// Ten thousand for each server in turn would take too long.
const QUICK: [Row; 1] = [Row { connections: 1_000, rounds: 1, millis: 1_000 }];

fn main() -> Result<()> {
    contenders::serve_if_asked()?;
    let args = Args::from_env();
    let mut report = Report::new("idle", "Idle, and a timer that fires each second", &args);
    report.note(keep_still());
    report.draw_with(|sheet, folder| {
        plot::reading(&folder.join("idle-wakes.svg"), &sheet.title, sheet, WAKES)?;
        plot::reading(&folder.join("idle-memory.svg"), &sheet.title, sheet, MEMORY)
    });
    let most = most_connections();
    let rows = if args.quick { &QUICK[..] } else { &FULL };
    for row in rows {
        let name = format!("{} idle connections", count(row.connections));
        let at_once = most.min(AT_ONCE) / row.connections;
        if at_once == 0 {
            report.note(format!("{name}: a process may have {most} connections here"));
            continue;
        }
        report.set_rounds(row.rounds);
        compare(&mut report, &name, row, at_once)?;
    }
    report.finish()
}

fn compare(report: &mut Report, name: &str, row: &Row, at_once: usize) -> Result<()> {
    let (ready, missing): (Vec<_>, Vec<_>) = RIVALS
        .iter()
        .filter(|rival| rival.name != THREADS || row.connections <= MOST_THREADS)
        .partition(|rival| rival.prepare().is_ok());
    let measurements = Measurements::new(row, &ready, at_once);
    let measurements = &measurements;
    let ready = ready.iter().enumerate();
    let ready = ready.map(|(at, rival)| Contender::new(rival.name, move || measurements.take(at)));
    let missing = missing
        .into_iter()
        .map(|rival| Contender::new(rival.name, move || rival.prepare().map(|()| Vec::new())));
    report.compare(name, BASE, ready.chain(missing).collect())
}

/// Whoever is asked for first in a round is measured, and his neighbours with him.
struct Measurements<'a> {
    row: &'a Row,
    rivals: &'a [&'a Rival],
    at_once: usize,
    found: RefCell<Vec<Option<Vec<Reading>>>>,
}

impl<'a> Measurements<'a> {
    fn new(row: &'a Row, rivals: &'a [&'a Rival], at_once: usize) -> Measurements<'a> {
        let found = RefCell::new(vec![None; rivals.len()]);
        Measurements { row, rivals, at_once, found }
    }

    fn take(&self, at: usize) -> Result<Vec<Reading>> {
        if let Some(readings) = self.found.borrow_mut()[at].take() {
            return Ok(readings);
        }
        let first = at - at % self.at_once;
        let group = &self.rivals[first..self.rivals.len().min(first + self.at_once)];
        let mut found = self.found.borrow_mut();
        for (at, readings) in measure(group, self.row)?.into_iter().enumerate() {
            found[first + at] = Some(readings);
        }
        found[at].take().ok_or_else(|| "nothing was measured".into())
    }
}

fn measure(rivals: &[&Rival], row: &Row) -> Result<Vec<Vec<Reading>>> {
    let idlers = rivals.iter().map(|rival| Idler::start(rival, row.connections));
    let idlers = idlers.collect::<Result<Vec<_>>>()?;
    thread::sleep(SETTLED);
    let before = idlers.iter().map(Idler::spent).collect::<Result<Vec<_>>>()?;
    thread::sleep(Duration::from_millis(row.millis));
    let after = idlers.iter().map(Idler::spent).collect::<Result<Vec<_>>>()?;
    let pairs = idlers.iter().zip(before.iter().zip(&after));
    pairs.map(|(idler, (before, after))| idler.readings(before, after)).collect()
}

/// A server, and connections on which nothing is said.
struct Idler {
    // Dropped first: else it would answer all those ends.
    server: Server,
    streams: Vec<TcpStream>,
    /// Its memory before the connections.
    empty: u64,
}

struct Spent {
    at: Instant,
    cpu: Duration,
    wakes: u64,
}

impl Idler {
    fn start(rival: &Rival, connections: usize) -> Result<Idler> {
        let server = Server::start(rival, Order { service: Service::Tick, message: 64 })?;
        // One has come and gone: what is there once is not counted as the connections'.
        drop(connect(server.address(), 1)?);
        let empty = server.account().resident()?;
        let streams = connect(server.address(), connections)?;
        Ok(Idler { server, streams, empty })
    }

    fn spent(&self) -> Result<Spent> {
        let account = self.server.account();
        Ok(Spent { at: Instant::now(), cpu: account.cpu()?, wakes: account.wakes()? })
    }

    fn readings(&self, before: &Spent, after: &Spent) -> Result<Vec<Reading>> {
        let seconds = (after.at - before.at).as_secs_f64();
        let cpu = (after.cpu - before.cpu).as_secs_f64() * 1e6 / seconds;
        let wakes = (after.wakes - before.wakes) as f64 / seconds;
        let memory = self.server.account().resident()? as f64 - self.empty as f64;
        Ok(vec![
            Reading::new(WAKES, "", wakes),
            Reading::new(MEMORY, "B", memory / self.streams.len() as f64),
            Reading::new("CPU per second", "µs", cpu),
        ])
    }
}
