//! The client that loads a server: many connections, a number of messages under way on each.
//!
//! It shares a core with the server, so it is made to be cheap and to give all of them the same
//! work: epoll registered once, a `recv` and a `send` a message, nothing allocated on the way.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::Result;
use crate::figures::count;
use crate::histogram::Histogram;
use crate::machine::raise_descriptor_limit;

const EVENTS: usize = 1024;

/// A read that fills it is followed by another.
const READ_BUFFER: usize = 65_792;

/// The most that is given to one `send`.
const SEND_AT_ONCE: usize = 64 * 1024;

/// A server that says nothing for so long is stuck.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// For what a process has open besides its connections.
const OTHER_DESCRIPTORS: usize = 64;

/// Connections that are opened before the server must have taken them up: no listener has less room
/// than twice as many, and one without room lets a client wait for a second.
const AT_ONCE: usize = 64;

/// How a server is loaded.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many connections.
    pub connections: usize,
    /// Bytes of a message.
    pub size: usize,
    /// Messages under way on each connection.
    pub depth: usize,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { connections, size, depth } = self;
        write!(f, "{} × ", count(*connections))?;
        match size / 1024 {
            0 => write!(f, "{size} B")?,
            kibibytes => write!(f, "{kibibytes} KiB")?,
        }
        if *depth == 1 { Ok(()) } else { write!(f, ", depth {depth}") }
    }
}

/// What a time of load brought.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// Answers that were received.
    pub requests: u64,
    /// How long that took.
    pub time: Duration,
}

/// Connections with messages under way.
pub struct Load {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    wire: Wire,
}

struct Connection {
    stream: TcpStream,
    /// Bytes that are due and have not been sent.
    unsent: usize,
    /// Where in a message the next byte to send stands, and the next to receive.
    send_at: usize,
    receive_at: usize,
    /// When each message under way was due, in nanoseconds.
    sent: VecDeque<u64>,
}

/// What all connections share.
struct Wire {
    size: usize,
    /// Messages, one behind the other, to send from anywhere in the first of them.
    messages: Vec<u8>,
    buffer: Vec<u8>,
    /// Whether answers are compared with what was sent.
    checks: bool,
    epoch: Instant,
    answers: u64,
    latencies: Histogram,
}

/// As many connections as this process may have, and a server that it starts.
pub fn most_connections() -> usize {
    let descriptors = usize::try_from(raise_descriptor_limit()).unwrap_or(usize::MAX);
    descriptors.saturating_sub(OTHER_DESCRIPTORS)
}

/// Opens connections, and returns when the server has taken them up. It must send back what it gets.
pub fn connect(address: SocketAddr, connections: usize) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(connections);
    for number in 1..=connections {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        // Closing resets: ten thousand connections that linger would be in the way of the next.
        set_socket_linger(&stream, Some(Duration::ZERO))?;
        if number % AT_ONCE == 0 || number == connections {
            stream.write_all(b"?")?;
            stream.read_exact(&mut [0])?;
        }
        streams.push(stream);
    }
    Ok(streams)
}

impl Load {
    /// Opens the connections.
    pub fn connect(address: SocketAddr, shape: Shape) -> Result<Load> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(shape.connections);
        for stream in connect(address, shape.connections)? {
            stream.set_nonblocking(true)?;
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            let key = EventData::new_u64(connections.len() as u64);
            epoll::add(&epoll, &stream, key, interest)?;
            // That it can be written to is the first event, and sends the first messages.
            connections.push(Connection {
                stream,
                unsent: shape.depth * shape.size,
                send_at: 0,
                receive_at: 0,
                sent: VecDeque::from(vec![0; shape.depth]),
            });
        }
        Ok(Load { epoll, connections, wire: Wire::new(shape.size) })
    }

    /// Goes on with the load for a while, and compares each answer with what was sent.
    pub fn warm_up(&mut self, time: Duration) -> Result<Served> {
        self.wire.checks = true;
        let served = self.run(time);
        self.wire.checks = false;
        served
    }

    /// Goes on with the load for a while, and until each connection has had an answer or two. At its
    /// end as many messages are under way as at its start.
    pub fn run(&mut self, time: Duration) -> Result<Served> {
        self.wire.answers = 0;
        self.wire.latencies.clear();
        let start = Instant::now();
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        let enough = 2 * self.connections.len() as u64;
        while start.elapsed() < time || self.wire.answers < enough {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&PATIENCE)) {
                Ok(0) => return Err("the server does not answer".into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                let connection = &mut self.connections[event.data.u64() as usize];
                connection.go_on(event.flags, &mut self.wire)?;
            }
        }
        Ok(Served { requests: self.wire.answers, time: start.elapsed() })
    }

    /// From when a message was due to the last byte of its answer, in the last run.
    pub fn latencies(&self) -> &Histogram {
        &self.wire.latencies
    }
}

