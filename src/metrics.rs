//! What a loop counts about itself.

use std::cell::Cell;
use std::ops::Sub;
use std::time::{Duration, Instant};

use crate::sys::usage::{self, Switches};

/// The counters of one loop, written by its thread alone.
#[derive(Debug)]
pub(crate) struct Counters {
    started: Instant,
    /// What the kernel had counted for the thread before the loop was built.
    cpu_before: Duration,
    switches_before: Switches,
    pub(crate) turns: Counter,
    pub(crate) turns_slept: Counter,
    pub(crate) turns_empty: Counter,
    pub(crate) tasks: Counter,
    pub(crate) ticks: Counter,
    pub(crate) microtasks: Counter,
    pub(crate) jobs: Counter,
    pub(crate) frames: Counter,
    pub(crate) events: Counter,
    pub(crate) asleep_ns: Counter,
}

/// A number that only goes up.
#[derive(Debug, Default)]
pub(crate) struct Counter(Cell<u64>);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.set(self.0.get() + n);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}

impl Counters {
    /// `now` and `cpu` are the precise time and the thread's CPU time.
    pub(crate) fn new(now: Instant, cpu: Duration) -> Counters {
        Counters {
            started: now,
            cpu_before: cpu,
            switches_before: usage::switches(),
            turns: Counter::default(),
            turns_slept: Counter::default(),
            turns_empty: Counter::default(),
            tasks: Counter::default(),
            ticks: Counter::default(),
            microtasks: Counter::default(),
            jobs: Counter::default(),
            frames: Counter::default(),
            events: Counter::default(),
            asleep_ns: Counter::default(),
        }
    }

    /// Ticks and microtasks.
    pub(crate) fn micro(&self) -> u64 {
        self.ticks.get() + self.microtasks.get()
    }

    pub(crate) fn snapshot(&self, now: Instant, cpu: Duration) -> Metrics {
        let switches = usage::switches();
        Metrics {
            wall: now - self.started,
            asleep: Duration::from_nanos(self.asleep_ns.get()),
            cpu: cpu.saturating_sub(self.cpu_before),
            voluntary_switches: switches.voluntary - self.switches_before.voluntary,
            involuntary_switches: switches.involuntary - self.switches_before.involuntary,
            turns: self.turns.get(),
            turns_slept: self.turns_slept.get(),
            turns_empty: self.turns_empty.get(),
            tasks: self.tasks.get(),
            ticks: self.ticks.get(),
            microtasks: self.microtasks.get(),
            jobs: self.jobs.get(),
            frames: self.frames.get(),
            events: self.events.get(),
        }
    }
}

/// A loop's counters at one moment; subtract an earlier one to see what happened between.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let before = unspin::metrics();
///     unspin::set_immediate(move || {
///         let between = unspin::metrics() - before;
///         assert_eq!(between.turns, 1);
///     });
/// })
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// Time since the loop was built: asleep plus running.
    pub wall: Duration,
    /// Time spent in a poll that was allowed to sleep.
    pub asleep: Duration,
    /// CPU time of the loop's thread, by the kernel's account.
    pub cpu: Duration,
    /// How often the kernel saw the thread give the processor up.
    pub voluntary_switches: u64,
    /// How often the kernel took the processor away.
    pub involuntary_switches: u64,
    /// Turns begun.
    pub turns: u64,
    /// Turns in which the poll was allowed to sleep.
    pub turns_slept: u64,
    /// Turns in which nothing ran: the loop woke, or spun, for nothing.
    pub turns_empty: u64,
    /// Tasks run.
    pub tasks: u64,
    /// Ticks run.
    pub ticks: u64,
    /// Microtasks run.
    pub microtasks: u64,
    /// Pool jobs that came back.
    pub jobs: u64,
    /// Frames rendered.
    pub frames: u64,
    /// Readiness events that the kernel delivered.
    pub events: u64,
}

impl Metrics {
    /// Time not asleep: in callbacks, and in the loop itself.
    pub fn running(&self) -> Duration {
        self.wall.saturating_sub(self.asleep)
    }

    /// The part of the time in which the loop was running, from 0 to 1; 0 for no time at all.
    ///
    /// Node calls it event loop utilisation.
    pub fn utilisation(&self) -> f64 {
        if self.wall.is_zero() {
            return 0.0;
        }
        self.running().as_secs_f64() / self.wall.as_secs_f64()
    }

    /// What happened between `earlier` and this one; what would be negative is zero.
    pub fn since(&self, earlier: &Metrics) -> Metrics {
        Metrics {
            wall: self.wall.saturating_sub(earlier.wall),
            asleep: self.asleep.saturating_sub(earlier.asleep),
            cpu: self.cpu.saturating_sub(earlier.cpu),
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(earlier.involuntary_switches),
            turns: self.turns.saturating_sub(earlier.turns),
            turns_slept: self.turns_slept.saturating_sub(earlier.turns_slept),
            turns_empty: self.turns_empty.saturating_sub(earlier.turns_empty),
            tasks: self.tasks.saturating_sub(earlier.tasks),
            ticks: self.ticks.saturating_sub(earlier.ticks),
            microtasks: self.microtasks.saturating_sub(earlier.microtasks),
            jobs: self.jobs.saturating_sub(earlier.jobs),
            frames: self.frames.saturating_sub(earlier.frames),
            events: self.events.saturating_sub(earlier.events),
        }
    }
}

impl Sub for Metrics {
    type Output = Metrics;

    fn sub(self, earlier: Metrics) -> Metrics {
        self.since(&earlier)
    }
}
