//! Children: whether one has ended, and signals to it.

use std::io;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;

/// The status of a child that has ended, which by that is gone; `None` if it runs still.
///
/// It asks for this child and for no other: those of the rest of the program are not taken away
/// from it.
pub(crate) fn try_wait(pid: libc::pid_t) -> io::Result<Option<i32>> {
    let mut status = 0;
    // SAFETY: the pointer is to a writable integer.
    match unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } {
        0 => Ok(None),
        found if found == pid => Ok(Some(status)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends a signal to the very process that `pidfd` was opened for, whoever has its number now.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn signal(pidfd: &OwnedFd, number: i32) -> io::Result<()> {
    let fd = pidfd.as_raw_fd();
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open, since its owner is borrowed, and a null pointer says that
    // nothing is to go with the signal.
    let failed = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, number, info, 0) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn signal(_: &OwnedFd, _: i32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
