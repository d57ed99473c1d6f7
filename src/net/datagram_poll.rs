//! Datagram sockets as futures see them: what can be polled, and who is woken.

use std::cell::Cell;
use std::io;
use std::iter;
use std::rc::Rc;
use std::slice;
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};
use crate::net::datagram_batch::Datagrams;
use crate::net::datagram_endpoint::{Endpoint, Post};
use crate::net::datagram_send::closed;
use crate::stream::{Facts, Ticket, Wakers};
use crate::sys::datagram::{self, Arrival};
use crate::trace::CallbackKind;

/// Receives that one socket's futures make in a turn: one that is always ready would never let the
/// loop go on.
const POLLS_PER_TURN: u32 = 32;

/// Who waits for a socket.
#[derive(Default)]
pub(crate) struct Waiters {
    pub(crate) receive: Wakers,
    pub(crate) drain: Wakers,
    /// The turn that `polls` counts for.
    turn: Cell<u64>,
    polls: Cell<u32>,
}

impl<S: Post> Endpoint<S> {
    /// Receives one datagram into `buffer`.
    pub(crate) fn poll_receive(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        ticket: &Ticket,
        buffer: &mut [u8],
    ) -> Poll<Result<Arrival<S::Address>>> {
        self.poll_datagrams(cx, ticket, |endpoint| {
            let mut arrival = Arrival::nothing();
            let (slots, arrivals) = (iter::once(&mut *buffer), slice::from_mut(&mut arrival));
            let received = match &*endpoint.io.borrow() {
                Some(io) => datagram::receive(io, slots, arrivals),
                None => Err(io::ErrorKind::NotConnected.into()),
            };
            match received {
                Ok(_) => Ok(Some(arrival)),
                Err(error) => endpoint.not_received(error).map_or(Ok(None), Err),
            }
        })
    }

    /// Receives all that is there, up to a batch.
    pub(crate) fn poll_batch(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        ticket: &Ticket,
    ) -> Poll<Result<Datagrams<S::Address>>> {
        self.poll_datagrams(cx, ticket, |endpoint| endpoint.receive_batch())
    }

    fn poll_datagrams<T>(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        ticket: &Ticket,
        mut receive: impl FnMut(&Rc<Self>) -> Result<Option<T>>,
    ) -> Poll<Result<T>> {
        if self.state.is(Facts::HAS_READER) {
            return Poll::Ready(Err(mixed()));
        }
        if self.state.is(Facts::CLOSED) {
            return Poll::Ready(Err(closed()));
        }
        while self.state.is(Facts::READABLE) {
            if self.has_had_its_share() {
                self.requeue();
                break;
            }
            if let Some(received) = receive(self).transpose() {
                return Poll::Ready(received);
            }
        }
        let before = self.waiters.receive.wait(ticket, cx);
        self.update_activity();
        drop(before);
        Poll::Pending
    }

    /// Waits until all that was accepted is handed to the system.
    pub(crate) fn poll_drained(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<()>> {
        if self.state.is(Facts::CLOSED) {
            return Poll::Ready(Err(closed()));
        }
        if !self.state.is(Facts::QUEUED) {
            return Poll::Ready(Ok(()));
        }
        drop(self.waiters.drain.wait(ticket, cx));
        Poll::Pending
    }

    fn has_had_its_share(&self) -> bool {
        let turn = self.core.counters.turns.get();
        if self.waiters.turn.replace(turn) != turn {
            self.waiters.polls.set(0);
        }
        self.waiters.polls.set(self.waiters.polls.get() + 1);
        self.waiters.polls.get() > POLLS_PER_TURN
    }

    /// Wakes those for whom something has changed: a task for each, whose microtask is the poll.
    pub(crate) fn wake_waiters(self: &Rc<Self>) {
        if self.state.is(Facts::READABLE) {
            self.wake_each(&self.waiters.receive);
        }
        if !self.state.is(Facts::QUEUED) {
            self.wake_each(&self.waiters.drain);
        }
    }

    fn wake_each(self: &Rc<Self>, waiters: &Wakers) {
        for waker in waiters.take_each() {
            self.update_activity();
            let label = self.label.with_kind(CallbackKind::Future);
            self.core.task(label, || {
                waker.wake();
                Ok(())
            });
        }
    }

    /// The same at once, where waiting to receive has become a mistake.
    pub(crate) fn wake_receivers_now(&self) {
        self.waiters.receive.take_each().for_each(Waker::wake);
    }

    /// The socket is closed: whoever waits is told. Nothing is called but the wakers.
    pub(crate) fn wake_at_close(&self) {
        self.take_waiters().into_iter().for_each(Waker::wake);
    }

    /// Takes everybody out who waits, to be woken or dropped.
    pub(crate) fn take_waiters(&self) -> Vec<Waker> {
        self.waiters.receive.take_each().chain(self.waiters.drain.take_each()).collect()
    }

    /// A future was dropped: it waits no more.
    pub(crate) fn stop_waiting(&self, ticket: &Ticket, waiters: &Wakers) {
        if let Some(waker) = waiters.leave(ticket) {
            self.update_activity();
            drop(waker);
        }
    }
}

fn mixed() -> Error {
    Error::new(io::Error::new(
        io::ErrorKind::InvalidInput,
        "a message handler is installed on this socket, and gets its datagrams",
    ))
}
