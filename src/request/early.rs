//! Requests that may end early: by a signal, or by a limit of time.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::time::Duration;

use crate::abort::AbortSignal;
use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::timers::Body;
use crate::request::{Begin, Complete, Request, Underway};
use crate::time::whole_millis;
use crate::trace::{CallbackKind, Label};

impl<T: 'static> Request<T> {
    /// Ends the request when the signal is aborted; at once, if it is aborted already.
    ///
    /// Its result is an error then, in the next turn, for which
    /// [`is_abort`](Error::is_abort) holds, with the signal's reason as its source. An operation
    /// that has not begun never happens; the result of one that runs is dropped when it comes, and
    /// until then it keeps the loop alive, but for lookups of names. A read of a whole file and a copy
    /// end at the next piece.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use std::time::Duration;
    /// use unspin::{AbortController, AbortSignal};
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let user = AbortController::new();
    ///     let limit = AbortSignal::timeout(Duration::from_secs(5));
    ///     unspin::fs::read_to_string("Cargo.toml")
    ///         .abort_on(&AbortSignal::any([user.signal(), &limit]))
    ///         .callback(|text| match text {
    ///             Ok(text) => println!("{} bytes", text.len()),
    ///             Err(error) if error.kind() == ErrorKind::TimedOut => println!("too slow"),
    ///             Err(error) if error.is_abort() => println!("the user has gone"),
    ///             Err(error) => println!("{error}"),
    ///         });
    ///     user.abort();
    /// })
    /// # }
    /// ```
    pub fn abort_on(self, signal: &AbortSignal) -> Request<T> {
        let (Request { at, begin }, signal) = (self, signal.clone());
        Request::new(at, move |core, label, complete| {
            if let Some(reason) = signal.reason() {
                let error = Error::aborted(Some(reason));
                core.defer(label, move |core| complete(core, Err(error)));
                return Underway::Job(None);
            }
            let operation = Operation::begin(core, label, begin, complete);
            let aborted = Rc::downgrade(&operation);
            let told = label.with_kind(CallbackKind::Abort);
            let listener = signal.listen(core, told, move |reason| {
                if let Some(operation) = aborted.upgrade() {
                    operation.abort(Error::aborted(Some(reason.clone())));
                }
                Ok(())
            });
            operation.when_done(move || {
                listener.remove();
            });
            operation.underway()
        })
    }

    /// Ends the request when it takes longer than `limit`, from when it is begun.
    ///
    /// Its result is an error of kind `TimedOut` then, in a task of the Timers phase. The operation
    /// is treated as by [`abort_on`](Request::abort_on). The timer keeps no loop alive.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let sum = unspin::spawn_blocking(|| (1..=20u64).sum::<u64>());
    ///     sum.timeout(Duration::from_secs(5)).callback(|sum| {
    ///         println!("{}", sum?);
    ///         Ok(())
    ///     });
    /// })
    /// # }
    /// ```
    pub fn timeout(self, limit: Duration) -> Request<T> {
        let Request { at, begin } = self;
        Request::new(at, move |core, label, complete| {
            let operation = Operation::begin(core, label, begin, complete);
            let late = Rc::downgrade(&operation);
            let body = Body::Deferred(Box::new(move || {
                if let Some(operation) = late.upgrade() {
                    operation.end(Error::timed_out(limit));
                }
            }));
            let timing = label.with_kind(CallbackKind::Timeout);
            let timer = core.start_timer(timing, whole_millis(limit), body, false);
            operation.when_done(move || timer.clear());
            operation.underway()
        })
    }
}

/// A begun operation that may be given an end before its own. It is owned by whoever does it.
struct Operation<T> {
    core: Loop,
    label: Label,
    /// Taken by whichever end comes first.
    complete: Cell<Option<Complete<T>>>,
    underway: OnceCell<Underway>,
    /// Takes away what waits to give it another end.
    disarm: Cell<Option<Box<dyn FnOnce()>>>,
}

impl<T: 'static> Operation<T> {
    fn begin(
        core: &Loop,
        label: Label,
        begin: Begin<T>,
        complete: Complete<T>,
    ) -> Rc<Operation<T>> {
        let operation = Rc::new(Operation {
            core: Rc::clone(core),
            label,
            complete: Cell::new(Some(complete)),
            underway: OnceCell::new(),
            disarm: Cell::new(None),
        });
        let own = Rc::clone(&operation);
        let finish = Box::new(move |_: &Loop, result| own.finish(result));
        // It is empty: nobody else sets it.
        let _ = operation.underway.set(begin(core, label, finish));
        operation
    }

    fn when_done(&self, disarm: impl FnOnce() + 'static) {
        self.disarm.set(Some(Box::new(disarm)));
    }

    fn take_complete(&self) -> Option<Complete<T>> {
        let complete = self.complete.take()?;
        self.disarm();
        Some(complete)
    }

    fn disarm(&self) {
        if let Some(disarm) = self.disarm.take() {
            disarm();
        }
    }

    /// Its own end.
    fn finish(&self, result: Result<T>) {
        match self.take_complete() {
            Some(complete) => complete(&self.core, result),
            None => self.core.drop_value(self.label, result),
        }
    }

    /// An end from inside of user code: it is told in the next turn.
    fn abort(&self, error: Error) {
        if let Some(complete) = self.take_complete() {
            self.core.defer(self.label, move |core| complete(core, Err(error)));
            self.call_off();
        }
    }

    /// An end from the loop: it is told now.
    fn end(&self, error: Error) {
        if let Some(complete) = self.take_complete() {
            self.core.call(self.label, || {
                self.call_off();
                Ok(())
            });
            complete(&self.core, Err(error));
        }
    }

    /// May drop the user's work.
    fn cancel(&self) -> bool {
        self.underway.get().is_some_and(|underway| underway.cancel(&self.core))
    }

    /// The same where nobody wants the result.
    fn call_off(&self) {
        if let Some(underway) = self.underway.get() {
            underway.call_off(&self.core);
        }
    }

    /// How the one who asked cancels it: then its own end comes, and no other.
    fn underway(self: &Rc<Self>) -> Underway {
        let cancel = self.cancelling();
        match self.underway.get() {
            Some(Underway::Stoppable(_, stop)) => {
                Underway::Stoppable(Box::new(cancel), stop.clone())
            }
            Some(Underway::Told(_, tell)) => Underway::Told(Box::new(cancel), Rc::clone(tell)),
            Some(Underway::Lent(_, back)) => Underway::Lent(Box::new(cancel), Rc::clone(back)),
            _ => cancel,
        }
    }

    fn cancelling(self: &Rc<Self>) -> Underway {
        let operation = Rc::downgrade(self);
        Underway::Other(Box::new(move |_| {
            let Some(operation) = operation.upgrade() else { return false };
            let cancelled = operation.cancel();
            if cancelled {
                operation.disarm();
            }
            cancelled
        }))
    }
}
