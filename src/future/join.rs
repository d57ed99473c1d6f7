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
}

struct Join<T> {
    label: Label,
    result: Cell<Option<Result<T>>>,
    waker: Cell<Option<Waker>>,
    finished: Cell<bool>,
    held: Cell<bool>,
    /// What becomes of an `Err` that nobody awaits.
    to_uncaught: Cell<bool>,
    /// Dropping it drops the future, which owns this; `None` once that is finished.
    task: Cell<Option<Task<()>>>,
    /// To be called when the future is finished.
    afterwards: Cell<Vec<Afterwards>>,
}

type Afterwards = Box<dyn FnOnce()>;

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
            task: Cell::new(None),
            afterwards: Cell::default(),
        });
        let result_of = Rc::clone(&join);
        let done = move |core: &Loop, result| result_of.finish(core, result);
        let task = core.start_future(label, start, future, done);
        join.task.set(Some(task));
        JoinHandle { core: Rc::clone(core), join }
    }

    /// Drops the future at the next checkpoint, wherever it is; awaiting it gives an error for
    /// which [`is_cancelled`](Error::is_cancelled) holds. Does nothing once it is finished.
    pub fn abort(&self) {
        self.join.abort(Error::cancelled());
    }

    /// Whether the future has returned, panicked or been aborted.
    pub fn is_finished(&self) -> bool {
        self.join.finished.get()
    }

    /// Aborts the future, with an error for whoever awaits it; works without the handle.
    pub(crate) fn aborter(&self) -> impl FnOnce(Error) + use<T> {
        let join = Rc::downgrade(&self.join);
        move |error| {
            if let Some(join) = join.upgrade() {
                join.abort(error);
            }
        }
    }

    /// Calls `f` when the future is finished or aborted: the crate's own code.
    pub(crate) fn when_finished(&self, f: impl FnOnce() + 'static) {
        if self.is_finished() {
            return f();
        }
        let mut afterwards = self.join.afterwards.take();
        afterwards.push(Box::new(f));
        self.join.afterwards.set(afterwards);
    }

    pub(crate) fn core(&self) -> &Loop {
        &self.core
    }

    pub(crate) fn label(&self) -> Label {
        self.join.label
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
        if self.finished.replace(true) {
            // It aborted itself while it was polled, and that is its result. A panic is not silent.
            if let Err(payload) = result {
                core.uncaught_panic(payload, self.label);
            }
            return;
        }
        if let Some(task) = self.task.take() {
            task.detach();
        }
        self.run_afterwards();
        match result {
            Err(payload) => self.keep(core, Err(Error::panic(payload))),
            Ok(value) => self.keep(core, Ok(value)),
        }
    }

    fn abort(&self, error: Error) {
        if self.finished.replace(true) {
            return;
        }
        // Dropping async-task's handle cancels.
        drop(self.task.take());
        self.run_afterwards();
        if self.held.get() {
            self.result.set(Some(Err(error)));
            self.wake();
        }
    }

    fn run_afterwards(&self) {
        self.afterwards.take().into_iter().for_each(|f| f());
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
            Err(error) if error.is_cancelled() || error.is_abort() => {}
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
