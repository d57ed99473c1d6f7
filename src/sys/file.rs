//! Reading a file into memory that nobody has filled with zeros before.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Reads what fits into the spare room of `bytes`, at the file's position; 0 is the end, or there is
/// no room.
pub(crate) fn read_more(file: &impl AsFd, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let (fd, room) = (file.as_fd().as_raw_fd(), bytes.spare_capacity_mut());
    // SAFETY: the pointer and the length are those of the vector's spare room, which may be written
    // to, the kernel does not keep them, and the descriptor is open, since its owner is borrowed.
    let read = unsafe { libc::read(fd, room.as_mut_ptr().cast(), room.len()) };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has written that many bytes behind the old length, which was no more than
    // there was room for.
    unsafe { bytes.set_len(bytes.len() + read) };
    Ok(read)
}
