//! Write streams, awaited.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_io::AsyncWrite;

use crate::error::{Error, Result};
use crate::fs::write_stream::WriteStream;
use crate::fs::writing::Writing;
use crate::stream::Ticket;

impl WriteStream {
    /// Waits until less than the high-water mark waits to be written, and takes a copy of all of
    /// `bytes`.
    ///
    /// # Errors
    ///
    /// What an earlier write has failed with, also when the file cannot be opened; `BrokenPipe`
    /// after the end; `NotConnected` if the stream was closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: of a future that is dropped before it is done, nothing is written.
    pub fn write_all<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = Result<()>> + 'a {
        let waiting = Waiting::of(self);
        poll_fn(move |cx| {
            let ready = waiting.writing.poll_room(cx, &waiting.ticket);
            ready.map_ok(|()| {
                waiting.writing.write(bytes);
            })
        })
    }

    /// Waits until all that was accepted is written. It may not have reached the storage.
    ///
    /// # Errors
    ///
    /// As [`write_all`](WriteStream::write_all).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it only waits.
    pub fn flush(&self) -> impl Future<Output = Result<()>> + '_ {
        let waiting = Waiting::of(self);
        poll_fn(move |cx| waiting.writing.poll_written(cx, &waiting.ticket))
    }

    /// Ends the stream, and waits until all is written and the file is closed.
    ///
    /// # Errors
    ///
    /// As [`write_all`](WriteStream::write_all).
    ///
    /// # Cancel safety
    ///
    /// Once it was polled, the stream ends, whether or not that is waited for.
    pub fn finish(&self) -> impl Future<Output = Result<()>> + '_ {
        let waiting = Waiting::of(self);
        poll_fn(move |cx| waiting.writing.poll_finish(cx, &waiting.ticket))
    }
}

/// A future's place among those that wait; dropped with it.
struct Waiting<'a> {
    writing: &'a Rc<Writing>,
    ticket: Ticket,
}

impl Waiting<'_> {
    fn of(stream: &WriteStream) -> Waiting<'_> {
        Waiting { writing: stream.writing(), ticket: Ticket::default() }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        drop(self.writing.wakers.leave(&self.ticket));
    }
}

impl Writing {
    pub(super) fn poll_room(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<()>> {
        self.check()?;
        if self.closed.get() {
            return Poll::Ready(Err(self.closed_error()));
        }
        if self.ending.get() {
            return Poll::Ready(Err(self.ended_error()));
        }
        if self.has_room() { Poll::Ready(Ok(())) } else { self.wait(cx, ticket) }
    }

    pub(super) fn poll_written(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<()>> {
        self.check()?;
        if self.unwritten.get() == 0 {
            return Poll::Ready(Ok(()));
        }
        if self.closed.get() {
            return Poll::Ready(Err(self.closed_error()));
        }
        self.wait(cx, ticket)
    }

    pub(super) fn poll_finish(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        ticket: &Ticket,
    ) -> Poll<Result<()>> {
        self.check()?;
        if self.finished.get() {
            return Poll::Ready(Ok(()));
        }
        if self.closed.get() {
            return Poll::Ready(Err(self.closed_error()));
        }
        self.end();
        self.wait(cx, ticket)
    }

    /// What it has failed with, which every call tells.
    fn check(&self) -> Result<()> {
        self.is_awaited.set(true);
        match &*self.failure.borrow() {
            None => Ok(()),
            Some(error) => {
                self.is_told.set(true);
                Err(error.clone())
            }
        }
    }

    fn wait(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<()>> {
        drop(self.wakers.wait(ticket, cx));
        Poll::Pending
    }

    pub(super) fn poll_write(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.poll_room(cx, &Ticket::polled()).map_ok(|()| {
            self.write(bytes);
            bytes.len()
        })
    }
}

impl AsyncWrite for &WriteStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writing().poll_write(cx, bytes).map_err(Error::into_io)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writing().poll_written(cx, &Ticket::polled()).map_err(Error::into_io)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writing().poll_finish(cx, &Ticket::polled()).map_err(Error::into_io)
    }
}

impl AsyncWrite for WriteStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(cx)
    }
}
