//! A word that something has changed.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::slots::Key;
use crate::sync::line::Line;

/// Wakes futures that wait for something to change, one or all.
///
/// What has changed is kept elsewhere, in a `Cell` beside it: whoever wakes looks there.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use unspin::sync::Notify;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let shared = Rc::new((Cell::new(false), Notify::new()));
///     let other = shared.clone();
///     unspin::set_immediate(move || {
///         other.0.set(true);
///         other.1.notify_all();
///     });
///     while !shared.0.get() {
///         shared.1.notified().await;
///     }
///     Ok(())
/// })
/// # }
/// ```
pub struct Notify {
    /// Left by a `notify_one` that found nobody. Never there while anybody waits.
    permit: Cell<bool>,
    /// Counts the calls of `notify_all`.
    round: Cell<u64>,
    line: Line<()>,
}

impl Notify {
    /// Makes one without a permit.
    pub fn new() -> Notify {
        Notify { permit: Cell::new(false), round: Cell::new(0), line: Line::new() }
    }

    /// Wakes the future that has waited longest. If none waits, the next one to wait does not: one
    /// permit is kept, however often this is called.
    ///
    /// A future that is dropped after it was chosen and before it was polled passes the word on, as
    /// if this were called again.
    pub fn notify_one(&self) {
        match self.line.serve() {
            Some(((), waker)) => waker.wake(),
            None => self.permit.set(true),
        }
    }

    /// Completes all [`notified`](Notify::notified) futures that exist now, polled or not. It leaves
    /// no permit, and those to come wait.
    pub fn notify_all(&self) {
        self.round.set(self.round.get() + 1);
        self.line.dismiss_all();
    }

    /// Waits for a word: the permit of a [`notify_one`](Notify::notify_one), or the next
    /// [`notify_all`](Notify::notify_all) counted from this call.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no word is lost, see [`notify_one`](Notify::notify_one). The place in line is.
    pub fn notified(&self) -> Notified<'_> {
        Notified { notify: self, round: self.round.get(), key: None }
    }
}

impl Default for Notify {
    fn default() -> Notify {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").field("permit", &self.permit.get()).finish_non_exhaustive()
    }
}

/// The future that [`Notify::notified`] returns.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Notified<'a> {
    notify: &'a Notify,
    /// The round in which it was made: in a later one it is done.
    round: u64,
    /// Its place in line, from the first poll on.
    key: Option<Key>,
}

impl Notified<'_> {
    /// Whether it need not wait. It does not take the permit along with a round.
    fn take(&self) -> bool {
        self.round != self.notify.round.get() || self.notify.permit.take()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let line = &self.notify.line;
        if let Some(key) = self.key {
            ready!(line.poll(key, cx));
            self.key = None;
            return Poll::Ready(());
        }
        match line.join(cx, (), |()| self.take().then_some(()).ok_or(())) {
            Ok(()) => Poll::Ready(()),
            Err(key) => {
                self.key = Some(key);
                Poll::Pending
            }
        }
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        let was_served = self.key.is_some_and(|key| self.notify.line.leave(key).is_none());
        if was_served {
            self.notify.notify_one();
        }
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified").finish_non_exhaustive()
    }
}
