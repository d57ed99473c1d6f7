//! The events of the log, one function a shape. `docs/ordering.md` shows how to read them.
//!
//! Fields are computed only where somebody listens. No function here is called while a `RefCell`
//! of the loop is borrowed: a subscriber may call the loop.

use std::time::{Duration, Instant};

use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::span::EnteredSpan;
use tracing::{Level, debug, enabled, field, info, trace, trace_span, warn};

use crate::clock::{self, Nanos};
use crate::error::Error;
use crate::metrics::{Counters, Metrics};
use crate::trace::{Causes, Label, Line};

const RUN: &str = "unspin::run";
const PHASE: &str = "unspin::phase";
const TASK: &str = "unspin::task";
const MICRO: &str = "unspin::micro";
const POOL: &str = "unspin::pool";
const RESOURCE: &str = "unspin::resource";
const WATCH: &str = "unspin::watch";

const NANOS_PER_MILLI: Nanos = 1_000_000;

pub(crate) fn start(pool: usize, virtual_time: bool) {
    let clock = if virtual_time { "virtual" } else { "real" };
    info!(name: "start", target: RUN, pool, clock, "start");
}

/// The ledger: asleep and running add up to wall.
pub(crate) fn exit(reason: &str, code: i32, metrics: impl FnOnce() -> Metrics) {
    if !enabled!(target: RUN, Level::INFO) {
        return;
    }
    let m = metrics();
    info!(
        name: "exit", target: RUN, reason, code,
        turns = m.turns, tasks = m.tasks, ticks = m.ticks, microtasks = m.microtasks, jobs = m.jobs,
        wall_ms = millis(m.wall), asleep_ms = millis(m.asleep), running_ms = millis(m.running()),
        cpu_ms = millis(m.cpu), switches = m.voluntary_switches,
        utilisation = m.utilisation(), "exit"
    );
}

pub(crate) fn sleep(turn: u64, timeout: Option<Duration>, why: impl FnOnce() -> String) {
    if enabled!(target: PHASE, Level::DEBUG) {
        let why = why();
        let timeout_us = timeout.map(micros);
        debug!(name: "sleep", target: PHASE, turn, why, timeout_us, "sleep");
    }
}

pub(crate) fn wake(turn: u64, slept_ns: u64, events: usize, by: impl FnOnce() -> String) {
    if enabled!(target: PHASE, Level::DEBUG) {
        let by = by();
        debug!(name: "wake", target: PHASE, turn, slept_us = slept_ns / 1000, by, events, "wake");
    }
}

/// Whether anybody may listen to what is said about each phase: one load and one comparison.
#[inline]
pub(crate) fn is_telling_phases() -> bool {
    Level::DEBUG <= STATIC_MAX_LEVEL && Level::DEBUG <= LevelFilter::current()
}

/// One line per phase in which anything ran.
pub(crate) struct PhaseReport {
    began: Instant,
    tasks: u64,
    micro: u64,
}

impl PhaseReport {
    #[cold]
    pub(crate) fn begin(counters: &Counters) -> PhaseReport {
        let (tasks, micro) = (counters.tasks.get(), counters.micro());
        PhaseReport { began: clock::now(), tasks, micro }
    }

    pub(crate) fn end(self, counters: &Counters, phase: &str, left: impl FnOnce() -> usize) {
        let (ran, micro) = (counters.tasks.get() - self.tasks, counters.micro() - self.micro);
        if ran + micro > 0 {
            let (turn, left) = (counters.turns.get(), left());
            let took_us = micros(clock::now() - self.began);
            debug!(name: "phase", target: PHASE, turn, phase, ran, micro, took_us, left, "phase");
        }
    }
}

/// Whether anybody may listen to what is said about each task: one load and one comparison.
#[inline]
pub(crate) fn is_tracing() -> bool {
    Level::TRACE <= STATIC_MAX_LEVEL && Level::TRACE <= LevelFilter::current()
}

/// The span around a task, so that the user's own log lines are attributed to it.
#[cold]
pub(crate) fn task(counters: &Counters, causes: &Causes, phase: &str, label: Label) -> EnteredSpan {
    let (turn, id) = (counters.turns.get(), counters.tasks.get());
    let (kind, at) = (label.kind(), Line(label.at));
    let cause = causes.line(label.cause()).map(|at| field::display(Line(at)));
    let span = trace_span!(target: TASK, "task", turn, phase, %kind, id, %at).entered();
    trace!(name: "task", target: TASK, turn, phase, %kind, id, %at, cause, "task");
    span
}

#[inline]
pub(crate) fn queued(label: Label) {
    if is_tracing() {
        tell_queued(label);
    }
}

#[cold]
fn tell_queued(label: Label) {
    let (kind, at) = (label.kind(), Line(label.at));
    trace!(name: "queued", target: TASK, %kind, %at, "queued");
}

#[inline]
pub(crate) fn microtask(label: Label) {
    if is_tracing() {
        tell_microtask(label);
    }
}

