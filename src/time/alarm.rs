//! What a future waits for that happens once.

use std::cell::Cell;
use std::task::{Context, Poll, Waker};

/// Rings once, and wakes the one future that waits for it.
#[derive(Default)]
pub(crate) struct Alarm {
    rang: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Alarm {
    pub(crate) fn ring(&self) {
        self.rang.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Ready once it rang; leaves the waker here until then.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.rang.get() {
            let known = self.waker.take().filter(|known| known.will_wake(cx.waker()));
            let waker = known.unwrap_or_else(|| cx.waker().clone());
            drop(self.waker.replace(Some(waker)));
        }
        // Asked only now: wakers come and go by anyone's code, which may have rung.
        if self.rang.get() { Poll::Ready(()) } else { Poll::Pending }
    }
}
