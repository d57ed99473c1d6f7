//! Promises, in the order of ECMAScript.
//!
//! The job order is that of ECMA-262 §27.2, two extra jobs for the adoption of a promise included.
//! Where the language passes any value around, this passes a `T`; where it looks for a `then`
//! method, the caller says what he has: a [`Resolution`].
//!
//! A value is cloned only where it is shared: the last one who takes it gets the value itself.

mod combine;
#[cfg(feature = "async")]
mod future;
mod reactions;
mod remains;
mod resolver;
mod shared;
mod then;

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

pub use combine::AggregateError;
pub use resolver::{PromiseLike, Reason, Resolution, Resolver};
pub use then::Settle;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::promise::shared::Shared;
use crate::trace::{At, CallbackKind};

/// A value that will be there later, or the reason why it will not.
///
/// `then` and its siblings consume the promise; clone it first to react twice (where `T` and `E`
/// can be cloned). Reactions are microtasks, in the order of ECMAScript. Dropping a promise cancels
/// nothing: reactions that were registered still run.
///
/// A promise that is rejected and has no reaction at the end of the checkpoint is reported: see
/// [`on_unhandled_rejection`](crate::on_unhandled_rejection).
///
/// ```
/// use unspin::Promise;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     Promise::resolved(20)
///         .then(|n| n + 1)
///         .try_then(|n| Ok(n * 2))
///         .then(|n| assert_eq!(n, 42))
///         .finally(|| println!("done"));
/// })
/// # }
/// ```
pub struct Promise<T, E = Error> {
    shared: Rc<Shared<T, E>>,
}

impl<T: 'static> Promise<T> {
    /// Makes a promise and calls `executor` at once with its resolver.
    ///
    /// The first call of the resolver wins. An executor that panics rejects the promise. ECMA-262
    /// §27.2.3.1.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn new(executor: impl FnOnce(Resolver<T>)) -> Promise<T> {
        Promise::made_by(executor)
    }

    /// A promise that is fulfilled already.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn resolved(value: T) -> Promise<T> {
        Promise::settled(Ok(value))
    }

    /// A promise that is rejected already.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn rejected(reason: impl Into<Error>) -> Promise<T> {
        Promise::settled(Err(reason.into()))
    }

    /// A promise with the result of `f`, which is called at once; a panic in it is a rejection.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn try_from_fn(f: impl FnOnce() -> Result<T>) -> Promise<T> {
        Promise::made_by(|resolver| resolver.settle(f()))
    }
}

impl<T: 'static, E: Reason> Promise<T, E> {
    /// As [`new`](Promise::new), with reasons of any type.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn made_by(executor: impl FnOnce(Resolver<T, E>)) -> Promise<T, E> {
        let (promise, resolver) = Promise::with_resolver();
        let failed = resolver.clone();
        if let Err(reason) = then::catch(|| executor(resolver)) {
            failed.reject(E::from(reason));
        }
        promise
    }

    /// A promise, and what settles it. ECMA-262 `Promise.withResolvers`.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn with_resolver() -> (Promise<T, E>, Resolver<T, E>) {
        let core = current();
        let label = core.label(CallbackKind::Reaction, Location::caller());
        let shared: Rc<Shared<T, E>> = Shared::pending(&core, label, ());
        (Promise { shared: Rc::clone(&shared) }, Resolver::counted(shared))
    }

    /// A promise that is settled already, with reasons of any type.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn settled(result: Result<T, E>) -> Promise<T, E> {
        let core = current();
        let label = core.label(CallbackKind::Reaction, Location::caller());
        Promise { shared: Shared::settled(&core, label, result) }
    }

    /// Whether the promise is still neither fulfilled nor rejected.
    pub fn is_pending(&self) -> bool {
        self.shared.is_pending()
    }

    /// Takes this handle's share of the result, once it is settled.
    #[cfg(feature = "async")]
    fn take_share(self) -> Option<Result<T, E>> {
        let result = self.shared.take();
        // For the drop of the handle, which gives a share up.
        self.shared.consumer_added();
        result
    }

    fn at(&self) -> At {
        self.shared.label.at
    }
}

impl<T: Clone + 'static, E: Clone + Reason> Clone for Promise<T, E> {
    fn clone(&self) -> Promise<T, E> {
        self.shared.share(|result: &Result<T, E>| result.clone());
        Promise { shared: Rc::clone(&self.shared) }
    }
}

impl<T, E> Drop for Promise<T, E> {
    fn drop(&mut self) {
        self.shared.consumer_gone();
    }
}

impl<T: 'static, E: Reason> fmt::Debug for Promise<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_pending() { "pending" } else { "settled" };
        write!(f, "Promise({state}, {})", self.at())
    }
}
