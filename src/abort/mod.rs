//! Aborting: one word that ends many operations.
//!
//! A controller gives the word and a signal carries it: to requests, futures and listeners. The
//! rules are those of the DOM, and where that leaves a choice those of Node 20.

#[cfg(feature = "async")]
mod future;
mod numbered;
mod shared;

use std::borrow::Borrow;
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::abort::shared::Shared;
use crate::error::{Error, Outcome, Result};
use crate::event_loop::context::current;
use crate::event_loop::core::Loop;
use crate::trace::{CallbackKind, Label};

/// Gives the word that aborts, to whoever holds its [`signal`](AbortController::signal).
///
/// A clone gives the word to the same signal.
///
/// ```
/// use unspin::AbortController;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let controller = AbortController::new();
///     unspin::fs::read("Cargo.toml").abort_on(controller.signal()).callback(|bytes| {
///         assert!(bytes.is_err_and(|error| error.is_abort()));
///     });
///     controller.abort();
/// })
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct AbortController {
    signal: AbortSignal,
}

impl AbortController {
    /// Makes a controller, and its signal.
    pub fn new() -> AbortController {
        AbortController::default()
    }

    /// What to give to those who are to be aborted.
    pub fn signal(&self) -> &AbortSignal {
        &self.signal
    }

    /// Aborts, with a reason for which [`is_abort`](Error::is_abort) holds.
    ///
    /// Calls the signal's listeners now, in the order in which they were added; then those of the
    /// signals that were made from it by [`any`](AbortSignal::any). Does nothing the second time.
    pub fn abort(&self) {
        self.abort_with(Error::aborted(None));
    }

    /// The same with a reason of one's own.
    pub fn abort_with(&self, reason: impl Into<Error>) {
        self.signal.shared.abort(&reason.into());
    }
}

/// Carries the word that aborts. Clones are one signal.
///
/// [`Request::abort_on`](crate::Request::abort_on) is what most signals are for.
pub struct AbortSignal {
    shared: Rc<Shared>,
}

impl AbortSignal {
    /// A signal that is aborted when `delay` has passed, with a reason of kind `TimedOut`.
    ///
    /// Its timer does not keep the loop alive. It is cleared when nobody is left who could notice:
    /// no handle, no listener.
    ///
    /// ```
    /// use std::time::Duration;
    /// use unspin::AbortSignal;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let late = AbortSignal::timeout(Duration::from_millis(1));
    ///     late.on_abort(|reason| println!("{reason}")); // timed out after 1ms
    ///     unspin::set_timeout(Duration::from_millis(5), move || assert!(late.is_aborted()));
    /// })
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn timeout(delay: Duration) -> AbortSignal {
        let core = current();
        let label = core.label(CallbackKind::Timeout, Location::caller());
        AbortSignal::of(Shared::aborted_after(&core, label, delay))
    }

    /// A signal that is aborted with the first of several, for its reason: right now, if one of
    /// them is aborted already.
    ///
    /// ```
    /// use std::time::Duration;
    /// use unspin::{AbortController, AbortSignal};
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let user = AbortController::new();
    ///     let limit = AbortSignal::timeout(Duration::from_secs(5));
    ///     let either = AbortSignal::any([user.signal(), &limit]);
    ///     user.abort();
    ///     assert!(either.is_aborted() && !limit.is_aborted());
    /// })
    /// # }
    /// ```
    pub fn any(signals: impl IntoIterator<Item = impl Borrow<AbortSignal>>) -> AbortSignal {
        let any = AbortSignal::default();
        for signal in signals {
            any.shared.follow(&signal.borrow().shared);
        }
        any
    }

    fn of(shared: Rc<Shared>) -> AbortSignal {
        shared.handle_added();
        AbortSignal { shared }
    }

    /// Whether the word was given.
    pub fn is_aborted(&self) -> bool {
        self.shared.reason().is_some()
    }

    /// Why, if it is aborted.
    pub fn reason(&self) -> Option<Error> {
        self.shared.reason().cloned()
    }

    /// Lets code that goes on for long look now and then whether it still should.
    ///
    /// # Errors
    ///
    /// The reason, if the signal is aborted.
    pub fn throw_if_aborted(&self) -> Result<()> {
        self.reason().map_or(Ok(()), Err)
    }

    /// Calls `listener` with the reason when the signal is aborted, within the call that aborts.
    ///
    /// It stays when the handle returned is dropped. On a signal that is aborted already it is
    /// never called. An error or a panic in it does not reach whoever aborts: the other listeners
    /// are called, and it is uncaught from a tick, queued then.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn on_abort<R: Outcome>(
        &self,
        listener: impl FnOnce(&Error) -> R + 'static,
    ) -> AbortListener {
        let core = current();
        let label = core.label(CallbackKind::Abort, Location::caller());
        self.listen(&core, label, move |reason| listener(reason).into_result())
    }

    /// The same with a label of the caller's.
    pub(crate) fn listen(
        &self,
        core: &Loop,
        label: Label,
        listener: impl FnOnce(&Error) -> Result<()> + 'static,
    ) -> AbortListener {
        let id = self.shared.listen(core, label, Box::new(listener));
        AbortListener { signal: Rc::downgrade(&self.shared), id }
    }
}

impl Default for AbortSignal {
    /// A signal that nobody aborts: for where one is asked for.
    fn default() -> AbortSignal {
        AbortSignal::of(Rc::default())
    }
}

impl Clone for AbortSignal {
    fn clone(&self) -> AbortSignal {
        AbortSignal::of(Rc::clone(&self.shared))
    }
}

impl Drop for AbortSignal {
    fn drop(&mut self) {
        self.shared.handle_gone();
    }
}

impl fmt::Debug for AbortSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortSignal").field("reason", &self.shared.reason()).finish_non_exhaustive()
    }
}

/// A listener of an [`AbortSignal`], by which it can be removed. Dropping it removes nothing.
#[derive(Clone, Debug)]
pub struct AbortListener {
    signal: Weak<Shared>,
    id: u64,
}

impl AbortListener {
    /// Removes the listener, also if those before it are being called now. Returns `false` if it
    /// was called or removed before, or its signal is gone.
    pub fn remove(&self) -> bool {
        self.signal.upgrade().is_some_and(|signal| signal.remove_listener(self.id))
    }
}
