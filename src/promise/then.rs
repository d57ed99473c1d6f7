//! Reactions: `react`, and what is made of it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::checkpoint::{Job, Microtask, QueuedJob};
use crate::event_loop::lifetime::ExitUnwind;
use crate::promise::Promise;
use crate::promise::reactions::Reaction;
use crate::promise::remains::Remains;
use crate::promise::resolver::{Reason, Resolution, Resolver};
use crate::promise::shared::Shared;
use crate::trace::{At, CallbackKind};

impl<T: 'static, E: Reason> Promise<T, E> {
    /// Calls `f` with the result, as a microtask, and gives a promise for what it returns: the
    /// primitive under all others.
    ///
    /// A panic in `f` rejects the new promise. ECMA-262 §27.2.5.4.
    #[track_caller]
    pub fn react<U: 'static, E2: Reason, O: Into<Resolution<U, E2>>>(
        self,
        f: impl FnOnce(Result<T, E>) -> O + 'static,
    ) -> Promise<U, E2> {
        self.react_at(Location::caller(), f)
    }

    /// Calls `f` with the value; the new promise is fulfilled with what it returns.
    #[track_caller]
    pub fn then<U: 'static>(self, f: impl FnOnce(T) -> U + 'static) -> Promise<U, E> {
        self.react_at(Location::caller(), move |result| result.map(f))
    }

    /// Calls `f` with the value; the new promise follows the one that it returns.
    #[track_caller]
    pub fn and_then<U: 'static>(
        self,
        f: impl FnOnce(T) -> Promise<U, E> + 'static,
    ) -> Promise<U, E> {
        self.react_at(Location::caller(), move |result| match result {
            Ok(value) => Resolution::Promise(f(value)),
            Err(reason) => Resolution::Reason(reason),
        })
    }

    /// Calls `f` with the value; the new promise is fulfilled or rejected with its result.
    #[track_caller]
    pub fn try_then<U: 'static>(
        self,
        f: impl FnOnce(T) -> Result<U, E> + 'static,
    ) -> Promise<U, E> {
        self.react_at(Location::caller(), move |result| result.and_then(f))
    }

    /// Calls `ok` with the value or `err` with the reason: `then` with both its arms.
    #[track_caller]
    pub fn then_or<U: 'static>(
        self,
        ok: impl FnOnce(T) -> U + 'static,
        err: impl FnOnce(E) -> U + 'static,
    ) -> Promise<U, E> {
        self.react_at(Location::caller(), move |result| {
            Resolution::Value(match result {
                Ok(value) => ok(value),
                Err(reason) => err(reason),
            })
        })
    }

    /// Calls `f` with the reason; the new promise is fulfilled with what it returns.
    #[track_caller]
    pub fn catch(self, f: impl FnOnce(E) -> T + 'static) -> Promise<T, E> {
        self.react_at(Location::caller(), move |result| Resolution::Value(result.unwrap_or_else(f)))
    }

    /// Calls `f` with the reason; the new promise follows the one that it returns.
    #[track_caller]
    pub fn or_else(self, f: impl FnOnce(E) -> Promise<T, E> + 'static) -> Promise<T, E> {
        self.react_at(Location::caller(), move |result| match result {
            Ok(value) => Resolution::Value(value),
            Err(reason) => Resolution::Promise(f(reason)),
        })
    }

    /// Calls `f` in either case. The new promise has this one's result, unless `f` panics, or
    /// returns an error or a promise that is rejected. ECMA-262 §27.2.5.3.
    #[track_caller]
    pub fn finally<S: Settle<E>>(self, f: impl FnOnce() -> S + 'static) -> Promise<T, E> {
        let at = Location::caller();
        self.react_at(at, move |result| match f().wait_for() {
            // What it is fulfilled with is waited for and ignored.
            Ok(after) => Resolution::Promise(after.react_at(at, move |settled| match settled {
                Ok(_) => result,
                Err(reason) => Err(reason),
            })),
            // As what is thrown in it: nothing is waited for.
            Err(reason) => Resolution::Reason(reason),
        })
    }

    pub(crate) fn react_at<U: 'static, E2: Reason, O: Into<Resolution<U, E2>>>(
        self,
        at: At,
        f: impl FnOnce(Result<T, E>) -> O + 'static,
    ) -> Promise<U, E2> {
        let core = &self.shared.core;
        let label = core.label(CallbackKind::Reaction, at);
        let then = Then { source: Cell::new(None), f: Cell::new(Some(f)) };
        let derived = Shared::pending(core, label, then);
        let promise = Promise { shared: Rc::clone(&derived) as Rc<Shared<U, E2>> };
        self.give_to(derived);
        promise
    }
}

