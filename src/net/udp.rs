//! UDP sockets.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::rc::Rc;

use socket2::SockRef;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::net::address::Address;
use crate::net::datagram_batch::{Buffer, Spare};
use crate::net::datagram_endpoint::{Endpoint, Post};
use crate::net::datagram_methods::datagram_socket;
use crate::net::datagram_send::closed;
use crate::net::udp_options::UdpOptions;
use crate::sys::datagram;
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::sys::datagram_errors;
use crate::trace::{At, CallbackKind};

/// Sends and receives UDP datagrams: a cheap handle, to be cloned at will.
///
/// **Three ways to send.** [`write_to`](UdpSocket::write_to) queues a copy and tells the error
/// handler of failures; what is written in one turn of the loop goes out together, sixteen
/// datagrams by one system call. [`send_to`](UdpSocket::send_to) is a request, for who wants to
/// know what became of a datagram. [`try_send_to`](UdpSocket::try_send_to) sends now or not at all.
/// `write`, `send` and `try_send` do the same where there is a peer.
///
/// **Receiving.** [`on_message`](UdpSocket::on_message) gets each datagram as a task of its own;
/// they are taken from the system sixteen by one call, too. Or
/// [`recv_from`](UdpSocket::recv_from) and [`batch`](UdpSocket::batch) are awaited.
///
/// **Who owns it.** Until a message handler is installed, its handles do: dropping the last one
/// closes the socket, once what was written is sent. Installing one hands it to the loop: then it
/// lives until it is closed.
///
/// **Connected.** A socket that is [connected](UdpSocket::connect) has a peer, receives from that
/// one only, and is told when the peer's system refuses a datagram: `ConnectionRefused`, by the next
/// that is received or sent. The socket stays open. One that is not connected is told nothing, unless
/// it [asks](UdpSocket::set_receive_errors).
///
/// **Backpressure.** A socket whose queue is above the high-water mark receives nothing until it
/// drains, so that an echo cannot be drowned.
///
/// **Alive.** A socket that has a message handler, or is awaited, keeps the loop alive. What was
/// accepted to be sent is sent before the loop ends, [`unref`](UdpSocket::unref) or not.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::net::UdpSocket;
///
/// unspin::run(|| {
///     let socket = UdpSocket::bind("127.0.0.1:0")?;
///     let itself = socket.local_addr()?;
///     socket.on_message(|socket, datagram| {
///         assert_eq!(datagram.bytes(), b"hello");
///         socket.close();
///     });
///     socket.send_to("hello", itself).callback(|sent| sent);
///     Ok(())
/// })
/// # }
/// ```
pub struct UdpSocket(Rc<Endpoint<UdpSocket>>);

impl UdpSocket {
    /// Opens a socket at an address, with the default options. Port 0 means any that is free: see
    /// [`local_addr`](UdpSocket::local_addr).
    ///
    /// ```no_run
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let socket = unspin::net::UdpSocket::bind("127.0.0.1:7000")?;
    ///     socket.on_message(|socket, datagram| {
    ///         socket.write_to(&datagram, datagram.from());
    ///     });
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`UdpOptions::bind`].
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn bind(address: impl Address) -> Result<UdpSocket> {
        UdpOptions::new().bind(address)
    }

    /// Takes a socket of std over.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn from_std(socket: std::net::UdpSocket) -> Result<UdpSocket> {
        let at = Location::caller();
        let watch = || {
            socket.set_nonblocking(true)?;
            UdpSocket::attach(at, socket)
        };
        watch().map_err(|error| Error::io("watch a udp socket", error))
    }

    /// The socket does not block.
    pub(crate) fn attach(at: At, socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        let core = current();
        let label = core.label(CallbackKind::Message, at);
        let io = mio::net::UdpSocket::from_std(socket);
        Ok(UdpSocket(Endpoint::attach(&core, io, label)?))
    }

    /// Makes this the one peer: it gets what [`send`](UdpSocket::send) and its like send, and
    /// datagrams of others are no longer received. No packet is exchanged. A second call takes
    /// another peer.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `address` is not one; `NotConnected` if the socket is closed;
    /// `NetworkUnreachable` and what else the system says.
    pub fn connect(&self, address: impl Address) -> Result<()> {
        let address = address.to_socket_addr()?;
        let connect = |io: &mio::net::UdpSocket| io.connect(address);
        self.with_io(&format!("connect udp to {address}"), connect)?;
        self.0.peer.replace(Some(address));
        Ok(())
    }

    /// Gives the peer up: datagrams come from everywhere again, to the same address.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no peer, or the socket is closed; `AddrInUse` if the system had
    /// chosen the port, and another socket has taken it in this moment.
    pub fn disconnect(&self) -> Result<()> {
        if self.0.peer.borrow().is_none() {
            return Err(closed());
        }
        let local = self.local_addr()?;
        self.with_io("disconnect udp", datagram::disconnect)?;
        self.0.peer.replace(None);
        // The system has taken a port back that it had chosen itself.
        if self.local_addr()?.port() == local.port() {
            return Ok(());
        }
        self.option(&format!("bind udp to {local}"), |socket| socket.bind(&local.into()))
    }

    /// This side's address, with the port that the system chose for port 0.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the socket is closed, and what the system says.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.with_io("local address of udp", mio::net::UdpSocket::local_addr)
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no peer, or the socket is closed.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.with_io("peer address of udp", mio::net::UdpSocket::peer_addr)
    }

    pub(crate) fn with_io<T>(
        &self,
        doing: &str,
        f: impl FnOnce(&mio::net::UdpSocket) -> io::Result<T>,
    ) -> Result<T> {
        match &*self.0.io.borrow() {
            Some(io) => f(io).map_err(|error| Error::io(doing, error)),
            None => Err(closed()),
        }
    }

    /// The options that neither std nor mio has.
    pub(crate) fn option<T>(
        &self,
        doing: &str,
        f: impl FnOnce(&SockRef<'_>) -> io::Result<T>,
    ) -> Result<T> {
        self.with_io(doing, |io| f(&SockRef::from(io)))
    }
}

impl Post for UdpSocket {
    type Io = mio::net::UdpSocket;
    type Address = SocketAddr;
    const NAME: &'static str = "udp socket";
    /// An IP datagram has at most 65535 bytes. A little more than 64 KiB, so that the beginnings of
    /// the slots, which are most of what is used, do not compete for the same lines of the cache.
    const SLOT: usize = 64 * 1024 + 256;

    fn of(endpoint: Rc<Endpoint<UdpSocket>>) -> UdpSocket {
        UdpSocket(endpoint)
    }

    fn endpoint(&self) -> &Rc<Endpoint<UdpSocket>> {
        &self.0
    }

    fn spare() -> Spare<SocketAddr> {
        thread_local! {
            static SPARE: Cell<Option<Box<Buffer<SocketAddr>>>> = const { Cell::new(None) };
        }
        &SPARE
    }

    fn local_addr(io: &mio::net::UdpSocket) -> io::Result<SocketAddr> {
        io.local_addr()
    }

    fn peer_addr(io: &mio::net::UdpSocket) -> io::Result<SocketAddr> {
        io.peer_addr()
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn take_unarrived(io: &mio::net::UdpSocket) -> Option<(SocketAddr, io::Error)> {
        datagram_errors::take(io)
    }

    fn show(address: &SocketAddr) -> String {
        address.to_string()
    }

    fn tells_of_room(_: Option<&SocketAddr>) -> bool {
        true
    }
}

datagram_socket!(UdpSocket, SocketAddr, Address, to_socket_addr);
