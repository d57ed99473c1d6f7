//! The handle of a spawned future.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

use crate::error::{Error, Result};
use crate::event_loop::body::{Body, Stage, Unawaited};
use crate::event_loop::core::Loop;
use crate::event_loop::futures::Start;
use crate::event_loop::join::Asked;
use crate::event_loop::wake::FutureId;
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
    /// Nobody's once the outcome is taken.
    id: FutureId,
    output: PhantomData<fn() -> T>,
}

impl<T: 'static> JoinHandle<T> {
    pub(crate) fn start<F: Future<Output = T> + 'static>(
        core: Loop,
        label: Label,
        start: Start,
        future: F,
    ) -> JoinHandle<T> {
        let body = Box::pin(Joined { stage: Stage::new(future) });
        let id = core.start_held(label, start, body);
        JoinHandle { core, id, output: PhantomData }
    }

    /// Drops the future at the next checkpoint, wherever it is; awaiting it gives an error for
    /// which [`is_cancelled`](Error::is_cancelled) holds. Does nothing once it is finished.
    pub fn abort(&self) {
        self.core.abort_future(self.id, Error::cancelled());
    }

    /// Whether the future has returned, panicked or been aborted.
    pub fn is_finished(&self) -> bool {
        self.core.has_future_ended(self.id)
    }

    /// Aborts the future, with an error for whoever awaits it; works without the handle, but not
    /// once the future has ended.
    pub(crate) fn aborter(&self) -> impl FnOnce(Error) + use<T> {
        let (core, id) = (Rc::downgrade(&self.core), self.id);
        move |error| {
            if let Some(core) = core.upgrade() {
                core.abort_future(id, error);
            }
        }
    }

    /// Calls `f` when the future is finished or aborted: the crate's own code.
    pub(crate) fn when_finished(&self, f: impl FnOnce() + 'static) {
        self.core.after_future(self.id, f);
    }

    pub(crate) fn core(&self) -> &Loop {
        &self.core
    }

    pub(crate) fn label(&self) -> Option<Label> {
        self.core.label_of_future(self.id)
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
        self.core.dont_survive_future(self.id);
    }
}

pin_project! {
    /// A future for which there is a handle.
    struct Joined<F: Future> {
        #[pin]
        stage: Stage<F>,
    }
}

impl<F: Future<Output: 'static>> Body for Joined<F> {
    fn poll(self: Pin<&mut Self>, _: &Loop, cx: &mut Context<'_>) -> Poll<()> {
        self.project().stage.poll(cx)
    }

    fn outcome(self: Pin<&mut Self>) -> Option<&mut dyn Any> {
        let outcome = self.project().stage.outcome()?;
        Some(outcome)
    }

    /// No failure is silent.
    fn unawaited(self: Pin<&mut Self>, core: &Loop, label: Label, unawaited: Unawaited) {
        let outcome = self.project().stage.outcome().and_then(Option::take);
        match outcome {
            Some(Err(payload)) => core.uncaught(Error::panic(payload), label),
            Some(Ok(output)) => output_unawaited(&output, core, label, unawaited),
            None => {}
        }
    }
}

/// Generic, so that nothing is left of it for an output that is no `Result`.
fn output_unawaited<T: 'static>(output: &T, core: &Loop, label: Label, unawaited: Unawaited) {
    let Some(Err(error)) = (output as &dyn Any).downcast_ref::<Result<()>>() else { return };
    match unawaited {
        Unawaited::Logged => event::future_failed(label, error),
        Unawaited::Uncaught => core.uncaught(error.clone(), label),
        Unawaited::Aborted => {}
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        match self.core.ask_future(self.id, cx) {
            Asked::Pending => Poll::Pending,
            Asked::Aborted(error) => Poll::Ready(Err(error)),
            Asked::Finished(mut body) => {
                self.id = FutureId::NOBODY;
                match take_outcome(body.as_mut()) {
                    Some(outcome) => Poll::Ready(outcome.map_err(Error::panic)),
                    None => Poll::Pending,
                }
            }
        }
    }
}

fn take_outcome<T: 'static>(body: Pin<&mut dyn Body>) -> Option<thread::Result<T>> {
    body.outcome()?.downcast_mut::<Option<thread::Result<T>>>()?.take()
}

impl<T: 'static> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        self.core.let_go_of_future(self.id);
    }
}

impl<T: 'static> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}
