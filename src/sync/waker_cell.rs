//! The place for the waker of an end that only one future can wait at.

use std::cell::Cell;
use std::task::{Context, Poll, Waker};

#[derive(Default)]
pub(super) struct WakerCell(Cell<Option<Waker>>);

impl WakerCell {
    /// Asks `ready`, and leaves the waker here while the answer is no.
    pub(super) fn poll<T>(
        &self,
        cx: &Context<'_>,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Poll<T> {
        if let Some(value) = ready() {
            return Poll::Ready(value);
        }
        self.set(cx.waker());
        // Again: wakers come and go by anyone's code, which may have woken while none was here.
        ready().map_or(Poll::Pending, Poll::Ready)
    }

    fn set(&self, waker: &Waker) {
        let known = self.0.take();
        if known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.0.set(known);
        } else {
            drop(self.0.replace(Some(waker.clone())));
        }
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }

    /// Lets go of the waker, and so of the future it belongs to.
    pub(super) fn clear(&self) {
        drop(self.0.take());
    }
}
