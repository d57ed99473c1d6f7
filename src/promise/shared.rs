//! The state of a promise.
//!
//! Whoever may still take the value is a consumer: each handle, and each reaction. The value is
//! cloned for all but the last, and the clone is made where no borrow is held.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::checkpoint::{Job, Microtask};
use crate::event_loop::core::Loop;
use crate::event_loop::rejection::Rejected;
use crate::promise::remains::{Remains, drop_flat};
use crate::promise::resolver::Reason;
use crate::trace::Label;

pub(crate) struct Shared<T, E> {
    pub(crate) core: Loop,
    /// Where the promise was made.
    pub(crate) label: Label,
    state: RefCell<State<T, E>>,
    consumers: Cell<usize>,
    /// Without one, nobody can settle the promise any more.
    resolvers: Cell<usize>,
    /// Set when the promise was cloned for the first time.
    clone: Cell<Option<CloneFn<T, E>>>,
    /// Resolvers of an earlier epoch are spent: ECMA-262's `alreadyResolved`, one per pair of
    /// resolving functions.
    pub(crate) epoch: Cell<u32>,
    /// There is, or was, a reaction.
    handled: Cell<bool>,
    /// It was reported as unhandled.
    reported: Cell<bool>,
}

type CloneFn<T, E> = fn(&Result<T, E>) -> Result<T, E>;

enum State<T, E> {
    Pending(Vec<Box<dyn Reaction<T, E>>>),
    /// `None` once the last consumer has taken it, and while it is being cloned.
    Settled(Option<Result<T, E>>),
}

/// What runs when a promise is settled. Its own box becomes the microtask.
pub(crate) trait Reaction<T, E> {
    fn label(&self) -> Label;
    /// Makes it a job that will take the result from `source`; or does without one, as an await.
    fn into_microtask(self: Box<Self>, source: Rc<Shared<T, E>>) -> Option<Microtask>;
    /// Makes it something to be dropped: its promise will never be settled.
    fn into_remains(self: Box<Self>) -> Remains;
}

impl<T: 'static, E: Reason> Shared<T, E> {
    pub(crate) fn pending(core: &Loop, label: Label) -> Rc<Shared<T, E>> {
        Rc::new(Shared {
            core: Rc::clone(core),
            label,
            state: RefCell::new(State::Pending(Vec::new())),
            consumers: Cell::new(1),
            resolvers: Cell::new(0),
            clone: Cell::new(None),
            epoch: Cell::new(0),
            handled: Cell::new(false),
            reported: Cell::new(false),
        })
    }

    /// One more consumer, and a way to serve it.
    pub(crate) fn share(&self, clone: CloneFn<T, E>) {
        self.clone.set(Some(clone));
        self.consumer_added();
    }

    pub(crate) fn consumer_added(&self) {
        self.consumers.set(self.consumers.get() + 1);
    }

    /// Adds a reaction, which is a consumer that the caller has counted. ECMA-262 §27.2.5.4.1.
    pub(crate) fn react(self: &Rc<Self>, reaction: Box<dyn Reaction<T, E>>) {
        if !self.handled.replace(true) && self.reported.get() {
            self.core.note_handled_late(Rc::clone(self) as Rc<dyn Rejected>);
        }
        if self.is_pending() && self.resolvers.get() == 0 {
            return drop_flat(std::iter::once(reaction.into_remains()));
        }
        let ready = match &mut *self.state.borrow_mut() {
            State::Pending(reactions) => {
                reactions.push(reaction);
                None
            }
            State::Settled(_) => Some(reaction),
        };
        if let Some(reaction) = ready {
            self.queue(reaction);
        }
    }

    /// Fulfils or rejects the promise, and queues its reactions in the order they were added.
    /// ECMA-262 §27.2.1.4 and §27.2.1.7.
    pub(crate) fn settle(self: &Rc<Self>, result: Result<T, E>) {
        let unhandled = result.is_err() && !self.handled.get();
        let before = self.state.replace(State::Settled(Some(result)));
        if let State::Pending(reactions) = before {
            for reaction in reactions {
                self.queue(reaction);
            }
        }
        if unhandled {
            self.core.note_rejection(Rc::clone(self) as Rc<dyn Rejected>);
        } else if self.consumers.get() == 0 {
            // Nobody will ever take it.
            self.drop_result();
        }
    }

    fn queue(self: &Rc<Self>, reaction: Box<dyn Reaction<T, E>>) {
        let label = reaction.label();
        if let Some(microtask) = reaction.into_microtask(Rc::clone(self)) {
            self.core.queues.push_microtask(label, microtask);
        }
    }

    /// The result, for one consumer: a clone if there are others, itself for the last.
    pub(crate) fn take(&self) -> Option<Result<T, E>> {
        self.consumers.set(self.consumers.get() - 1);
        let result = self.take_out();
        match self.clone.get().filter(|_| self.consumers.get() > 0) {
            Some(clone) => Lent { state: &self.state, result }.see(clone),
            None => result,
        }
    }
}

