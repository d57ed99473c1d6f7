//! Accepting, awaited.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::error::{Error, Result};
use crate::net::accept::Acceptor;
use crate::net::tcp_stream::TcpStream;
use crate::stream;
use crate::trace::{CallbackKind, Label};

impl Acceptor {
    pub(crate) fn poll_accept(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(TcpStream, SocketAddr)>> {
        if self.on_connection.is_filled() {
            return Poll::Ready(Err(mixed()));
        }
        while !self.closed.get() && self.readable.get() && !self.is_resting() {
            let accepted = match &*self.io.borrow() {
                Some(io) => io.accept(),
                None => break,
            };
            match accepted {
                Ok((io, peer)) => return Poll::Ready(self.adopt(io, peer)),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.readable.set(false),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    // As for a handler: told to the log, and tried again in a while.
                    _ => self.rest_after(&Error::io("accept", error)),
                },
            }
        }
        if self.closed.get() {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        let waker = cx.waker().clone();
        self.awaited.set(true);
        drop(self.waiter.replace(Some(waker)));
        self.update_activity();
        Poll::Pending
    }

    fn adopt(
        self: &Rc<Self>,
        mut io: mio::net::TcpStream,
        peer: SocketAddr,
    ) -> Result<(TcpStream, SocketAddr)> {
        let watch = |error| Error::io("watch a connection", error);
        let key = self.core.register(&mut io, false).map_err(watch)?;
        let label = Label { kind: CallbackKind::Open, ..self.label };
        Ok((stream::attach(&self.core, key, io, label), peer))
    }

    /// Wakes whoever waits for a connection, as a task.
    pub(crate) fn wake_waiter(self: &Rc<Self>) {
        let Some(waker) = self.waiter.take() else { return };
        self.awaited.set(false);
        self.update_activity();
        let label = Label { kind: CallbackKind::Future, ..self.label };
        self.core.task(label, || {
            waker.wake();
            Ok(())
        });
    }

    pub(crate) fn stop_waiting(&self) {
        self.awaited.set(false);
        let waker = self.waiter.take();
        if waker.is_some() {
            self.update_activity();
        }
    }
}

fn mixed() -> Error {
    Error::new(io::Error::new(
        io::ErrorKind::InvalidInput,
        "a connection handler is installed on this listener, and gets its connections",
    ))
}
