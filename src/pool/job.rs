//! A job, from the closure to its result.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use crate::clock;
use crate::error::discard_panic;

/// What a job returns. The caller knows the type, the pool does not.
pub(crate) type Output = Box<dyn Any + Send>;

/// What a job does.
pub(crate) type Work = Box<dyn FnOnce() -> Output + Send>;

/// The kind of work, which decides how many threads it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Files: quick as a rule, and may take every thread.
    Fs,
    /// Name lookups. Slow: a dead name server holds a thread for many seconds.
    Dns,
    /// The user's own blocking work. Slow, for all the pool knows.
    User,
}

impl Lane {
    pub(super) const COUNT: usize = 3;

    /// The lane's name in logs and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lane::Fs => "fs",
            Lane::Dns => "dns",
            Lane::User => "user",
        }
    }
}

/// Names one job of one pool. Counts up and is never used again, so that it also tells the age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct JobId(pub(super) u64);

impl JobId {
    /// The id as a number, for a log line.
    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

/// A job that ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) id: JobId,
    pub(crate) lane: Lane,
    /// The job's output, or the payload of its panic.
    pub(crate) result: std::thread::Result<Output>,
    /// From `submit` to the start.
    pub(crate) queued: Duration,
    /// From the start to the end, with the drop of what the closure had captured.
    pub(crate) ran: Duration,
}

/// A job that has not started.
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) lane: Lane,
    pub(super) work: Work,
    pub(super) submitted: Instant,
}

impl Job {
    /// Runs the job. What the closure had captured is gone when this returns, also after a panic.
    pub(super) fn run(self) -> Done {
        let started = clock::now();
        // Unwind safe, as `thread::spawn` is: the closure is consumed, and what it shared with
        // others tells them itself, as a poisoned mutex does.
        let result = panic::catch_unwind(AssertUnwindSafe(self.work));
        Done {
            id: self.id,
            lane: self.lane,
            result,
            queued: started - self.submitted,
            ran: clock::now() - started,
        }
    }
}

/// Drops a foreign value where a panic would harm others.
pub(super) fn drop_quietly<T>(value: T) {
    let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(value)));
    if let Err(payload) = dropped {
        discard_panic(payload);
    }
}
