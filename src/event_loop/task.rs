//! The one door into user code, and where its failures go.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Rc;

use tracing::span::EnteredSpan;

use crate::error::{Error, Result};
use crate::event_loop::core::Core;
use crate::event_loop::lifetime::ExitUnwind;
use crate::event_loop::rejection::Rejection;
use crate::trace::{CallbackKind, Label, Line, event};

/// A failure that no callback's owner took: see [`on_uncaught`](crate::on_uncaught).
#[derive(Clone, Debug)]
pub struct Uncaught {
    error: Error,
    label: Label,
    rejection: Option<Rejection>,
}

impl Uncaught {
    /// What went wrong; for a panic, its message.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Which kind of callback failed.
    pub fn kind(&self) -> CallbackKind {
        self.label.kind()
    }

    /// The line that registered the callback; for a rejection, the one that made the promise.
    pub fn at(&self) -> &'static Location<'static> {
        self.label.at
    }

    /// The rejection that nobody handled, if that is what this is.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.rejection.as_ref()
    }
}

impl fmt::Display for Uncaught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.label.kind(), Line(self.label.at), self.error)
    }
}

impl Core {
    /// Runs `f` as a task, and the checkpoint after it. Every task goes through here.
    #[inline]
    pub(crate) fn task(self: &Rc<Self>, label: Label, f: impl FnOnce() -> Result<()>) {
        if self.lifetime.has_ended() {
            return;
        }
        self.counters.tasks.add(1);
        self.watch.task_begins(label);
        self.causes.enter(label);
        // A box, since it is rarely there: nothing to carry along, and one word to look at.
        let span = event::is_tracing().then(|| self.enter_span(label));
        self.call(label, f);
        self.checkpoint();
        if let Some(span) = span {
            drop(span);
        }
        // Tasks never nest: outside of this one, nothing runs.
        self.causes.leave(None);
    }

    /// The same for what may be met inside of a task: then it is one of the next turn's.
    pub(crate) fn as_task(self: &Rc<Self>, label: Label, f: impl FnOnce() -> Result<()> + 'static) {
        if self.causes.running().is_some() {
            self.defer(label, move |core| core.task(label, f));
        } else {
            self.task(label, f);
        }
    }

    #[cold]
    fn enter_span(&self, label: Label) -> Box<EnteredSpan> {
        let phase = self.phase.get().name();
        Box::new(event::task(&self.counters, &self.causes, phase, label))
    }

    /// Calls user code; what fails in it is uncaught.
    #[inline]
    pub(crate) fn call(self: &Rc<Self>, label: Label, f: impl FnOnce() -> Result<()>) {
        match catch_unwind(AssertUnwindSafe(f)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.uncaught(error, label),
            Err(payload) => self.uncaught_panic(payload, label),
        }
    }

    /// Calls a listener from inside of other user code. What fails in it does not reach that code:
    /// it is uncaught from a tick, queued now.
    pub(crate) fn call_listener(self: &Rc<Self>, label: Label, f: impl FnOnce() -> Result<()>) {
        let before = self.causes.running();
        self.causes.enter(label);
        let outcome = catch_unwind(AssertUnwindSafe(f));
        self.causes.leave(before);
        let error = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(payload) if payload.is::<ExitUnwind>() => resume_unwind(payload),
            Err(payload) => Error::panic(payload),
        };
        if self.lifetime.has_ended() {
            return self.uncaught(error, label);
        }
        self.queues.push_tick(label, Box::new(move || Err(error)));
    }

    /// Drops something of the user's, whose `Drop` may panic.
    pub(crate) fn drop_value<T>(self: &Rc<Self>, label: Label, value: T) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            self.uncaught_panic(payload, label);
        }
    }

    pub(crate) fn uncaught_panic(self: &Rc<Self>, payload: Box<dyn Any + Send>, label: Label) {
        if !payload.is::<ExitUnwind>() {
            self.uncaught(Error::panic(payload), label);
        }
    }

    /// Reports a failure to the hooks; with none, the loop ends.
    pub(crate) fn uncaught(self: &Rc<Self>, error: Error, label: Label) {
        self.report(Uncaught { error, label, rejection: None });
    }

    /// The same for a rejection that has no hook of its own.
    pub(crate) fn uncaught_rejection(self: &Rc<Self>, rejection: Rejection, label: Label) {
        let error = rejection.error();
        self.report(Uncaught { error, label, rejection: Some(rejection) });
    }

    fn report(self: &Rc<Self>, uncaught: Uncaught) {
        let Uncaught { error, label, .. } = &uncaught;
        let label = *label;
        if self.lifetime.has_ended() {
            // The exit hooks have run: what fails afterwards can only be told to the log.
            return event::late_failure(label, error);
        }
        if self.hooks.uncaught.is_empty() {
            let failure = uncaught.rejection.map(Rejection::into_failure);
            return self.end_failed(failure.unwrap_or(uncaught.error));
        }
        for id in self.hooks.uncaught.ids() {
            let Some(mut hook) = self.hooks.uncaught.take(id) else { continue };
            let outcome = catch_unwind(AssertUnwindSafe(|| (hook.run)(&uncaught)));
            let removed = self.hooks.uncaught.put_back(hook);
            self.drop_value(label, removed);
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return self.end_in_uncaught_hook(error),
                Err(payload) if payload.is::<ExitUnwind>() => return,
                Err(payload) => return self.end_in_uncaught_hook(Error::panic(payload)),
            }
        }
    }
}
