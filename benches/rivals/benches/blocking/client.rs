//! Clients that think: each sends a request, waits for the answer, and sleeps a little.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use rustix::net::sockopt::set_socket_linger;
use unspin_rivals::Result;

use crate::servers::{FROM_DISK, MESSAGE};

/// Who is there, and what they want.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// All of them; most are silent.
    pub(crate) connections: usize,
    /// Those that send requests.
    pub(crate) active: usize,
    /// Those of the active ones whose requests need the disk.
    pub(crate) from_disk: usize,
    /// How long the others think between an answer and the next request, on average.
    pub(crate) thought: Duration,
}

impl Shape {
    /// Those that talk think so long that fifty of them ask for about an eighth of what a core can
    /// do.
    pub(crate) fn mostly_silent(connections: usize, active: usize) -> Shape {
        let thought = Duration::from_millis(4);
        Shape { connections, active: active.min(connections), from_disk: 0, thought }
    }
}

/// Ten clients of the disk then want half of what it can do.
const THOUGHT_ABOUT_DISK: Duration = Duration::from_millis(100);

/// A server whose queue of connections is full lets us wait; one that lives does not for so long.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Connections that are opened before the server gets a moment to accept them, and events that are
/// taken up at once.
const AT_ONCE: usize = 64;

/// What the clients saw.
pub(crate) struct Seen {
    pub(crate) time: Duration,
    /// Nanoseconds from the request to the answer, or to the end of the time if there was none.
    pub(crate) latencies: Vec<u64>,
    /// Of those that need the disk.
    pub(crate) disk_latencies: Vec<u64>,
    pub(crate) answers: usize,
    /// Clients that had one answer at least.
    pub(crate) answered: usize,
}

pub(crate) struct Clients {
    poll: Poll,
    active: Vec<Client>,
    /// Held open.
    silent: Vec<TcpStream>,
    /// Whose thought ends when.
    thinking: BinaryHeap<Reverse<(Instant, usize)>>,
    thought: Duration,
    random: u64,
}

struct Client {
    stream: mio::net::TcpStream,
    from_disk: bool,
    /// When it sent the request that has no answer yet.
    asked: Option<Instant>,
    answers: usize,
}

impl Clients {
    /// Opens the connections, or as many of them as the server lets us. The active ones are spread
    /// evenly, and the first one is among them.
    pub(crate) fn connect(address: SocketAddr, shape: Shape) -> Result<Clients> {
        let mut streams = Vec::with_capacity(shape.connections);
        for number in 0..shape.connections {
            if number % AT_ONCE == AT_ONCE - 1 {
                thread::sleep(Duration::from_millis(1));
            }
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => streams.push(stream),
                Err(error) if error.kind() == ErrorKind::TimedOut => break,
                Err(error) => return Err(error.into()),
            }
        }
        let mut clients = Clients {
            poll: Poll::new()?,
            active: Vec::with_capacity(shape.active),
            silent: Vec::new(),
            thinking: BinaryHeap::new(),
            thought: shape.thought,
            random: 0x9E37_79B9_7F4A_7C15,
        };
        let every = (streams.len() / shape.active.max(1)).max(1);
        for (at, stream) in streams.into_iter().enumerate() {
            // Closing resets: thousands of connections that linger would be in the next one's way.
            set_socket_linger(&stream, Some(Duration::ZERO))?;
            if at % every == 0 && clients.active.len() < shape.active {
                clients.activate(stream, shape)?;
            } else {
                clients.silent.push(stream);
            }
        }
        Ok(clients)
    }

    /// How many there are.
    pub(crate) fn connections(&self) -> usize {
        self.active.len() + self.silent.len()
    }

    fn activate(&mut self, stream: TcpStream, shape: Shape) -> Result<()> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        let at = self.active.len();
        self.poll.registry().register(&mut stream, Token(at), Interest::READABLE)?;
        let from_disk = at >= shape.active - shape.from_disk;
        self.active.push(Client { stream, from_disk, asked: None, answers: 0 });
        self.think(at, Instant::now());
        Ok(())
    }

    /// Thinks for half of the average time to one and a half, so that clients do not march in step.
    fn think(&mut self, at: usize, now: Instant) {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let average = if self.active[at].from_disk { THOUGHT_ABOUT_DISK } else { self.thought };
        let part = (self.random >> 32) as f64 / f64::from(u32::MAX);
        self.thinking.push(Reverse((now + average.mul_f64(0.5 + part), at)));
    }

    /// Lets them go on for so long. Whoever waits for an answer at the end goes on waiting.
    pub(crate) fn run(&mut self, time: Duration) -> Result<Seen> {
        let mut seen = Seen {
            time,
            latencies: Vec::new(),
            disk_latencies: Vec::new(),
            answers: 0,
            answered: 0,
        };
        self.active.iter_mut().for_each(|client| client.answers = 0);
        let mut events = Events::with_capacity(AT_ONCE);
        let start = Instant::now();
        let mut now = start;
        while now < start + time {
            let until = self.ask(now)?.map_or(start + time, |due| due.min(start + time));
            self.poll.poll(&mut events, Some(until.saturating_duration_since(Instant::now())))?;
            now = Instant::now();
            for event in &events {
                self.receive(event.token().0, &mut seen)?;
            }
        }
        seen.time = start.elapsed();
        self.count_the_unanswered(&mut seen);
        Ok(seen)
    }

    /// Sends the requests that are due; returns when the next one is.
    fn ask(&mut self, now: Instant) -> Result<Option<Instant>> {
        while let Some(&Reverse((due, at))) = self.thinking.peek() {
            if due > now {
                return Ok(Some(due));
            }
            self.thinking.pop();
            let client = &mut self.active[at];
            let first = if client.from_disk { FROM_DISK } else { 0 };
            let mut message = [7; MESSAGE];
            message[0] = first;
            client.asked = Some(Instant::now());
            client.stream.write_all(&message)?;
        }
        Ok(None)
    }

    fn receive(&mut self, at: usize, seen: &mut Seen) -> Result<()> {
        let client = &mut self.active[at];
        let mut answer = [0; MESSAGE];
        match client.stream.read_exact(&mut answer) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let now = Instant::now();
        let asked = client.asked.take().ok_or("an answer without a request")?;
        if answer[1..] != [7; MESSAGE - 1] {
            return Err("an answer is not what was sent".into());
        }
        client.answers += 1;
        seen.answers += 1;
        seen.add(client.from_disk, now - asked);
        self.think(at, now);
        Ok(())
    }

    fn count_the_unanswered(&self, seen: &mut Seen) {
        let now = Instant::now();
        for client in &self.active {
            seen.answered += usize::from(client.answers > 0);
            if let Some(asked) = client.asked {
                seen.add(client.from_disk, now - asked);
            }
        }
        seen.latencies.sort_unstable();
        seen.disk_latencies.sort_unstable();
    }
}

impl Seen {
    fn add(&mut self, from_disk: bool, latency: Duration) {
        let latencies = if from_disk { &mut self.disk_latencies } else { &mut self.latencies };
        latencies.push(latency.as_nanos() as u64);
    }
}
