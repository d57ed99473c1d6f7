//! The times of a file, with what std leaves out: a path, a link itself, and the kernel's own clock.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{SystemTime, UNIX_EPOCH};

/// What becomes of one of a file's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    Omit,
    /// The time at which the kernel does it.
    Now,
    At(SystemTime),
}

/// Sets the times of access and of modification of what is at `path`; of a symbolic link itself,
/// unless it is followed.
pub(crate) fn set_at(path: &CStr, times: [Stamp; 2], follow: bool) -> io::Result<()> {
    let times = [to_kernel(times[0])?, to_kernel(times[1])?];
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: the path ends with a zero and there are two times, as the call asks for; the kernel
    // keeps no pointer to either.
    let done = unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), flags) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The same for an open file.
pub(crate) fn set_of(file: &impl AsFd, times: [Stamp; 2]) -> io::Result<()> {
    let times = [to_kernel(times[0])?, to_kernel(times[1])?];
    // SAFETY: the descriptor is open, as it is borrowed; there are two times, as the call asks for,
    // to which the kernel keeps no pointer.
    let done = unsafe { libc::futimens(file.as_fd().as_raw_fd(), times.as_ptr()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn to_kernel(stamp: Stamp) -> io::Result<libc::timespec> {
    let (seconds, nanos) = match stamp {
        Stamp::Omit => (0, libc::UTIME_OMIT),
        Stamp::Now => (0, libc::UTIME_NOW),
        Stamp::At(time) => since_epoch(time).ok_or(io::ErrorKind::InvalidInput)?,
    };
    Ok(libc::timespec { tv_sec: seconds, tv_nsec: nanos })
}

/// Before the epoch, the seconds are rounded down: nanoseconds only ever count up.
fn since_epoch(time: SystemTime) -> Option<(i64, i64)> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => Some((after.as_secs().try_into().ok()?, after.subsec_nanos().into())),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).ok()?;
            match before.subsec_nanos() {
                0 => Some((-seconds, 0)),
                nanos => Some((-seconds - 1, 1_000_000_000 - i64::from(nanos))),
            }
        }
    }
}
