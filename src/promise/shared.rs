//! The state of a promise.
//!
//! Whoever may still take the value is a consumer: each handle, and each reaction. The value is
//! cloned for all but the last, and the clone is made where no borrow is held.

use std::any::Any;
use std::cell::Cell;
use std::mem;
use std::rc::Rc;
#[cfg(feature = "async")]
use std::task::Waker;

use crate::error::{Error, Result};
use crate::event_loop::checkpoint::{Job, Microtask, QueuedJob};
use crate::event_loop::core::Loop;
use crate::event_loop::rejection::Rejected;
#[cfg(feature = "async")]
use crate::promise::reactions::Ticket;
use crate::promise::reactions::{Reaction, Reactions, Waiting};
use crate::promise::remains::drop_flat;
use crate::promise::resolver::Reason;
use crate::trace::Label;

/// A promise; and behind it, in the same allocation, the callback whose result it is for.
pub(crate) struct Shared<T, E, R: ?Sized = dyn Any> {
    pub(crate) core: Loop,
    /// Where the promise was made.
    pub(crate) label: Label,
    state: Cell<State<T, E>>,
    /// What `state` is, for who only asks.
    is_pending: Cell<bool>,
    consumers: Cell<u32>,
    /// Without one, nobody can settle the promise any more.
    resolvers: Cell<u32>,
    /// Set when the promise was cloned for the first time.
    clone: Cell<Option<CloneFn<T, E>>>,
    /// How many `await`s there were.
    #[cfg(feature = "async")]
    tickets: Cell<u32>,
    /// Resolvers of an earlier epoch are spent: ECMA-262's `alreadyResolved`, one per pair of
    /// resolving functions.
    pub(crate) epoch: Cell<u32>,
    /// There is, or was, a reaction.
    handled: Cell<bool>,
    /// It was reported as unhandled.
    reported: Cell<bool>,
    pub(crate) callback: R,
}

type CloneFn<T, E> = fn(&Result<T, E>) -> Result<T, E>;

pub(crate) enum State<T, E> {
    Pending(Reactions<T, E>),
    /// `None` once the last consumer has taken it, and while it is being cloned.
    Settled(Option<Result<T, E>>),
}

impl<T, E, R> Shared<T, E, R> {
    /// A promise with one handle and one resolver.
    #[inline]
    pub(crate) fn pending(core: &Loop, label: Label, callback: R) -> Rc<Shared<T, E, R>> {
        Shared::new(core, label, State::Pending(Reactions::None), callback)
    }

    #[inline]
    fn new(core: &Loop, label: Label, state: State<T, E>, callback: R) -> Rc<Shared<T, E, R>> {
        let is_pending = matches!(state, State::Pending(_));
        Rc::new(Shared {
            core: Rc::clone(core),
            label,
            state: Cell::new(state),
            is_pending: Cell::new(is_pending),
            consumers: Cell::new(1),
            resolvers: Cell::new(is_pending.into()),
            clone: Cell::new(None),
            #[cfg(feature = "async")]
            tickets: Cell::new(0),
            epoch: Cell::new(0),
            handled: Cell::new(false),
            reported: Cell::new(false),
            callback,
        })
    }
}

