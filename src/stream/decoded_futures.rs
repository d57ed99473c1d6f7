//! Items of a source, awaited.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::error::{Error, Result};
use crate::stream::decoded::{Decode, Decoded};
use crate::stream::{Readable, Ticket};

/// Makes something of an item.
type Make<T> = fn(&[u8]) -> Result<T>;

pub(super) fn next<R: Readable, D: Decode, T>(
    decoded: &Rc<Decoded<R, D>>,
    make: Make<T>,
) -> impl Future<Output = Result<Option<T>>> + use<'_, R, D, T> {
    let waiting = Waiting { decoded, ticket: Ticket::default() };
    poll_fn(move |cx| waiting.poll(cx, make))
}

/// A future's place among those that wait; dropped with it.
struct Waiting<'a, R: Readable, D: Decode> {
    decoded: &'a Rc<Decoded<R, D>>,
    ticket: Ticket,
}

impl<R: Readable, D: Decode> Waiting<'_, R, D> {
    fn poll<T>(&self, cx: &mut Context<'_>, make: Make<T>) -> Poll<Result<Option<T>>> {
        self.decoded.poll_item(cx, &self.ticket, make)
    }
}

impl<R: Readable, D: Decode> Drop for Waiting<'_, R, D> {
    fn drop(&mut self) {
        if self.ticket.is_used() {
            drop(self.decoded.wakers.leave(&self.ticket));
            self.decoded.nobody_waits();
        }
    }
}

impl<R: Readable, D: Decode> Decoded<R, D> {
    /// The items; it ends after an error that ends them.
    pub(super) fn poll_stream<T>(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        make: Make<T>,
    ) -> Poll<Option<Result<T>>> {
        if self.over.get() {
            return Poll::Ready(None);
        }
        self.poll_item(cx, &Ticket::polled(), make).map(Result::transpose)
    }

    fn poll_item<T>(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        ticket: &Ticket,
        make: Make<T>,
    ) -> Poll<Result<Option<T>>> {
        if self.has_handler() {
            return Poll::Ready(Err(mixed()));
        }
        if self.over.get() {
            let is_known = self.told.get();
            return Poll::Ready(if is_known {
                Ok(None)
            } else {
                Err(ErrorKind::NotConnected.into())
            });
        }
        if let Some(item) = self.next_of_backlog(make).transpose() {
            return Poll::Ready(item.map(Some));
        }
        if let Some(outcome) = self.outcome.take() {
            return Poll::Ready(
                outcome.and_then(|()| self.last(make)).inspect_err(|_| self.tell()),
            );
        }
        drop(self.wakers.wait(ticket, cx));
        self.attach();
        self.source.resume();
        Poll::Pending
    }

    fn next_of_backlog<T>(self: &Rc<Self>, make: Make<T>) -> Result<Option<T>> {
        let Some(mut decoder) = self.decoder.take() else { return Ok(None) };
        let mut backlog = self.backlog.borrow_mut();
        let mut bytes = backlog.rest();
        let item = decoder.decode(&mut bytes).map(|item| item.map(make));
        let left = bytes.len();
        backlog.keep_last(left);
        drop(backlog);
        self.decoder.set(Some(decoder));
        if item.is_err() {
            self.tell();
            self.source.close();
        }
        item?.transpose()
    }

    /// What is left when there are no more bytes.
    fn last<T>(self: &Rc<Self>, make: Make<T>) -> Result<Option<T>> {
        let Some(mut decoder) = self.decoder.take() else { return Ok(None) };
        let last = decoder.finish()?.map(make);
        match last {
            None => self.tell(),
            // The next one finds the end.
            Some(_) => self.outcome.set(Some(Ok(()))),
        }
        self.decoder.set(Some(decoder));
        last.transpose()
    }

    fn tell(self: &Rc<Self>) {
        self.told.set(true);
        self.end();
    }

    /// A source that nobody waits for keeps no loop alive.
    fn nobody_waits(&self) {
        if self.wakers.is_empty() && !self.has_handler() && !self.over.get() {
            self.source.pause();
        }
    }
}

fn mixed() -> Error {
    Error::new(io::Error::new(
        ErrorKind::InvalidInput,
        "a handler is installed here, and gets all of it: take it there, or install none",
    ))
}
