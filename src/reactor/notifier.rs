//! Waking the loop from another thread, at most once per turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Ends the sleep of the reactor's thread.
///
/// Many notifications between two turns make one system call: the first sets the flag and wakes,
/// the others see the flag. The loop clears it before it looks at what was queued, so what is
/// queued before `notify` is seen either by that look or by the one after the next wake.
#[derive(Debug)]
pub(crate) struct Notifier {
    notified: AtomicBool,
    /// Empty once the loop is gone, so that its descriptors are closed although a `Remote` lives.
    /// Locked by whoever sets the flag, and by the loop when it ends: never in between.
    waker: Mutex<Option<mio::Waker>>,
}

impl Notifier {
    pub(crate) fn new(waker: mio::Waker) -> Notifier {
        Notifier { notified: AtomicBool::new(false), waker: Mutex::new(Some(waker)) }
    }

    pub(crate) fn notify(&self) {
        if self.notified.swap(true, Ordering::AcqRel) {
            return;
        }
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = &*waker {
            // Fails only when the descriptor is not what we opened, and then nothing can be done.
            let _ = waker.wake();
        }
    }

    /// For the loop, on `Event::Notified`, before it looks at its queues.
    pub(crate) fn clear(&self) {
        self.notified.swap(false, Ordering::AcqRel);
    }

    /// Closes the descriptor; later notifications do nothing.
    pub(crate) fn close(&self) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
