//! Directories, awaited.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::error::{Error, Result};
use crate::fs::dir::DirEntry;
use crate::fs::entries::Entries;
use crate::fs::listing::Listing;
use crate::stream::Ticket;

impl Entries {
    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// What the system says where a directory cannot be read; of a tree, the next call goes on then,
    /// unless it was the top. If a signal is aborted: once. `NotConnected` if it is closed before
    /// its end; `InvalidInput` if an entry handler is installed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no entry is lost when the future is dropped.
    pub fn next_entry(&self) -> impl Future<Output = Result<Option<DirEntry>>> + '_ {
        let waiting = Waiting { listing: self.listing(), ticket: Ticket::default() };
        poll_fn(move |cx| waiting.listing.poll_entry(cx, &waiting.ticket))
    }
}

/// A future's place among those that wait; dropped with it.
struct Waiting<'a> {
    listing: &'a Rc<Listing>,
    ticket: Ticket,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        drop(self.listing.wakers.leave(&self.ticket));
    }
}

impl Listing {
    fn poll_entry(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        ticket: &Ticket,
    ) -> Poll<Result<Option<DirEntry>>> {
        if self.has_handler() {
            return Poll::Ready(Err(mixed()));
        }
        if let Some(found) = self.take() {
            return Poll::Ready(found.map(Some));
        }
        if let Some(outcome) = self.take_outcome() {
            return Poll::Ready(outcome.map(|()| None));
        }
        if self.ended.get() {
            return Poll::Ready(Ok(None));
        }
        if self.closed.get() {
            return Poll::Ready(Err(self.closed_error()));
        }
        drop(self.wakers.wait(ticket, cx));
        self.read_ahead();
        Poll::Pending
    }
}

/// The entries, and the errors among them.
impl futures_core::Stream for Entries {
    type Item = Result<DirEntry>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let listing = self.listing();
        if listing.closed.get() {
            return Poll::Ready(None);
        }
        listing.poll_entry(cx, &Ticket::polled()).map(Result::transpose)
    }
}

fn mixed() -> Error {
    Error::new(io::Error::new(
        io::ErrorKind::InvalidInput,
        "an entry handler is installed, and gets the entries: take them there, or install none",
    ))
}
