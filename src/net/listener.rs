//! TCP listeners.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::rc::{Rc, Weak};

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Error, Outcome, Result};
use crate::event_loop::context::current;
use crate::event_loop::source::Source;
use crate::net::accept::Acceptor;
use crate::net::address::Address;
use crate::net::tcp_stream::TcpStream;
use crate::stream::{Handler, Kind};
use crate::trace::{At, CallbackKind, Label};

/// Connections that the system keeps for us until they are accepted. It has a limit of its own
/// (`net.core.somaxconn` on Linux).
const BACKLOG: u32 = 1024;

/// Accepts TCP connections.
///
/// Until a connection handler is installed, its handles own it, and dropping the last one closes
/// it; then the loop does, until it is closed. A listener with a handler keeps the loop alive, also
/// while it waits for descriptors; one that was paused does not.
///
/// When the process is out of descriptors, accepting stops, says so (error handler, or a warning in
/// the log), and is tried again ten times a second; connections that are open are not touched.
#[derive(Clone)]
pub struct TcpListener(Rc<Acceptor>);

/// How a listener is set up; [`TcpListener::bind`] uses the defaults.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::net::ListenOptions;
///
/// unspin::run(|| {
///     let listener = ListenOptions::new().backlog(128).reuse_port(true).bind("127.0.0.1:0")?;
///     println!("listening on {}", listener.local_addr()?);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ListenOptions {
    backlog: u32,
    reuse_address: bool,
    reuse_port: bool,
    v6_only: Option<bool>,
}

impl ListenOptions {
    /// The defaults.
    #[expect(clippy::new_without_default, reason = "reads better, and there is one way to do it")]
    pub fn new() -> ListenOptions {
        ListenOptions { backlog: BACKLOG, reuse_address: true, reuse_port: false, v6_only: None }
    }

    /// How many connections may wait to be accepted. Default: 1024; the system may cut it.
    pub fn backlog(mut self, connections: u32) -> ListenOptions {
        self.backlog = connections;
        self
    }

    /// Whether the address can be bound again right after a listener on it was closed. Default:
    /// yes.
    pub fn reuse_address(mut self, reuse: bool) -> ListenOptions {
        self.reuse_address = reuse;
        self
    }

    /// Whether several listeners, of this and other processes, share the address; the system
    /// spreads the connections. Default: no.
    pub fn reuse_port(mut self, reuse: bool) -> ListenOptions {
        self.reuse_port = reuse;
        self
    }

    /// Whether a listener on an IPv6 address refuses IPv4. Default: as the system has it.
    pub fn v6_only(mut self, only: bool) -> ListenOptions {
        self.v6_only = Some(only);
        self
    }

    /// Binds and listens. Port 0 means any that is free: see [`TcpListener::local_addr`].
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `address` is not one; `AddrInUse`, `AddrNotAvailable`,
    /// `PermissionDenied` and what else the system says.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn bind(&self, address: impl Address) -> Result<TcpListener> {
        let core = current();
        let at = Location::caller();
        let address = address.to_socket_addr()?;
        let listen = || {
            let mut io = mio::net::TcpListener::from_std(self.open(address)?.into());
            let key = core.register(&mut io, true)?;
            Ok((io, key))
        };
        let (io, key) =
            listen().map_err(|error| Error::io(format!("listen on {address}"), error))?;
        let label = core.label(CallbackKind::Connection, at);
        let acceptor = Acceptor::new(&core, key, io, label);
        let source: Weak<Acceptor> = Rc::downgrade(&acceptor);
        core.attach(key, source);
        Ok(TcpListener(acceptor))
    }

    fn open(&self, address: SocketAddr) -> io::Result<Socket> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
        if let (Some(only), true) = (self.v6_only, address.is_ipv6()) {
            socket.set_only_v6(only)?;
        }
        socket.set_reuse_address(self.reuse_address)?;
        if self.reuse_port {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(self.backlog).unwrap_or(i32::MAX))?;
        Ok(socket)
    }
}

impl TcpListener {
    /// Listens on an address, with the default options.
    ///
    /// # Errors
    ///
    /// As [`ListenOptions::bind`].
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn bind(address: impl Address) -> Result<TcpListener> {
        ListenOptions::new().bind(address)
    }

    /// Calls `handler` with each connection and its peer's address.
    ///
    /// An error that it returns is logged at WARN and closes this connection, and nothing else.
    #[track_caller]
    pub fn on_connection<R: Outcome>(
        &self,
        mut handler: impl FnMut(TcpStream, SocketAddr) -> R + 'static,
    ) -> &TcpListener {
        let run = move |stream, peer| handler(stream, peer).into_result();
        self.0.install(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Serves each connection with a handler value of its own, made by `make` from the peer's
    /// address: the connection's state is the handler's `&mut self`.
    #[track_caller]
    pub fn serve<H: Handler<TcpStream> + 'static>(
        &self,
        mut make: impl FnMut(SocketAddr) -> H + 'static,
    ) -> &TcpListener {
        let label = self.label(Location::caller());
        let run = move |stream: TcpStream, peer| {
            stream.flow().install(label, Box::new(make(peer)));
            Ok(())
        };
        self.0.install(label, Box::new(run));
        self
    }

    /// Calls `handler` when accepting fails; the listener stays open. Without one, failures are
    /// logged at WARN.
    #[track_caller]
    pub fn on_error<R: Outcome>(
        &self,
        mut handler: impl FnMut(&TcpListener, Error) -> R + 'static,
    ) -> &TcpListener {
        let run = move |acceptor: &Rc<Acceptor>, error| {
            handler(&TcpListener(Rc::clone(acceptor)), error).into_result()
        };
        self.0.on_error.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when the listener is closed, in the Close phase. Connections that it
    /// accepted live on.
    #[track_caller]
    pub fn on_close<R: Outcome>(&self, mut handler: impl FnMut() -> R + 'static) -> &TcpListener {
        let run = move || handler().into_result();
        self.0.on_close.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Stops accepting; the system keeps new connections waiting, as far as the backlog goes.
    pub fn pause(&self) {
        self.0.set_paused(true);
    }

    /// Accepts again, from the next turn on.
    pub fn resume(&self) {
        self.0.set_paused(false);
    }

    /// Closes the listener. Connections that wait to be accepted are refused by the system.
    pub fn close(&self) {
        self.0.close();
    }

    /// The address it listens on, with the port that the system chose for port 0.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the listener is closed, and what the system says.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        match &*self.0.io.borrow() {
            Some(io) => Ok(io.local_addr()?),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Lets the loop end although this listener is open.
    pub fn unref(&self) -> &TcpListener {
        self.0.set_referenced(false);
        self
    }

    /// Makes this listener keep the loop alive, as it does from the start.
    pub fn ref_(&self) -> &TcpListener {
        self.0.set_referenced(true);
        self
    }

    /// Whether this listener keeps the loop alive while it accepts.
    pub fn has_ref(&self) -> bool {
        self.0.activity.is_referenced()
    }

    /// Whether the listener is closed, or about to tell so.
    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    #[cfg(feature = "async")]
    pub(crate) fn acceptor(&self) -> &Rc<Acceptor> {
        &self.0
    }

    fn label(&self, at: At) -> Label {
        // The kind is set when the handler is lent.
        self.0.core.label(CallbackKind::Connection, at)
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.0.handle_dropped();
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpListener({})", self.0.describe().state)
    }
}
