//! The handle of a watcher.

use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::rc::Rc;

use crate::error::{Error, Outcome};
use crate::event_loop::mail::Mailbox;
use crate::request::{Request, Underway};
use crate::trace::{At, CallbackKind, Label};
use crate::watch::event::WatchEvent;
use crate::watch::watching::Watching;

/// A path that is watched: see [`watch`](crate::fs::watch). Clones are one watcher.
///
/// Events that come before there is a handler, or a future that waits, are kept for it: some
/// sixteen thousand, then they are dropped for one
/// [`Overflow`](crate::fs::WatchKind::Overflow). Until a handler is installed, its handles own the
/// watcher, and dropping the last one closes it; then the loop does. With a handler, and while it
/// is awaited, it keeps the loop alive.
#[derive(Clone)]
pub struct Watcher(pub(super) Rc<Watching>);

impl Watcher {
    /// Calls `handler` with each event, those that wait already included, each as a task of its own
    /// in Poll. It replaces the handler that was there. An error that it returns is uncaught.
    #[track_caller]
    pub fn on_event<R: Outcome>(
        &self,
        mut handler: impl FnMut(&Watcher, WatchEvent) -> R + 'static,
    ) -> &Watcher {
        let run = move |watching: &Rc<Watching>, event| {
            handler(&Watcher(Rc::clone(watching)), event).into_result()
        };
        self.0.install(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when something below cannot be watched, or looked at; the watcher goes on
    /// with the rest. Without one, the failure is logged at WARN.
    ///
    /// The kinds: `PermissionDenied` for a directory that may not be read; `QuotaExceeded` if the
    /// system's limit of watches is reached, and the message says how to raise it; what else the
    /// system says.
    #[track_caller]
    pub fn on_error<R: Outcome>(
        &self,
        mut handler: impl FnMut(&Watcher, Error) -> R + 'static,
    ) -> &Watcher {
        let run = move |watching: &Rc<Watching>, error| {
            handler(&Watcher(Rc::clone(watching)), error).into_result()
        };
        self.0.on_error.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when the watcher is closed, by a call or since nothing is left to be watched,
    /// in the Close phase: the last call.
    #[track_caller]
    pub fn on_close<R: Outcome>(&self, mut handler: impl FnMut() -> R + 'static) -> &Watcher {
        let run = move || handler().into_result();
        self.0.on_close.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Waits until everything is watched: the directories of a tree have to be found first, and a
    /// polling watcher looks once to have something to compare with. What happens before that may
    /// go unseen. Others are ready from the start.
    ///
    /// ```
    /// # fn main() -> unspin::Result<()> {
    /// unspin::block_on(async {
    ///     let tree = unspin::fs::WatchOptions::new().recursive(true).watch("src")?;
    ///     tree.ready().await
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The request's: `NotConnected` if the watcher is closed before.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[track_caller]
    pub fn ready(&self) -> Request<()> {
        let watcher = self.clone();
        Request::new(Location::caller(), move |core, label, complete| {
            let watching = &watcher.0;
            if watching.ready.is_ready() || watching.is_closed() {
                let result = match watching.is_closed() {
                    true => Err(std::io::ErrorKind::NotConnected.into()),
                    false => Ok(()),
                };
                core.defer(label, move |core| complete(core, result));
                return Underway::Job(None);
            }
            let number = watching.ready.ask(complete);
            watching.count();
            let watching = Rc::downgrade(watching);
            Underway::Other(Box::new(move |core| {
                let Some(watching) = watching.upgrade() else { return false };
                let cancelled = watching.ready.cancel(core, label, number);
                watching.count();
                cancelled
            }))
        })
    }

    /// What is watched, as it was given.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Watches no more, from now on: events that were not told never are.
    pub fn close(&self) {
        self.0.close();
    }

    /// Lets the loop end although this watcher waits. Events are still told if the loop lives.
    pub fn unref(&self) -> &Watcher {
        self.0.set_referenced(false);
        self
    }

    /// Makes this watcher keep the loop alive, as it does from the start.
    pub fn ref_(&self) -> &Watcher {
        self.0.set_referenced(true);
        self
    }

    /// Whether this watcher keeps the loop alive while somebody waits for its events.
    pub fn has_ref(&self) -> bool {
        self.0.is_referenced()
    }

    /// Whether the watcher is closed, or about to tell so.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn label(&self, at: At) -> Label {
        // The kind is set when the handler is lent.
        self.0.core.label(CallbackKind::Change, at)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.handle_dropped();
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watcher({})", self.0.describe().state)
    }
}
