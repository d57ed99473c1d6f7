//! TCP streams and listeners, awaited.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::error::{Error, Result};
use crate::net::listener::TcpListener;
use crate::net::tcp_stream::TcpStream;
use crate::stream::{Chunk, Kind, Side};

impl TcpStream {
    /// Reads what is there, as far as it fits; 0 is the end of the stream.
    ///
    /// One reader at a time: a second one takes the first one's place.
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
        let waiting = Waiting(self, Side::Read);
        poll_fn(move |cx| waiting.0.flow().poll_read(cx, buffer))
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
        let waiting = Waiting(self, Side::Read);
        poll_fn(move |cx| waiting.0.flow().poll_chunk(cx))
    }

    /// Writes all bytes, waiting whenever the system takes no more.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` after [`end`](TcpStream::end) and where the peer has closed; `NotConnected` if
    /// the stream is closed; `ConnectionReset` and what else the system says.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a part may have been sent when the future is dropped.
    pub async fn write_all(&self, bytes: &[u8]) -> Result<()> {
        let waiting = Waiting(self, Side::Write);
        let mut sent = 0;
        while sent < bytes.len() {
            sent += poll_fn(|cx| waiting.0.flow().poll_write(cx, &bytes[sent..])).await?;
        }
        Ok(())
    }
}

/// A future that may wait; dropped with it.
struct Waiting<'a>(&'a TcpStream, Side);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.flow().stop_waiting(self.1);
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
        let waiting = Accepting(self);
        poll_fn(move |cx| waiting.0.acceptor().poll_accept(cx))
    }

    /// The connections as a stream that ends when the listener is closed.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming(self)
    }
}

struct Accepting<'a>(&'a TcpListener);

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        self.0.acceptor().stop_waiting();
    }
}

/// The connections of a listener: see [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a>(&'a TcpListener);

impl futures_core::Stream for Incoming<'_> {
    type Item = Result<(TcpStream, SocketAddr)>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.0.is_closed() {
            return Poll::Ready(None);
        }
        self.0.acceptor().poll_accept(cx).map(Some)
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        self.0.acceptor().stop_waiting();
    }
}

impl AsyncRead for &TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.flow().poll_read(cx, buffer).map_err(Error::into_io)
    }
}

impl AsyncWrite for &TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.flow().poll_write(cx, bytes).map_err(Error::into_io)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flow().poll_flush(cx).map_err(Error::into_io)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        self.flow().poll_flush(cx).map_err(Error::into_io)
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
