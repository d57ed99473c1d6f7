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
    /// All that the child has started is stopped as well.
    pub(super) group: bool,
    grace: Duration,
    reason: RefCell<Option<Error>>,
    timer: Cell<Option<Timer>>,
    listener: Cell<Option<AbortListener>>,
}

impl Stop {
    pub(super) fn new(signal: Signal, group: bool, grace: Duration) -> Stop {
        let (reason, timer) = (RefCell::default(), Cell::default());
        Stop { signal, group, grace, reason, timer, listener: Cell::default() }
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

    /// Asks the child to end, and kills it if it does not. Of one that has ended, what it has left
    /// behind is given up.
    pub(super) fn stop(self: &Rc<Self>, reason: Error) {
        let has_ended = self.outcome().is_some();
        if self.stop.reason().is_some() || (has_ended && !self.outlasts_its_end()) {
            return;
        }
        *self.stop.reason.borrow_mut() = Some(reason);
        if has_ended {
            return self.give_up_rest();
        }
        self.send_stop(self.stop.signal);
        self.after(self.stop.grace, |running| running.send_stop(Signal::KILL));
    }

    /// Whether there may be something to stop when the child itself has ended.
    pub(super) fn outlasts_its_end(&self) -> bool {
        self.stop.group || self.collecting.borrow().is_some()
    }

    /// It fails only for one that has ended, which is what was asked for, or that is another user's
    /// by now, which the next signal will not reach either.
    pub(super) fn send_stop(&self, signal: Signal) {
        let _ = if self.stop.group { self.send_to_group(signal) } else { self.send(signal) };
    }

    /// The child was stopped, and has ended: what it has left behind is killed if that is wanted,
    /// and what that may still write is not waited for.
    pub(super) fn give_up_rest(&self) {
        if self.stop.group {
            self.send_stop(Signal::KILL);
        }
        let collecting = self.collecting.borrow().clone();
        if let Some(collecting) = collecting {
            collecting.give_up();
        }
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
