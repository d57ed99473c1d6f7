//! UDP sockets.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::rc::Rc;

use socket2::SockRef;

use crate::error::{Error, Outcome, Result};
use crate::event_loop::context::current;
use crate::event_loop::source::Source;
use crate::net::address::Address;
use crate::net::udp_batch::Datagram;
use crate::net::udp_endpoint::Endpoint;
use crate::net::udp_options::UdpOptions;
use crate::net::udp_send::{Outgoing, closed};
use crate::request::Request;
use crate::stream::Facts;
use crate::sys::datagram;
use crate::trace::{At, CallbackKind, Label};

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
/// that is received or sent. The socket stays open. One that is not connected is told nothing.
///
/// **Backpressure.** A socket whose queue is above the high-water mark receives nothing until it
/// drains, so that an echo cannot be drowned.
///
/// **Alive.** A socket that has a message handler, or is awaited, keeps the loop alive. What was
/// accepted to be sent is sent before the loop ends, [`unref`](UdpSocket::unref) or not.
pub struct UdpSocket(Rc<Endpoint>);

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
        self.0.peer.set(Some(address));
        Ok(())
    }

    /// Gives the peer up: datagrams come from everywhere again, to the same address.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no peer, or the socket is closed; `AddrInUse` if the system had
    /// chosen the port, and another socket has taken it in this moment.
    pub fn disconnect(&self) -> Result<()> {
        if self.0.peer.get().is_none() {
            return Err(closed());
        }
        let local = self.local_addr()?;
        self.with_io("disconnect udp", datagram::disconnect)?;
        self.0.peer.set(None);
        // The system has taken a port back that it had chosen itself.
        if self.local_addr()?.port() == local.port() {
            return Ok(());
        }
        self.option(&format!("bind udp to {local}"), |socket| socket.bind(&local.into()))
    }

    /// Calls `handler` with each datagram that comes, lent for the call.
    ///
    /// An error that it returns is logged at WARN, and nothing is closed: the next datagram may be
    /// another peer's.
    #[track_caller]
    pub fn on_message<R: Outcome>(
        &self,
        mut handler: impl FnMut(&UdpSocket, Datagram<'_>) -> R + 'static,
    ) -> &UdpSocket {
        let run = move |socket: &UdpSocket, datagram: Datagram<'_>| {
            handler(socket, datagram).into_result()
        };
        self.0.install(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when receiving fails, or a datagram that was written cannot be sent; the
    /// socket stays open. Without one, failures are logged at WARN.
    #[track_caller]
    pub fn on_error<R: Outcome>(
        &self,
        mut handler: impl FnMut(&UdpSocket, Error) -> R + 'static,
    ) -> &UdpSocket {
        let run = move |socket: &UdpSocket, error| handler(socket, error).into_result();
        self.0.on_error.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when all is sent after a write had returned `false`.
    #[track_caller]
    pub fn on_drain<R: Outcome>(
        &self,
        mut handler: impl FnMut(&UdpSocket) -> R + 'static,
    ) -> &UdpSocket {
        let run = move |socket: &UdpSocket| handler(socket).into_result();
        self.0.on_drain.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when the socket is closed: the last call, in the Close phase.
    #[track_caller]
    pub fn on_close<R: Outcome>(
        &self,
        mut handler: impl FnMut(&UdpSocket) -> R + 'static,
    ) -> &UdpSocket {
        let run = move |socket: &UdpSocket| handler(socket).into_result();
        self.0.install_on_close(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Queues a copy of `bytes` as a datagram. It is sent at the end of this turn at the latest,
    /// together with what else is written until then, or when the system has room again.
    ///
    /// Returns whether the queue is below the high-water mark. `false` is a request to wait for
    /// `drain`; the datagram is accepted all the same. On a closed socket it is dropped, and the
    /// result is `false`. What cannot be sent is told to the error handler.
    pub fn write_to(&self, bytes: &[u8], to: impl Address) -> bool {
        self.0.write(bytes, to.to_socket_addr().map(Some))
    }

    /// The same to the peer of a connected socket. Without one, the error handler is told
    /// `NotConnected`.
    pub fn write(&self, bytes: &[u8]) -> bool {
        self.0.write(bytes, Ok(None))
    }

    /// Sends a datagram, and tells when the system has taken it.
    ///
    /// It goes behind what is queued, and with it. Whether it arrives, nobody knows.
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
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `to` is no address; `NotConnected` if the socket is closed;
    /// `NetworkUnreachable`, `PermissionDenied` (a broadcast address, and broadcast is not set) and
    /// what else the system says, with the address in front. One for which
    /// [`is_cancelled`](Error::is_cancelled) holds if the socket was closed before it could be sent.
    #[track_caller]
    pub fn send_to(&self, bytes: impl Into<Vec<u8>>, to: impl Address) -> Request<()> {
        self.request(Location::caller(), bytes.into(), to.to_socket_addr().map(Some))
    }

    /// Sends a datagram to the peer of a connected socket, as [`send_to`](UdpSocket::send_to).
    ///
    /// # Errors
    ///
    /// As [`send_to`](UdpSocket::send_to), and `NotConnected` if there is no peer.
    /// `ConnectionRefused` if the peer's system has refused one before: then this one is not sent.
    #[track_caller]
    pub fn send(&self, bytes: impl Into<Vec<u8>>) -> Request<()> {
        self.request(Location::caller(), bytes.into(), Ok(None))
    }

    fn request(&self, at: At, bytes: Vec<u8>, to: Result<Option<SocketAddr>>) -> Request<()> {
        let socket = self.clone();
        Request::new(at, move |core, label, complete| {
            socket.0.begin_send(core, label, (&bytes, to), complete)
        })
    }

    /// Sends a datagram now, or not at all.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the system has no room for it, or others wait already; else as
    /// [`send_to`](UdpSocket::send_to).
    pub fn try_send_to(&self, bytes: &[u8], to: impl Address) -> Result<()> {
        let to = Some(to.to_socket_addr()?);
        self.0.try_send(&[(bytes, to)]).map(drop)
    }

    /// Sends a datagram to the peer now, or not at all.
    ///
    /// # Errors
    ///
    /// As [`try_send_to`](UdpSocket::try_send_to) and [`send`](UdpSocket::send).
    pub fn try_send(&self, bytes: &[u8]) -> Result<()> {
        self.0.try_send(&[(bytes, None)]).map(drop)
    }

    /// Sends many datagrams now, sixteen by one system call. Returns how many, from the first on,
    /// the system took; `None` as an address is the peer.
    ///
    /// # Errors
    ///
    /// As [`try_send_to`](UdpSocket::try_send_to), if not even the first was taken.
    pub fn try_send_many(&self, datagrams: &[(&[u8], Option<SocketAddr>)]) -> Result<usize> {
        let datagrams: &[Outgoing<'_>] = datagrams;
        self.0.try_send(datagrams)
    }

    /// Stops receiving. The system keeps what comes, as far as its buffer goes.
    pub fn pause(&self) {
        self.0.set_paused(true);
    }

    /// Receives again, from the next turn on.
    pub fn resume(&self) {
        self.0.set_paused(false);
    }

    /// Closes the socket at once. What is queued is offered to the system once more; what it does
    /// not take is dropped.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether the socket is closed, or about to tell so.
    pub fn is_closed(&self) -> bool {
        self.0.state.is(Facts::CLOSED)
    }

    /// How many queued bytes make `write_to` return `false`. Default: 64 KiB.
    pub fn high_water_mark(&self) -> usize {
        self.0.high_water_mark.get()
    }

    /// Sets the high-water mark, in bytes.
    pub fn set_high_water_mark(&self, bytes: usize) {
        self.0.set_high_water_mark(bytes);
    }

    /// Bytes that are accepted and not yet sent.
    pub fn writable_length(&self) -> usize {
        self.0.outbox.borrow().length()
    }

    /// Datagrams that are accepted and not yet sent.
    pub fn writable_datagrams(&self) -> usize {
        self.0.outbox.borrow().datagrams()
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

    /// Lets the loop end although this socket receives.
    pub fn unref(&self) -> &UdpSocket {
        self.0.set_referenced(false);
        self
    }

    /// Makes this socket keep the loop alive while it receives, as it does from the start.
    pub fn ref_(&self) -> &UdpSocket {
        self.0.set_referenced(true);
        self
    }

    /// Whether this socket keeps the loop alive while it receives.
    pub fn has_ref(&self) -> bool {
        self.0.activity.is_referenced()
    }

    pub(crate) fn of(endpoint: Rc<Endpoint>) -> UdpSocket {
        UdpSocket(endpoint)
    }

    pub(crate) fn endpoint(&self) -> &Rc<Endpoint> {
        &self.0
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

    fn label(&self, at: At) -> Label {
        // The kind is set when the handler is lent.
        self.0.core.label(CallbackKind::Message, at)
    }
}

impl Clone for UdpSocket {
    fn clone(&self) -> UdpSocket {
        UdpSocket(Rc::clone(&self.0))
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.0.handle_dropped();
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UdpSocket({})", self.0.describe().state)
    }
}
