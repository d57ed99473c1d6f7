//! Warnings about what holds the loop up: slow tasks, slow turns, endless checkpoints.
//!
//! Costs one reading of the coarse clock per task. Real time is what counts here, also on a
//! virtual clock: a task that moves the virtual clock by an hour is not slow.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use crate::clock::{self, Nanos};
use crate::trace::{At, Label, event};

/// One line is warned about once in this time; the next warning tells how often it happened.
const AGAIN_AFTER: Nanos = 60_000_000_000;

pub(crate) struct Watch {
    limit: Nanos,
    /// The end of one task is the start of the next.
    task_began: Cell<Nanos>,
    /// When the turn began, moved on by the time it slept.
    turn_began: Cell<Nanos>,
    checkpoint_began: Cell<Nanos>,
    /// The checkpoint, or the turn, has been warned about already.
    checkpoint_told: Cell<bool>,
    turn_told: Cell<bool>,
    told: RefCell<HashMap<At, Told>>,
}

struct Told {
    last: Nanos,
    since: u64,
}

impl Watch {
    pub(crate) fn new(limit: Duration) -> Watch {
        let now = clock::coarse();
        Watch {
            limit: clock::nanos(limit),
            task_began: Cell::new(now),
            turn_began: Cell::new(now),
            checkpoint_began: Cell::new(now),
            checkpoint_told: Cell::new(false),
            turn_told: Cell::new(false),
            told: RefCell::new(HashMap::new()),
        }
    }

    /// The thread came to the loop: what it did before is no task's.
    pub(crate) fn entered(&self) {
        self.task_began.set(clock::coarse());
    }

    pub(crate) fn turn_began(&self) {
        let now = clock::coarse();
        self.task_began.set(now);
        self.turn_began.set(now);
        self.turn_told.set(false);
    }

    /// The loop polled: what it slept counts for no task and no turn.
    pub(crate) fn slept(&self) {
        let now = clock::coarse();
        let before_sleep = self.task_began.replace(now).saturating_sub(self.turn_began.get());
        self.turn_began.set(now.saturating_sub(before_sleep));
    }

    #[inline]
    pub(crate) fn task_ended(&self, label: Label) {
        let now = clock::coarse();
        let took = now.saturating_sub(self.task_began.replace(now));
        if took > self.limit {
            self.task_was_slow(label, now, took);
        }
    }

    #[cold]
    fn task_was_slow(&self, label: Label, now: Nanos, took: Nanos) {
        self.turn_told.set(true);
        if let Some(times) = self.tell(label.at, now) {
            event::slow(label, took, self.limit, times);
        }
    }

    /// `tasks` is how many the turn ran.
    pub(crate) fn turn_ended(&self, turn: u64, tasks: u64) {
        // No task of the turn ended later than this, and reading the clock again would cost.
        let took = self.task_began.get().saturating_sub(self.turn_began.get());
        if took > self.limit && !self.turn_told.get() {
            event::slow_turn(turn, tasks, took, self.limit);
        }
    }

    pub(crate) fn checkpoint_began(&self) {
        self.checkpoint_began.set(self.task_began.get());
        self.checkpoint_told.set(false);
    }

    /// Looked at now and then during a long checkpoint. `who_waits` says what cannot run.
    pub(crate) fn checkpoint_goes_on(&self, label: Label, who_waits: impl Fn() -> Option<String>) {
        let now = clock::coarse();
        let took = now.saturating_sub(self.checkpoint_began.get());
        if took <= self.limit || self.checkpoint_told.get() {
            return;
        }
        let Some(waiting) = who_waits() else { return };
        self.checkpoint_told.set(true);
        if let Some(times) = self.tell(label.at, now) {
            event::starved(label, took, self.limit, &waiting, times);
        }
    }

    /// Whether to warn about a line now, and how often it has happened since the last time.
    fn tell(&self, at: At, now: Nanos) -> Option<u64> {
        let mut told = self.told.borrow_mut();
        let entry = told.entry(at).or_insert(Told { last: 0, since: 0 });
        entry.since += 1;
        if entry.since > 1 && now.saturating_sub(entry.last) < AGAIN_AFTER {
            return None;
        }
        entry.last = now;
        Some(std::mem::replace(&mut entry.since, 1))
    }
}
