//! Warnings about what holds the loop up: slow tasks, slow turns, endless checkpoints.
//!
//! Costs no reading of a clock in a turn that sleeps between tasks of one line, and one of the coarse
//! clock per task where tasks of different lines take turns: those of one line in a row are measured
//! together, a few at a time. Real time is what counts here, also on a
//! virtual clock: a task that moves the virtual clock by an hour is not slow.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use crate::clock::{self, Nanos};
use crate::trace::{At, Label, event};

/// Tasks of one line that are measured together, at most.
const TOGETHER: u64 = 8;

/// One line is warned about once in this time; the next warning tells how often it happened.
const AGAIN_AFTER: Nanos = 60_000_000_000;

pub(crate) struct Watch {
    limit: Nanos,
    /// When the clock was read last, and how many tasks have begun since; all of one line.
    looked: Cell<Nanos>,
    tasks: Cell<u64>,
    line: Cell<Label>,
    /// When the turn began, moved on by the time it slept.
    turn_began: Cell<Nanos>,
    /// `None` until a checkpoint is long enough to be looked at.
    checkpoint_began: Cell<Option<Nanos>>,
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
            looked: Cell::new(now),
            tasks: Cell::new(0),
            line: Cell::new(Label::NOBODY),
            turn_began: Cell::new(now),
            checkpoint_began: Cell::new(None),
            checkpoint_told: Cell::new(false),
            turn_told: Cell::new(false),
            told: RefCell::new(HashMap::new()),
        }
    }

    /// The thread came to the loop: what it did before is no task's.
    pub(crate) fn entered(&self, now: Nanos) {
        self.looked.set(now);
    }

    /// What ran since the last look was no task.
    pub(crate) fn pass_over(&self) {
        self.look_at(clock::coarse());
    }

    pub(crate) fn turn_began(&self) {
        self.look();
        self.turn_began.set(self.looked.get());
        self.turn_told.set(false);
    }

    /// The loop is going to sleep, and has read the precise clock for that.
    pub(crate) fn sleeps(&self, now: Nanos) {
        self.look_at(now);
    }

    /// The loop slept: that counts for no task and no turn.
    pub(crate) fn slept(&self, now: Nanos) {
        let before_sleep = self.looked.replace(now).saturating_sub(self.turn_began.get());
        self.turn_began.set(now.saturating_sub(before_sleep));
    }

    #[inline]
    pub(crate) fn task_begins(&self, label: Label) {
        let tasks = self.tasks.get();
        if tasks >= TOGETHER || !std::ptr::eq(self.line.get().at, label.at) {
            return self.another_line(label);
        }
        self.tasks.set(tasks + 1);
    }

    fn another_line(&self, label: Label) {
        self.look();
        self.line.set(label);
        self.tasks.set(1);
    }

    /// Looks how long the tasks since the last look took, if there were any.
    pub(crate) fn look(&self) {
        if self.tasks.get() > 0 {
            self.look_at(clock::coarse());
        }
    }

    fn look_at(&self, now: Nanos) {
        let tasks = self.tasks.take();
        // The coarse clock may be behind what the precise one said before.
        let now = now.max(self.looked.get());
        let took = now - self.looked.replace(now);
        if tasks > 0 && took > self.limit {
            self.tasks_were_slow(self.line.get(), tasks, now, took);
        }
    }

    #[cold]
    fn tasks_were_slow(&self, label: Label, tasks: u64, now: Nanos, took: Nanos) {
        self.turn_told.set(true);
        if let Some(times) = self.tell(label.at, now) {
            event::slow(label, tasks, took, self.limit, times);
        }
    }

    /// `tasks` is how many the turn ran: if that is one, it is as slow as its turn, and is looked at
    /// when the next one begins.
    pub(crate) fn turn_ended(&self, turn: u64, tasks: u64) {
        if tasks <= 1 {
            return;
        }
        self.look();
        let took = self.looked.get().saturating_sub(self.turn_began.get());
        if took > self.limit && !self.turn_told.get() {
            event::slow_turn(turn, tasks, took, self.limit);
        }
    }

    pub(crate) fn checkpoint_began(&self) {
        self.checkpoint_began.set(None);
        self.checkpoint_told.set(false);
    }

    /// Looked at now and then during a long checkpoint. `who_waits` says what cannot run.
    pub(crate) fn checkpoint_goes_on(&self, label: Label, who_waits: impl Fn() -> Option<String>) {
        let now = clock::coarse();
        let Some(began) = self.checkpoint_began.get() else {
            return self.checkpoint_began.set(Some(now));
        };
        let took = now.saturating_sub(began);
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
