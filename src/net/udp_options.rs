//! How a UDP socket is opened.

use std::io;
use std::net::SocketAddr;
use std::panic::Location;

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::net::address::Address;
use crate::net::udp::UdpSocket;

/// How a UDP socket is opened; [`UdpSocket::bind`] uses the defaults.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::net::UdpOptions;
///
/// unspin::run(|| {
///     let socket = UdpOptions::new().reuse_port(true).broadcast(true).bind("0.0.0.0:0")?;
///     println!("receiving on {}", socket.local_addr()?);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct UdpOptions {
    reuse_address: bool,
    reuse_port: bool,
    v6_only: Option<bool>,
    broadcast: bool,
    receive_buffer: Option<usize>,
    send_buffer: Option<usize>,
}

impl UdpOptions {
    /// The defaults.
    #[expect(clippy::new_without_default, reason = "reads better, and there is one way to do it")]
    pub fn new() -> UdpOptions {
        UdpOptions {
            reuse_address: false,
            reuse_port: false,
            v6_only: None,
            broadcast: false,
            receive_buffer: None,
            send_buffer: None,
        }
    }

    /// Whether several sockets may have the address. On Linux a datagram goes to the last of them
    /// that was bound; one to a multicast group goes to all. Default: no.
    pub fn reuse_address(mut self, reuse: bool) -> UdpOptions {
        self.reuse_address = reuse;
        self
    }

    /// Whether several sockets, of this and other processes, share the address; the system spreads
    /// the senders. Default: no.
    pub fn reuse_port(mut self, reuse: bool) -> UdpOptions {
        self.reuse_port = reuse;
        self
    }

    /// Whether a socket on an IPv6 address refuses IPv4. Default: as the system has it.
    pub fn v6_only(mut self, only: bool) -> UdpOptions {
        self.v6_only = Some(only);
        self
    }

    /// Whether datagrams may be sent to a broadcast address. Default: no.
    pub fn broadcast(mut self, broadcast: bool) -> UdpOptions {
        self.broadcast = broadcast;
        self
    }

    /// How much the system keeps until it is received, in bytes. Default: as the system has it. It
    /// may take less, and Linux says twice as much as it was told.
    pub fn receive_buffer(mut self, bytes: usize) -> UdpOptions {
        self.receive_buffer = Some(bytes);
        self
    }

    /// How much the system takes before it is sent, in bytes: as
    /// [`receive_buffer`](UdpOptions::receive_buffer).
    pub fn send_buffer(mut self, bytes: usize) -> UdpOptions {
        self.send_buffer = Some(bytes);
        self
    }

    /// Opens a socket at an address. Port 0 means any that is free: see
    /// [`UdpSocket::local_addr`].
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
    pub fn bind(&self, address: impl Address) -> Result<UdpSocket> {
        // Before anything else, for its panic.
        drop(current());
        let at = Location::caller();
        let address = address.to_socket_addr()?;
        let open = || UdpSocket::attach(at, self.open(address)?.into());
        open().map_err(|error| Error::io(format!("bind udp to {address}"), error))
    }

    fn open(&self, address: SocketAddr) -> io::Result<Socket> {
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
        if let (Some(only), true) = (self.v6_only, address.is_ipv6()) {
            socket.set_only_v6(only)?;
        }
        if self.reuse_address {
            socket.set_reuse_address(true)?;
        }
        if self.reuse_port {
            socket.set_reuse_port(true)?;
        }
        if self.broadcast {
            socket.set_broadcast(true)?;
        }
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        socket.bind(&address.into())?;
        Ok(socket)
    }
}
