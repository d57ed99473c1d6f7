//! What the tests of UDP share.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket as Blocking};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use unspin::net::UdpSocket;

use crate::util::net::PATIENCE;

/// A socket on a free port, and its address.
#[track_caller]
pub fn bound() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = socket.local_addr().expect("it is open");
    (socket, address)
}

/// A blocking socket that does not wait for ever.
pub fn blocking() -> Blocking {
    let socket = Blocking::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    socket
}

/// An address at which nobody receives.
pub fn nobody() -> SocketAddr {
    blocking().local_addr().expect("it is open")
}

/// A connected socket whose peer's queue can be filled: over the loopback interface, UDP loses what
/// the peer does not read, and never says that it has no room.
pub fn narrow() -> (UdpSocket, UnixDatagram) {
    let (ours, peer) = UnixDatagram::pair().expect("the system has descriptors left");
    peer.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    let ours = std::net::UdpSocket::from(OwnedFd::from(ours));
    (UdpSocket::from_std(ours).expect("it can be watched"), peer)
}
