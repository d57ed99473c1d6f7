//! Calls that rustix does not have, and all the unsafe code of this crate.
#![allow(unsafe_code, reason = "each block says why it is sound")]

use std::io;

/// Has the scheduler run this thread, and the processes it starts, in batches: nobody is preempted
/// because he woke another.
#[cfg(target_os = "linux")]
pub(crate) fn schedule_in_batches() -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: the pointer is to a structure of the right type that outlives the call, which only
    // reads it.
    let failed = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const priority) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Only Linux has it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn schedule_in_batches() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
