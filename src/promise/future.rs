//! Promises and futures, each as the other.

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};
use crate::event_loop::checkpoint::Microtask;
use crate::event_loop::context::current;
use crate::event_loop::futures::Start;
use crate::promise::Promise;
use crate::promise::remains::Remains;
use crate::promise::resolver::{Reason, Resolution};
use crate::promise::shared::{Reaction, Shared};
use crate::trace::{CallbackKind, Label};

impl<T: 'static, E: Reason> Promise<T, E> {
    /// Runs a future, from its first poll at once, and gives a promise for its result: an async
    /// function of ECMAScript, which runs to its first `await` when it is called (§27.7.5.1).
    ///
    /// The future may return a value in a `Result`, or any [`Resolution`]. A panic in it is a
    /// rejection.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn from_future<O>(future: impl Future<Output = O> + 'static) -> Promise<T, E>
    where
        O: Into<Resolution<T, E>> + 'static,
    {
        let core = current();
        let label = core.label(CallbackKind::Future, Location::caller());
        let (promise, resolver) = Promise::with_resolver();
        let done = move |_: &_, outcome: std::thread::Result<O>| match outcome {
            Ok(resolution) => resolver.resolve_with(resolution),
            Err(payload) => resolver.reject(E::from(Error::panic(payload))),
        };
        core.start_future(label, Start::AtOnce, future, done);
        promise
    }
}

/// A promise that is awaited.
///
/// A settled promise resumes the `await` as exactly one microtask. ECMA-262 §27.7.5.3.
///
/// # Cancel safety
///
/// Dropping it gives up this share of the value, and nothing else.
pub struct PromiseFuture<T: 'static, E: Reason> {
    promise: Option<Promise<T, E>>,
    waiting: Option<Rc<Waiting>>,
}

/// An `await` in the promise's list of reactions.
struct Waiting {
    label: Label,
    waker: RefCell<Option<Waker>>,
    /// The promise is settled, and the waker was woken for it.
    woken: Cell<bool>,
}

impl<T: 'static, E: Reason> IntoFuture for Promise<T, E> {
    type Output = Result<T, E>;
    type IntoFuture = PromiseFuture<T, E>;

    fn into_future(self) -> PromiseFuture<T, E> {
        PromiseFuture { promise: Some(self), waiting: None }
    }
}

/// Nothing in it is ever pinned in place.
impl<T: 'static, E: Reason> Unpin for PromiseFuture<T, E> {}

impl<T: 'static, E: Reason> Future for PromiseFuture<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let promise = self.promise.as_ref().expect("a promise was polled after it was done");
        let Some(waiting) = &self.waiting else {
            let waiting = Rc::new(Waiting {
                label: promise.shared.label,
                waker: RefCell::new(Some(cx.waker().clone())),
                woken: Cell::new(false),
            });
            promise.shared.react(Box::new(Await(Rc::clone(&waiting))));
            self.waiting = Some(waiting);
            return Poll::Pending;
        };
        if !waiting.woken.get() {
            let waker = cx.waker().clone();
            drop(waiting.waker.replace(Some(waker)));
            return Poll::Pending;
        }
        let promise = self.promise.take().expect("it was there above");
        match promise.take_share() {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}

impl<T: 'static, E: Reason> Drop for PromiseFuture<T, E> {
    fn drop(&mut self) {
        let waker = self.waiting.as_ref().and_then(|waiting| waiting.waker.take());
        drop(waker);
    }
}

struct Await(Rc<Waiting>);

impl<T: 'static, E: Reason> Reaction<T, E> for Await {
    fn label(&self) -> Label {
        self.0.label
    }

    /// Being woken is what queues the microtask: the poll.
    fn into_microtask(self: Box<Self>, _: Rc<Shared<T, E>>) -> Option<Microtask> {
        self.0.woken.set(true);
        let waker = self.0.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
        None
    }

    fn into_remains(self: Box<Self>) -> Remains {
        self
    }
}
