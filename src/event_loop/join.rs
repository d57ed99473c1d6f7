//! What the handle of a future asks of the loop.

use std::task::Context;

use crate::error::Error;
use crate::event_loop::body::Unawaited;
use crate::event_loop::checkpoint::Microtask;
use crate::event_loop::core::{Core, Loop};
use crate::event_loop::futures::{Afterwards, BoxedBody, Entry, State};
use crate::event_loop::wake::FutureId;
use crate::trace::Label;

/// What a handle gets when it asks.
pub(crate) enum Asked {
    Pending,
    Aborted(Error),
    /// The outcome is in it.
    Finished(BoxedBody),
}

impl Core {
    /// The outcome, if it is there: then the future is not listed any more. Else it will wake
    /// whoever asks.
    pub(crate) fn ask_future(&self, id: FutureId, cx: &Context<'_>) -> Asked {
        let mut futures = self.futures.borrow_mut();
        let Some(entry) = futures.get(id) else { return Asked::Pending };
        if let Some(error) = entry.aborted.take() {
            return Asked::Aborted(error);
        }
        if entry.state == State::Over {
            let Some(outcome) = entry.body.take() else { return Asked::Pending };
            futures.remove(id);
            return Asked::Finished(outcome);
        }
        let is_known = entry.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker()));
        drop(futures);
        if !is_known {
            self.await_future(id, cx);
        }
        Asked::Pending
    }

    #[inline]
    fn await_future(&self, id: FutureId, cx: &Context<'_>) {
        // A waker may be of the user's making: nothing is borrowed while it is cloned or dropped.
        let waker = cx.waker().clone();
        let before = self.with_future(id, |entry| entry.waker.replace(waker));
        drop(before);
    }

    /// Whether the future is finished or aborted.
    pub(crate) fn has_future_ended(&self, id: FutureId) -> bool {
        self.with_future(id, |entry| entry.ended).unwrap_or(true)
    }

    /// Calls `f` when the future is finished or aborted: the crate's own code.
    pub(crate) fn after_future(&self, id: FutureId, f: impl FnOnce() + 'static) {
        if self.has_future_ended(id) {
            return f();
        }
        let before = self.with_future(id, |entry| entry.afterwards.take()).flatten();
        let both: Afterwards = match before {
            Some(before) => Box::new(|| {
                before();
                f();
            }),
            None => Box::new(f),
        };
        self.with_future(id, |entry| entry.afterwards = Some(both));
    }

    /// Drops the future in the next checkpoint, wherever it is.
    pub(crate) fn abort_future(&self, id: FutureId, error: Error) {
        let Some((label, afterwards)) = self.with_future(id, mark_aborted).flatten() else {
            return;
        };
        if let Some(label) = label {
            self.queues.push_microtask(label, Microtask::Poll(id));
        }
        if let Some(afterwards) = afterwards {
            afterwards();
        }
        let mut error = Some(error);
        let waker = self.with_future(id, |entry| {
            entry.aborted = error.take_if(|_| entry.held);
            entry.waker.take()
        });
        if let Some(waker) = waker.flatten() {
            waker.wake();
        }
    }

    /// An `Err` that nobody awaits is uncaught.
    pub(crate) fn dont_survive_future(&self, id: FutureId) {
        self.with_future(id, |entry| {
            if entry.unawaited == Unawaited::Logged {
                entry.unawaited = Unawaited::Uncaught;
            }
        });
    }

    pub(crate) fn label_of_future(&self, id: FutureId) -> Option<Label> {
        self.with_future(id, |entry| entry.label)
    }

    /// The handle is dropped.
    pub(crate) fn let_go_of_future(self: &Loop, id: FutureId) {
        let mut futures = self.futures.borrow_mut();
        let Some(entry) = futures.get(id) else { return };
        entry.held = false;
        let waiting = (entry.waker.take(), entry.aborted.take());
        if entry.state != State::Over {
            drop(futures);
            return drop(waiting);
        }
        let (outcome, label, unawaited) = (entry.body.take(), entry.label, entry.unawaited);
        futures.remove(id);
        drop(futures);
        drop(waiting);
        if let Some(mut body) = outcome {
            body.as_mut().unawaited(self, label, unawaited);
        }
    }

    #[inline]
    fn with_future<R>(&self, id: FutureId, f: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        self.futures.borrow_mut().get(id).map(f)
    }
}

/// Marks a future that has not ended. Returns the label for its last microtask, if that is not
/// queued, and what is to be called.
fn mark_aborted(entry: &mut Entry) -> Option<(Option<Label>, Option<Afterwards>)> {
    if entry.ended {
        return None;
    }
    entry.ended = true;
    entry.unawaited = Unawaited::Aborted;
    let is_idle = entry.state == State::Idle;
    if is_idle {
        entry.state = State::Queued;
    }
    Some((is_idle.then_some(entry.label), entry.afterwards.take()))
}
