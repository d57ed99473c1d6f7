//! Groups of IPv6 that are heard from one sender only.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use libc::{c_int, sockaddr_storage, socklen_t};

use crate::sys::name::Name;

/// The layout of the kernel's `group_source_req`, which older versions of the libc crate lack.
#[repr(C)]
struct GroupSource {
    interface: u32,
    group: MaybeUninit<sockaddr_storage>,
    source: MaybeUninit<sockaddr_storage>,
}

/// Receives what `source` sends to `group`, on the interface with this index.
pub(crate) fn join_source(
    socket: &impl AsFd,
    source: Ipv6Addr,
    group: Ipv6Addr,
    interface: u32,
) -> io::Result<()> {
    set(socket, libc::MCAST_JOIN_SOURCE_GROUP, source, group, interface)
}

/// Receives it no more.
pub(crate) fn leave_source(
    socket: &impl AsFd,
    source: Ipv6Addr,
    group: Ipv6Addr,
    interface: u32,
) -> io::Result<()> {
    set(socket, libc::MCAST_LEAVE_SOURCE_GROUP, source, group, interface)
}

fn set(
    socket: &impl AsFd,
    option: c_int,
    source: Ipv6Addr,
    group: Ipv6Addr,
    interface: u32,
) -> io::Result<()> {
    let (group, source) = (storage(group), storage(source));
    let value = GroupSource { interface, group, source };
    let length = size_of::<GroupSource>() as socklen_t;
    let (fd, value) = (socket.as_fd().as_raw_fd(), (&raw const value).cast());
    // SAFETY: the pointer and the length are those of one readable request, all of whose fields are
    // initialized, the kernel keeps neither, and the descriptor is open, since its owner is borrowed.
    let failed = unsafe { libc::setsockopt(fd, libc::IPPROTO_IPV6, option, value, length) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// An address without a port. Zeros are behind it.
fn storage(address: Ipv6Addr) -> MaybeUninit<sockaddr_storage> {
    let mut storage = MaybeUninit::zeroed();
    SocketAddr::from((address, 0)).encode(&mut storage);
    storage
}
