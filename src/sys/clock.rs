//! The clocks that std does not offer.

use std::time::Duration;

/// Monotonic time of the last scheduler tick: a few milliseconds coarse, a quarter of the price
/// of the precise clock.
///
/// In nanoseconds, for arithmetic that costs one instruction.
pub(crate) fn coarse() -> u64 {
    nanos(read(COARSE))
}

/// The time of std's `Instant`, in nanoseconds as well: taking two `Instant`s apart took 80 of the
/// 210 instructions in which a timer was put off.
#[inline]
pub(crate) fn precise() -> u64 {
    nanos(read(PRECISE))
}

fn nanos(time: libc::timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(target_vendor = "apple")]
const PRECISE: libc::clockid_t = libc::CLOCK_UPTIME_RAW;
#[cfg(not(target_vendor = "apple"))]
const PRECISE: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// CPU time that the calling thread has used.
pub(crate) fn thread_cpu() -> Duration {
    let used = read(libc::CLOCK_THREAD_CPUTIME_ID);
    Duration::new(used.tv_sec as u64, used.tv_nsec as u32)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const COARSE: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const COARSE: libc::clockid_t = PRECISE;

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid, writable timespec, and the kernel keeps no pointer to it.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut now) };
    debug_assert_eq!(failed, 0, "these clocks exist on every supported system");
    now
}
