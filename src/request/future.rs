//! Awaiting a request.

use std::cell::Cell;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::error::Result;
use crate::event_loop::context::current;
use crate::event_loop::core::Loop;
use crate::request::{Request, Underway};
use crate::trace::CallbackKind;

/// A request that is awaited. The operation begins with the first poll.
///
/// # Cancel safety
///
/// Dropping it cancels the operation: one that has not begun never happens; the result of one that
/// runs is dropped, and until then it keeps the loop alive, but for lookups of names. A read of a whole
/// file and a copy end at the next piece.
pub struct RequestFuture<T: 'static> {
    state: State<T>,
}

enum State<T: 'static> {
    New(Request<T>),
    Underway(Loop, Underway, Rc<Answer<T>>),
    Done,
}

/// Where the loop leaves the result.
struct Answer<T> {
    result: Cell<Option<Result<T>>>,
    waker: Cell<Option<Waker>>,
}

impl<T: 'static> IntoFuture for Request<T> {
    type Output = Result<T>;
    type IntoFuture = RequestFuture<T>;

    fn into_future(self) -> RequestFuture<T> {
        RequestFuture { state: State::New(self) }
    }
}

/// Nothing in it is ever pinned in place.
impl<T: 'static> Unpin for RequestFuture<T> {}

impl<T: 'static> Future for RequestFuture<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        if let State::Underway(_, _, answer) = &self.state {
            if let Some(result) = answer.result.take() {
                self.state = State::Done;
                return Poll::Ready(result);
            }
            drop(answer.waker.replace(Some(cx.waker().clone())));
            return Poll::Pending;
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::New(request) => self.state = begin(request, cx.waker().clone()),
            _ => panic!("a request was polled after it was done"),
        }
        Poll::Pending
    }
}

/// The result arrives in a task of its own, which does nothing but wake.
fn begin<T: 'static>(request: Request<T>, waker: Waker) -> State<T> {
    let core = current();
    let label = core.label(CallbackKind::Completion, request.at);
    let waker = Cell::new(Some(waker));
    let answer = Rc::new(Answer { result: Cell::new(None), waker });
    let place = Rc::downgrade(&answer);
    let complete = move |core: &Loop, result: Result<T>| {
        core.task(label, || {
            let Some(answer) = place.upgrade() else { return Ok(()) };
            answer.result.set(Some(result));
            if let Some(waker) = answer.waker.take() {
                waker.wake();
            }
            Ok(())
        });
    };
    let underway = (request.begin)(&core, label, Box::new(complete));
    State::Underway(core, underway, answer)
}

impl<T: 'static> Drop for RequestFuture<T> {
    fn drop(&mut self) {
        if let State::Underway(core, underway, answer) = &self.state {
            // If it is done already, there is nothing left to cancel.
            let result = answer.result.take();
            if result.is_none() {
                underway.call_off(core);
            } else {
                underway.give_back();
            }
            drop(result);
        }
    }
}
