//! The size of a terminal's window, and its changes.

use std::cell::Cell;
use std::fmt;
#[cfg(feature = "async")]
use std::pin::Pin;
use std::rc::Rc;
#[cfg(feature = "async")]
use std::task::{Context, Poll, ready};

#[cfg(feature = "async")]
use futures_core::Stream;

use crate::error::{Outcome, Result};
#[cfg(feature = "async")]
use crate::signal::Signals;
use crate::signal::{self, Signal, SignalWatcher};
use crate::terminal::Terminal;

/// The size of a terminal's window. What it does not tell is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WindowSize {
    /// Characters side by side.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
    /// The width in pixels; most terminals do not tell.
    pub pixel_width: u16,
    /// The height in pixels.
    pub pixel_height: u16,
}

impl WindowSize {
    pub(super) fn of([columns, rows, pixel_width, pixel_height]: [u16; 4]) -> WindowSize {
        WindowSize { columns, rows, pixel_width, pixel_height }
    }
}

impl fmt::Display for WindowSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} columns and {} rows", self.columns, self.rows)
    }
}

/// Tells when the window has another size, from [`Terminal::watch_size`] until it is closed. Clones
/// are one watcher.
///
/// It is a watcher of `SIGWINCH`, and has its rules: until a handler is installed, dropping the last
/// handle closes it; then it lives until it is closed. With a handler, and while it is awaited, it
/// keeps the loop alive. A program that only waits makes no system call.
#[derive(Clone)]
pub struct SizeWatcher {
    signals: SignalWatcher,
    last: Rc<Last>,
}

/// The terminal, and the size that was told last.
struct Last {
    terminal: Terminal,
    size: Cell<WindowSize>,
}

impl Last {
    /// The size, if it is another. What the terminal cannot tell is no news.
    fn news(&self) -> Option<WindowSize> {
        let size = self.terminal.size().ok()?;
        (self.size.replace(size) != size).then_some(size)
    }
}

impl Terminal {
    /// Watches the size of the window from now on.
    ///
    /// ```no_run
    /// use unspin::terminal::Terminal;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::block_on(async {
    ///     let watcher = Terminal::open()?.watch_size()?;
    ///     loop {
    ///         println!("{}", watcher.next().await?);
    ///     }
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`size`](Terminal::size) and [`signal::watch`].
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn watch_size(&self) -> Result<SizeWatcher> {
        // The ear first, and then the size: so no change falls between them.
        let signals = signal::watch(Signal::WINDOW_CHANGE)?;
        let terminal = Terminal::of(self)?;
        let size = Cell::new(terminal.size()?);
        Ok(SizeWatcher { signals, last: Rc::new(Last { terminal, size }) })
    }
}

impl SizeWatcher {
    /// Calls `handler` with each size that the window gets: each is a task. It replaces the handler
    /// that was there. An error that it returns is uncaught.
    #[track_caller]
    pub fn on_resize<R: Outcome>(
        &self,
        mut handler: impl FnMut(&SizeWatcher, WindowSize) -> R + 'static,
    ) -> &SizeWatcher {
        let last = Rc::clone(&self.last);
        self.signals.on_signal(move |signals, _| match last.news() {
            Some(size) => {
                let watcher = SizeWatcher { signals: signals.clone(), last: Rc::clone(&last) };
                handler(&watcher, size).into_result()
            }
            None => Ok(()),
        });
        self
    }

    /// Calls `handler` when the watcher is closed, in the Close phase.
    #[track_caller]
    pub fn on_close<R: Outcome>(&self, handler: impl FnMut() -> R + 'static) -> &SizeWatcher {
        self.signals.on_close(handler);
        self
    }

    /// Watches no more, from now on.
    pub fn close(&self) {
        self.signals.close();
    }

    /// Whether the watcher is closed, or about to tell so.
    pub fn is_closed(&self) -> bool {
        self.signals.is_closed()
    }

    /// Lets the loop end although this watcher waits.
    pub fn unref(&self) -> &SizeWatcher {
        self.signals.unref();
        self
    }

    /// Makes this watcher keep the loop alive, as it does from the start.
    pub fn ref_(&self) -> &SizeWatcher {
        self.signals.ref_();
        self
    }

    /// Whether this watcher keeps the loop alive while somebody waits for it.
    pub fn has_ref(&self) -> bool {
        self.signals.has_ref()
    }
}

#[cfg(feature = "async")]
impl SizeWatcher {
    /// The next size that the window gets.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if a handler is installed; `NotConnected` if the watcher is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the next future tells of what has changed meanwhile.
    pub async fn next(&self) -> Result<WindowSize> {
        loop {
            self.signals.next().await?;
            if let Some(size) = self.last.news() {
                return Ok(size);
            }
        }
    }

    /// The sizes as a stream that ends when the watcher is closed.
    pub fn sizes(&self) -> Sizes<'_> {
        Sizes { signals: self.signals.signals(), last: &self.last }
    }
}

/// The sizes that a window gets: see [`SizeWatcher::sizes`].
#[cfg(feature = "async")]
pub struct Sizes<'a> {
    signals: Signals<'a>,
    last: &'a Last,
}

#[cfg(feature = "async")]
impl Stream for Sizes<'_> {
    type Item = Result<WindowSize>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Some(signal) = ready!(Pin::new(&mut self.signals).poll_next(cx)) {
            let news = signal.map(|_| self.last.news()).transpose();
            if news.is_some() {
                return Poll::Ready(news);
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(feature = "async")]
impl fmt::Debug for Sizes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sizes({})", self.last.size.get())
    }
}

impl fmt::Debug for SizeWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SizeWatcher({})", self.last.size.get())
    }
}
