//! epoll by hand: edge-triggered, registered once, one buffer, no read after a short one.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::{Order, SHARED_BUFFER, Service, TICK, bind};
use crate::Result;

const EVENTS: usize = 1024;

/// No descriptor is as large.
const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: TcpStream,
    /// What the socket had no room for.
    unsent: Vec<u8>,
    counted: u64,
}

/// Whether a connection goes on.
type Alive = bool;

type OnReady = fn(&mut Connection, EventFlags, &mut [u8]) -> io::Result<Alive>;

struct Server {
    epoll: OwnedFd,
    listener: TcpListener,
    /// Each at the place that its descriptor names. An event that is late, for a descriptor that
    /// has gone to another connection, makes that one look for bytes and find none.
    connections: Vec<Option<Connection>>,
    buffer: Vec<u8>,
    on_ready: OnReady,
}

pub(super) fn serve(order: Order) -> Result<()> {
    let on_ready = if order.service == Service::Count { count } else { echo };
    let mut tick = (order.service == Service::Tick).then(|| Instant::now() + TICK);
    let mut server = Server::new(on_ready)?;
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        let timeout = tick.map(until);
        match epoll::wait(&server.epoll, spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            server.take(event)?;
        }
        if let Some(due) = &mut tick {
            if Instant::now() >= *due {
                *due += TICK;
            }
        }
    }
}

/// In whole milliseconds: epoll has no finer, and to round down would be to spin.
fn until(due: Instant) -> Timespec {
    let left = due.saturating_duration_since(Instant::now());
    let millis = left.as_nanos().div_ceil(1_000_000) as i64;
    Timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 }
}

impl Server {
    fn new(on_ready: OnReady) -> Result<Server> {
        let listener = bind()?;
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let interest = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), interest)?;
        let buffer = vec![0; SHARED_BUFFER];
        Ok(Server { epoll, listener, connections: Vec::new(), buffer, on_ready })
    }

    fn take(&mut self, event: Event) -> io::Result<()> {
        let key = event.data.u64();
        if key == LISTENER {
            return self.accept();
        }
        let place = &mut self.connections[key as usize];
        let Some(connection) = place else { return Ok(()) };
        // A peer that resets its connection ends that one and no other.
        if !(self.on_ready)(connection, event.flags, &mut self.buffer).unwrap_or(false) {
            *place = None;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            let place = stream.as_raw_fd() as usize;
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, &stream, EventData::new_u64(place as u64), interest)?;
            if self.connections.len() <= place {
                self.connections.resize_with(place + 1, || None);
            }
            self.connections[place] = Some(Connection { stream, unsent: Vec::new(), counted: 0 });
        }
    }
}

fn echo(connection: &mut Connection, ready: EventFlags, buffer: &mut [u8]) -> io::Result<Alive> {
    if !connection.unsent.is_empty() {
        let sent = send_some(&connection.stream, &connection.unsent)?;
        connection.unsent.drain(..sent);
        if !connection.unsent.is_empty() {
            return Ok(true);
        }
        // What came meanwhile was announced while nobody read.
    } else if !ready.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
        return Ok(true);
    }
    while let Some(length) = receive(&connection.stream, buffer)? {
        if length == 0 {
            return Ok(false);
        }
        let sent = send_some(&connection.stream, &buffer[..length])?;
        if sent < length {
            connection.unsent.extend_from_slice(&buffer[sent..length]);
            return Ok(true);
        }
        if is_drained(length, buffer, ready) {
            break;
        }
    }
    Ok(true)
}

fn count(connection: &mut Connection, ready: EventFlags, buffer: &mut [u8]) -> io::Result<Alive> {
    if !ready.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
        return Ok(true);
    }
    while let Some(length) = receive(&connection.stream, buffer)? {
        if length == 0 {
            send_some(&connection.stream, &connection.counted.to_le_bytes())?;
            return Ok(false);
        }
        connection.counted += length as u64;
        if is_drained(length, buffer, ready) {
            break;
        }
    }
    Ok(true)
}

/// After a short read there is nothing left, unless it is the end, which has no edge of its own.
fn is_drained(length: usize, buffer: &[u8], ready: EventFlags) -> bool {
    length < buffer.len() && !ready.contains(EventFlags::RDHUP)
}

fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match recv(stream, buffer, RecvFlags::empty()) {
        Ok((length, _)) => Ok(Some(length)),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn send_some(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match send(stream, bytes, SendFlags::NOSIGNAL) {
        Ok(sent) => Ok(sent),
        Err(Errno::AGAIN) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
