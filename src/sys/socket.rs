//! Receiving and sending, straight from the kernel.
//!
//! std does the same through several layers of wrappers, which cost as much as the rest of the
//! loop does for a small message.

use std::io;
use std::os::fd::AsRawFd;

/// Receives into `buffer` what is there; 0 is the end.
#[inline]
pub(crate) fn recv(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<usize> {
    recv_with(socket, buffer, 0)
}

/// The same for a socket that may block: this call does not.
pub(crate) fn recv_at_once(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<usize> {
    recv_with(socket, buffer, libc::MSG_DONTWAIT)
}

#[inline(always)]
fn recv_with(socket: &impl AsRawFd, buffer: &mut [u8], flags: libc::c_int) -> io::Result<usize> {
    let fd = socket.as_raw_fd();
    // SAFETY: the pointer and the length are those of one writable slice, the kernel keeps neither,
    // and the descriptor is open, since its owner is borrowed.
    let received = unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    usize::try_from(received).map_err(|_| io::Error::last_os_error())
}

/// Sends what the kernel takes of `bytes`. A broken pipe is an error and no signal.
#[inline]
pub(crate) fn send(socket: &impl AsRawFd, bytes: &[u8]) -> io::Result<usize> {
    send_with(socket, bytes, NO_SIGNAL)
}

/// The same for a socket that may block: this call does not.
pub(crate) fn send_at_once(socket: &impl AsRawFd, bytes: &[u8]) -> io::Result<usize> {
    send_with(socket, bytes, NO_SIGNAL | libc::MSG_DONTWAIT)
}

#[inline(always)]
fn send_with(socket: &impl AsRawFd, bytes: &[u8], flags: libc::c_int) -> io::Result<usize> {
    let fd = socket.as_raw_fd();
    // SAFETY: the pointer and the length are those of one readable slice, the kernel keeps neither,
    // and the descriptor is open, since its owner is borrowed.
    let sent = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
/// Elsewhere mio turns the signal off for the socket.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(crate) const NO_SIGNAL: libc::c_int = 0;
