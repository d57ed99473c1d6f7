//! Promises and futures, each as the other.

use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::event_loop::futures::Start;
use crate::promise::Promise;
use crate::promise::reactions::Ticket;
use crate::promise::resolver::{Reason, Resolution};
use crate::trace::CallbackKind;

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
    /// From the first poll on.
    ticket: Option<Ticket>,
}

impl<T: 'static, E: Reason> IntoFuture for Promise<T, E> {
    type Output = Result<T, E>;
    type IntoFuture = PromiseFuture<T, E>;

    fn into_future(self) -> PromiseFuture<T, E> {
        PromiseFuture { promise: Some(self), ticket: None }
    }
}

/// Nothing in it is ever pinned in place.
impl<T: 'static, E: Reason> Unpin for PromiseFuture<T, E> {}

impl<T: 'static, E: Reason> Future for PromiseFuture<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let promise = self.promise.as_ref().expect("a promise was polled after it was done");
        match self.ticket {
            // Also where the promise is settled: that queues the one microtask that this costs.
            None => self.ticket = Some(promise.shared.wake_when_settled(cx.waker())),
            Some(ticket) if promise.is_pending() => promise.shared.wake_instead(ticket, cx.waker()),
            Some(_) => {
                let result = self.promise.take().and_then(Promise::take_share);
                return result.map_or(Poll::Pending, Poll::Ready);
            }
        }
        Poll::Pending
    }
}

impl<T: 'static, E: Reason> Drop for PromiseFuture<T, E> {
    fn drop(&mut self) {
        if let (Some(promise), Some(ticket)) = (&self.promise, self.ticket) {
            promise.shared.wake_no_more(ticket);
        }
    }
}
