//! The handle of a spawned future.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;

use async_task::Task;

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::futures::Start;
use crate::trace::{Label, event};

/// A future's result, when it is there: `Err` if it panicked or was aborted.
///
/// Dropping the handle aborts nothing.
///
/// # Cancel safety
///
/// Awaiting is cancel safe: dropping the handle only means that nobody waits any more.
pub struct JoinHandle<T: 'static> {
    core: Loop,
    join: Rc<Join<T>>,
    /// `None` once it was aborted.
    task: Cell<Option<Task<()>>>,
}

struct Join<T> {
    label: Label,
    result: Cell<Option<Result<T>>>,
    waker: Cell<Option<Waker>>,
    finished: Cell<bool>,
    held: Cell<bool>,
    /// What becomes of an `Err` that nobody awaits.
    to_uncaught: Cell<bool>,
}

impl<T: 'static> JoinHandle<T> {
    pub(crate) fn start<F: Future<Output = T> + 'static>(
        core: &Loop,
        label: Label,
        start: Start,
        future: F,
    ) -> JoinHandle<T> {
        let join = Rc::new(Join {
            label,
            result: Cell::new(None),
            waker: Cell::new(None),
            finished: Cell::new(false),
            held: Cell::new(true),
            to_uncaught: Cell::new(false),
        });
        let result_of = Rc::clone(&join);
        let done = move |core: &Loop, result| result_of.finish(core, result);
        let task = core.start_future(label, start, future, done);
        JoinHandle { core: Rc::clone(core), join, task: Cell::new(Some(task)) }
    }

    /// Drops the future at the next checkpoint, wherever it is; awaiting it gives an error for
    /// which [`is_cancelled`](Error::is_cancelled) holds. Does nothing once it is finished.
    pub fn abort(&self) {
        if self.join.finished.replace(true) {
            return;
        }
        // Dropping async-task's handle cancels.
        drop(self.task.take());
        self.join.result.set(Some(Err(Error::cancelled())));
        self.join.wake();
    }

    /// Whether the future has returned, panicked or been aborted.
    pub fn is_finished(&self) -> bool {
        self.join.finished.get()
    }
}

impl JoinHandle<Result<()>> {
    /// Lets the future run on; its `Err` is logged at WARN, with the line that spawned it.
    ///
    /// For what may fail without anybody's harm: a connection, of which there are others.
    pub fn log_err(self) {}

    /// Lets the future run on; its `Err` is uncaught: see [`on_uncaught`](crate::on_uncaught).
    ///
    /// For what must not be survived.
    pub fn or_uncaught(self) {
        self.join.to_uncaught.set(true);
    }
}

impl<T: 'static> Join<T> {
    fn finish(&self, core: &Loop, result: thread::Result<T>) {
        self.finished.set(true);
        match result {
            Err(payload) if payload.is::<crate::event_loop::lifetime::ExitUnwind>() => {}
            Err(payload) => self.keep(core, Err(Error::panic(payload))),
            Ok(value) => self.keep(core, Ok(value)),
        }
    }

    fn keep(&self, core: &Loop, result: Result<T>) {
        if self.held.get() {
            self.result.set(Some(result));
            self.wake();
        } else {
            self.nobody_awaits(core, result);
        }
    }

    /// No failure is silent.
    fn nobody_awaits(&self, core: &Loop, result: Result<T>) {
        match result {
            Err(error) if error.is_cancelled() => {}
            Err(error) => core.uncaught(error, self.label),
            Ok(value) => {
                if let Some(Err(error)) = (&value as &dyn Any).downcast_ref::<Result<()>>() {
                    if self.to_uncaught.get() {
                        core.uncaught(error.clone(), self.label);
                    } else {
                        event::future_failed(self.label, error);
                    }
                }
            }
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        if let Some(result) = self.join.result.take() {
            return Poll::Ready(result);
        }
        let before = self.join.waker.replace(Some(cx.waker().clone()));
        drop(before);
        Poll::Pending
    }
}

impl<T: 'static> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        self.join.held.set(false);
        if let Some(task) = self.task.take() {
            task.detach();
        }
        if let Some(result) = self.join.result.take() {
            self.join.nobody_awaits(&self.core, result);
        }
    }
}

impl<T: 'static> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}
