//! Datagrams between processes of one machine.

use std::cell::Cell;
use std::io;
use std::os::unix::net::{self, SocketAddr};
use std::panic::Location;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::net::datagram_batch::{Buffer, Spare};
use crate::net::datagram_endpoint::{Endpoint, Post};
use crate::net::datagram_methods::datagram_socket;
use crate::net::datagram_send::closed;
use crate::net::unix_address::{Shown, UnixAddress, in_context};
use crate::net::unix_path::Bound;
use crate::sys::datagram;
use crate::trace::{At, CallbackKind};

/// Sends and receives datagrams through a Unix socket: a cheap handle, to be cloned at will.
///
/// It is used as a [`UdpSocket`](crate::net::UdpSocket) is: the same three ways to send, the same
/// handlers and futures, the same ownership. Other than those of UDP, its datagrams come in order,
/// and none is lost on the way.
///
/// **Names.** Who is not bound has no name, and cannot be answered. A path is made by binding and
/// removed by closing, and never taken from another program, as for a
/// [`UnixListener`](crate::net::UnixListener).
///
/// **Backpressure.** Where the receiver's queue is full (ten datagrams, if Linux was not told
/// otherwise), what is written waits until there is room, and what is behind it waits, too: then a
/// socket for each receiver keeps a slow one from delaying the others. `try_send` fails with
/// `WouldBlock`. The system tells of room at the peer of a connected socket; for any other receiver
/// it is tried again after 1, 2, 4 and 8 ms and then each 10 ms: connect, where much is to be sent.
///
/// **The receiver is gone.** Sending fails with `ConnectionRefused`. A connected socket has lost its
/// peer by that, and what is sent later fails with `NotConnected`.
///
/// ```
/// use unspin::net::UnixDatagram;
///
/// # fn main() -> unspin::Result<()> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("log");
/// unspin::run(move || {
///     let log = UnixDatagram::bind(&path)?;
///     log.on_message(|log, line| {
///         assert_eq!(line.bytes(), b"started");
///         log.close();
///     });
///     UnixDatagram::unbound()?.send_to("started", &path).callback(|sent| sent);
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixDatagram(Rc<Endpoint<UnixDatagram>>);

