//! TCP streams.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use socket2::SockRef;

use crate::error::Result;
use crate::net::address::Address;
use crate::net::connect::Dial;
use crate::net::connect_options::ConnectOptions;
use crate::net::tcp_connect;
use crate::request::Request;
use crate::stream::{Flow, Io, byte_stream};
use crate::sys::socket;

/// A TCP connection: a cheap handle, to be cloned at will.
///
/// **Who owns it.** Until a data handler is installed, its handles do: dropping the last one closes
/// the connection, once what was written is sent. Installing one ([`on_data`](TcpStream::on_data),
/// [`handle`](TcpStream::handle), [`pipe`](crate::pipe())) hands it to the loop: then it lives
/// until it is closed, as in Node.
///
/// **Closing.** A stream that is closed, or dropped, while bytes that it received are unread is reset
/// by the system, and what the peer has not read of ours may be lost with that. That is TCP: read to
/// the end, or [`end`](TcpStream::end) and wait for the peer's end, where every byte counts.
///
/// **Backpressure.** [`write`](TcpStream::write) returns `false` above the high-water mark, and
/// `drain` follows. A stream whose own write queue is above the mark is not read until it drains,
/// so an echo cannot be drowned by a peer that never reads.
///
/// **Alive.** A stream that is read, or that has bytes to send, keeps the loop alive; an idle one
/// that nobody reads, or a paused one, does not.
pub struct TcpStream(pub(crate) Rc<Flow<TcpStream>>);

impl TcpStream {
    /// Connects to an address, a name with a port, or the first of several addresses that answers.
    ///
    /// A name is looked up on the pool. Where there are several addresses, they are tried one after
    /// the other, the families by turns: the next one when the last has failed, or has not answered
    /// within 250 ms and goes on beside it. The first connection wins, and the others are given up.
    /// That is Node's `autoSelectFamily`, and "happy eyeballs" (RFC 8305).
    ///
    /// ```no_run
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     unspin::net::TcpStream::connect("127.0.0.1:7000").callback(|stream| {
    ///         let stream = stream?;
    ///         stream.on_data(|_, chunk| println!("{}", String::from_utf8_lossy(chunk)));
    ///         stream.write(b"hello");
    ///         stream.end();
    ///         Ok(())
    ///     });
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `address` is not one; those of [`lookup_host`](crate::net::lookup_host) for
    /// a name; `ConnectionRefused`, `TimedOut`, `NetworkUnreachable`, `HostUnreachable`,
    /// `AddrNotAvailable` and what else the system says. Where several addresses have failed, the
    /// kind is that of the first failure, and the message names all.
    #[track_caller]
    pub fn connect(address: impl Address) -> Request<TcpStream> {
        tcp_connect::request(Location::caller(), address.to_destination(), ConnectOptions::new())
    }

    /// Closes the stream by a reset: the peer gets `ConnectionReset` instead of an end.
    ///
    /// # Errors
    ///
    /// What the system says if it cannot; the stream is then closed in the ordinary way.
    pub fn reset(&self) -> Result<()> {
        let linger = |io| SockRef::from(io).set_linger(Some(Duration::ZERO));
        let set = self.0.io.borrow().as_ref().map_or(Ok(()), linger);
        self.0.close();
        Ok(set?)
    }

    /// Copies what has been received and not read, and leaves it there; 0 is the end.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; `NotConnected` if the stream is closed; `ConnectionReset`
    /// and what else the system says.
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        self.with_io(|io| io.peek(buffer))
    }

    /// This side's address.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.with_io(mio::net::TcpStream::local_addr)
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, or was reset before it was asked for.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.with_io(mio::net::TcpStream::peer_addr)
    }

    pub(crate) fn with_io<T>(
        &self,
        f: impl FnOnce(&mio::net::TcpStream) -> io::Result<T>,
    ) -> Result<T> {
        match &*self.0.io.borrow() {
            Some(io) => Ok(f(io)?),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

byte_stream!(TcpStream, mio::net::TcpStream, "tcp stream");

impl Io for mio::net::TcpStream {
    #[inline]
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::recv(self, buffer)
    }

    #[inline]
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        socket::send(self, bytes)
    }

    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // Not `write_vectored`: that is writev, which raises SIGPIPE in a process that has not
        // turned it off, as a host program may not have.
        SockRef::from(self).send_vectored_with_flags(slices, socket::NO_SIGNAL)
    }

    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn describe(&self) -> String {
        self.peer_addr().map_or_else(|_| "a peer that is gone".to_owned(), |peer| peer.to_string())
    }

    fn to_send_to(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }
}

impl Dial for mio::net::TcpStream {
    type Peer = SocketAddr;

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        mio::net::TcpStream::take_error(self)
    }

    fn connected(&self) -> io::Result<()> {
        self.peer_addr().map(drop)
    }
}