#[cold]
fn tell_microtask(label: Label) {
    let (kind, at) = (label.kind(), Line(label.at));
    trace!(name: "microtask", target: MICRO, %kind, %at, "microtask");
}

/// One line per checkpoint in which anything ran.
pub(crate) struct DrainReport(Option<(Instant, u64)>);

impl DrainReport {
    #[inline]
    pub(crate) fn begin(counters: &Counters) -> DrainReport {
        DrainReport(is_tracing().then(|| (clock::now(), counters.micro())))
    }

    #[inline]
    pub(crate) fn end(self, counters: &Counters) {
        if let Some((began, before)) = self.0 {
            tell_drain(began, before, counters);
        }
    }
}

#[cold]
fn tell_drain(began: Instant, before: u64, counters: &Counters) {
    let ran = counters.micro() - before;
    if ran > 0 {
        let (turn, took_us) = (counters.turns.get(), micros(clock::now() - began));
        trace!(name: "drain", target: MICRO, turn, ran, took_us, "drain");
    }
}

pub(crate) fn job_submitted(job: u64, kind: &str, label: Label, depth: impl FnOnce() -> usize) {
    if !enabled!(target: POOL, Level::TRACE) {
        return;
    }
    let (at, depth) = (Line(label.at), depth());
    trace!(name: "job", target: POOL, op = "submit", job, kind, %at, depth, "job");
}

pub(crate) fn job_done(
    job: u64,
    kind: &str,
    lane: &str,
    label: Label,
    queued_and_ran: Option<(Duration, Duration)>,
) {
    let at = Line(label.at);
    let (queued_us, ran_us) =
        queued_and_ran.map(|(queued, ran)| (micros(queued), micros(ran))).unzip();
    trace!(name: "job", target: POOL, op = "done", job, kind, lane, %at, queued_us, ran_us, "job");
}

pub(crate) fn job_cancelled(job: u64, kind: &str, label: Label) {
    let at = Line(label.at);
    trace!(name: "job", target: POOL, op = "cancel", job, kind, %at, "job");
}

pub(crate) fn pool_shut_down(dropped: usize, left_behind: usize) {
    if left_behind > 0 {
        warn!(name: "left_behind", target: POOL, jobs = left_behind, "jobs are stuck; left behind");
    } else if dropped > 0 {
        trace!(name: "dropped", target: POOL, jobs = dropped, "jobs that had not begun are dropped");
    }
}

/// `op` is open, close, ref or unref.
pub(crate) fn resource(op: &str, kind: &str, id: u64, label: Label) {
    let at = Line(label.at);
    trace!(name: "resource", target: RESOURCE, op, kind, id, %at, "resource");
}

/// An error that no handler took. `kind` is the resource's.
pub(crate) fn resource_failed(kind: &str, label: Label, error: &Error) {
    let at = Line(label.at);
    warn!(name: "failed", target: RESOURCE, kind, %at, %error, "failed, and nobody handles it");
}

/// The error of a spawned future that nobody awaits.
#[cfg(feature = "async")]
pub(crate) fn future_failed(label: Label, error: &Error) {
    let at = Line(label.at);
    warn!(name: "future_failed", target: TASK, %at, %error, "failed, and nobody awaits it");
}

/// A future that had not finished when the loop ended.
#[cfg(feature = "async")]
pub(crate) fn future_left(label: Label) {
    let at = Line(label.at);
    debug!(name: "future_left", target: RUN, %at, "not finished at the end");
}

/// A callback that failed when the loop had ended already.
pub(crate) fn late_failure(label: Label, error: &Error) {
    let (kind, at) = (label.kind(), Line(label.at));
    warn!(name: "late_failure", target: RUN, %kind, %at, %error, "failed after the end");
}

/// `tasks` of one line in a row took that long together.
pub(crate) fn slow(label: Label, tasks: u64, took: Nanos, limit: Nanos, times: u64) {
    let (kind, at) = (label.kind(), Line(label.at));
    let (took_ms, limit_ms) = (took / NANOS_PER_MILLI, limit / NANOS_PER_MILLI);
    warn!(name: "slow", target: WATCH, %kind, %at, tasks, took_ms, limit_ms, times, "slow task");
}

pub(crate) fn slow_turn(turn: u64, tasks: u64, took: Nanos, limit: Nanos) {
    let (took_ms, limit_ms) = (took / NANOS_PER_MILLI, limit / NANOS_PER_MILLI);
    warn!(name: "slow_turn", target: WATCH, turn, tasks, took_ms, limit_ms, "slow turn");
}

pub(crate) fn starved(label: Label, took: Nanos, limit: Nanos, waiting: &str, times: u64) {
    let (kind, at) = (label.kind(), Line(label.at));
    let (took_ms, limit_ms) = (took / NANOS_PER_MILLI, limit / NANOS_PER_MILLI);
    warn!(
        name: "starved", target: WATCH, %kind, %at, took_ms, limit_ms, waiting, times,
        "a checkpoint does not end"
    );
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
