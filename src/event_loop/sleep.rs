//! The Poll phase: the only place where the thread sleeps.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::clock::Nanos;
use crate::event_loop::core::Core;
use crate::event_loop::liveness::Sleep;
use crate::trace::event;

impl Core {
    /// Sleeps as long as `sleep` allows, and puts what came into the task queue.
    pub(crate) fn poll(self: &Rc<Self>, sleep: Sleep) -> io::Result<()> {
        if self.lifetime.has_ended() {
            return Ok(());
        }
        match sleep {
            Sleep::No => self.collect(Some(Duration::ZERO))?,
            Sleep::Until(deadline)
                if self.clock.is_virtual() && !self.is_something_outstanding() =>
            {
                self.collect_and_jump(deadline)?;
            }
            Sleep::Until(deadline) => {
                let timeout = Duration::from_nanos(deadline - self.clock.cached());
                self.sleep_and_collect(Some(timeout))?;
            }
            Sleep::Forever => self.sleep_and_collect(None)?,
        }
        self.take_mail();
        Ok(())
    }

    /// `sleep` has just read the clock.
    fn sleep_and_collect(self: &Rc<Self>, timeout: Option<Duration>) -> io::Result<()> {
        let turn = self.counters.turns.get();
        self.watch.sleeps(self.clock.system());
        event::sleep(turn, timeout, || self.sleep_reason());
        let collected = self.collect(timeout);
        let slept = self.clock.refresh_after_sleep();
        self.watch.slept(self.clock.system());
        self.counters.turns_slept.add(1);
        self.counters.asleep_ns.add(slept);
        event::wake(turn, slept, self.queued_tasks(), || self.wake_reason());
        collected
    }

    /// What a virtual clock does instead of sleeping.
    fn collect_and_jump(self: &Rc<Self>, deadline: Nanos) -> io::Result<()> {
        let turn = self.counters.turns.get();
        let left = deadline - self.clock.cached();
        event::sleep(turn, Some(Duration::from_nanos(left)), || self.sleep_reason());
        self.collect(Some(Duration::ZERO))?;
        let jumped = if self.queued_tasks() == 0 { left } else { 0 };
        self.clock.advance(jumped);
        event::wake(turn, jumped, self.queued_tasks(), || self.wake_reason());
        Ok(())
    }

    fn collect(&self, timeout: Option<Duration>) -> io::Result<()> {
        let notified = match self.reactor.borrow_mut().as_mut() {
            Some(reactor) => reactor.poll(timeout)?,
            None => false,
        };
        self.counters.events.add(self.sources_ready() as u64);
        if notified {
            self.take_notifications();
        }
        Ok(())
    }
}