impl<T, E> Shared<T, E> {
    /// A handle or a reaction went without taking the value.
    pub(crate) fn consumer_gone(&self) {
        self.consumers.set(self.consumers.get() - 1);
        // A rejection is kept until it has been reported, or handled.
        if self.consumers.get() == 0 && self.handled.get() {
            self.drop_result();
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        matches!(*self.state.borrow(), State::Pending(_))
    }

    pub(crate) fn resolver_added(&self) {
        self.resolvers.set(self.resolvers.get() + 1);
    }

    /// With the last resolver, the reactions of a pending promise go: one of them may hold the
    /// promise itself, which would hold both for ever.
    pub(crate) fn resolver_gone(&self) {
        self.resolvers.set(self.resolvers.get() - 1);
        if self.resolvers.get() > 0 {
            return;
        }
        let reactions = match &mut *self.state.borrow_mut() {
            State::Pending(reactions) => std::mem::take(reactions),
            State::Settled(_) => return,
        };
        if !reactions.is_empty() {
            drop_flat(reactions.into_iter().map(|reaction| reaction.into_remains()));
        }
    }

    fn drop_result(&self) {
        let result = self.take_out();
        drop(result);
    }

    fn take_out(&self) -> Option<Result<T, E>> {
        match &mut *self.state.borrow_mut() {
            State::Settled(result) => result.take(),
            State::Pending(_) => None,
        }
    }
}

/// A result out of its place, where no borrow is held while the user's code sees it. Back in its
/// place afterwards, also if that code panics.
struct Lent<'a, T, E> {
    state: &'a RefCell<State<T, E>>,
    result: Option<Result<T, E>>,
}

impl<T, E> Lent<'_, T, E> {
    fn see<R>(&self, see: impl FnOnce(&Result<T, E>) -> R) -> Option<R> {
        self.result.as_ref().map(see)
    }
}

impl<T, E> Drop for Lent<'_, T, E> {
    fn drop(&mut self) {
        if let State::Settled(place) = &mut *self.state.borrow_mut() {
            *place = self.result.take();
        }
    }
}

impl<T, E> Drop for Shared<T, E> {
    fn drop(&mut self) {
        if let State::Pending(reactions) = self.state.get_mut() {
            if !reactions.is_empty() {
                drop_flat(reactions.drain(..).map(|reaction| reaction.into_remains()));
            }
        }
    }
}

impl<T: 'static, E: Reason> Rejected for Shared<T, E> {
    fn is_handled(&self) -> bool {
        self.handled.get()
    }

    fn with_reason(&self, see: &mut dyn FnMut(&dyn Any)) {
        let lent = Lent { state: &self.state, result: self.take_out() };
        lent.see(|result| {
            if let Err(reason) = result {
                see(reason);
            }
        });
    }

    fn to_error(&self) -> Error {
        let mut error = None;
        self.with_reason(&mut |reason| {
            error = match (reason.downcast_ref::<Error>(), reason.downcast_ref::<E>()) {
                (Some(reason), _) => Some(reason.clone()),
                (None, Some(reason)) => Some(Error::new(format!("{reason:?}"))),
                (None, None) => None,
            };
        });
        error.unwrap_or_else(|| Error::new("rejected, and a handler took the reason"))
    }

    fn label(&self) -> Label {
        self.label
    }

    fn set_reported(&self) {
        self.reported.set(true);
    }
}

/// A job made of a boxed closure, for the rare ones.
pub(crate) struct Call<F>(pub(crate) F);

impl<F: FnOnce()> Job for Call<F> {
    fn run(self: Box<Self>) {
        (self.0)();
    }
}
