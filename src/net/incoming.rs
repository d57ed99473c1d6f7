//! The connections of a listener, awaited.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Result;
use crate::net::accept::{Listen, Listens};
use crate::net::listener::TcpListener;
use crate::stream::Ticket;

type Accepted<L> = (<<L as Listens>::Io as Listen>::Stream, <<L as Listens>::Io as Listen>::Peer);

/// A future's place among those that wait for a connection; dropped with it.
pub(crate) struct Accepting<'a, L: Listens> {
    listener: &'a L,
    ticket: Ticket,
}

impl<'a, L: Listens> Accepting<'a, L> {
    pub(crate) fn new(listener: &'a L) -> Accepting<'a, L> {
        Accepting { listener, ticket: Ticket::default() }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Accepted<L>>> {
        self.listener.acceptor().poll_accept(cx, &self.ticket)
    }
}

impl<L: Listens> Drop for Accepting<'_, L> {
    fn drop(&mut self) {
        self.listener.acceptor().stop_waiting(&self.ticket);
    }
}

/// The connections of a listener: see [`TcpListener::incoming`].
pub struct Incoming<'a, L: Listens = TcpListener>(pub(crate) Accepting<'a, L>);

impl<L: Listens + fmt::Debug> fmt::Debug for Incoming<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Incoming").field(self.0.listener).finish()
    }
}

impl<L: Listens> futures_core::Stream for Incoming<'_, L> {
    type Item = Result<Accepted<L>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.0.listener.acceptor().closed.get() {
            return Poll::Ready(None);
        }
        self.0.poll(cx).map(Some)
    }
}
