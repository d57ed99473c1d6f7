//! A future and then its outcome, in one box.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::thread;

use pin_project_lite::pin_project;

use crate::error::discard_panic;
use crate::event_loop::core::Loop;
use crate::event_loop::lifetime::ExitUnwind;
use crate::trace::Label;

/// What the loop polls, whatever its types are.
pub(crate) trait Body {
    fn poll(self: Pin<&mut Self>, core: &Loop, cx: &mut Context<'_>) -> Poll<()>;

    /// Where the outcome is, for who knows its type: an `Option` of it.
    fn outcome(self: Pin<&mut Self>) -> Option<&mut dyn Any> {
        None
    }

    /// The future is finished, and nobody will ask for its outcome.
    fn unawaited(self: Pin<&mut Self>, core: &Loop, label: Label, unawaited: Unawaited) {
        let _ = (core, label, unawaited);
    }
}

/// What becomes of an outcome that nobody awaits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unawaited {
    /// An `Err` is logged, and a panic uncaught.
    Logged,
    /// An `Err` is uncaught, too.
    Uncaught,
    /// The future aborted itself in its last poll. A panic is not silent even then.
    Aborted,
}

pin_project! {
    /// A future, and then its output: `Err` is the payload of its panic.
    #[project = At]
    pub(crate) enum Stage<F: Future> {
        Running { #[pin] future: F },
        Ended { outcome: Option<thread::Result<F::Output>> },
    }
}

impl<F: Future> Stage<F> {
    pub(crate) fn new(future: F) -> Stage<F> {
        Stage::Running { future }
    }

    /// Polls the future. When it is finished it is dropped, and its outcome takes its place.
    pub(crate) fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let poll = || match self.as_mut().project() {
            At::Running { future } => {
                let output = ready!(future.poll(cx));
                self.set(Stage::Ended { outcome: Some(Ok(output)) });
                Poll::Ready(())
            }
            At::Ended { .. } => Poll::Ready(()),
        };
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(poll) => poll,
            // What `exit` unwinds includes the caller of a future that is polled at once.
            Err(payload) if payload.is::<ExitUnwind>() => resume_unwind(payload),
            Err(payload) => {
                self.fail(payload);
                Poll::Ready(())
            }
        }
    }

    /// Drops the future, which may panic once more: one panic is told.
    #[cold]
    fn fail(mut self: Pin<&mut Self>, payload: Box<dyn Any + Send>) {
        let ended = Stage::Ended { outcome: Some(Err(payload)) };
        // What is set takes its place even if the drop of what was there panics.
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| self.set(ended))) {
            discard_panic(another);
        }
    }

    /// Where the outcome is, once there is one.
    pub(crate) fn outcome(self: Pin<&mut Self>) -> Option<&mut Option<thread::Result<F::Output>>> {
        match self.project() {
            At::Running { .. } => None,
            At::Ended { outcome } => Some(outcome),
        }
    }
}

/// The future's output, or the payload of its panic.
pub(crate) async fn catching<F: Future>(future: F) -> thread::Result<F::Output> {
    let mut stage = pin!(Stage::new(future));
    poll_fn(|cx| stage.as_mut().poll(cx)).await;
    stage.outcome().and_then(Option::take).expect("it ended just now")
}

pin_project! {
    /// A future whose outcome is handed on as soon as it is there.
    pub(crate) struct HandedOn<F: Future, D> {
        #[pin]
        pub(crate) stage: Stage<F>,
        // The loop's own code, called within the last poll.
        pub(crate) done: Option<D>,
    }
}

impl<F, D> Body for HandedOn<F, D>
where
    F: Future,
    D: FnOnce(&Loop, thread::Result<F::Output>),
{
    fn poll(self: Pin<&mut Self>, core: &Loop, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        ready!(this.stage.as_mut().poll(cx));
        let outcome = this.stage.outcome().and_then(Option::take);
        if let (Some(outcome), Some(done)) = (outcome, this.done.take()) {
            done(core, outcome);
        }
        Poll::Ready(())
    }
}
