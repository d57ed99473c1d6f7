//! calloop: a source for each connection, level-triggered as its book has it.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{
    EventLoop, EventSource, Interest, LoopHandle, Mode, Poll, PostAction, Readiness, Token,
    TokenFactory,
};

use super::{Order, SHARED_BUFFER, Service, TICK, bind};
use crate::Result;

struct Server {
    handle: LoopHandle<'static, Server>,
    service: Service,
    buffer: Vec<u8>,
}

pub(super) fn serve(order: Order) -> Result<()> {
    let mut event_loop = EventLoop::try_new()?;
    let handle: LoopHandle<Server> = event_loop.handle();
    let listener = bind()?;
    listener.set_nonblocking(true)?;
    let source = Generic::new(listener, Interest::READ, Mode::Level);
    let inserted = handle.insert_source(source, |_, listener, server| server.accept(listener));
    inserted.map_err(|error| error.error)?;
    if order.service == Service::Tick {
        let timer = Timer::from_duration(TICK);
        let inserted = handle.insert_source(timer, |_, (), _| TimeoutAction::ToDuration(TICK));
        inserted.map_err(|error| error.error)?;
    }
    let mut server = Server { handle, service: order.service, buffer: vec![0; SHARED_BUFFER] };
    event_loop.run(None, &mut server, |_| {})?;
    Ok(())
}

impl Server {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<PostAction> {
        while let Some((stream, _)) = unless_blocked(listener.accept())? {
            stream.set_nonblocking(true)?;
            let inserted =
                self.handle.insert_source(Connection::new(stream), |(), wire, server| match server
                    .service
                {
                    Service::Count => wire.count(&mut server.buffer),
                    Service::Echo | Service::Tick => wire.echo(&mut server.buffer),
                });
            inserted.map_err(|error| io::Error::other(error.error))?;
        }
        Ok(PostAction::Continue)
    }
}

/// Whether a connection goes on.
type Alive = bool;

struct Connection {
    socket: Generic<Rc<TcpStream>>,
    wire: Wire,
}

/// What callbacks work on.
struct Wire {
    stream: Rc<TcpStream>,
    /// What the socket had no room for.
    unsent: Vec<u8>,
    counted: u64,
}

impl Connection {
    fn new(stream: TcpStream) -> Connection {
        let stream = Rc::new(stream);
        let socket = Generic::new(Rc::clone(&stream), Interest::READ, Mode::Level);
        Connection { socket, wire: Wire { stream, unsent: Vec::new(), counted: 0 } }
    }
}

impl EventSource for Connection {
    type Event = ();
    type Metadata = Wire;
    type Ret = io::Result<Alive>;
    type Error = io::Error;

    fn process_events<F>(
        &mut self,
        ready: Readiness,
        token: Token,
        mut on_ready: F,
    ) -> io::Result<PostAction>
    where
        F: FnMut((), &mut Wire) -> io::Result<Alive>,
    {
        let wire = &mut self.wire;
        let mut alive = true;
        let action = self.socket.process_events(ready, token, |_, _| {
            // A peer that resets its connection ends that one and no other.
            alive = on_ready((), wire).unwrap_or(false);
            Ok(PostAction::Continue)
        })?;
        if !alive {
            return Ok(PostAction::Remove);
        }
        let wanted = if wire.unsent.is_empty() { Interest::READ } else { Interest::WRITE };
        if self.socket.interest.readable == wanted.readable {
            return Ok(action);
        }
        self.socket.interest = wanted;
        Ok(PostAction::Reregister)
    }

    fn register(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> calloop::Result<()> {
        self.socket.register(poll, tokens)
    }

    fn reregister(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> calloop::Result<()> {
        self.socket.reregister(poll, tokens)
    }

    fn unregister(&mut self, poll: &mut Poll) -> calloop::Result<()> {
        self.socket.unregister(poll)
    }
}

impl Wire {
    /// Level-triggered: what one read leaves is announced again.
    fn echo(&mut self, buffer: &mut [u8]) -> io::Result<Alive> {
        if !self.unsent.is_empty() {
            let sent = self.send_some(&self.unsent)?;
            self.unsent.drain(..sent);
            return Ok(true);
        }
        let Some(length) = unless_blocked((&*self.stream).read(buffer))? else { return Ok(true) };
        let sent = self.send_some(&buffer[..length])?;
        self.unsent.extend_from_slice(&buffer[sent..length]);
        Ok(length > 0)
    }

    fn count(&mut self, buffer: &mut [u8]) -> io::Result<Alive> {
        let Some(length) = unless_blocked((&*self.stream).read(buffer))? else { return Ok(true) };
        self.counted += length as u64;
        if length == 0 {
            self.send_some(&self.counted.to_le_bytes())?;
        }
        Ok(length > 0)
    }

    fn send_some(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(unless_blocked((&*self.stream).write(bytes))?.unwrap_or(0))
    }
}

fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
