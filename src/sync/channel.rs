//! Many values, from many senders to one receiver.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::slots::Key;
use crate::sync::line::{Line, Turn};
use crate::sync::waker_cell::WakerCell;

pub use crate::sync::error::{SendError, TryRecvError, TrySendError};

/// Makes a channel that holds up to `capacity` values: senders wait while it is full.
///
/// ```
/// use unspin::sync::channel;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let (sender, mut receiver) = channel(2);
///     sender.send("one").await?;
///     sender.send("two").await?;
///     assert!(sender.try_send("three").is_err());
///     drop(sender);
///     while let Some(word) = receiver.recv().await {
///         println!("{word}");
///     }
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// If `capacity` is 0: no value could ever pass.
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a channel needs room for one value at least");
    let shared = Rc::new(Shared {
        values: RefCell::new(VecDeque::new()),
        capacity,
        closed: Cell::new(false),
        senders: Cell::new(1),
        waiting: Line::new(),
        receiver: WakerCell::default(),
    });
    (Sender { shared: shared.clone() }, Receiver { shared })
}

/// Makes a channel that is never full: [`Sender::try_send`] fails only when it is closed, and
/// [`Sender::send`] never waits.
///
/// A receiver slower than its senders fills the memory, where [`channel()`] makes them wait.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let (sender, mut receiver) = unspin::sync::unbounded();
///     unspin::set_immediate(move || Ok(sender.try_send("a word from a callback")?));
///     assert_eq!(receiver.recv().await, Some("a word from a callback"));
///     assert_eq!(receiver.recv().await, None);
///     Ok(())
/// })
/// # }
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(usize::MAX)
}

struct Shared<T> {
    /// Up to `capacity`.
    values: RefCell<VecDeque<T>>,
    capacity: usize,
    /// By the receiver: nothing more is sent.
    closed: Cell<bool>,
    senders: Cell<usize>,
    /// Senders, each with its value. Somebody waits only while `values` is full.
    waiting: Line<T>,
    /// Waits for a value, or for the end of the senders.
    receiver: WakerCell,
}

impl<T> Shared<T> {
    fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        if self.closed.get() {
            return Err(TrySendError::Closed(value));
        }
        if self.values.borrow().len() == self.capacity {
            return Err(TrySendError::Full(value));
        }
        self.values.borrow_mut().push_back(value);
        self.receiver.wake();
        Ok(())
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        let Some(value) = self.values.borrow_mut().pop_front() else {
            let over = self.closed.get() || self.senders.get() == 0;
            return Err(if over { TryRecvError::Closed } else { TryRecvError::Empty });
        };
        if let Some((next, waker)) = self.waiting.serve() {
            self.values.borrow_mut().push_back(next);
            waker.wake();
        }
        Ok(value)
    }

    fn close(&self) {
        self.closed.set(true);
        self.waiting.dismiss_all();
    }
}

/// Sends values. A clone is another sender to the same receiver.
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends a value, and waits for room if there is none.
    ///
    /// Values are received in the order in which their sends began, whoever sent them: one that
    /// waits keeps its place, and the receiver itself takes the value into the channel.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the value, if the receiver closed the channel or is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, it drops the value, which is never received; dropped after the
    /// receiver made room for it, it has sent the value.
    pub fn send(&self, value: T) -> impl Future<Output = Result<(), SendError<T>>> {
        let mut send = Sending { shared: &self.shared, state: State::New(value) };
        poll_fn(move |cx| send.poll(cx))
    }

    /// Sends a value if there is room.
    ///
    /// # Errors
    ///
    /// [`TrySendError`], with the value, if the channel is full or closed.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.shared.try_send(value)
    }

    /// Whether the receiver closed the channel or is gone: nothing can be sent.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.get()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.senders.set(self.shared.senders.get() + 1);
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.senders.set(self.shared.senders.get() - 1);
        if self.shared.senders.get() == 0 {
            self.shared.receiver.wake();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}

struct Sending<'a, T> {
    shared: &'a Shared<T>,
    state: State<T>,
}

enum State<T> {
    New(T),
    Waiting(Key),
    Done,
}

// The value is never pinned: it is moved into the channel.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Sending<'_, T> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError<T>>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::New(value) => self.begin(value, cx),
            State::Waiting(key) => {
                self.state = State::Waiting(key);
                let turn = ready!(self.shared.waiting.poll(key, cx));
                self.state = State::Done;
                Poll::Ready(match turn {
                    Turn::Served => Ok(()),
                    Turn::Dismissed(value) => Err(SendError(value)),
                })
            }
            State::Done => panic!("a send was polled after it was done"),
        }
    }

    fn begin(&mut self, value: T, cx: &Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let shared = self.shared;
        let begun = shared.waiting.join(cx, value, |value| match shared.try_send(value) {
            Ok(()) => Ok(Ok(())),
            Err(TrySendError::Closed(value)) => Ok(Err(SendError(value))),
            Err(TrySendError::Full(value)) => Err(value),
        });
        match begun {
            Ok(result) => Poll::Ready(result),
            Err(key) => {
                self.state = State::Waiting(key);
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        if let State::Waiting(key) = self.state {
            drop(self.shared.waiting.leave(key));
        }
    }
}

/// Receives values. It is a [`Stream`] of them too.
///
/// Its drop closes the channel and drops what was not received.
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Receiver<T> {
    /// Waits for a value. `None` when there are no more: the channel was closed, or all senders are
    /// gone, and all that was sent before has been received.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no value is lost.
    pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
        poll_fn(|cx| self.poll_recv(cx))
    }

    /// Takes a value if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if none is there yet, [`TryRecvError::Closed`] if none will come.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.shared.try_recv()
    }

    /// Lets no more values in: sends that wait get theirs back. What was sent can be received.
    pub fn close(&mut self) {
        self.shared.close();
    }

    fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Option<T>> {
        self.shared.receiver.poll(cx, || match self.shared.try_recv() {
            Ok(value) => Some(Some(value)),
            Err(TryRecvError::Closed) => Some(None),
            Err(TryRecvError::Empty) => None,
        })
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Dropped last, and where nothing is borrowed: the values are anyone's code.
        let _values = self.shared.values.take();
        self.shared.close();
        self.shared.receiver.clear();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
