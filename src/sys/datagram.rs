//! Receiving and sending datagrams, many by one call.

use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::ptr;

use libc::{c_int, c_uint, iovec, msghdr, sockaddr_storage, socklen_t};

use crate::sys::name::Name;
use crate::sys::socket::NO_SIGNAL;

/// Datagrams in one call. A sixteenth of a call each is next to nothing; and a slot has 64 KiB, so
/// that more of them would be a lot of address space for little.
pub(crate) const BATCH: usize = 16;

/// What came with a datagram.
#[derive(Debug)]
pub(crate) struct Arrival<A> {
    /// Bytes in its slot.
    pub(crate) length: usize,
    pub(crate) from: A,
    /// It was longer than its slot; the rest of it is lost.
    pub(crate) truncated: bool,
}

impl<A: Name> Arrival<A> {
    pub(crate) fn nothing() -> Arrival<A> {
        Arrival { length: 0, from: A::nobody(), truncated: false }
    }
}

/// The layout of the kernel's `mmsghdr`, which not every system has.
#[repr(C)]
struct Header {
    message: msghdr,
    length: c_uint,
}

/// Receives what is there, at most a datagram for each slot and `BATCH` in all, and returns how many
/// came. The n-th is in the n-th slot, and told of by the n-th arrival.
pub(crate) fn receive<'a, A: Name>(
    socket: &impl AsFd,
    slots: impl Iterator<Item = &'a mut [u8]>,
    arrivals: &mut [Arrival<A>],
) -> io::Result<usize> {
    let mut names = [const { MaybeUninit::<sockaddr_storage>::zeroed() }; BATCH];
    let mut parts = [const { NO_PART }; BATCH];
    let mut headers = [const { MaybeUninit::<Header>::uninit() }; BATCH];
    let mut asked = 0;
    for slot in slots.take(BATCH) {
        parts[asked] = iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
        let name = (names[asked].as_mut_ptr(), size_of::<sockaddr_storage>());
        headers[asked].write(header(&mut parts[asked], name));
        asked += 1;
    }
    let first = headers.as_mut_ptr().cast::<Header>();
    // SAFETY: the first `asked` headers are written. Each points to a part and a name of its own in
    // the arrays above, which stay where they are, and each part to a slot that is borrowed
    // mutably for this call; the lengths are those of slots and names. The kernel keeps none of it.
    let came = unsafe { receive_all(socket.as_fd().as_raw_fd(), first, asked) };
    let came = usize::try_from(came).map_err(|_| io::Error::last_os_error())?;
    for (n, arrival) in arrivals.iter_mut().enumerate().take(came) {
        // SAFETY: as many as came are among those that were written.
        let header = unsafe { headers[n].assume_init_ref() };
        *arrival = Arrival {
            length: header.length as usize,
            from: A::decode(&names[n], header.message.msg_namelen as usize),
            truncated: header.message.msg_flags & libc::MSG_TRUNC != 0,
        };
    }
    Ok(came)
}

