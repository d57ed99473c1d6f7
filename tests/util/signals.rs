//! What the tests of signals share: one at a time, since signals are the whole process's.

use std::sync::{Mutex, MutexGuard, PoisonError};

use unspin::signal::{Signal, raise};

static ALONE: Mutex<()> = Mutex::new(());

/// While it lives, no other test that asks for it runs.
pub fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends a signal to this thread so many times; all are caught when this returns.
#[track_caller]
pub fn send(signal: Signal, times: usize) {
    for _ in 0..times {
        raise(signal).expect("the system has this signal");
    }
}

/// Whether the process catches a signal, as the system has it.
pub fn is_caught(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("the system tells");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = u64::from_str_radix(caught.expect("it is listed").trim(), 16);
    caught.expect("it is a number") >> (signal.as_raw() - 1) & 1 == 1
}
