//! Lending a raw descriptor.

use std::os::fd::{AsRawFd, BorrowedFd};

/// The descriptor of `owner`, borrowed for as long as `owner` is.
pub(crate) fn borrow(owner: &impl AsRawFd) -> BorrowedFd<'_> {
    // SAFETY: `owner` keeps its descriptor open while it is borrowed, and the result cannot
    // outlive that borrow. It is not -1: every caller passes an object that has opened one.
    unsafe { BorrowedFd::borrow_raw(owner.as_raw_fd()) }
}

/// Whether `owner` could be read now: one system call, no waiting.
pub(crate) fn is_readable(owner: &impl AsRawFd) -> bool {
    let mut poll = libc::pollfd { fd: owner.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the pointer is to one writable pollfd, as the count says, and the kernel keeps no
    // pointer to it; the descriptor is open, since its owner is borrowed.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    ready > 0
}
