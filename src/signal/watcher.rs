//! The handle of a watcher, and how it is awaited.

use std::fmt;
#[cfg(feature = "async")]
use std::future::{Future, poll_fn};
use std::panic::Location;
#[cfg(feature = "async")]
use std::pin::Pin;
use std::rc::Rc;
#[cfg(feature = "async")]
use std::task::{Context, Poll};

use crate::error::Outcome;
#[cfg(feature = "async")]
use crate::error::Result;
use crate::event_loop::mail::Mailbox;
use crate::signal::number::Signal;
use crate::signal::receiver::Receiver;
#[cfg(feature = "async")]
use crate::stream::Ticket;
use crate::trace::{At, CallbackKind, Label};

/// Tells of signals, from [`watch`](crate::signal::watch) until it is closed. Clones are one watcher.
///
/// Signals that come before there is a handler, or a future that waits, are counted and wait for
/// it. Until a handler is installed, its handles own the watcher, and dropping the last one closes
/// it; then the loop does. With a handler, and while it is awaited, it keeps the loop alive;
/// Node's signal listeners do not: that is [`unref`](SignalWatcher::unref).
#[derive(Clone)]
pub struct SignalWatcher(pub(super) Rc<Receiver>);

impl SignalWatcher {
    /// Calls `handler` with each signal, those that wait already included. It replaces the handler
    /// that was there. An error that it returns is uncaught.
    #[track_caller]
    pub fn on_signal<R: Outcome>(
        &self,
        mut handler: impl FnMut(&SignalWatcher, Signal) -> R + 'static,
    ) -> &SignalWatcher {
        let run = move |receiver: &Rc<Receiver>, signal| {
            handler(&SignalWatcher(Rc::clone(receiver)), signal).into_result()
        };
        self.0.install(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when the watcher is closed, in the Close phase.
    #[track_caller]
    pub fn on_close<R: Outcome>(&self, mut handler: impl FnMut() -> R + 'static) -> &SignalWatcher {
        let run = move || handler().into_result();
        self.0.on_close.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Watches no more, from now on: signals that were not delivered never are, and those that
    /// nobody else watches have their defaults again.
    pub fn close(&self) {
        self.0.close();
    }

    /// Lets the loop end although this watcher waits. Signals are still told if the loop lives.
    pub fn unref(&self) -> &SignalWatcher {
        self.0.set_referenced(false);
        self
    }

    /// Makes this watcher keep the loop alive, as it does from the start.
    pub fn ref_(&self) -> &SignalWatcher {
        self.0.set_referenced(true);
        self
    }

    /// Whether this watcher keeps the loop alive while somebody waits for its signals.
    pub fn has_ref(&self) -> bool {
        self.0.is_referenced()
    }

    /// Whether the watcher is closed, or about to tell so.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn label(&self, at: At) -> Label {
        // The kind is set when the handler is lent.
        self.0.core.label(CallbackKind::Signal, at)
    }
}

#[cfg(feature = "async")]
impl SignalWatcher {
    /// The next signal. Where several futures wait, each signal goes to one of them.
    ///
    /// ```
    /// use unspin::signal::{self, Signal};
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::block_on(async {
    ///     let watcher = signal::watch([Signal::USER_1, Signal::USER_2])?;
    ///     signal::raise(Signal::USER_2)?;
    ///     assert_eq!(watcher.next().await?, Signal::USER_2);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidInput` if a handler is installed; `NotConnected` if the watcher is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no signal is lost when the future is dropped.
    pub fn next(&self) -> impl Future<Output = Result<Signal>> + '_ {
        let waiting = Waiting::new(self);
        poll_fn(move |cx| waiting.poll(cx))
    }

    /// The signals as a stream that ends when the watcher is closed.
    pub fn signals(&self) -> Signals<'_> {
        Signals(Waiting::new(self))
    }
}

/// A future's place among those that wait for a signal; dropped with it.
#[cfg(feature = "async")]
struct Waiting<'a> {
    watcher: &'a SignalWatcher,
    ticket: Ticket,
}

#[cfg(feature = "async")]
impl Waiting<'_> {
    fn new(watcher: &SignalWatcher) -> Waiting<'_> {
        Waiting { watcher, ticket: Ticket::default() }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Signal>> {
        self.watcher.0.poll_next(cx, &self.ticket)
    }
}

#[cfg(feature = "async")]
impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.watcher.0.stop_waiting(&self.ticket);
    }
}

/// The signals of a watcher: see [`SignalWatcher::signals`].
#[cfg(feature = "async")]
pub struct Signals<'a>(Waiting<'a>);

#[cfg(feature = "async")]
impl fmt::Debug for Signals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signals").field(self.0.watcher).finish()
    }
}

#[cfg(feature = "async")]
impl futures_core::Stream for Signals<'_> {
    type Item = Result<Signal>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.0.watcher.is_closed() {
            return Poll::Ready(None);
        }
        self.0.poll(cx).map(Some)
    }
}

impl Drop for SignalWatcher {
    fn drop(&mut self) {
        self.0.handle_dropped();
    }
}

impl fmt::Debug for SignalWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignalWatcher({})", self.0.describe().state)
    }
}
