//! Read streams, awaited.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::AsyncRead;

use crate::error::{Error, Result};
use crate::fs::pipe::Pipe;
use crate::fs::read_stream::ReadStream;
use crate::fs::reading::Reading;
use crate::stream::Ticket;

/// A chunk of a file, in a buffer that goes back to its stream when it is dropped.
pub struct Chunk {
    pipe: Arc<Pipe>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} bytes)", self.len())
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.pipe.give_back(std::mem::take(&mut self.buffer));
    }
}

impl ReadStream {
    /// The next chunk, in a buffer that is lent until it is dropped; `None` at the end.
    ///
    /// # Errors
    ///
    /// What the system says where the file cannot be opened or read, and if a signal is aborted:
    /// once. `NotConnected` if the stream is closed before its end; `InvalidInput` if a data handler
    /// is installed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no byte is lost when the future is dropped.
    pub fn chunk(&self) -> impl Future<Output = Result<Option<Chunk>>> + '_ {
        let waiting = Waiting { reading: self.reading(), ticket: Ticket::default() };
        poll_fn(move |cx| waiting.poll(cx))
    }
}

/// A future's place among those that wait; dropped with it.
struct Waiting<'a> {
    reading: &'a Rc<Reading>,
    ticket: Ticket,
}

impl Waiting<'_> {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Chunk>>> {
        self.reading.poll_chunk(cx, &self.ticket)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        drop(self.reading.wakers.leave(&self.ticket));
    }
}

impl Reading {
    fn poll_chunk(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        ticket: &Ticket,
    ) -> Poll<Result<Option<Chunk>>> {
        if self.has_reader() {
            return Poll::Ready(Err(mixed()));
        }
        if let Some(chunk) = self.next_chunk() {
            self.read_ahead();
            return Poll::Ready(Ok(Some(chunk)));
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
        self.go_on();
        Poll::Pending
    }

    fn next_chunk(self: &Rc<Self>) -> Option<Chunk> {
        let rest = self.rest.take();
        if rest.is_some() {
            return rest;
        }
        let filled = self.take()?;
        let (pipe, end) = (Arc::clone(&self.pipe), filled.length);
        Some(Chunk { pipe, buffer: filled.buffer, start: 0, end })
    }

    pub(super) fn poll_read(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut chunk = match self.poll_chunk(cx, &Ticket::polled()) {
            Poll::Ready(Ok(Some(chunk))) => chunk,
            Poll::Ready(Ok(None)) => return Poll::Ready(Ok(0)),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        };
        let length = buffer.len().min(chunk.len());
        buffer[..length].copy_from_slice(&chunk[..length]);
        chunk.start += length;
        if !chunk.is_empty() {
            self.rest.replace(Some(chunk));
        }
        Poll::Ready(Ok(length))
    }
}

/// The chunks; it ends after an error.
impl futures_core::Stream for ReadStream {
    type Item = Result<Chunk>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let reading = self.reading();
        if reading.closed.get() {
            return Poll::Ready(None);
        }
        reading.poll_chunk(cx, &Ticket::polled()).map(Result::transpose)
    }
}

impl AsyncRead for &ReadStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.reading().poll_read(cx, buffer).map_err(Error::into_io)
    }
}

impl AsyncRead for ReadStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buffer)
    }
}

fn mixed() -> Error {
    Error::new(io::Error::new(
        io::ErrorKind::InvalidInput,
        "a data handler is installed on this stream, and gets its bytes: read it there, or \
         install none",
    ))
}
