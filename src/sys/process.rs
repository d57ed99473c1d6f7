//! Children: whether one has ended, and signals to it.

use std::io;
use std::mem;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::fd::{OwnedFd, RawFd};

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

/// The same, without taking the child away: its number stays its own.
pub(crate) fn peek(pid: libc::pid_t) -> io::Result<Option<i32>> {
    // SAFETY: all zeros is a siginfo_t: integers and pointers.
    let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the pointer is to a writable siginfo_t, which the kernel does not keep.
    let failed =
        unsafe { libc::waitid(libc::P_PID, pid.unsigned_abs(), &raw mut info, flags) != 0 };
    if failed {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has written what it tells of a child, or left the zeros where none has ended.
    let (found, status) = unsafe { (info.si_pid(), info.si_status()) };
    // As `waitpid` has it: a code in the second byte, a signal in the first, with a bit for a core.
    Ok((found != 0).then_some(match info.si_code {
        libc::CLD_EXITED => (status & 0xff) << 8,
        libc::CLD_DUMPED => status | 0x80,
        _ => status,
    }))
}

/// Whether a descriptor of a process tells of its end: from Linux 5.3 on, if nothing forbids it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn has_pidfd() -> bool {
    // SAFETY: the calls take no pointer.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) };
    match RawFd::try_from(fd) {
        Ok(fd) if fd >= 0 => {
            // SAFETY: the kernel has opened it for this call, and nobody else knows it.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
            true
        }
        // To be out of descriptors says nothing of what the kernel has.
        _ => !matches!(
            io::Error::last_os_error().raw_os_error(),
            Some(libc::ENOSYS | libc::EPERM | libc::EACCES)
        ),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn has_pidfd() -> bool {
    false
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
