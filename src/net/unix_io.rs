//! The descriptors of Unix sockets.

use std::cell::OnceCell;
use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr;

use mio::event::Source;
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use crate::net::accept::Listen;
use crate::net::connect::Dial;
use crate::net::unix_address::Shown;
use crate::net::unix_passing::Passing;
use crate::net::unix_path::Bound;
use crate::net::unix_stream;
use crate::stream::Io;
use crate::sys::socket;

/// A connected socket, and the descriptors that pass through it.
pub struct UnixIo {
    io: UnixStream,
    /// Made where it is asked for: most streams carry bytes only.
    passing: OnceCell<Box<Passing>>,
}

impl UnixIo {
    /// Begins to connect.
    pub(crate) fn dial(peer: &Shown) -> io::Result<UnixIo> {
        UnixStream::connect_addr(&peer.0).map(UnixIo::new)
    }

    pub(crate) fn new(io: UnixStream) -> UnixIo {
        UnixIo { io, passing: OnceCell::new() }
    }

    pub(crate) fn passing(&self) -> &Passing {
        self.passing.get_or_init(Box::default)
    }

    /// A descriptor that has come.
    pub(crate) fn taken(&self) -> Option<OwnedFd> {
        self.passing.get()?.take()
    }
}

impl Deref for UnixIo {
    type Target = UnixStream;

    fn deref(&self) -> &UnixStream {
        &self.io
    }
}

impl Io for UnixIo {
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.passing.get() {
            Some(passing) if passing.accepts.get() => passing.recv(self, buffer),
            _ => socket::recv(&self.io, buffer),
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.passing.get() {
            Some(passing) => passing.send(self, bytes),
            None => socket::send(&self.io, bytes),
        }
    }

    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(passing) = self.passing.get() else {
            return SockRef::from(&self.io).send_vectored_with_flags(slices, socket::NO_SIGNAL);
        };
        let mut done = 0;
        for slice in slices {
            match passing.send(self, slice) {
                Ok(sent) if sent == slice.len() => done += sent,
                Ok(sent) => return Ok(done + sent),
                Err(error) if error.kind() == ErrorKind::WouldBlock && done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    /// One end has a name at most: whoever connected has none, as a rule.
    fn describe(&self) -> String {
        let named = |address: &SocketAddr| !address.is_unnamed();
        let peer = self.peer_addr().ok().filter(named);
        match peer.or_else(|| self.local_addr().ok().filter(named)) {
            Some(address) => Shown(address).to_string(),
            None => "a peer without a name".to_owned(),
        }
    }

    fn to_send_to(&self) -> Option<BorrowedFd<'_>> {
        // Descriptors that are passed go with bytes whose number is counted.
        self.passing.get().is_none().then(|| self.io.as_fd())
    }
}

impl Dial for UnixIo {
    type Peer = Shown;

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    fn connected(&self) -> io::Result<()> {
        self.peer_addr().map(drop)
    }
}

impl Listen for Bound<mio::net::UnixListener> {
    type Stream = unix_stream::UnixStream;
    type Peer = SocketAddr;
    const NAME: &'static str = "unix listener";

    fn accept(&self) -> io::Result<(UnixIo, SocketAddr)> {
        let (io, peer) = mio::net::UnixListener::accept(self)?;
        Ok((UnixIo::new(io), peer))
    }

    fn describe(&self) -> String {
        self.local_addr().map_or_else(|_| "a path".to_owned(), |it| Shown(it).to_string())
    }
}

impl Source for UnixIo {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.io.register(to, token, interests)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.io.reregister(to, token, interests)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        self.io.deregister(from)
    }
}
