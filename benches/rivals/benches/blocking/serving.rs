//! Measures a server while clients talk to it.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use unspin_rivals::account::Account;
use unspin_rivals::report::{Contender, Missing, Reading};
use unspin_rivals::{Result, machine};

use crate::client::{Clients, Seen, Shape};
use crate::disk::{Disk, Spindle};
use crate::servers;
use crate::usage::{Ticks, Usage};

/// What all measurements have in common.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Those that this program may use. A server has the first one to itself, whatever the way it
    /// is written in, and its clients the last.
    pub(crate) cores: Vec<usize>,
    /// For what is needed on the way.
    pub(crate) folder: PathBuf,
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
}

/// A server in a process of its own, and its disk.
struct Server {
    child: Child,
    address: SocketAddr,
    _disk: Spindle,
}

impl Server {
    fn start(way: &str, setting: &Setting) -> Result<Server> {
        let core = setting.cores.first().copied().unwrap_or(0);
        let disk = Spindle::start(&setting.folder)?;
        let mut child = Command::new(env::current_exe()?)
            .args(["--serve", way, &core.to_string()])
            .arg(disk.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("its output is not piped")?;
        // Whatever happens next, the process is not left behind.
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut server = Server { child, address: nowhere, _disk: disk };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        server.address = line.trim().parse().map_err(|_| "it did not say where it listens")?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, and whoever talked to it has said so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child: does as the arguments say, and does not return before it is ended.
pub(crate) fn serve(way: &str, core: &str, disk: &str) -> Result<()> {
    machine::stay_on(&[core.parse()?]);
    machine::raise_descriptor_limit();
    servers::serve(way, Disk::open(Path::new(disk))?)
}

/// One server under one load: what it used, and what its clients saw.
struct Served {
    seen: Seen,
    connections: usize,
    cpu: Duration,
    ticks: Ticks,
    switches: u64,
    resident: u64,
}

/// How a row is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum First {
    Cpu,
    Latency,
}

/// One of the servers, under a load.
pub(crate) fn contender<'a>(
    way: &'static str,
    shape: Shape,
    first: First,
    setting: &'a Setting,
) -> Contender<'a> {
    // One round has too few of them to tell anything.
    let mut ticks = Ticks::default();
    Contender::new(way, move || {
        let served = measure(way, shape, setting)?;
        ticks.add(served.ticks);
        Ok(match first {
            First::Cpu => served.cpu_first(ticks),
            First::Latency => served.latency_first(ticks),
        })
    })
}

fn measure(way: &str, shape: Shape, setting: &Setting) -> Result<Served> {
    let mut server = Server::start(way, setting)?;
    let served = talk(&server, shape, setting);
    match (served, server.child.try_wait()?) {
        (Err(_), Some(status)) => Err(Missing(format!("its process ended: {status}")).into()),
        (served, _) => served,
    }
}

fn talk(server: &Server, shape: Shape, setting: &Setting) -> Result<Served> {
    let process = server.child.id();
    let mut clients = Clients::connect(server.address, shape)?;
    clients.run(setting.warm_up)?;
    let before = Usage::of(process)?;
    let seen = clients.run(setting.window)?;
    let after = Usage::of(process)?;
    Ok(Served {
        seen,
        connections: clients.connections(),
        cpu: after.cpu - before.cpu,
        ticks: after.ticks.since(before.ticks),
        switches: after.switches - before.switches,
        resident: Account::of(process).resident()?,
    })
}

/// The kinds of reading that plots ask for.
pub(crate) const CPU: &str = "CPU used";
pub(crate) const P99_FROM_DISK: &str = "latency p99 from disk";
pub(crate) const USER: &str = "own code";
pub(crate) const P99: &str = "latency p99";

impl Served {
    /// Of a core, in percent of the time.
    fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.seen.time.as_secs_f64() * 100.0
    }

    fn cpu_first(&self, ticks: Ticks) -> Vec<Reading> {
        let mut readings = vec![Reading::new(CPU, "%", self.busy())];
        readings.extend(self.processor(ticks));
        readings.extend(self.waits());
        readings.extend(self.rest());
        readings
    }

    fn latency_first(&self, ticks: Ticks) -> Vec<Reading> {
        let disk = &self.seen.disk_latencies;
        let mut readings = vec![Reading::new(P99, "ms", percentile(&self.seen.latencies, 99.0))];
        readings.push(Reading::new("latency p50", "ms", percentile(&self.seen.latencies, 50.0)));
        readings.push(Reading::new("latency p50 from disk", "ms", percentile(disk, 50.0)));
        readings.push(Reading::new(P99_FROM_DISK, "ms", percentile(disk, 99.0)));
        readings.push(Reading::new(CPU, "%", self.busy()));
        readings.extend(self.processor(ticks));
        readings.extend(self.rest());
        readings
    }

    fn processor(&self, ticks: Ticks) -> [Reading; 3] {
        let answers = self.seen.answers as f64;
        let each = if answers > 0.0 { self.cpu.as_secs_f64() * 1e6 / answers } else { f64::NAN };
        [
            Reading::new(USER, "%", self.busy() * ticks.user_share()),
            Reading::new("kernel", "%", self.busy() * (1.0 - ticks.user_share())),
            Reading::new("CPU per request", "µs", each),
        ]
    }

    fn waits(&self) -> [Reading; 3] {
        let at = |percent| percentile(&self.seen.latencies, percent);
        [
            Reading::new("latency p50", "ms", at(50.0)),
            Reading::new(P99, "ms", at(99.0)),
            Reading::new("latency p99.9", "ms", at(99.9)),
        ]
    }

    fn rest(&self) -> [Reading; 5] {
        let seconds = self.seen.time.as_secs_f64();
        [
            Reading::new("requests", "/s", self.seen.answers as f64 / seconds),
            Reading::new("switches", "/s", self.switches as f64 / seconds),
            Reading::new("RSS", "MiB", self.resident as f64 / f64::from(1 << 20)),
            Reading::new("clients answered", "", self.seen.answered as f64),
            Reading::new("connected", "", self.connections as f64),
        ]
    }
}

/// In milliseconds; not a number where not even one value lies beyond it.
pub(crate) fn percentile(sorted_nanos: &[u64], percent: f64) -> f64 {
    let rank = (sorted_nanos.len() as f64 * percent / 100.0).floor() as usize;
    sorted_nanos.get(rank).map_or(f64::NAN, |nanos| *nanos as f64 / 1e6)
}
