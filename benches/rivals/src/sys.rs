//! Calls that rustix does not have, and all the unsafe code of this crate.
#![allow(unsafe_code, reason = "each block says why it is sound")]

use std::io;
use std::time::Duration;

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

/// Processor time of a process: of all its threads, those that have ended among them.
pub(crate) fn processor_time_of(process: u32) -> io::Result<Duration> {
    let process = process.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut clock = 0;
    // SAFETY: the pointer is to a clock's number that outlives the call, which writes one there.
    let error = unsafe { libc::clock_getcpuclockid(process, &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a structure of the right type that outlives the call, which fills
    // it in. A clock whose process has ended meanwhile is an error.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if failed != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32))
}
