//! What is awaited of datagram sockets.

use std::net::SocketAddr;
use std::rc::Rc;

use crate::net::datagram_endpoint::{Endpoint, Post};
use crate::net::datagram_poll::Waiters;
use crate::stream::{Ticket, Wakers};
use crate::sys::datagram::Arrival;

/// What came with a datagram that was awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received<A = SocketAddr> {
    /// Bytes in the buffer.
    pub length: usize,
    /// Who sent it.
    pub from: A,
    /// It was longer than the buffer; the rest of it is lost.
    pub truncated: bool,
}

impl<A> From<Arrival<A>> for Received<A> {
    fn from(Arrival { length, from, truncated }: Arrival<A>) -> Received<A> {
        Received { length, from, truncated }
    }
}

/// A future's place among those that wait; dropped with it.
pub(crate) struct Waiting<'a, S: Post> {
    endpoint: &'a Rc<Endpoint<S>>,
    among: fn(&Waiters) -> &Wakers,
    ticket: Ticket,
}

impl<'a, S: Post> Waiting<'a, S> {
    pub(crate) fn new(socket: &'a S, among: fn(&Waiters) -> &Wakers) -> Waiting<'a, S> {
        Waiting { endpoint: socket.endpoint(), among, ticket: Ticket::default() }
    }

    /// A method, so that a closure that calls it owns all of this, and not the ticket alone.
    pub(crate) fn poll<T>(&self, poll: impl FnOnce(&Rc<Endpoint<S>>, &Ticket) -> T) -> T {
        poll(self.endpoint, &self.ticket)
    }
}

impl<S: Post> Drop for Waiting<'_, S> {
    fn drop(&mut self) {
        self.endpoint.stop_waiting(&self.ticket, (self.among)(&self.endpoint.waiters));
    }
}
