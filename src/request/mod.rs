//! Requests: operations that are asked for once and answered once.

mod early;
#[cfg(feature = "async")]
mod future;
mod stop;

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::error::{Outcome, Result};
use crate::event_loop::context::current;
use crate::event_loop::core::Loop;
use crate::pool::{JobId, Lane};
use crate::promise::Promise;
use crate::trace::{At, CallbackKind, Label};

#[cfg(feature = "async")]
pub(crate) use future::RequestFuture;
pub(crate) use stop::Stop;

/// An operation that has not begun: a file read, a connect.
///
/// Like a Rust future it does nothing until it is used. [`callback`](Request::callback) starts it
/// and calls back with its result; the line that made the request is the one that
/// [`why_alive`](crate::why_alive) and the log show.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::fs::read_to_string("Cargo.toml").callback(|text| {
///         println!("{} bytes", text?.len());
///         Ok(())
///     });
/// })
/// # }
/// ```
#[must_use = "a request does nothing until it is used: `callback`, `promise` or `.await`"]
pub struct Request<T> {
    at: At,
    begin: Begin<T>,
}

/// Starts the operation. It is told what to call with the result: once, from the loop, outside of
/// user code, never before `begin` has returned.
type Begin<T> = Box<dyn FnOnce(&Loop, Label, Complete<T>) -> Underway>;

/// Takes the result to whoever asked: each style of use has its own.
pub(crate) type Complete<T> = Box<dyn FnOnce(&Loop, Result<T>)>;

/// How a begun operation is cancelled.
pub(crate) enum Underway {
    /// By its job, which may have failed to start.
    Job(Option<JobId>),
    /// By the one who does it. Returns whether it could be.
    Other(Box<dyn Fn(&Loop) -> bool>),
    /// As the one inside; and one that has begun looks at the flag from time to time.
    Stoppable(Box<Underway>, Stop),
    /// As the one inside; and one that has begun is told when nobody wants its result any more.
    Told(Box<Underway>, Rc<dyn Fn()>),
    /// As the one inside; and a result that nobody takes goes back to where it came from.
    Lent(Box<Underway>, Rc<dyn Fn()>),
}

impl Underway {
    fn cancel(&self, core: &Loop) -> bool {
        match self {
            Underway::Job(Some(id)) => core.cancel_job(*id),
            Underway::Job(None) => false,
            Underway::Other(cancel) => cancel(core),
            Underway::Stoppable(underway, _)
            | Underway::Told(underway, _)
            | Underway::Lent(underway, _) => underway.cancel(core),
        }
    }

    /// Cancels what nobody wants the result of any more: if it has begun, it may end early.
    fn call_off(&self, core: &Loop) -> bool {
        let cancelled = self.cancel(core);
        match self {
            Underway::Stoppable(_, stop) if !cancelled => stop.set(),
            Underway::Told(_, tell) if !cancelled => tell(),
            _ => {}
        }
        cancelled
    }

    /// Gives a result back that is there, and that nobody takes.
    #[cfg(feature = "async")]
    fn give_back(&self) {
        if let Underway::Lent(_, give_back) = self {
            give_back();
        }
    }
}

impl<T: 'static> Request<T> {
    pub(crate) fn new(
        at: At,
        begin: impl FnOnce(&Loop, Label, Complete<T>) -> Underway + 'static,
    ) -> Request<T> {
        Request { at, begin: Box::new(begin) }
    }

    /// A request that is one job on the pool. `name` is what logs call it.
    pub(crate) fn job(
        at: At,
        lane: Lane,
        name: &'static str,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Request<T>
    where
        T: Send,
    {
        Request::new(at, move |core, label, complete| {
            Underway::Job(core.submit(lane, label, name, work, complete))
        })
    }

    /// The same for long work, which looks from time to time whether it is still wanted.
    pub(crate) fn stoppable_job(
        at: At,
        lane: Lane,
        name: &'static str,
        work: impl FnOnce(&Stop) -> Result<T> + Send + 'static,
    ) -> Request<T>
    where
        T: Send,
    {
        Request::new(at, move |core, label, complete| {
            let stop = Stop::default();
            let flag = stop.clone();
            let job = core.submit(lane, label, name, move || work(&flag), complete);
            Underway::Stoppable(Box::new(Underway::Job(job)), stop)
        })
    }

    /// The same for work that changes nothing, and may take for ever: nobody waits for it once nobody
    /// wants its result.
    pub(crate) fn harmless_job(
        at: At,
        lane: Lane,
        name: &'static str,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Request<T>
    where
        T: Send,
    {
        Request::new(at, move |core, label, complete| {
            let job = core.submit(lane, label, name, work, complete);
            let core = Rc::downgrade(core);
            let forget = move || {
                if let (Some(core), Some(id)) = (core.upgrade(), job) {
                    core.set_job_referenced(id, false);
                }
            };
            Underway::Told(Box::new(Underway::Job(job)), Rc::new(forget))
        })
    }

    /// Makes something else of the result, on the loop's thread.
    pub(crate) fn map<U: 'static>(self, f: impl FnOnce(T) -> U + 'static) -> Request<U> {
        let Request { at, begin } = self;
        Request::new(at, move |core, label, complete| {
            begin(core, label, Box::new(move |core, result| complete(core, result.map(f))))
        })
    }

    /// Starts the operation; `callback` gets its result, as a task of its own in Poll.
    ///
    /// The request keeps the loop alive until then. An error that the callback returns is uncaught:
    /// see [`on_uncaught`](crate::on_uncaught).
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn callback<R: Outcome>(self, callback: impl FnOnce(Result<T>) -> R + 'static) -> Pending {
        let core = current();
        let label = core.label(CallbackKind::Completion, self.at);
        let complete = move |core: &Loop, result: Result<T>| {
            core.task(label, || callback(result).into_result());
        };
        let underway = (self.begin)(&core, label, Box::new(complete));
        Pending { core, underway }
    }
}

impl<T: 'static> Request<T> {
    /// Starts the operation and gives a promise for its result.
    ///
    /// The promise is settled in a task of its own in Poll; its reactions are that task's
    /// microtasks.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn promise(self) -> Promise<T> {
        let (promise, resolver) = Promise::with_resolver();
        let core = current();
        let label = core.label(CallbackKind::Completion, self.at);
        let complete = move |core: &Loop, result: Result<T>| {
            core.task(label, || {
                resolver.settle(result);
                Ok(())
            });
        };
        (self.begin)(&core, label, Box::new(complete));
        promise
    }
}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("at", &self.at).finish_non_exhaustive()
    }
}

/// A request under way. Dropping it cancels nothing.
pub struct Pending {
    core: Loop,
    underway: Underway,
}

impl Pending {
    /// Cancels the operation, if that can still be done: its callback gets an error for which
    /// [`is_cancelled`](crate::Error::is_cancelled) holds, in the next turn. What waits, for a peer, an
    /// event or a process, is given up; work on the pool never happens if it has not begun.
    ///
    /// Returns `false` if it is done, or is work on the pool that runs: then the callback gets its
    /// result.
    pub fn cancel(&self) -> bool {
        self.underway.cancel(&self.core)
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

/// Runs blocking work of one's own on the pool, in a lane that takes half of its threads at most.
///
/// A panic in `work` is the request's error: [`is_panic`](crate::Error::is_panic) holds for it.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::spawn_blocking(|| (1..=20u64).product::<u64>()).callback(|product| {
///         println!("{}", product?);
///         Ok(())
///     });
/// })
/// # }
/// ```
#[track_caller]
pub fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Request<T> {
    Request::job(Location::caller(), Lane::User, "blocking", move || Ok(work()))
}
