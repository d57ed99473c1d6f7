//! Watchers, awaited.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::error::{Error, Result};
use crate::stream::Ticket;
use crate::trace::CallbackKind;
use crate::watch::event::WatchEvent;
use crate::watch::watcher::Watcher;
use crate::watch::watching::Watching;

impl Watcher {
    /// Waits for the next event; `None` once the watcher is closed, by a call or since nothing is
    /// left to be watched.
    ///
    /// ```
    /// use unspin::fs::{self, WatchKind};
    ///
    /// # fn main() -> unspin::Result<()> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().to_owned();
    /// unspin::block_on(async move {
    ///     let watcher = fs::watch(&path)?;
    ///     fs::write(path.join("new"), "").await?;
    ///     let event = watcher.next_event().await?.expect("it is not closed");
    ///     assert_eq!((event.kind, event.path), (WatchKind::Created, path.join("new")));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those that [`on_error`](Watcher::on_error) lists; the watcher goes on. `InvalidInput` if a
    /// handler is installed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub fn next_event(&self) -> impl Future<Output = Result<Option<WatchEvent>>> + '_ {
        let waiting = Waiting { watcher: self, ticket: Ticket::default() };
        poll_fn(move |cx| waiting.poll(cx))
    }

    /// The events as a stream that ends when the watcher is closed.
    pub fn events(&self) -> WatchEvents<'_> {
        WatchEvents(Waiting { watcher: self, ticket: Ticket::default() })
    }
}

/// A future's place among those that wait for an event; dropped with it.
struct Waiting<'a> {
    watcher: &'a Watcher,
    ticket: Ticket,
}

impl Waiting<'_> {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Option<WatchEvent>>> {
        self.watcher.0.poll_next(cx, &self.ticket)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.watcher.0.stop_waiting(&self.ticket);
    }
}

/// The events of a watcher: see [`Watcher::events`].
pub struct WatchEvents<'a>(Waiting<'a>);

impl fmt::Debug for WatchEvents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WatchEvents").field(self.0.watcher).finish()
    }
}

impl futures_core::Stream for WatchEvents<'_> {
    type Item = Result<WatchEvent>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll(cx).map(Result::transpose)
    }
}

impl Watching {
    fn poll_next(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        ticket: &Ticket,
    ) -> Poll<Result<Option<WatchEvent>>> {
        if self.has_handler() {
            return Poll::Ready(Err(mixed()));
        }
        if let Some(event) = self.take_next() {
            return Poll::Ready(event.map(Some));
        }
        if self.is_ending() {
            self.close();
        }
        if self.is_closed() {
            return Poll::Ready(Ok(None));
        }
        let before = self.waiters.wait(ticket, cx);
        self.count();
        drop(before);
        Poll::Pending
    }

    /// Wakes whoever waits for an event: a task for each.
    pub(super) fn wake_waiters(self: &Rc<Self>) {
        for waker in self.waiters.take_each() {
            self.count();
            let label = self.label.with_kind(CallbackKind::Future);
            self.core.task(label, || {
                waker.wake();
                Ok(())
            });
        }
    }

    /// The same at once, where waiting has become a mistake.
    pub(super) fn wake_now(&self) {
        self.waiters.take_each().for_each(std::task::Waker::wake);
        self.count();
    }

    /// A future was dropped: it waits no more.
    fn stop_waiting(&self, ticket: &Ticket) {
        if let Some(waker) = self.waiters.leave(ticket) {
            self.count();
            drop(waker);
        }
    }
}

fn mixed() -> Error {
    Error::new(io::Error::new(
        io::ErrorKind::InvalidInput,
        "an event handler is installed on this watcher, and gets its events",
    ))
}
