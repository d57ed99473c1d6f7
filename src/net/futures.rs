//! TCP streams and listeners, awaited.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::error::{Error, Result};
use crate::net::listener::TcpListener;
use crate::net::tcp_stream::TcpStream;
use crate::stream::{Chunk, Flow, Kind, Side, Ticket};

impl TcpStream {
    /// Reads what is there, as far as it fits; 0 is the end of the stream.
    ///
    /// Where several futures read one stream, each byte goes to one of them.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if a data handler is installed; `NotConnected` if the stream is closed;
    /// `ConnectionReset` and what else the system says.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no byte is lost when the future is dropped.
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = Result<usize>> + 'a {
        let waiting = Waiting::new(self, Side::Read);
        poll_fn(move |cx| waiting.poll(|flow, ticket| flow.poll_read(cx, ticket, buffer)))
    }

    /// Reads until `buffer` is full.
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read), and `UnexpectedEof` if the stream ends before.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: what was read into `buffer` is taken from the stream.
    pub async fn read_exact(&self, buffer: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => filled += length,
            }
        }
        Ok(())
    }

    /// The next chunk of bytes, in a buffer that is lent until it is dropped; `None` at the end.
    ///
    /// No buffer is held while there is nothing to read, so that idle connections cost none.
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no byte is lost when the future is dropped.
    pub fn chunk(&self) -> impl Future<Output = Result<Option<Chunk>>> + '_ {
        let waiting = Waiting::new(self, Side::Read);
        poll_fn(move |cx| waiting.poll(|flow, ticket| flow.poll_chunk(cx, ticket)))
    }

    /// Writes all bytes, waiting whenever the system takes no more.
    ///
    /// It goes behind what [`write`](TcpStream::write) has queued. Where several futures write to
    /// one stream, a long write may be cut in two by another's.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` after [`end`](TcpStream::end) and where the peer has closed; `NotConnected` if
    /// the stream is closed; `ConnectionReset` and what else the system says.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a part may have been sent when the future is dropped.
    pub fn write_all<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = Result<()>> + 'a {
        let (waiting, mut rest) = (Waiting::new(self, Side::Write), bytes);
        poll_fn(move |cx| waiting.poll(|flow, ticket| flow.poll_write_all(cx, ticket, &mut rest)))
    }
}

/// A future's place among those that wait; dropped with it.
struct Waiting<'a> {
    flow: &'a Flow<TcpStream>,
    side: Side,
    ticket: Ticket,
}

impl Waiting<'_> {
    #[inline]
    fn new(stream: &TcpStream, side: Side) -> Waiting<'_> {
        Waiting { flow: stream.flow(), side, ticket: Ticket::default() }
    }

    /// A method, so that a closure that calls it owns all of this, and not the ticket alone.
    #[inline]
    fn poll<T>(&self, poll: impl FnOnce(&Flow<TcpStream>, &Ticket) -> T) -> T {
        poll(self.flow, &self.ticket)
    }
}

impl Drop for Waiting<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.ticket.is_used() {
            self.flow.stop_waiting(&self.ticket, self.side);
        }
    }
}

impl TcpListener {
    /// The next connection, and its peer's address.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if a connection handler is installed; `NotConnected` if the listener is
    /// closed; what the system says of a connection that it cannot watch. Being out of descriptors
    /// is no error: it is logged, and accepting goes on when there are some.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no connection is lost when the future is dropped.
    pub fn accept(&self) -> impl Future<Output = Result<(TcpStream, SocketAddr)>> + '_ {
        let accepting = Accepting::new(self);
        poll_fn(move |cx| accepting.poll(cx))
    }

    /// The connections as a stream that ends when the listener is closed.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming(Accepting::new(self))
    }
}

/// A future's place among those that wait for a connection; dropped with it.
struct Accepting<'a> {
    listener: &'a TcpListener,
    ticket: Ticket,
}

impl Accepting<'_> {
    fn new(listener: &TcpListener) -> Accepting<'_> {
        Accepting { listener, ticket: Ticket::default() }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<(TcpStream, SocketAddr)>> {
        self.listener.acceptor().poll_accept(cx, &self.ticket)
    }
}

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        self.listener.acceptor().stop_waiting(&self.ticket);
    }
}

/// The connections of a listener: see [`TcpListener::incoming`].
pub struct Incoming<'a>(Accepting<'a>);

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Incoming").field(self.0.listener).finish()
    }
}

impl futures_core::Stream for Incoming<'_> {
    type Item = Result<(TcpStream, SocketAddr)>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.0.listener.is_closed() {
            return Poll::Ready(None);
        }
        self.0.poll(cx).map(Some)
    }
}

impl AsyncRead for &TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.flow().poll_read(cx, &Ticket::polled(), buffer).map_err(Error::into_io)
    }
}

impl AsyncWrite for &TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.flow().poll_write(cx, &Ticket::polled(), bytes).map_err(Error::into_io)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flow().poll_flush(cx, &Ticket::polled()).map_err(Error::into_io)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        self.flow().poll_flush(cx, &Ticket::polled()).map_err(Error::into_io)
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TcpStream {
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