/// Sends datagrams, at most `BATCH`, each to its address, or to the peer of a connected socket.
/// Returns how many the kernel took; an error is that of the first.
pub(crate) fn send<'a, A: Name>(
    socket: &impl AsFd,
    datagrams: impl Iterator<Item = (&'a [u8], Option<&'a A>)>,
) -> io::Result<usize> {
    let mut names = [const { MaybeUninit::<sockaddr_storage>::uninit() }; BATCH];
    let mut parts = [const { NO_PART }; BATCH];
    let mut headers = [const { MaybeUninit::<Header>::uninit() }; BATCH];
    let mut offered = 0;
    for (bytes, to) in datagrams.take(BATCH) {
        // The kernel reads it only; the type is that for receiving as well.
        let base = bytes.as_ptr().cast_mut().cast();
        parts[offered] = iovec { iov_base: base, iov_len: bytes.len() };
        let length = to.map_or(0, |to| to.encode(&mut names[offered]));
        let name = if length == 0 { ptr::null_mut() } else { names[offered].as_mut_ptr() };
        headers[offered].write(header(&mut parts[offered], (name, length)));
        offered += 1;
    }
    let first = headers.as_mut_ptr().cast::<Header>();
    // SAFETY: the first `offered` headers are written. Each points to a part of its own and to a
    // name of its own, of which the first bytes, as many as the length says, are written, or to
    // none; each part to bytes that are borrowed for this call. The kernel keeps none of it.
    let sent = unsafe { send_all(socket.as_fd().as_raw_fd(), first, offered) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

const NO_PART: iovec = iovec { iov_base: ptr::null_mut(), iov_len: 0 };

fn header(part: *mut iovec, name: (*mut sockaddr_storage, usize)) -> Header {
    // SAFETY: it is integers and pointers, for which zero is a value. Not written out, as it has
    // padding with a name on some systems.
    let mut message: msghdr = unsafe { zeroed() };
    message.msg_name = name.0.cast();
    message.msg_namelen = name.1 as socklen_t;
    message.msg_iov = part;
    message.msg_iovlen = 1;
    Header { message, length: 0 }
}

/// # Safety
///
/// `count` headers are at `headers`, and what they point to may be written to.
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn receive_all(fd: RawFd, headers: *mut Header, count: usize) -> c_int {
    // SAFETY: the caller's promise; the layout is the kernel's. No time limit: the socket does not
    // block.
    unsafe {
        libc::recvmmsg(
            fd,
            headers.cast(),
            count as c_uint,
            libc::MSG_DONTWAIT as _,
            ptr::null_mut(),
        )
    }
}

/// # Safety
///
/// `count` headers are at `headers`, and what they point to may be read.
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn send_all(fd: RawFd, headers: *mut Header, count: usize) -> c_int {
    // SAFETY: the caller's promise; the layout is the kernel's.
    unsafe { libc::sendmmsg(fd, headers.cast(), count as c_uint, NO_SIGNAL as _) }
}

/// The same where the system has no such call: one by one.
///
/// # Safety
///
/// `count` headers are at `headers`, and what they point to may be written to.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
unsafe fn receive_all(fd: RawFd, headers: *mut Header, count: usize) -> c_int {
    // SAFETY: the caller's promise, for each of them.
    unsafe { one_by_one(headers, count, |message| libc::recvmsg(fd, message, libc::MSG_DONTWAIT)) }
}

/// # Safety
///
/// `count` headers are at `headers`, and what they point to may be read.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
unsafe fn send_all(fd: RawFd, headers: *mut Header, count: usize) -> c_int {
    // SAFETY: the caller's promise, for each of them.
    unsafe { one_by_one(headers, count, |message| libc::sendmsg(fd, message, NO_SIGNAL)) }
}

/// # Safety
///
/// `count` headers are at `headers`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
unsafe fn one_by_one(
    headers: *mut Header,
    count: usize,
    mut call: impl FnMut(*mut msghdr) -> libc::ssize_t,
) -> c_int {
    for n in 0..count {
        // SAFETY: the caller's promise.
        let header = unsafe { &mut *headers.add(n) };
        match c_uint::try_from(call(&mut header.message)) {
            Ok(length) => header.length = length,
            Err(_) if n > 0 => return n as c_int,
            Err(_) => return -1,
        }
    }
    count as c_int
}

/// Whether a datagram without an address was sent on a socket without a peer.
pub(crate) fn lacks_destination(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EDESTADDRREQ | libc::ENOTCONN))
}

/// Gives a socket a peer.
pub(crate) fn connect(socket: &impl AsFd, peer: &impl Name) -> io::Result<()> {
    let mut name = MaybeUninit::<sockaddr_storage>::uninit();
    let length = peer.encode(&mut name) as socklen_t;
    let (fd, name) = (socket.as_fd().as_raw_fd(), name.as_ptr().cast());
    // SAFETY: as many bytes of the name as the length says are written, the kernel keeps no
    // pointer, and the descriptor is open, since its owner is borrowed.
    let failed = unsafe { libc::connect(fd, name, length) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes the peer of a connected socket away.
pub(crate) fn disconnect(socket: &impl AsFd) -> io::Result<()> {
    let nobody = libc::sockaddr {
        sa_family: libc::AF_UNSPEC as libc::sa_family_t,
        // SAFETY: it is integers, for which zero is a value; some systems have one field more.
        ..unsafe { zeroed() }
    };
    let length = size_of::<libc::sockaddr>() as socklen_t;
    // SAFETY: the pointer and the length are those of one readable address, the kernel keeps
    // neither, and the descriptor is open, since its owner is borrowed.
    let failed = unsafe { libc::connect(socket.as_fd().as_raw_fd(), &raw const nobody, length) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
