//! From a file to a socket inside the kernel.

use std::io;
use std::os::fd::AsFd;

/// Sends up to `length` bytes of `from` at `offset`; 0 is the end of the file.
///
/// # Errors
///
/// `InvalidInput` or `Unsupported` where the system cannot do it with these two; what else it says.
#[cfg(target_os = "linux")]
pub(crate) fn send(
    from: &impl AsFd,
    offset: u64,
    length: usize,
    to: &impl AsFd,
) -> io::Result<usize> {
    use std::os::fd::AsRawFd;

    let (from, to) = (from.as_fd().as_raw_fd(), to.as_fd().as_raw_fd());
    let mut offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: both descriptors are open, since they are borrowed; the pointer is to one offset, which
    // may be written to and which the kernel does not keep.
    let sent = unsafe { libc::sendfile(to, from, &raw mut offset, length) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Elsewhere the bytes are read and written.
#[cfg(not(target_os = "linux"))]
pub(crate) fn send(_: &impl AsFd, _: u64, _: usize, _: &impl AsFd) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
