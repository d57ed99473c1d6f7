//! Raw descriptors: lending one, asking and telling the system about one.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The descriptor of `owner`, borrowed for as long as `owner` is.
pub(crate) fn borrow(owner: &impl AsRawFd) -> BorrowedFd<'_> {
    // SAFETY: `owner` keeps its descriptor open while it is borrowed, and the result cannot
    // outlive that borrow. It is not -1: every caller passes an object that has opened one.
    unsafe { BorrowedFd::borrow_raw(owner.as_raw_fd()) }
}

/// Whether `owner` could be read now: one system call, no waiting.
pub(crate) fn is_readable(owner: &impl AsRawFd) -> bool {
    poll(owner, libc::POLLIN, 0).unwrap_or(false)
}

/// Whether `owner` could be written to now: one system call, no waiting.
pub(crate) fn is_writable(owner: &impl AsRawFd) -> bool {
    poll(owner, libc::POLLOUT, 0).unwrap_or(false)
}

/// The same, waiting for so many milliseconds at most. May be called in a handler of a signal.
///
/// # Errors
///
/// What the system says, but `Interrupted`: then it waits anew.
pub(crate) fn is_writable_within(owner: &impl AsRawFd, timeout: libc::c_int) -> io::Result<bool> {
    loop {
        match poll(owner, libc::POLLOUT, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Blocks until `owner` can be written to, or fails when it is.
///
/// # Errors
///
/// `Interrupted` by a signal; what else the system says.
pub(crate) fn wait_until_writable(owner: &impl AsRawFd) -> io::Result<()> {
    poll(owner, libc::POLLOUT, -1).map(drop)
}

fn poll(owner: &impl AsRawFd, events: libc::c_short, timeout: libc::c_int) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: owner.as_raw_fd(), events, revents: 0 };
    // SAFETY: the pointer is to one writable pollfd, as the count says, and the kernel keeps no
    // pointer to it; the descriptor is open, since its owner is borrowed.
    let ready = unsafe { libc::poll(&raw mut poll, 1, timeout) };
    if ready < 0 { Err(io::Error::last_os_error()) } else { Ok(ready > 0) }
}

/// Whether reads and writes of `owner` fail with `WouldBlock` instead of waiting. That is a property
/// of what is open, which other descriptors and processes may share.
pub(crate) fn set_nonblocking(owner: &impl AsRawFd, nonblocking: bool) -> io::Result<()> {
    let fd = owner.as_raw_fd();
    // SAFETY: the call takes no pointer, and the descriptor is open, since its owner is borrowed.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    let wanted = if nonblocking { flags | libc::O_NONBLOCK } else { flags & !libc::O_NONBLOCK };
    // SAFETY: as above.
    let failed = wanted != flags && unsafe { libc::fcntl(fd, libc::F_SETFL, wanted) } < 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}
