//! The handle of a watched descriptor.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::descriptor::watching::Watching;
use crate::descriptor::{Interest, Ready};
use crate::error::{Outcome, Result};
use crate::event_loop::source::Source;
use crate::request::{Request, Underway};
use crate::trace::{At, CallbackKind, Label};

/// A descriptor that the loop watches: see [`watch_fd`](crate::watch_fd). Clones are one watcher.
///
/// Until a handler is installed, its handles own it, and dropping the last one closes it; then the
/// loop does. With a handler, and while a request waits, it keeps the loop alive. While nobody
/// waits, the kernel is not asked either.
#[derive(Clone)]
pub struct FdWatcher(pub(super) Rc<Watching>);

impl FdWatcher {
    /// Calls `handler` in every turn in which the descriptor is ready, until the watcher is closed.
    /// It replaces the handler that was there. An error that it returns is uncaught.
    #[track_caller]
    pub fn on_ready<R: Outcome>(
        &self,
        mut handler: impl FnMut(&FdWatcher, Ready) -> R + 'static,
    ) -> &FdWatcher {
        let run = move |watching: &Rc<Watching>, ready| {
            handler(&FdWatcher(Rc::clone(watching)), ready).into_result()
        };
        self.0.install(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Asks once whether the descriptor is ready; at once, if it is already.
    ///
    /// ```
    /// use std::os::unix::net::UnixStream;
    /// use unspin::{Interest, watch_fd};
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::block_on(async {
    ///     let (socket, _peer) = UnixStream::pair()?;
    ///     let watcher = watch_fd(socket, Interest::WRITABLE)?;
    ///     assert!(watcher.ready().await?.is_writable());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The request's: `NotConnected` if the watcher is closed; what the system says.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is ready stays ready.
    #[track_caller]
    pub fn ready(&self) -> Request<Ready> {
        let watcher = self.clone();
        Request::new(Location::caller(), move |core, label, complete| {
            match watcher.0.ask(complete) {
                Ok(number) => {
                    let watching = Rc::downgrade(&watcher.0);
                    Underway::Other(Box::new(move |_| {
                        watching.upgrade().is_some_and(|watching| watching.cancel(number))
                    }))
                }
                Err((complete, error)) => {
                    core.defer(label, move |core| complete(core, Err(error)));
                    Underway::Job(None)
                }
            }
        })
    }

    /// Asks for something else from now on.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the watcher is closed; what the system says.
    pub fn set_interest(&self, interest: Interest) -> Result<()> {
        self.0.set_interest(interest)
    }

    /// Calls `handler` when the watcher is closed, in the Close phase.
    #[track_caller]
    pub fn on_close<R: Outcome>(&self, mut handler: impl FnMut() -> R + 'static) -> &FdWatcher {
        let run = move || handler().into_result();
        self.0.on_close.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Watches no more, and drops what was given to `watch_fd`. No handler is called for what was
    /// found already; requests that wait get `NotConnected`.
    pub fn close(&self) {
        self.0.close();
    }

    /// Lets the loop end although this watcher waits.
    pub fn unref(&self) -> &FdWatcher {
        self.0.set_referenced(false);
        self
    }

    /// Makes this watcher keep the loop alive, as it does from the start.
    pub fn ref_(&self) -> &FdWatcher {
        self.0.set_referenced(true);
        self
    }

    /// Whether this watcher keeps the loop alive while somebody waits for it.
    pub fn has_ref(&self) -> bool {
        self.0.activity.is_referenced()
    }

    /// Whether the watcher is closed, or about to tell so.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn label(&self, at: At) -> Label {
        // The kind is set when the handler is lent.
        self.0.core.label(CallbackKind::Ready, at)
    }
}

impl Drop for FdWatcher {
    fn drop(&mut self) {
        self.0.handle_dropped();
    }
}

impl fmt::Debug for FdWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FdWatcher({})", self.0.describe().state)
    }
}
