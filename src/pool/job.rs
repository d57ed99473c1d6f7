//! A job, from the closure to its result.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock;
use crate::error::discard_panic;

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

/// A job of one pool. It is one allocation on its whole way, there and back: what it is for the
/// pool, and behind that the closure, in whose place the result comes.
pub(crate) struct Job<B: ?Sized = dyn Body> {
    pub(crate) id: JobId,
    pub(crate) lane: Lane,
    times: Option<Times>,
    body: B,
}

/// Names a job for as long as whoever submitted it keeps the key: see [`Pool::submit`].
///
/// [`Pool::submit`]: super::Pool::submit
pub(crate) type JobId = crate::slots::Key;

/// When a job did what. Only kept where somebody will be told: reading the clock three times took
/// a tenth of what a small job takes in all.
#[derive(Clone, Copy, Debug)]
struct Times {
    submitted: Instant,
    started: Instant,
    ended: Instant,
}

/// The part of a job whose type the pool does not know.
pub(crate) trait Body: Send {
    /// Does the work. What the closure had captured is gone when this returns, also after a panic.
    fn run(&mut self);

    /// The [`Progress`], for who knows its type.
    fn progress(&mut self) -> &mut dyn Any;
}

enum Progress<T, W> {
    Queued(W),
    Ended(thread::Result<T>),
    /// The closure runs, or the result was taken.
    Empty,
}

impl<T, W> Body for Progress<T, W>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    fn run(&mut self) {
        if let Progress::Queued(work) = std::mem::replace(self, Progress::Empty) {
            // Unwind safe, as `thread::spawn` is: the closure is consumed, and what it shared with
            // others tells them itself, as a poisoned mutex does.
            *self = Progress::Ended(panic::catch_unwind(AssertUnwindSafe(work)));
        }
    }

    fn progress(&mut self) -> &mut dyn Any {
        self
    }
}

impl Job {
    /// `is_timed` makes it note its times.
    pub(crate) fn new<T, W>(id: JobId, lane: Lane, is_timed: bool, work: W) -> Box<Job>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let times = is_timed.then(|| {
            let now = clock::now();
            Times { submitted: now, started: now, ended: now }
        });
        Box::new(Job { id, lane, times, body: Progress::Queued(work) })
    }

    pub(super) fn run(&mut self) {
        if let Some(times) = &mut self.times {
            times.started = clock::now();
        }
        self.body.run();
        if let Some(times) = &mut self.times {
            times.ended = clock::now();
        }
    }

    /// From being submitted to its start, and from there to its end; if it was timed.
    pub(crate) fn queued_and_ran(&self) -> Option<(Duration, Duration)> {
        let Times { submitted, started, ended } = self.times?;
        Some((started - submitted, ended - started))
    }

    /// The result, or the payload of its panic. `None` for a job that has not run, and for one that
    /// was made of other types.
    pub(crate) fn take_result<T: 'static, W: 'static>(&mut self) -> Option<thread::Result<T>> {
        let progress = self.body.progress().downcast_mut::<Progress<T, W>>()?;
        match std::mem::replace(progress, Progress::Empty) {
            Progress::Ended(result) => Some(result),
            _ => None,
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