impl Wire {
    fn new(size: usize) -> Wire {
        // 251 is prime: bytes that are missing or twice there shift all that follow.
        let messages = (0..size + SEND_AT_ONCE.max(READ_BUFFER)).map(|at| (at % size % 251) as u8);
        Wire {
            size,
            messages: messages.collect(),
            buffer: vec![0; READ_BUFFER],
            checks: false,
            epoch: Instant::now(),
            answers: 0,
            latencies: Histogram::default(),
        }
    }
}

impl Connection {
    fn go_on(&mut self, ready: EventFlags, wire: &mut Wire) -> Result<()> {
        if ready.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR)
        {
            self.receive(wire)?;
        }
        self.send(wire)
    }

    fn receive(&mut self, wire: &mut Wire) -> Result<()> {
        loop {
            let length = match recv(&self.stream, &mut wire.buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => return Err("the server closed a connection".into()),
                Ok((length, _)) => length,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            self.take(length, wire)?;
            if length < wire.buffer.len() {
                return Ok(());
            }
        }
    }

    /// Each answer that is complete makes the next message due.
    fn take(&mut self, length: usize, wire: &mut Wire) -> Result<()> {
        if wire.checks && wire.buffer[..length] != wire.messages[self.receive_at..][..length] {
            return Err("an answer is not what was sent".into());
        }
        self.receive_at += length;
        let now = wire.epoch.elapsed().as_nanos() as u64;
        while self.receive_at >= wire.size {
            self.receive_at -= wire.size;
            let due = self.sent.pop_front().ok_or("more answers than messages")?;
            self.sent.push_back(now);
            self.unsent += wire.size;
            wire.answers += 1;
            wire.latencies.add(now - due);
        }
        Ok(())
    }

    fn send(&mut self, wire: &mut Wire) -> Result<()> {
        while self.unsent > 0 {
            let length = self.unsent.min(SEND_AT_ONCE);
            let bytes = &wire.messages[self.send_at..][..length];
            let sent = match send(&self.stream, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => sent,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            self.unsent -= sent;
            self.send_at = (self.send_at + sent) % wire.size;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const SHAPE: Shape = Shape { connections: 3, size: 1000, depth: 4 };

    /// A server that does this to each chunk before it sends it back.
    fn server(change: fn(&mut Vec<u8>)) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    // Less than a message, so that answers come in parts.
                    let mut buffer = [0; 700];
                    loop {
                        let mut chunk = match stream.read(&mut buffer) {
                            Ok(0) | Err(_) => return,
                            Ok(length) => buffer[..length].to_vec(),
                        };
                        change(&mut chunk);
                        if stream.write_all(&chunk).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    #[test]
    fn answers_are_counted_and_timed() {
        let mut load = Load::connect(server(|_| {}), SHAPE).unwrap();
        load.warm_up(Duration::from_millis(1)).unwrap();
        let served = load.run(Duration::from_millis(5)).unwrap();
        assert!(served.requests >= 2 * SHAPE.connections as u64);
        assert!(served.time >= Duration::from_millis(5));
        let longest = load.latencies().percentile(100.0).unwrap();
        assert!(longest > 0.0 && longest < served.time.as_nanos() as f64 * 10.0);
    }

    #[test]
    fn a_wrong_answer_ends_the_load() {
        let mut load = Load::connect(
            server(|chunk| {
                if let Some(last) = chunk.last_mut() {
                    *last ^= 1;
                }
            }),
            SHAPE,
        )
        .unwrap();
        let error = load.warm_up(Duration::from_millis(1)).unwrap_err();
        assert_eq!(error.to_string(), "an answer is not what was sent");
    }

    #[test]
    fn an_answer_that_is_too_long_ends_the_load() {
        let mut load = Load::connect(server(|chunk| chunk.extend(chunk.clone())), SHAPE).unwrap();
        assert!(load.warm_up(Duration::from_secs(1)).is_err());
    }

    #[test]
    fn a_shape_is_told_in_words() {
        let small = Shape { connections: 50, size: 64, depth: 16 };
        let large = Shape { connections: 10_000, size: 64 << 10, depth: 1 };
        assert_eq!(small.to_string(), "50 × 64 B, depth 16");
        assert_eq!(large.to_string(), "10,000 × 64 KiB");
    }
}
