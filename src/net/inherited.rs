//! Listening sockets that the process was started with, as systemd does it.

use std::io;
use std::os::fd::OwnedFd;
use std::panic::Location;

use socket2::{SockRef, Type};

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::event_loop::core::Loop;
use crate::net::accept::Acceptor;
use crate::net::listener::TcpListener;
use crate::net::unix_listener::UnixListener;
use crate::net::unix_path::Bound;
use crate::sys::inherited;
use crate::trace::At;

/// A socket that the process was started with.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inherited {
    /// What the service calls it (`FileDescriptorName=`); `unknown` if nothing was said, as in
    /// systemd.
    pub name: String,
    /// The socket.
    pub socket: InheritedSocket,
}

/// What kind of socket the process was started with.
#[derive(Debug)]
#[non_exhaustive]
pub enum InheritedSocket {
    /// One that listens for TCP connections.
    Tcp(TcpListener),
    /// One that listens for connections of this machine. Its path is left to whoever made it.
    Unix(UnixListener),
    /// Anything else: a socket for datagrams, a pipe.
    Other(OwnedFd),
}

/// Takes over the listening sockets that the process was started with: what systemd calls socket
/// activation, and says by `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` (sd_listen_fds(3)).
///
/// The first call takes all of them, and further calls find none. Variables that are meant for
/// another process are passed over. The descriptors are closed on `exec`, and the variables stay:
/// children see that they are not meant.
///
/// ```
/// use unspin::net::{InheritedSocket, TcpListener, inherited_listeners};
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let inherited = inherited_listeners()?.into_iter().find_map(|it| match it.socket {
///         InheritedSocket::Tcp(listener) => Some(listener),
///         _ => None,
///     });
///     let listener = match inherited {
///         Some(listener) => listener,
///         None => TcpListener::bind("127.0.0.1:0")?,
///     };
///     println!("listening on {}", listener.local_addr()?);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// What the system says; then those that were passed are closed.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn inherited_listeners() -> Result<Vec<Inherited>> {
    let (core, at) = (current(), Location::caller());
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    // One may be empty, and the others are not moved up by it.
    let mut names = names.split(':');
    let named = inherited::take_descriptors().into_iter().map(|descriptor| {
        let name = names.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
        let socket = adopt(&core, at, descriptor);
        let in_context = |error| Error::io(format!("adopt the socket {name}"), error);
        Ok(Inherited { socket: socket.map_err(in_context)?, name })
    });
    named.collect()
}

fn adopt(core: &Loop, at: At, descriptor: OwnedFd) -> io::Result<InheritedSocket> {
    let socket = SockRef::from(&descriptor);
    let address = match socket.local_addr() {
        Ok(address) if inherited::listens(&descriptor) => address,
        // What is no socket has no address.
        _ => return Ok(InheritedSocket::Other(descriptor)),
    };
    let is_stream = socket.r#type()? == Type::STREAM;
    if !is_stream || !(address.is_ipv4() || address.is_ipv6() || address.is_unix()) {
        return Ok(InheritedSocket::Other(descriptor));
    }
    socket.set_nonblocking(true)?;
    if address.is_unix() {
        let io = mio::net::UnixListener::from_std(descriptor.into());
        let acceptor = Acceptor::open(core, Bound::without_path(io), at)?;
        return Ok(InheritedSocket::Unix(UnixListener(acceptor)));
    }
    let io = mio::net::TcpListener::from_std(descriptor.into());
    Ok(InheritedSocket::Tcp(TcpListener(Acceptor::open(core, io, at)?)))
}
