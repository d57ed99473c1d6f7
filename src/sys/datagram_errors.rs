//! What routers and peers have said of datagrams, which the kernel keeps for who asks.

use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use libc::{c_int, iovec, msghdr, sockaddr_storage, socklen_t};

use crate::sys::name::Name;

/// Room for what comes beside the bytes: a header, the error, and who said it. In words, so that it
/// is aligned as a header must be.
type Control = [u64; 16];

/// Has the kernel keep them, each with the address that it is about.
pub(crate) fn keep(socket: &impl AsFd, v6: bool, on: bool) -> io::Result<()> {
    let (level, option) = if v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
    } else {
        (libc::IPPROTO_IP, libc::IP_RECVERR)
    };
    let (fd, value) = (socket.as_fd().as_raw_fd(), c_int::from(on));
    let length = size_of::<c_int>() as socklen_t;
    // SAFETY: the pointer and the length are those of one readable integer, the kernel keeps
    // neither, and the descriptor is open, since its owner is borrowed.
    let failed = unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), length) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes the next one that is kept: to whom the datagram had been sent, and what became of it.
pub(crate) fn take(socket: &impl AsFd) -> Option<(SocketAddr, io::Error)> {
    let mut name = MaybeUninit::<sockaddr_storage>::zeroed();
    let mut control: Control = [0; 16];
    // The beginning of the datagram would come here: nobody asks for it.
    let mut part = iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
    // SAFETY: it is integers and pointers, for which zero is a value.
    let mut message: msghdr = unsafe { zeroed() };
    message.msg_name = name.as_mut_ptr().cast();
    message.msg_namelen = size_of::<sockaddr_storage>() as socklen_t;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: name and control are writable and have the lengths that the message says; its one part
    // is empty. The kernel keeps no pointer, and the descriptor is open, as its owner is borrowed.
    let received = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, flags) };
    if received < 0 {
        return None;
    }
    let errno = errno_in(&message)?;
    let to = SocketAddr::decode(&name, message.msg_namelen as usize);
    Some((to, io::Error::from_raw_os_error(errno)))
}

fn errno_in(message: &msghdr) -> Option<c_int> {
    // SAFETY: the kernel has filled the control buffer, and set its length, which these functions
    // keep to; each header they give is inside of it.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: not null, so it is a header, with as many bytes behind it as it says. One of these
        // types is followed by an error.
        unsafe {
            let kind = ((*header).cmsg_level, (*header).cmsg_type);
            if kind == (libc::IPPROTO_IP, libc::IP_RECVERR)
                || kind == (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
            {
                let error = libc::CMSG_DATA(header).cast::<libc::sock_extended_err>();
                return Some(error.read_unaligned().ee_errno as c_int);
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}
