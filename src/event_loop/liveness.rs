//! Whether the loop is alive, and how long it may sleep: small questions, asked beside the turn.

use std::rc::Rc;

use crate::clock::Nanos;
use crate::event_loop::Turn;
use crate::event_loop::core::Core;
use crate::event_loop::phase::Work;

/// How long Poll may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// Something waits already.
    No,
    Until(Nanos),
    Forever,
}

impl Core {
    /// Whether anything keeps the loop going.
    pub(crate) fn is_alive(self: &Rc<Self>) -> bool {
        !self.is_finished() && self.is_anything_alive()
    }

    fn is_anything_alive(self: &Rc<Self>) -> bool {
        self.timers.borrow().holding() > 0
            || self.immediates.borrow().holding() > 0
            || self.sources.holding() > 0
            || self.mail.holding() > 0
            || self.holding_jobs() > 0
            || self.has_deferred()
            || !self.closing.borrow().is_empty()
            || self.frames.borrow().len() > 0
            || self.checkpoint_is_due()
            || self.is_held_from_elsewhere()
    }

    /// Whether loop code waits for Pending. A source that waits there, to go on with what it had
    /// begun, answers for itself: it may be unreferenced.
    fn has_deferred(&self) -> bool {
        self.pending.borrow().iter().any(|work| !matches!(work, Work::Resume(_)))
    }

    /// Whether the loop makes another turn.
    pub(crate) fn goes_on(self: &Rc<Self>) -> bool {
        self.may_go_on() && self.is_alive()
    }

    /// Whether nothing has told the loop to end or to stop.
    pub(crate) fn may_go_on(&self) -> bool {
        !self.lifetime.has_ended() && !self.is_stopped()
    }

    /// How long Poll may sleep now. Nothing else decides that.
    pub(crate) fn sleep(self: &Rc<Self>) -> Sleep {
        if self.is_something_pending() || self.is_stopped() || !self.is_alive() {
            return Sleep::No;
        }
        // The callbacks since the last refresh took time, which is not left to sleep.
        let now = self.clock.refresh();
        match self.deadline() {
            Some(deadline) if deadline <= now => Sleep::No,
            Some(deadline) => Sleep::Until(deadline),
            None => Sleep::Forever,
        }
    }

    /// The same for a host that drives the loop, and may set a limit of its own.
    pub(crate) fn sleep_in(self: &Rc<Self>, mode: Turn) -> Sleep {
        match (mode, self.sleep()) {
            (Turn::NoWait, _) | (_, Sleep::No) => Sleep::No,
            (Turn::Block, sleep) => sleep,
            (Turn::Until(limit), sleep) => {
                let limit = self.clock.time(limit);
                let until = match sleep {
                    Sleep::Until(deadline) => deadline.min(limit),
                    _ => limit,
                };
                if until <= self.clock.cached() { Sleep::No } else { Sleep::Until(until) }
            }
        }
    }

    /// Whether something could run at once.
    pub(crate) fn is_something_pending(&self) -> bool {
        self.immediates.borrow().holding() > 0
            || !self.pending.borrow().is_empty()
            || !self.closing.borrow().is_empty()
            || self.mail.is_waiting()
            || self.checkpoint_is_due()
            || self.lifetime.has_ended()
    }

    /// The nearest timer or frame.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        let timer = self.timers.borrow().next_deadline();
        let frame = self.frames.borrow().deadline();
        match (timer, frame) {
            (Some(timer), Some(frame)) => Some(timer.min(frame)),
            (timer, frame) => timer.or(frame),
        }
    }

    /// Whether something outside could end a sleep: then a virtual clock does not jump.
    pub(crate) fn is_something_outstanding(self: &Rc<Self>) -> bool {
        self.sources.active() > 0 || self.jobs.borrow().len() > 0 || self.is_held_from_elsewhere()
    }
}
