//! Accepting, awaited.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};
use crate::net::accept::{ACCEPTS_PER_TURN, Acceptor, Listen, StreamIo};
use crate::stream::{self, Ticket};
use crate::trace::CallbackKind;

impl<L: Listen> Acceptor<L> {
    pub(crate) fn poll_accept(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        ticket: &Ticket,
    ) -> Poll<Result<(L::Stream, L::Peer)>> {
        if self.on_connection.is_filled() {
            return Poll::Ready(Err(mixed()));
        }
        while !self.closed.get() && self.readable.get() && !self.is_resting() {
            if self.has_had_its_share() {
                self.requeue();
                break;
            }
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
        let before = self.waiters.wait(ticket, cx);
        self.update_activity();
        drop(before);
        Poll::Pending
    }

    fn has_had_its_share(&self) -> bool {
        let turn = self.core.counters.turns.get();
        if self.turn.replace(turn) != turn {
            self.polls.set(0);
        }
        self.polls.set(self.polls.get() + 1);
        self.polls.get() > ACCEPTS_PER_TURN
    }

    fn adopt(self: &Rc<Self>, mut io: StreamIo<L>, peer: L::Peer) -> Result<(L::Stream, L::Peer)> {
        let watch = |error| Error::io("watch a connection", error);
        let key = self.core.register(&mut io, false).map_err(watch)?;
        let label = self.label.with_kind(CallbackKind::Open);
        let stream = stream::attach(&self.core, key, io, label);
        self.is_host_of(&stream);
        Ok((stream, peer))
    }

    /// Wakes whoever waits for a connection: a task for each.
    pub(crate) fn wake_waiters(self: &Rc<Self>) {
        for waker in self.waiters.take_each() {
            self.update_activity();
            let label = self.label.with_kind(CallbackKind::Future);
            self.core.task(label, || {
                waker.wake();
                Ok(())
            });
        }
    }

    /// The same at once, where waiting has become a mistake.
    pub(crate) fn wake_now(&self) {
        self.waiters.take_each().for_each(Waker::wake);
        self.update_activity();
    }

    /// A future was dropped: it waits no more.
    pub(crate) fn stop_waiting(&self, ticket: &Ticket) {
        if let Some(waker) = self.waiters.leave(ticket) {
            self.update_activity();
            drop(waker);
        }
    }
}

fn mixed() -> Error {
    Error::new(io::Error::new(
        io::ErrorKind::InvalidInput,
        "a connection handler is installed on this listener, and gets its connections",
    ))
}
