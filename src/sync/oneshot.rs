//! One value from one place to another.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::sync::Closed;
use crate::sync::waker_cell::WakerCell;

/// Makes a channel for one value: the way from a callback to a future.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let (sender, receiver) = unspin::sync::oneshot();
///     unspin::set_immediate(move || {
///         assert_eq!(sender.send("hello"), Ok(()));
///     });
///     assert_eq!(receiver.await?, "hello");
///     Ok(())
/// })
/// # }
/// ```
pub fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(Shared {
        value: Cell::new(None),
        sender_gone: Cell::new(false),
        receiver_gone: Cell::new(false),
        receiver: WakerCell::default(),
        sender: WakerCell::default(),
    });
    (Sender { shared: shared.clone() }, Receiver { shared })
}

struct Shared<T> {
    /// Set by `send`, whose end drops the sender: what nobody takes is dropped with the receiver.
    value: Cell<Option<T>>,
    sender_gone: Cell<bool>,
    receiver_gone: Cell<bool>,
    /// Waits for the value.
    receiver: WakerCell,
    /// Waits for the end of the receiver.
    sender: WakerCell,
}

/// Sends the value. Dropped without, the receiver gets [`Closed`].
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Hands the value over, or back if the receiver is gone.
    pub fn send(self, value: T) -> Result<(), T> {
        if self.is_closed() {
            return Err(value);
        }
        self.shared.value.set(Some(value));
        // The drop of `self` wakes the receiver.
        Ok(())
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.receiver_gone.get()
    }

    /// Waits until the receiver is gone: nobody wants the value any more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it only looks.
    ///
    /// ```
    /// # fn main() -> unspin::Result<()> {
    /// unspin::block_on(async {
    ///     let (mut sender, receiver) = unspin::sync::oneshot::<u32>();
    ///     unspin::set_immediate(move || drop(receiver));
    ///     sender.closed().await;
    ///     assert_eq!(sender.send(7), Err(7));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn closed(&mut self) -> impl Future<Output = ()> {
        poll_fn(|cx| self.shared.sender.poll(cx, || self.is_closed().then_some(())))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.sender_gone.set(true);
        self.shared.receiver.wake();
        self.shared.sender.clear();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// A future of the value; [`Closed`] if the sender went without sending one, or if the value was
/// taken before.
///
/// # Cancel safety
///
/// Cancel safe by reference: `&mut receiver` can be awaited, dropped and awaited again. Dropping the
/// receiver itself drops the value, if it is there.
#[must_use = "a receiver does nothing unless it is awaited"]
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, Closed>> {
        let shared = &*self.shared;
        shared.receiver.poll(cx, || match shared.value.take() {
            Some(value) => Some(Ok(value)),
            None => shared.sender_gone.get().then_some(Err(Closed)),
        })
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.receiver_gone.set(true);
        self.shared.sender.wake();
        self.shared.receiver.clear();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
