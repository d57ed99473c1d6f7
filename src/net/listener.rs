//! TCP listeners.

use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::rc::Rc;

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::net::accept::{Acceptor, Listen};
use crate::net::address::Address;
use crate::net::listener_methods::listener;
use crate::net::tcp_stream::TcpStream;

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
pub struct TcpListener(pub(crate) Rc<Acceptor<mio::net::TcpListener>>);

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
    receive_buffer: Option<usize>,
    send_buffer: Option<usize>,
}

impl ListenOptions {
    /// The defaults.
    #[expect(clippy::new_without_default, reason = "reads better, and there is one way to do it")]
    pub fn new() -> ListenOptions {
        ListenOptions {
            backlog: BACKLOG,
            reuse_address: true,
            reuse_port: false,
            v6_only: None,
            receive_buffer: None,
            send_buffer: None,
        }
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

    /// How much the system keeps of each connection until it is read, in bytes. Default: as the
    /// system has it, growing by itself; it may take less, and Linux says twice as much as it was
    /// told.
    pub fn receive_buffer(mut self, bytes: usize) -> ListenOptions {
        self.receive_buffer = Some(bytes);
        self
    }

    /// How much the system takes of each connection before it is sent, in bytes: as
    /// [`receive_buffer`](ListenOptions::receive_buffer).
    pub fn send_buffer(mut self, bytes: usize) -> ListenOptions {
        self.send_buffer = Some(bytes);
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
            let io = mio::net::TcpListener::from_std(self.open(address)?.into());
            Acceptor::open(&core, io, at)
        };
        let acceptor =
            listen().map_err(|error| Error::io(format!("listen on {address}"), error))?;
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
        // Connections have them from their listener.
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
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
}

listener!(TcpListener, TcpStream, mio::net::TcpListener, SocketAddr);

impl Listen for mio::net::TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;
    const NAME: &'static str = "tcp listener";

    fn accept(&self) -> io::Result<(mio::net::TcpStream, SocketAddr)> {
        mio::net::TcpListener::accept(self)
    }

    fn describe(&self) -> String {
        self.local_addr().map_or_else(|_| "an address".to_owned(), |address| address.to_string())
    }
}
