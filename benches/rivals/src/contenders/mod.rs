//! The servers that are compared, each in a process of its own.
//!
//! A bench runs itself again with `--serve NAME SERVICE MESSAGE`; the child prints its address and serves
//! until it is killed. libuv and Node come in through the same door, so that a server never
//! outlives its bench, whatever language it is written in.

mod calloop;
mod epoll;
mod foreign;
mod smol;
mod threads;
mod tokio;
mod unspin;

use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::Result;

/// More room in a buffer than the message takes: the read is short, and so the server knows that it
/// has all there is.
const SPARE: usize = 256;

/// What a server reads with that has one buffer for all.
const SHARED_BUFFER: usize = 64 * 1024 + SPARE;

/// The least that a server reads with whose connections have a buffer each.
const OWN_BUFFER: usize = 4096;

/// Of a server that ticks.
const TICK: Duration = Duration::from_secs(1);

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Sends back what it gets.
    Echo,
    /// Counts what it gets, and tells the sum when the peer has ended: eight bytes, the least first.
    Count,
    /// Sends back what it gets, and has a timer that fires each second.
    Tick,
}

impl Service {
    const ALL: [(&'static str, Service); 3] =
        [("echo", Service::Echo), ("count", Service::Count), ("tick", Service::Tick)];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        let named = Service::ALL.iter().find(|(_, service)| *service == self);
        named.map_or("", |(name, _)| name)
    }
}

/// What a server is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// What it does.
    pub service: Service,
    /// The largest message that will come, for those who give each connection a buffer: whoever
    /// writes such a server chooses it by that, because with ten thousand connections it is what
    /// the server's memory consists of.
    pub message: usize,
}

impl Order {
    /// The size of a connection's own buffer.
    fn own_buffer(self) -> usize {
        OWN_BUFFER.max(self.message + SPARE)
    }
}

/// A server that can be asked for by its name.
pub struct Rival {
    /// As the tables call it.
    pub name: &'static str,
    /// How many times longer than others it takes to come up to speed.
    pub warm_up: u32,
    serve: fn(Order) -> Result<()>,
    prepare: fn() -> Result<()>,
}

impl Rival {
    const fn rust(name: &'static str, serve: fn(Order) -> Result<()>) -> Rival {
        Rival { name, warm_up: 1, serve, prepare: || Ok(()) }
    }

    /// Makes it ready to be started. Where this machine cannot, [`Missing`](crate::report::Missing)
    /// says why.
    pub fn prepare(&self) -> Result<()> {
        (self.prepare)()
    }
}

/// With what the others are compared: as little as a server can do.
pub const BASE: &str = "epoll";

/// A thread for each connection: the one that may not be able to have as many as it is asked for.
pub const THREADS: &str = "threads";

/// All of them.
pub const RIVALS: [Rival; 10] = [
    Rival::rust(BASE, epoll::serve),
    Rival::rust("unspin, callbacks", unspin::by_callbacks),
    Rival::rust("unspin, async", unspin::by_chunks),
    Rival::rust("unspin, async, read", unspin::by_reads),
    Rival::rust("tokio", tokio::serve),
    Rival::rust("calloop", calloop::serve),
    Rival::rust("smol", smol::serve),
    Rival::rust(THREADS, threads::serve),
    Rival { name: "libuv", warm_up: 1, serve: foreign::libuv, prepare: foreign::prepare_libuv },
    // It compiles its program while it runs, on threads of its own.
    Rival { name: "node", warm_up: 6, serve: foreign::node, prepare: foreign::prepare_node },
];

/// In a child that was started to serve, serves until it is killed; elsewhere returns at once.
pub fn serve_if_asked() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flag, name, service, message] = arguments.as_slice() else { return Ok(()) };
    if flag != "--serve" {
        return Ok(());
    }
    // A bench that is killed cannot stop its servers.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let rival = RIVALS.iter().find(|rival| rival.name == name);
    let rival = rival.ok_or_else(|| format!("no server is called {name}"))?;
    let service = Service::ALL.iter().find(|(name, _)| name == service);
    let (_, service) = *service.ok_or("a server echoes, counts or ticks")?;
    (rival.serve)(Order { service, message: message.parse()? })?;
    Err(format!("{name} stopped serving").into())
}

/// The listener of those that have no word of their own for it.
fn bind() -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    announce(listener.local_addr()?);
    Ok(listener)
}

/// The bench waits for this line.
fn announce(address: SocketAddr) {
    println!("{address}");
}