impl UnixDatagram {
    /// Opens a socket at a path, or at an abstract name.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if there is a file of this name, whatever it is; `NotFound` if its directory does
    /// not exist; `PermissionDenied`; `InvalidInput` if the name is empty, longer than the system
    /// allows (107 bytes on Linux), or has a zero byte inside.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn bind(address: impl UnixAddress) -> Result<UnixDatagram> {
        // Before anything else, for its panic.
        drop(current());
        let at = Location::caller();
        let address = address.to_unix_addr()?;
        let open = || {
            let io = watchable(net::UnixDatagram::bind_addr(&address)?)?;
            UnixDatagram::attach(at, Bound::to(&address, io)?)
        };
        open().map_err(|error| in_context("bind", &address, error))
    }

    /// Opens a socket without a name: it can send, and receive only from whom it knows.
    ///
    /// # Errors
    ///
    /// What the system says: it may be out of descriptors.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn unbound() -> Result<UnixDatagram> {
        let at = Location::caller();
        let open = || UnixDatagram::adopt(at, net::UnixDatagram::unbound()?);
        open().map_err(|error| Error::io("open a unix datagram socket", error))
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// What the system says: it may be out of descriptors.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn pair() -> Result<(UnixDatagram, UnixDatagram)> {
        let at = Location::caller();
        let open = || {
            let (one, other) = net::UnixDatagram::pair()?;
            Ok((UnixDatagram::adopt(at, one)?, UnixDatagram::adopt(at, other)?))
        };
        open().map_err(|error| Error::io("make a pair of unix datagram sockets", error))
    }

    /// Takes a socket of std over. The path that it is bound to stays when it is closed.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn from_std(socket: net::UnixDatagram) -> Result<UnixDatagram> {
        let at = Location::caller();
        let watched = UnixDatagram::adopt(at, socket);
        watched.map_err(|error| Error::io("watch a unix datagram socket", error))
    }

    fn adopt(at: At, socket: net::UnixDatagram) -> io::Result<UnixDatagram> {
        UnixDatagram::attach(at, Bound::without_path(watchable(socket)?))
    }

    fn attach(at: At, io: Bound<mio::net::UnixDatagram>) -> io::Result<UnixDatagram> {
        let core = current();
        let label = core.label(CallbackKind::Message, at);
        Ok(UnixDatagram(Endpoint::attach(&core, io, label)?))
    }

    /// Makes this the one peer: it gets what [`send`](UnixDatagram::send) and its like send, and
    /// datagrams of others are no longer received. A second call takes another peer.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such path; `ConnectionRefused` if nobody receives there;
    /// `PermissionDenied`, also if the peer is connected to another; `InvalidInput` as for
    /// [`bind`](UnixDatagram::bind); `NotConnected` if this socket is closed.
    pub fn connect(&self, address: impl UnixAddress) -> Result<()> {
        let address = address.to_unix_addr()?;
        let name = Shown(address.clone());
        let connect = |io: &_| datagram::connect(io, &address);
        self.with_io(&format!("connect to {name}"), connect)?;
        self.0.peer.replace(Some(address));
        Ok(())
    }

    /// Gives the peer up: datagrams come from everywhere again.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no peer, or the socket is closed.
    pub fn disconnect(&self) -> Result<()> {
        if self.0.peer.borrow().is_none() {
            return Err(closed());
        }
        self.with_io("disconnect", datagram::disconnect)?;
        self.0.peer.replace(None);
        Ok(())
    }

    /// This side's name, if it is bound.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the socket is closed, and what the system says.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.with_io("local address", |io| io.local_addr())
    }

    /// The peer's name, if it has one.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no peer, or the socket is closed.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.with_io("peer address", |io| io.peer_addr())
    }

    fn with_io<T>(
        &self,
        doing: &str,
        f: impl FnOnce(&Bound<mio::net::UnixDatagram>) -> io::Result<T>,
    ) -> Result<T> {
        match &*self.0.io.borrow() {
            Some(io) => f(io).map_err(|error| Error::io(doing, error)),
            None => Err(closed()),
        }
    }
}

fn watchable(socket: net::UnixDatagram) -> io::Result<mio::net::UnixDatagram> {
    socket.set_nonblocking(true)?;
    Ok(mio::net::UnixDatagram::from_std(socket))
}

impl Post for UnixDatagram {
    type Io = Bound<mio::net::UnixDatagram>;
    type Address = SocketAddr;
    const NAME: &'static str = "unix datagram socket";
    /// More than Linux lets a program send by default, 208 KiB; and as for UDP a little more than a
    /// power of two.
    const SLOT: usize = 256 * 1024 + 256;

    fn of(endpoint: Rc<Endpoint<UnixDatagram>>) -> UnixDatagram {
        UnixDatagram(endpoint)
    }

    fn endpoint(&self) -> &Rc<Endpoint<UnixDatagram>> {
        &self.0
    }

    fn spare() -> Spare<SocketAddr> {
        thread_local! {
            static SPARE: Cell<Option<Box<Buffer<SocketAddr>>>> = const { Cell::new(None) };
        }
        &SPARE
    }

    fn local_addr(io: &Bound<mio::net::UnixDatagram>) -> io::Result<SocketAddr> {
        io.local_addr()
    }

    fn peer_addr(io: &Bound<mio::net::UnixDatagram>) -> io::Result<SocketAddr> {
        io.peer_addr()
    }

    fn show(address: &SocketAddr) -> String {
        if address.is_unnamed() {
            return "a socket without a name".to_owned();
        }
        Shown(address.clone()).to_string()
    }

    fn tells_of_room(to: Option<&SocketAddr>) -> bool {
        // Of room at the peer.
        to.is_none()
    }
}

datagram_socket!(UnixDatagram, SocketAddr, UnixAddress, to_unix_addr);
