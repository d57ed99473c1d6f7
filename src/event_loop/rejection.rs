//! Rejections that nobody handles, as the loop sees them.
//!
//! A promise that is rejected with no reaction is noted here. When a checkpoint has emptied both
//! queues, those that still have none are reported: see `docs/ordering.md`, "Three styles, one order".

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;

use crate::error::Error;
use crate::event_loop::core::Core;
use crate::trace::{Label, Line, event};

/// A rejected promise, without its types.
pub(crate) trait Rejected {
    /// Tells promises apart.
    fn address(&self) -> *const ();
    fn is_handled(&self) -> bool;
    /// Lends the reason to `see`; a reason that was moved out since is not there any more.
    fn with_reason(&self, see: &mut dyn FnMut(&dyn Any));
    /// The reason as an error: itself, if it is one.
    fn to_error(&self) -> Error;
    /// Where the promise was made.
    fn label(&self) -> Label;
    /// It has been reported: handling it from now on is late, and told.
    fn set_reported(&self);
}

#[derive(Default)]
pub(crate) struct Rejections {
    /// Rejected without a reaction, in that order.
    unhandled: RefCell<Noted>,
    /// Reported, and handled since.
    handled_late: RefCell<Noted>,
    /// Whether there may be any of either: nearly every checkpoint looks, and finds none.
    noted: Cell<bool>,
}

type Noted = VecDeque<Rc<dyn Rejected>>;

/// A rejection as hooks see it. Two are equal if they are of the same promise.
#[derive(Clone)]
pub struct Rejection(Rc<dyn Rejected>);

impl Rejection {
    /// The reason as an error. A reason of another type gives an error with its `Debug` text; one
    /// that a handler has taken meanwhile, an error that says so.
    pub fn error(&self) -> Error {
        self.0.to_error()
    }

    /// Lends the reason to `see`, if it is an `E` and still there.
    pub fn with_reason<E: 'static, R>(&self, see: impl FnOnce(&E) -> R) -> Option<R> {
        let (mut see, mut seen) = (Some(see), None);
        self.0.with_reason(&mut |reason| {
            if let (Some(reason), Some(see)) = (reason.downcast_ref::<E>(), see.take()) {
                seen = Some(see(reason));
            }
        });
        seen
    }

    /// What `run` fails with when no hook takes it: the reason, with the line to look at.
    pub(crate) fn into_failure(self) -> Error {
        Error::rejected(Line(self.at()).to_string(), self.error())
    }

    /// The line that made the promise.
    pub fn at(&self) -> &'static Location<'static> {
        self.0.label().at
    }
}

impl PartialEq for Rejection {
    fn eq(&self, other: &Rejection) -> bool {
        self.0.address() == other.0.address()
    }
}

impl Eq for Rejection {}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rejection({self})")
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Line(self.at()), self.error())
    }
}

impl Rejections {
    fn next_handled_late(&self) -> Option<Rc<dyn Rejected>> {
        self.handled_late.borrow_mut().pop_front()
    }

    pub(crate) fn take_all(&self) -> (Noted, Noted) {
        (self.unhandled.take(), self.handled_late.take())
    }
}

impl Core {
    pub(crate) fn note_rejection(&self, promise: Rc<dyn Rejected>) {
        if self.queues.are_closed() {
            return event::late_failure(promise.label(), &promise.to_error());
        }
        self.queues.mark_filled();
        self.rejections.noted.set(true);
        self.rejections.unhandled.borrow_mut().push_back(promise);
    }

    pub(crate) fn note_handled_late(&self, promise: Rc<dyn Rejected>) {
        if self.queues.are_closed() {
            return;
        }
        self.queues.mark_filled();
        self.rejections.noted.set(true);
        self.rejections.handled_late.borrow_mut().push_back(promise);
    }

    /// Reports what is to be reported, once both queues are empty. Returns whether the checkpoint
    /// has to go on.
    #[inline]
    pub(crate) fn report_rejections(self: &Rc<Self>) -> bool {
        self.rejections.noted.take() && self.report_noted()
    }

    fn report_noted(self: &Rc<Self>) -> bool {
        let mut reported = false;
        // Those that these hooks handle are told in the same round.
        while let Some(promise) = self.rejections.next_handled_late() {
            reported = true;
            self.call_rejection_hooks(Rejection(promise), Told::HandledLate);
        }
        // All are reported before anything that they queue runs.
        for promise in self.rejections.unhandled.take() {
            if self.lifetime.has_ended() {
                break;
            }
            if !promise.is_handled() {
                reported = true;
                promise.set_reported();
                self.call_rejection_hooks(Rejection(promise), Told::Unhandled);
            }
        }
        reported || !self.queues.are_empty()
    }

    fn call_rejection_hooks(self: &Rc<Self>, rejection: Rejection, told: Told) {
        let hooks = match told {
            Told::Unhandled => &self.hooks.unhandled_rejection,
            Told::HandledLate => &self.hooks.rejection_handled,
        };
        if hooks.is_empty() && told == Told::Unhandled {
            let label = rejection.0.label();
            return self.uncaught_rejection(rejection, label);
        }
        for id in hooks.ids() {
            if self.lifetime.has_ended() {
                return;
            }
            let Some(mut hook) = hooks.take(id) else { continue };
            let label = hook.label;
            let before = self.causes.running();
            self.causes.enter(label);
            let outcome = catch_unwind(AssertUnwindSafe(|| (hook.run)(&rejection)));
            self.causes.leave(before);
            let removed = hooks.put_back(hook);
            self.drop_value(label, removed);
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.uncaught(error, label),
                Err(payload) => self.uncaught_panic(payload, label),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Unhandled,
    HandledLate,
}
