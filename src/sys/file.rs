//! Reading and writing files in ways that std has not: into memory that nobody has filled with
//! zeros before, many slices at an offset, and as a copy that shares its blocks.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};

/// As many slices as Linux takes with one call (`IOV_MAX`).
pub(crate) const MOST_SLICES: usize = 1024;

/// Reads at most `most` bytes that fit into the spare room of `bytes`, at the file's position; 0 is
/// the end, or there is no room.
pub(crate) fn read_more(file: &impl AsFd, bytes: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    let (fd, room) = (file.as_fd().as_raw_fd(), bytes.spare_capacity_mut());
    let length = room.len().min(most);
    // SAFETY: the pointer is that of the vector's spare room, which may be written to and is no
    // shorter than the length, the kernel does not keep it, and the descriptor is open, since its
    // owner is borrowed.
    let read = unsafe { libc::read(fd, room.as_mut_ptr().cast(), length) };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has written that many bytes behind the old length, which was no more than
    // there was room for.
    unsafe { bytes.set_len(bytes.len() + read) };
    Ok(read)
}

/// Writes what the system takes of `slices`, at most [`MOST_SLICES`] of them, at `offset`.
pub(crate) fn write_vectored_at(
    file: &impl AsFd,
    slices: &[IoSlice<'_>],
    offset: u64,
) -> io::Result<usize> {
    let (count, offset) = (slices.len().min(MOST_SLICES) as libc::c_int, to_offset(offset)?);
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: an `IoSlice` has the layout of an `iovec`, as std promises; there are as many as the
    // count says, of readable memory that is borrowed, and the kernel keeps no pointer. The
    // descriptor is open, since its owner is borrowed.
    let written = unsafe { libc::pwritev(fd, slices.as_ptr().cast(), count, offset) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// Reads into `slices`, at most [`MOST_SLICES`] of them, at `offset`; 0 is the end.
pub(crate) fn read_vectored_at(
    file: &impl AsFd,
    slices: &mut [IoSliceMut<'_>],
    offset: u64,
) -> io::Result<usize> {
    let (count, offset) = (slices.len().min(MOST_SLICES) as libc::c_int, to_offset(offset)?);
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: as above, and the memory may be written to: it is borrowed for that.
    let read = unsafe { libc::preadv(fd, slices.as_mut_ptr().cast(), count, offset) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

fn to_offset(offset: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// How an open file is locked, against other open files.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock {
    Exclusive,
    Shared,
    None,
}

/// Returns `false` where others have it, and does not wait for them.
pub(crate) fn try_lock(file: &impl AsFd, lock: Lock) -> io::Result<bool> {
    let operation = match lock {
        Lock::Exclusive => libc::LOCK_EX,
        Lock::Shared => libc::LOCK_SH,
        Lock::None => libc::LOCK_UN,
    };
    // SAFETY: flock takes numbers only, and the descriptor is open, since its owner is borrowed.
    let failed = unsafe { libc::flock(file.as_fd().as_raw_fd(), operation | libc::LOCK_NB) } < 0;
    let error = if failed { io::Error::last_os_error() } else { return Ok(true) };
    if error.kind() == io::ErrorKind::WouldBlock { Ok(false) } else { Err(error) }
}

/// Lets reads and writes of a file wait, which was opened so that opening would not.
pub(crate) fn let_it_block(file: &impl AsFd) -> io::Result<()> {
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open, since its owner is borrowed; no pointer is passed.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as before.
    let done = unsafe { libc::fcntl(fd, libc::F_SETFL, flags & !libc::O_NONBLOCK) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes `to` share the blocks of `from`, where the file system can do that.
#[cfg(target_os = "linux")]
pub(crate) fn share_blocks(from: &impl AsFd, to: &impl AsFd) -> io::Result<()> {
    let (from, to) = (from.as_fd().as_raw_fd(), to.as_fd().as_raw_fd());
    // SAFETY: this request takes a descriptor by value; both are open, since they are borrowed.
    let done = unsafe { libc::ioctl(to, libc::FICLONE, from) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes `to` share the blocks of `from`, where the file system can do that.
#[cfg(not(target_os = "linux"))]
pub(crate) fn share_blocks(_: &impl AsFd, _: &impl AsFd) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
