//! Stopping a child: a request to end, and what follows if it does not.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::abort::{AbortListener, AbortSignal};
use crate::error::Error;
use crate::event_loop::Timer;
use crate::event_loop::timers::Body;
use crate::process::running::Running;
use crate::signal::Signal;
use crate::time::whole_millis;
use crate::trace::CallbackKind;

/// What may stop a child, and why it was.
pub(super) struct Stop {
    signal: Signal,
    grace: Duration,
    reason: RefCell<Option<Error>>,
    timer: Cell<Option<Timer>>,
    listener: Cell<Option<AbortListener>>,
}

impl Stop {
    pub(super) fn new(signal: Signal, grace: Duration) -> Stop {
        let (reason, timer) = (RefCell::default(), Cell::default());
        Stop { signal, grace, reason, timer, listener: Cell::default() }
    }

    /// Why it was stopped, if it was.
    pub(super) fn reason(&self) -> Option<Error> {
        self.reason.borrow().clone()
    }

    /// There is nothing left to stop.
    pub(super) fn disarm(&self) {
        if let Some(timer) = self.timer.take() {
            timer.clear();
        }
        if let Some(listener) = self.listener.take() {
            listener.remove();
        }
    }
}

impl Running {
    pub(super) fn stop_at(self: &Rc<Self>, limit: Option<Duration>, abort: Option<&AbortSignal>) {
        if let Some(limit) = limit {
            self.after(limit, move |running| {
                running.stop(running.in_context(Error::timed_out(limit)));
            });
        }
        if let Some(signal) = abort {
            let stopped = Rc::downgrade(self);
            let label = self.label.with_kind(CallbackKind::Abort);
            let listener = signal.listen(&self.core, label, move |reason| {
                if let Some(running) = stopped.upgrade() {
                    running.stop(Error::aborted(Some(reason.clone())));
                }
                Ok(())
            });
            self.stop.listener.set(Some(listener));
        }
    }

    /// Asks the child to end, and kills it if it does not. Of one that has ended, the output is no
    /// longer waited for that others may still write.
    pub(super) fn stop(self: &Rc<Self>, reason: Error) {
        let collecting = self.collecting.borrow().clone();
        let has_ended = self.outcome().is_some();
        if self.stop.reason().is_some() || (has_ended && collecting.is_none()) {
            return;
        }
        *self.stop.reason.borrow_mut() = Some(reason);
        if let (true, Some(collecting)) = (has_ended, collecting) {
            return collecting.give_up();
        }
        // It fails only for one that has ended, which is what was asked for, or that is another
        // user's by now, which the next signal will not reach either.
        let _ = self.send(self.stop.signal);
        self.after(self.stop.grace, |running| {
            let _ = running.send(Signal::KILL);
        });
    }

    /// There is one timer: whatever it was for before is over by then.
    fn after(self: &Rc<Self>, delay: Duration, then: impl FnOnce(&Rc<Running>) + 'static) {
        self.clear_timer();
        let running = Rc::downgrade(self);
        let body = Body::Deferred(Box::new(move || {
            if let Some(running) = running.upgrade() {
                then(&running);
            }
        }));
        let label = self.label.with_kind(CallbackKind::Timeout);
        let timer = self.core.start_timer(label, whole_millis(delay), body, false);
        self.stop.timer.set(Some(timer));
    }

    fn clear_timer(&self) {
        if let Some(timer) = self.stop.timer.take() {
            timer.clear();
        }
    }

    fn in_context(&self, error: Error) -> Error {
        let message = format!("{error}");
        let error = std::io::Error::new(error.kind(), message);
        Error::io(format!("run {}", self.program), error)
    }
}
