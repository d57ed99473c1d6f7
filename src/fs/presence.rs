//! What keeps the loop alive for a resource that works on the pool: its job, or a turn that it has
//! asked for.

use std::cell::Cell;

use crate::event_loop::core::Loop;
use crate::pool::JobId;
use crate::slots::Key;

#[derive(Default)]
pub(super) struct Presence {
    unreferenced: Cell<bool>,
    job: Cell<Option<JobId>>,
    has_turn: Cell<bool>,
}

impl Presence {
    pub(super) fn is_referenced(&self) -> bool {
        !self.unreferenced.get()
    }

    pub(super) fn set_referenced(&self, core: &Loop, referenced: bool) {
        if self.unreferenced.replace(!referenced) != referenced {
            return;
        }
        if let Some(job) = self.job.get() {
            core.set_job_referenced(job, referenced);
        }
        if self.has_turn.get() {
            core.mail.count_holding(referenced);
        }
    }

    /// Whether it keeps the loop alive by a turn; a job is listed by itself.
    pub(super) fn holds(&self) -> bool {
        self.has_turn.get() && self.is_referenced()
    }

    pub(super) fn job_began(&self, core: &Loop, job: Option<JobId>) {
        self.job.set(job);
        if let (Some(job), false) = (job, self.is_referenced()) {
            core.set_job_referenced(job, false);
        }
    }

    pub(super) fn job_ended(&self) {
        self.job.set(None);
    }

    /// Has its mailbox deliver in the next Poll, and keeps the loop alive until then.
    pub(super) fn ask_for_a_turn(&self, core: &Loop, key: Key) {
        if !self.has_turn.replace(true) {
            if self.is_referenced() {
                core.mail.count_holding(true);
            }
            core.mail.came(key);
        }
    }

    pub(super) fn turn_is_over(&self, core: &Loop) {
        if self.has_turn.replace(false) && self.is_referenced() {
            core.mail.count_holding(false);
        }
    }
}