impl<T: 'static, E: Reason> Shared<T, E> {
    /// A promise with one handle, settled already.
    pub(crate) fn settled(core: &Loop, label: Label, result: Result<T, E>) -> Rc<Shared<T, E>> {
        let is_rejected = result.is_err();
        let state = State::Settled(Some(result));
        let shared: Rc<Shared<T, E>> = Shared::new(core, label, state, ());
        if is_rejected {
            shared.note_rejection();
        }
        shared
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
    pub(crate) fn react(self: &Rc<Self>, reaction: Rc<dyn Reaction<T, E>>) {
        self.set_handled();
        if !self.is_pending() {
            reaction.queue(Rc::clone(self));
        } else if self.resolvers.get() == 0 {
            drop_flat(vec![reaction.into_remains()]);
        } else {
            self.add(Waiting::Reaction(reaction));
        }
    }

    #[inline]
    fn set_handled(self: &Rc<Self>) {
        if !self.handled.replace(true) && self.reported.get() {
            self.note_handled_late();
        }
    }

    #[cold]
    fn note_handled_late(self: &Rc<Self>) {
        self.core.note_handled_late(Rc::new(Unheard(Rc::clone(self))));
    }

    #[inline]
    fn add(&self, waiting: Waiting<T, E>) {
        match self.state.replace(State::Settled(None)) {
            State::Pending(Reactions::None) => {
                self.state.set(State::Pending(Reactions::One(waiting)));
            }
            State::Pending(others) => self.add_to(others, waiting),
            // Nobody adds to a promise that is settled.
            State::Settled(_) => {}
        }
    }

    #[cold]
    fn add_to(&self, others: Reactions<T, E>, waiting: Waiting<T, E>) {
        self.state.set(State::Pending(others.with(waiting)));
    }

    /// Fulfils or rejects the promise, and queues its reactions in the order they were added.
    /// ECMA-262 §27.2.1.4 and §27.2.1.7.
    pub(crate) fn settle(self: &Rc<Self>, result: Result<T, E>) {
        let unhandled = result.is_err() && !self.handled.get();
        self.is_pending.set(false);
        let before = self.state.replace(State::Settled(Some(result)));
        if let State::Pending(reactions) = before {
            reactions.for_each(|waiting| match waiting {
                Waiting::Reaction(reaction) => reaction.queue(Rc::clone(self)),
                #[cfg(feature = "async")]
                Waiting::Await(_, waker) => waker.wake(),
            });
        }
        if unhandled {
            self.note_rejection();
        } else if self.consumers.get() == 0 {
            // Nobody will ever take it.
            self.drop_result();
        }
    }

    #[cold]
    fn note_rejection(self: &Rc<Self>) {
        self.core.note_rejection(Rc::new(Unheard(Rc::clone(self))));
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

#[cfg(feature = "async")]
impl<T: 'static, E: Reason> Shared<T, E> {
    /// Changes the list, unless the promise is settled. It is out of its place meanwhile: `f` calls
    /// nothing of the user's.
    fn with_reactions<R>(&self, f: impl FnOnce(&mut Reactions<T, E>) -> R) -> Option<R> {
        if !self.is_pending() {
            return None;
        }
        let mut state = self.state.replace(State::Settled(None));
        let result = match &mut state {
            State::Pending(reactions) => Some(f(reactions)),
            State::Settled(_) => None,
        };
        self.state.set(state);
        result
    }

    /// Has an `await` woken when the promise is settled; at once, if it is.
    pub(crate) fn wake_when_settled(self: &Rc<Self>, waker: &Waker) -> Ticket {
        self.set_handled();
        self.tickets.set(self.tickets.get() + 1);
        let ticket = Ticket(self.tickets.get());
        // Cloned before anything is looked at: a waker's clone is its owner's code.
        let waker = waker.clone();
        if !self.is_pending() {
            waker.wake();
        } else if self.resolvers.get() > 0 {
            self.add(Waiting::Await(ticket, waker));
        }
        ticket
    }

    /// The same `await`, polled anew.
    pub(crate) fn wake_instead(&self, ticket: Ticket, waker: &Waker) {
        let known = |reactions: &mut Reactions<T, E>| {
            reactions.waker(ticket).is_none_or(|known| known.will_wake(waker))
        };
        if self.with_reactions(known) == Some(false) {
            let mut waker = Some(waker.clone());
            let before = self.with_reactions(|reactions| {
                let place = reactions.waker(ticket)?;
                waker.take().map(|waker| mem::replace(place, waker))
            });
            drop(before);
        }
    }

    /// An `await` was dropped.
    pub(crate) fn wake_no_more(&self, ticket: Ticket) {
        let removed = self.with_reactions(|reactions| reactions.remove(ticket));
        drop(removed);
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
        self.is_pending.get()
    }

    pub(crate) fn resolver_added(&self) {
        self.resolvers.set(self.resolvers.get() + 1);
    }

    /// With the last resolver, the reactions of a pending promise go: one of them may hold the
    /// promise itself, which would hold both for ever.
    #[inline]
    pub(crate) fn resolver_gone(&self) {
        self.resolvers.set(self.resolvers.get() - 1);
        if self.resolvers.get() == 0 && self.is_pending() {
            self.drop_reactions();
        }
    }

    #[cold]
    fn drop_reactions(&self) {
        // It stays pending, and nobody is ever added again.
        if let State::Pending(reactions) = self.state.replace(State::Pending(Reactions::None)) {
            drop_flat(reactions.into_remains());
        }
    }

    fn drop_result(&self) {
        let result = self.take_out();
        drop(result);
    }

    #[inline]
    fn take_out(&self) -> Option<Result<T, E>> {
        if self.is_pending() {
            return None;
        }
        match self.state.replace(State::Settled(None)) {
            State::Settled(result) => result,
            State::Pending(_) => None,
        }
    }
}

/// A result out of its place, where no borrow is held while the user's code sees it. Back in its
/// place afterwards, also if that code panics.
struct Lent<'a, T, E> {
    state: &'a Cell<State<T, E>>,
    result: Option<Result<T, E>>,
}

impl<T, E> Lent<'_, T, E> {
    fn see<R>(&self, see: impl FnOnce(&Result<T, E>) -> R) -> Option<R> {
        self.result.as_ref().map(see)
    }
}

impl<T, E> Drop for Lent<'_, T, E> {
    fn drop(&mut self) {
        if self.result.is_some() {
            self.state.set(State::Settled(self.result.take()));
        }
    }
}

impl<T, E, R: ?Sized> Drop for Shared<T, E, R> {
    fn drop(&mut self) {
        if let State::Pending(reactions @ (Reactions::One(_) | Reactions::Many(_))) =
            self.state.get_mut()
        {
            drop_flat(mem::replace(reactions, Reactions::None).into_remains());
        }
    }
}

/// A rejected promise, as the loop sees it.
struct Unheard<T, E>(Rc<Shared<T, E>>);

impl<T: 'static, E: Reason> Rejected for Unheard<T, E> {
    fn address(&self) -> *const () {
        Rc::as_ptr(&self.0).cast()
    }

    fn is_handled(&self) -> bool {
        self.0.handled.get()
    }

    fn with_reason(&self, see: &mut dyn FnMut(&dyn Any)) {
        let lent = Lent { state: &self.0.state, result: self.0.take_out() };
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
        self.0.label
    }

    fn set_reported(&self) {
        self.0.reported.set(true);
    }
}

/// A job made of a closure, for the rare ones.
pub(crate) struct Call<F>(Cell<Option<F>>);

impl<F: FnOnce() + 'static> Call<F> {
    pub(crate) fn queue(core: &Loop, label: Label, f: F) {
        let job = QueuedJob::new(Rc::new(Call(Cell::new(Some(f)))));
        core.queues.push_microtask(label, Microtask::Job(job));
    }
}

impl<F: FnOnce()> Job for Call<F> {
    fn run(self: Rc<Self>) {
        if let Some(f) = self.0.take() {
            f();
        }
    }

    fn abandon(self: Rc<Self>) {
        drop(self.0.take());
    }
}