/// What a `finally` callback may return: `()`, a promise of anything, or either in a `Result`.
pub trait Settle<E> {
    /// What the promise of it is fulfilled with, and nobody looks at.
    #[doc(hidden)]
    type Value: 'static;
    #[doc(hidden)]
    fn wait_for(self) -> Result<Promise<Self::Value, E>, E>;
}

impl<E: Reason> Settle<E> for () {
    type Value = ();

    fn wait_for(self) -> Result<Promise<(), E>, E> {
        Ok(Promise::settled(Ok(())))
    }
}

impl<U: 'static, E: Reason> Settle<E> for Promise<U, E> {
    type Value = U;

    fn wait_for(self) -> Result<Promise<U, E>, E> {
        Ok(self)
    }
}

impl<E: Reason, S: Settle<E>> Settle<E> for Result<S, E> {
    type Value = S::Value;

    fn wait_for(self) -> Result<Promise<S::Value, E>, E> {
        self.and_then(S::wait_for)
    }
}

/// The callback behind a promise, which is for its result.
struct Then<T, E, F> {
    source: Cell<Option<Rc<Shared<T, E>>>>,
    f: Cell<Option<F>>,
}

impl<T, E, U, E2, O, F> Reaction<T, E> for Shared<U, E2, Then<T, E, F>>
where
    T: 'static,
    E: Reason,
    U: 'static,
    E2: Reason,
    O: Into<Resolution<U, E2>>,
    F: FnOnce(Result<T, E>) -> O + 'static,
{
    fn queue(self: Rc<Self>, source: Rc<Shared<T, E>>) {
        let label = self.label;
        let queues = &source.core.queues;
        self.callback.source.set(Some(Rc::clone(&source)));
        queues.push_microtask(label, Microtask::Job(QueuedJob::new(self)));
    }

    fn into_remains(self: Rc<Self>) -> Remains {
        let f = self.callback.f.take();
        Box::new((f, Resolver::counted(self)))
    }
}

impl<T, E, U, E2, O, F> Job for Shared<U, E2, Then<T, E, F>>
where
    T: 'static,
    E: Reason,
    U: 'static,
    E2: Reason,
    O: Into<Resolution<U, E2>>,
    F: FnOnce(Result<T, E>) -> O + 'static,
{
    fn run(self: Rc<Self>) {
        let (source, f) = (self.callback.source.take(), self.callback.f.take());
        let target = Resolver::counted(self);
        let (Some(source), Some(f)) = (source, f) else { return };
        // The user's `clone` may panic as well as `f`.
        match catch(|| source.take().map(|result| f(result).into())) {
            Ok(Some(resolution)) => target.resolve_with(resolution),
            Ok(None) => {}
            Err(error) => target.reject(E2::from(error)),
        }
    }

    fn abandon(self: Rc<Self>) {
        let (source, f) = (self.callback.source.take(), self.callback.f.take());
        drop((source, f, Resolver::counted(self)));
    }
}

/// Calls a promise's callback: a panic in it becomes the reason of a rejection.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        if payload.is::<ExitUnwind>() {
            resume_unwind(payload);
        }
        Error::panic(payload)
    })
}
