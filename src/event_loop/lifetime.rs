//! How a loop ends: by itself, by `stop`, by `exit`, by a failure.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::event_loop::core::Core;
use crate::trace::event;

/// Where a loop stands in its life.
#[derive(Default)]
pub(crate) struct Lifetime {
    /// Set by `exit` and by a failure, for good: no callback runs any more.
    ended: Cell<bool>,
    /// Set while the exit hooks run: `exit` and failures in them do not run them again.
    exiting: Cell<bool>,
    /// Set by `stop`, until `run` returns.
    stopped: Cell<bool>,
    /// Set when the future that the loop runs for is finished.
    finished: Cell<bool>,
    code: Cell<i32>,
    failure: RefCell<Option<Error>>,
}

/// What unwinds from `exit` to the loop. Hooks never see it.
pub(crate) struct ExitUnwind;

impl Lifetime {
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// No callback runs any more.
    pub(crate) fn mark_ended(&self) {
        self.ended.set(true);
    }

    pub(crate) fn code(&self) -> i32 {
        self.code.get()
    }

    pub(crate) fn clear_stop(&self) {
        self.stopped.set(false);
    }
}

/// Node's code for a failure in the handler of failures.
const FAILED_IN_HANDLER: i32 = 7;

impl Core {
    pub(crate) fn is_stopped(&self) -> bool {
        if self.shared.take_stop() {
            self.lifetime.stopped.set(true);
        }
        self.lifetime.stopped.get()
    }

    /// Makes the loop end at the end of this turn, as if nothing were alive.
    #[cfg(feature = "async")]
    pub(crate) fn finish_run(&self) {
        self.lifetime.finished.set(true);
    }

    /// Whether what the loop runs for is done.
    pub(crate) fn is_finished(&self) -> bool {
        self.lifetime.finished.get()
    }

    /// Ends the loop with code 1, after the exit hooks.
    pub(crate) fn end_failed(self: &Rc<Self>, error: Error) {
        self.lifetime.ended.set(true);
        self.lifetime.code.set(1);
        *self.lifetime.failure.borrow_mut() = Some(error);
        self.run_exit_hooks();
    }

    pub(crate) fn end_in_uncaught_hook(self: &Rc<Self>, error: Error) {
        self.lifetime.ended.set(true);
        self.lifetime.code.set(FAILED_IN_HANDLER);
        *self.lifetime.failure.borrow_mut() = Some(error);
    }

    /// Runs the exit hooks, each once, until one of them calls `exit`.
    pub(crate) fn run_exit_hooks(self: &Rc<Self>) {
        if !self.lifetime.exiting.replace(true) {
            self.call_exit_hooks(self.lifetime.code());
            self.all_sources().iter().for_each(|source| source.run_ends());
            self.lifetime.exiting.set(false);
        }
    }

    /// All get the code that held at first, as listeners of one event do in Node.
    fn call_exit_hooks(self: &Rc<Self>, code: i32) {
        for id in self.hooks.exit.ids() {
            let Some(mut hook) = self.hooks.exit.take(id) else { continue };
            let label = hook.label;
            let before = self.causes.running();
            self.causes.enter(label);
            let outcome = catch_unwind(AssertUnwindSafe(|| (hook.run)(code)));
            self.causes.leave(before);
            let removed = self.hooks.exit.put_back(hook);
            self.drop_value(label, removed);
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.note_failure(error),
                Err(payload) if payload.is::<ExitUnwind>() => return,
                Err(payload) => self.note_failure(Error::panic(payload)),
            }
        }
    }

    /// A failure on the way out: the first one is what `run` reports.
    fn note_failure(&self, error: Error) {
        if self.lifetime.code() == 0 {
            self.lifetime.code.set(1);
        }
        self.lifetime.failure.borrow_mut().get_or_insert(error);
    }

    /// What `run` returns: the exit code or the failure. A panic goes on from here.
    pub(crate) fn outcome(&self) -> Result<i32> {
        let failure = self.lifetime.failure.borrow_mut().take();
        let Some(error) = failure else { return Ok(self.lifetime.code()) };
        match error.take_panic() {
            Some(payload) => resume_unwind(payload),
            None => Err(error),
        }
    }

    pub(crate) fn reason(&self) -> &'static str {
        if self.lifetime.failure.borrow().is_some() {
            "failure"
        } else if self.lifetime.has_ended() {
            "exit"
        } else if self.lifetime.stopped.get() {
            "stop"
        } else {
            "nothing alive"
        }
    }

    pub(crate) fn report_exit(&self) {
        #[cfg(feature = "async")]
        self.report_futures();
        event::exit(self.reason(), self.lifetime.code(), || self.metrics());
    }
}

/// Makes the loop return from `run` at the end of this turn, with its work left as it is.
///
/// The loop does not sleep again before that. The same [`EventLoop`](crate::EventLoop) can be run
/// again. No exit hook runs. libuv's `uv_stop`.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn stop() {
    current().lifetime.stopped.set(true);
}

/// Ends the loop at once with an exit code: runs the exit hooks, and never returns.
///
/// No other callback runs. [`EventLoop::run`](crate::EventLoop::run) returns the code; the free
/// [`run`](crate::run()) ends the process with it. Values on the stack of the running callback are
/// dropped (`exit` unwinds it). Under `panic = "abort"`, and in a `Drop` that runs while a panic
/// unwinds, the process ends right here instead, after the exit hooks.
///
/// # Panics
///
/// If no loop is running on this thread. The unwinding itself is no panic to any hook.
#[track_caller]
pub fn exit(code: i32) -> ! {
    let core = current();
    core.lifetime.code.set(code);
    if !core.lifetime.ended.replace(true) {
        core.run_exit_hooks();
    }
    if cfg!(panic = "abort") || std::thread::panicking() {
        end_process(core.lifetime.code());
    }
    drop(core);
    resume_unwind(Box::new(ExitUnwind))
}

/// The code that the loop will end with, if nothing else ends it: 0 unless it was set.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn exit_code() -> i32 {
    current().lifetime.code()
}

/// Sets the code that the loop will end with. An exit hook may still change it.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn set_exit_code(code: i32) {
    current().lifetime.code.set(code);
}

/// For the free `run`, once its loop is torn down.
pub(crate) fn end_process(code: i32) -> ! {
    #[expect(clippy::disallowed_methods, reason = "the exit hooks have run")]
    std::process::exit(code)
}

impl crate::event_loop::remote::Shared {
    fn take_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) && self.stop.swap(false, Ordering::AcqRel)
    }
}
