//! How a TCP connection is made.

use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Error, Result};
use crate::net::address::Address;
use crate::net::connect;
use crate::net::keepalive::Keepalive;
use crate::net::tcp_connect;
use crate::net::tcp_stream::TcpStream;
use crate::request::Request;

/// How a TCP connection is made; [`TcpStream::connect`] uses the defaults.
///
/// ```no_run
/// use std::time::Duration;
/// use unspin::net::ConnectOptions;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let options = ConnectOptions::new().timeout(Duration::from_secs(3)).nodelay(true);
///     options.connect("localhost:7000").callback(|stream| {
///         println!("connected to {}", stream?.peer_addr()?);
///         unspin::Result::Ok(())
///     });
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    timeout: Option<Duration>,
    /// What is no address is told when it is connected.
    local: Option<Result<SocketAddr>>,
    reuse_address: bool,
    reuse_port: bool,
    nodelay: bool,
    keepalive: Option<Keepalive>,
    ttl: Option<u32>,
    receive_buffer: Option<usize>,
    send_buffer: Option<usize>,
}

impl ConnectOptions {
    /// The defaults.
    #[expect(clippy::new_without_default, reason = "reads better, and there is one way to do it")]
    pub fn new() -> ConnectOptions {
        ConnectOptions {
            timeout: None,
            local: None,
            reuse_address: false,
            reuse_port: false,
            nodelay: false,
            keepalive: None,
            ttl: None,
            receive_buffer: None,
            send_buffer: None,
        }
    }

    /// How long it may take, the lookup of a name and all attempts included. Default: as long as the
    /// system tries, which is about two minutes on Linux.
    pub fn timeout(mut self, timeout: Duration) -> ConnectOptions {
        self.timeout = Some(timeout);
        self
    }

    /// The address to connect from, bound before. Port 0 means any that is free. Of several
    /// addresses to connect to, only those of its family are tried. Default: as the system chooses.
    pub fn local_address(mut self, address: impl Address) -> ConnectOptions {
        self.local = Some(address.to_socket_addr());
        self
    }

    /// Whether the local address can be bound although connections of it linger. Default: no.
    pub fn reuse_address(mut self, reuse: bool) -> ConnectOptions {
        self.reuse_address = reuse;
        self
    }

    /// Whether the local address is shared with others that say so too. Default: no.
    pub fn reuse_port(mut self, reuse: bool) -> ConnectOptions {
        self.reuse_port = reuse;
        self
    }

    /// As [`TcpStream::set_nodelay`]. Default: no.
    pub fn nodelay(mut self, nodelay: bool) -> ConnectOptions {
        self.nodelay = nodelay;
        self
    }

    /// As [`TcpStream::set_keepalive`]. Default: none.
    pub fn keepalive(mut self, keepalive: Keepalive) -> ConnectOptions {
        self.keepalive = Some(keepalive);
        self
    }

    /// As [`TcpStream::set_ttl`]. Default: as the system has it.
    pub fn ttl(mut self, hops: u32) -> ConnectOptions {
        self.ttl = Some(hops);
        self
    }

    /// How much the system keeps until it is read, in bytes. Set before the connection is made, it
    /// limits what the peer may send ahead. Default: as the system has it, growing by itself; it
    /// may take less, and Linux says twice as much as it was told.
    pub fn receive_buffer(mut self, bytes: usize) -> ConnectOptions {
        self.receive_buffer = Some(bytes);
        self
    }

    /// How much the system takes before it is sent, in bytes: as
    /// [`receive_buffer`](ConnectOptions::receive_buffer).
    pub fn send_buffer(mut self, bytes: usize) -> ConnectOptions {
        self.send_buffer = Some(bytes);
        self
    }

    /// Connects as [`TcpStream::connect`] does.
    ///
    /// # Errors
    ///
    /// Those of [`TcpStream::connect`]; `TimedOut` if the timeout is over; `AddrInUse`,
    /// `AddrNotAvailable` and `PermissionDenied` for the local address; `InvalidInput` if that is
    /// not one, or is of another family than the address to connect to, and for options that the
    /// system does not take.
    #[track_caller]
    pub fn connect(&self, address: impl Address) -> Request<TcpStream> {
        tcp_connect::request(Location::caller(), address.to_destination(), self.clone())
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.timeout
    }

    /// Of several addresses, those of the local one's family: the others cannot be reached from it.
    /// If there are none of that family, all are kept, for the error.
    pub(crate) fn reachable(&self, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        if let Some(Ok(local)) = &self.local {
            let reachable = |address: &SocketAddr| address.is_ipv6() == local.is_ipv6();
            if addresses.iter().any(reachable) {
                addresses.retain(reachable);
            }
        }
        addresses
    }

    /// Begins to connect.
    pub(crate) fn dial(&self, address: SocketAddr) -> Result<mio::net::TcpStream> {
        let local = self.local.clone().transpose()?;
        let open = || {
            let socket = self.open(address)?;
            if let Some(local) = local {
                bind(&socket, local, address)?;
            }
            begin(&socket, address)?;
            Ok(mio::net::TcpStream::from_std(socket.into()))
        };
        open().map_err(|error| match local {
            Some(local) => Error::io(format!("connect to {address} from {local}"), error),
            None => connect::in_context(address, error),
        })
    }

    fn open(&self, address: SocketAddr) -> io::Result<Socket> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
        if self.reuse_address {
            socket.set_reuse_address(true)?;
        }
        if self.reuse_port {
            socket.set_reuse_port(true)?;
        }
        if self.nodelay {
            socket.set_tcp_nodelay(true)?;
        }
        if let Some(keepalive) = &self.keepalive {
            keepalive.set_on(&socket)?;
        }
        match self.ttl {
            Some(hops) if address.is_ipv6() => socket.set_unicast_hops_v6(hops)?,
            Some(hops) => socket.set_ttl_v4(hops)?,
            None => {}
        }
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        Ok(socket)
    }
}

fn bind(socket: &Socket, local: SocketAddr, peer: SocketAddr) -> io::Result<()> {
    if local.is_ipv6() != peer.is_ipv6() {
        let message = "the two addresses are of different families";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    socket.bind(&local.into())
}

fn begin(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(()),
        other => other,
    }
}
