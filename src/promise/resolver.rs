//! What settles a promise, and with what.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::checkpoint::{Job, Microtask, QueuedJob};
use crate::promise::Promise;
use crate::promise::reactions::Reaction;
use crate::promise::remains::Remains;
use crate::promise::shared::{Call, Shared};
use crate::promise::then;

/// What a promise may be rejected with: anything that can be shown, and made from an [`Error`] (the
/// library itself rejects with one, for a panic in a handler).
pub trait Reason: fmt::Debug + From<Error> + 'static {}

impl<E: fmt::Debug + From<Error> + 'static> Reason for E {}

/// Settles one promise, once: the first call wins, the others do nothing.
pub struct Resolver<T, E = Error> {
    shared: Rc<Shared<T, E>>,
    epoch: u32,
}

/// What a promise is resolved with: what a handler returns, in all its forms.
pub enum Resolution<T, E = Error> {
    /// Fulfils the promise.
    Value(T),
    /// Rejects the promise.
    Reason(E),
    /// Makes the promise follow another one: settled as it is, two jobs later.
    Promise(Promise<T, E>),
    /// Makes the promise follow something else that can be waited for: asked in a job of its own.
    Like(Box<dyn PromiseLike<T, E>>),
}

/// Something that will call a resolver: what ECMAScript calls a thenable.
///
/// A closure is one.
pub trait PromiseLike<T, E = Error> {
    /// Arranges for the resolver to be called. It is called once, in a job of its own; a panic in
    /// it rejects the promise, unless the resolver was called before.
    fn then(self: Box<Self>, resolver: Resolver<T, E>);
}

impl<T, E, F: FnOnce(Resolver<T, E>)> PromiseLike<T, E> for F {
    fn then(self: Box<Self>, resolver: Resolver<T, E>) {
        self(resolver);
    }
}

impl<T, E> From<Result<T, E>> for Resolution<T, E> {
    fn from(result: Result<T, E>) -> Resolution<T, E> {
        match result {
            Ok(value) => Resolution::Value(value),
            Err(reason) => Resolution::Reason(reason),
        }
    }
}

impl<T, E> From<Promise<T, E>> for Resolution<T, E> {
    fn from(promise: Promise<T, E>) -> Resolution<T, E> {
        Resolution::Promise(promise)
    }
}

impl<T: 'static, E: Reason> Resolver<T, E> {
    /// The resolver of a new promise, or of one whose former resolvers are spent.
    pub(crate) fn first(shared: Rc<Shared<T, E>>) -> Resolver<T, E> {
        let epoch = shared.epoch.get();
        shared.resolver_added();
        Resolver { shared, epoch }
    }

    /// The resolver that a new promise has counted already.
    pub(crate) fn counted(shared: Rc<Shared<T, E>>) -> Resolver<T, E> {
        Resolver { shared, epoch: 0 }
    }

    /// Fulfils the promise with a value.
    pub fn resolve(&self, value: T) {
        self.settle(Ok(value));
    }

    /// Rejects the promise.
    pub fn reject(&self, reason: impl Into<E>) {
        self.settle(Err(reason.into()));
    }

    /// Fulfils or rejects the promise.
    pub fn settle(&self, result: Result<T, E>) {
        if self.spend() {
            self.shared.settle(result);
        }
    }

    /// Resolves the promise with a value, a reason, another promise or something like one.
    ///
    /// A promise that is resolved with itself is rejected. ECMA-262 §27.2.1.3.2.
    pub fn resolve_with(&self, resolution: impl Into<Resolution<T, E>>) {
        let resolution = resolution.into();
        if !self.spend() {
            return;
        }
        match resolution {
            Resolution::Value(value) => self.shared.settle(Ok(value)),
            Resolution::Reason(reason) => self.shared.settle(Err(reason)),
            Resolution::Promise(promise) => self.follow(promise),
            Resolution::Like(like) => {
                let next = self.next();
                self.job(move || next.ask(like));
            }
        }
    }

    /// Whether the promise is settled, or follows another.
    pub fn is_spent(&self) -> bool {
        self.shared.epoch.get() != self.epoch
    }

    /// Spends this pair of resolving functions; whether it was still to be had.
    #[inline]
    fn spend(&self) -> bool {
        let is_first = !self.is_spent();
        if is_first {
            self.shared.epoch.set(self.epoch + 1);
        }
        is_first
    }

    /// The pair that goes on where this one, which is spent, has said whom to follow.
    fn next(&self) -> Resolver<T, E> {
        Resolver::first(Rc::clone(&self.shared))
    }

    /// ECMA-262 §27.2.2.2: one job that calls `then`, and a reaction that settles.
    fn follow(&self, promise: Promise<T, E>) {
        if Rc::ptr_eq(&promise.shared, &self.shared) {
            let error = Error::new("a promise cannot be resolved with itself");
            return self.shared.settle(Err(E::from(error)));
        }
        let next = self.next();
        self.job(move || promise.forward(next));
    }

    fn job(&self, job: impl FnOnce() + 'static) {
        Call::queue(&self.shared.core, self.shared.label, job);
    }

    fn ask(self, like: Box<dyn PromiseLike<T, E>>) {
        let failed = self.clone();
        if let Err(error) = then::catch(move || like.then(self)) {
            failed.reject(E::from(error));
        }
    }
}

impl<T: 'static, E: Reason> Promise<T, E> {
    /// Settles another promise as this one, by a reaction.
    pub(crate) fn forward(self, to: Resolver<T, E>) {
        self.give_to(Rc::new(Forward { source: Cell::new(None), to: Cell::new(Some(to)) }));
    }

    /// Adds a reaction, which takes over this handle's share of the value.
    #[inline]
    pub(crate) fn give_to(self, reaction: Rc<dyn Reaction<T, E>>) {
        self.shared.consumer_added();
        self.shared.react(reaction);
    }
}

struct Forward<T, E> {
    source: Cell<Option<Rc<Shared<T, E>>>>,
    to: Cell<Option<Resolver<T, E>>>,
}

impl<T: 'static, E: Reason> Reaction<T, E> for Forward<T, E> {
    fn queue(self: Rc<Self>, source: Rc<Shared<T, E>>) {
        let (core, label) = (Rc::clone(&source.core), source.label);
        self.source.set(Some(source));
        core.queues.push_microtask(label, Microtask::Job(QueuedJob::new(self)));
    }

    fn into_remains(self: Rc<Self>) -> Remains {
        Box::new(self.to.take())
    }
}

impl<T: 'static, E: Reason> Job for Forward<T, E> {
    fn run(self: Rc<Self>) {
        let (Some(source), Some(to)) = (self.source.take(), self.to.take()) else { return };
        // The user's `clone` may panic.
        match then::catch(|| source.take()) {
            Ok(Some(result)) => to.settle(result),
            Ok(None) => {}
            Err(error) => to.reject(E::from(error)),
        }
    }

    fn abandon(self: Rc<Self>) {
        drop((self.source.take(), self.to.take()));
    }
}

impl<T, E> Clone for Resolver<T, E> {
    fn clone(&self) -> Resolver<T, E> {
        self.shared.resolver_added();
        Resolver { shared: Rc::clone(&self.shared), epoch: self.epoch }
    }
}

impl<T, E> Drop for Resolver<T, E> {
    fn drop(&mut self) {
        self.shared.resolver_gone();
    }
}

impl<T: 'static, E: Reason> fmt::Debug for Resolver<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("spent", &self.is_spent()).finish_non_exhaustive()
    }
}
