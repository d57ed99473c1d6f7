//! The processor: its clock, one core of it, and its scheduler.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

const BATCHED: &str = "UNSPIN_RIVALS_BATCHED";

/// Stays on one core, and has the scheduler run this process and its children in batches: nobody is
/// preempted because he woke another. Returns what came of it, in words.
pub(crate) fn keep_still() -> String {
    if env::var_os(BATCHED).is_none() {
        if let Ok(itself) = env::current_exe() {
            let mut again = Command::new("chrt");
            again.args(["--batch", "0"]).arg(itself).args(env::args_os().skip(1)).env(BATCHED, "1");
            // Returns only where there is no such command.
            let _ = again.exec();
        }
    }
    let batched = if env::var_os(BATCHED).is_some() { "in batches" } else { "not in batches" };
    match stay_on_one_core() {
        Some(core) => format!("on core {core}, {batched}"),
        None => format!("on any core, {batched}"),
    }
}

#[cfg(target_os = "linux")]
fn stay_on_one_core() -> Option<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None).ok()?;
    let core = (0..CpuSet::MAX_CPU).find(|core| allowed.is_set(*core))?;
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).ok()?;
    Some(core)
}

#[cfg(not(target_os = "linux"))]
fn stay_on_one_core() -> Option<usize> {
    None
}

/// Measures the processor time of this process: of all its threads.
pub(crate) struct Clock(Duration);

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock(now())
    }

    /// Nanoseconds for each of `count` operations since the start.
    pub(crate) fn nanos_each(&self, count: usize) -> f64 {
        (now() - self.0).as_nanos() as f64 / count as f64
    }
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
