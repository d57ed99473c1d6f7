//! Descriptors that the process was started with, and was told about.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The first descriptor after the standard ones, where the protocol of `LISTEN_FDS` begins.
const FIRST: RawFd = 3;

/// Takes what the process was left by whoever started it, in its order: once, and then nothing.
///
/// The environment is asked, which says for which process the descriptors are, and how many.
pub(crate) fn take_descriptors() -> Vec<OwnedFd> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").and_then(|count| RawFd::try_from(count).ok()).unwrap_or(0);
    (FIRST..FIRST.saturating_add(count)).map_while(take).collect()
}

/// Takes one, and has it closed on `exec`, so that children do not inherit it in turn.
fn take(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: a plain call on a number; one that is not open is an error.
    let set = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    // SAFETY: it is open, since the call before has not failed. It is ours alone: whoever started
    // this very process says in its environment that the descriptor is left to it, safe code cannot
    // change that variable afterwards, and `take_descriptors` does this once in a process.
    (set == 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether connections can be accepted at it. What is no socket cannot be asked, and does not listen.
pub(crate) fn listens(descriptor: &impl AsRawFd) -> bool {
    let mut accepts: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    let fd = descriptor.as_raw_fd();
    let (level, option) = (libc::SOL_SOCKET, libc::SO_ACCEPTCONN);
    let value = (&raw mut accepts).cast();
    // SAFETY: the pointers are to locals of the types that the option has, and `length` is the size
    // of the first; the descriptor is open, since its owner is borrowed.
    let asked = unsafe { libc::getsockopt(fd, level, option, value, &raw mut length) };
    asked == 0 && accepts != 0
}
