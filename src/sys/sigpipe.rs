//! Writing to what is no socket, without the signal that comes where nobody reads it.
//!
//! Rust programs ignore SIGPIPE; a host program that has a loop in it may not, and `write` has no
//! flag for it as `send` has.

use std::ffi::c_int;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::ptr;

/// Whether a write that nobody reads would end the process, as things are.
pub(crate) fn is_deadly() -> bool {
    let mut there = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: no new action is given, and the pointer is to room for one, which the kernel does not
    // keep.
    let failed = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), there.as_mut_ptr()) } != 0;
    // SAFETY: all zeros is a sigaction, whether or not the kernel has filled it.
    let there = unsafe { there.assume_init() };
    !failed && there.sa_sigaction == libc::SIG_DFL
}

/// Runs `write` with the signal held back, and takes it away if that has raised it.
pub(crate) fn held_back<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let was_pending = is_pending();
    let before = mask(libc::SIG_BLOCK, &only_sigpipe());
    let result = write();
    let broke = result.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
    if broke && !was_pending && is_pending() {
        let (signal, mut number) = (only_sigpipe(), 0);
        // SAFETY: both pointers are to values that live through the call, and the kernel keeps
        // neither. It does not wait: the signal is pending for this thread, which blocks it.
        unsafe { libc::sigwait(&raw const signal, &raw mut number) };
    }
    mask(libc::SIG_SETMASK, &before);
    result
}

fn only_sigpipe() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to room for a set, which the first call makes an empty one; SIGPIPE is
    // a signal.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        set.assume_init()
    }
}

fn is_pending() -> bool {
    let mut set = only_sigpipe();
    // SAFETY: the pointers are to a set, which the first call fills.
    unsafe {
        libc::sigpending(&raw mut set) == 0 && libc::sigismember(&raw const set, libc::SIGPIPE) == 1
    }
}

/// Changes this thread's mask; returns what it was.
fn mask(how: c_int, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = only_sigpipe();
    // SAFETY: both pointers are to sets, the second a writable one, and the kernel keeps neither;
    // it fails only for a `how` that is none.
    unsafe { libc::pthread_sigmask(how, set, &raw mut before) };
    before
}
