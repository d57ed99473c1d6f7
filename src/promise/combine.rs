//! Many promises as one.
//!
//! Each combinator reacts to its inputs in order, at once, so all of them count as handled; the
//! promise it gives is settled inside the reaction of the input that decides. ECMA-262 §27.2.4.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::promise::Promise;
use crate::promise::resolver::{Reason, Resolution};
use crate::promise::then::catch;
use crate::trace::At;

impl<T: 'static, E: Reason> Promise<T, E> {
    /// Fulfilled with all values, in the order of the inputs; rejected as soon as one is.
    ///
    /// ```
    /// use unspin::Promise;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     Promise::all([Promise::resolved(1), Promise::resolved(2)])
    ///         .then(|values| assert_eq!(values, [1, 2]));
    /// })
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn all(promises: impl IntoIterator<Item = Promise<T, E>>) -> Promise<Vec<T>, E> {
        Promise::all_with(promises, |values| values)
    }

    /// As [`all`](Promise::all), fulfilled with what `f` makes of the values, in the reaction of
    /// the last of them.
    ///
    /// For promises that are all of one type, whatever they are made of: those of an interpreter.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread. A panic in `f` is a rejection.
    #[track_caller]
    pub fn all_with<U: 'static>(
        promises: impl IntoIterator<Item = Promise<T, E>>,
        f: impl FnOnce(Vec<T>) -> U + 'static,
    ) -> Promise<U, E> {
        let at = Location::caller();
        let (promise, resolver) = Promise::with_resolver();
        let all = resolver.clone();
        let gathered =
            Gathered::new(move |values| all.settle(catch(|| f(values)).map_err(E::from)));
        for input in promises {
            let (resolver, put) = (resolver.clone(), gathered.place());
            input.observe(at, move |result| match result {
                Ok(value) => put(value),
                Err(reason) => resolver.settle(Err(reason)),
            });
        }
        gathered.close();
        promise
    }

    /// Fulfilled with all results, in the order of the inputs; never rejected.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn all_settled(
        promises: impl IntoIterator<Item = Promise<T, E>>,
    ) -> Promise<Vec<Result<T, E>>, E> {
        Promise::all_settled_with(promises, |results| results)
    }

    /// As [`all_settled`](Promise::all_settled), fulfilled with what `f` makes of the results.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread. A panic in `f` is a rejection.
    #[track_caller]
    pub fn all_settled_with<U: 'static>(
        promises: impl IntoIterator<Item = Promise<T, E>>,
        f: impl FnOnce(Vec<Result<T, E>>) -> U + 'static,
    ) -> Promise<U, E> {
        let at = Location::caller();
        let (promise, resolver) = Promise::with_resolver();
        let gathered =
            Gathered::new(move |results| resolver.settle(catch(|| f(results)).map_err(E::from)));
        for input in promises {
            input.observe(at, gathered.place());
        }
        gathered.close();
        promise
    }

    /// Settled as the first input that is settled; for ever pending without inputs.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn race(promises: impl IntoIterator<Item = Promise<T, E>>) -> Promise<T, E> {
        let at = Location::caller();
        let (promise, resolver) = Promise::with_resolver();
        for input in promises {
            let resolver = resolver.clone();
            input.observe(at, move |result| resolver.settle(result));
        }
        promise
    }

    /// Fulfilled with the first value; rejected with all reasons if there is none.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn any(promises: impl IntoIterator<Item = Promise<T, E>>) -> Promise<T, AggregateError<E>> {
        Promise::any_with(promises, AggregateError::Reasons)
    }

    /// As [`any`](Promise::any), rejected with what `f` makes of the reasons.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread. A panic in `f` is a rejection.
    #[track_caller]
    pub fn any_with<E2: Reason>(
        promises: impl IntoIterator<Item = Promise<T, E>>,
        f: impl FnOnce(Vec<E>) -> E2 + 'static,
    ) -> Promise<T, E2> {
        let at = Location::caller();
        let (promise, resolver) = Promise::with_resolver();
        let none = resolver.clone();
        let gathered = Gathered::new(move |reasons| {
            none.settle(Err(catch(|| f(reasons)).unwrap_or_else(E2::from)));
        });
        for input in promises {
            let (resolver, put) = (resolver.clone(), gathered.place());
            input.observe(at, move |result| match result {
                Ok(value) => resolver.settle(Ok(value)),
                Err(reason) => put(reason),
            });
        }
        gathered.close();
        promise
    }

    /// Calls `f` with the result, for whoever needs no promise of what it returns.
    fn observe(self, at: At, f: impl FnOnce(Result<T, E>) + 'static) {
        drop(self.react_at::<(), E, _>(at, move |result| {
            f(result);
            Resolution::Value(())
        }));
    }
}

/// All inputs of [`any`](Promise::any) were rejected.
#[derive(Clone)]
#[non_exhaustive]
pub enum AggregateError<E = Error> {
    /// The reasons, in the order of the inputs.
    Reasons(Vec<E>),
    /// Something else rejected the promise: a panic in a handler.
    Other(Error),
}

impl<E> From<Error> for AggregateError<E> {
    fn from(error: Error) -> AggregateError<E> {
        AggregateError::Other(error)
    }
}

impl<E: fmt::Debug> fmt::Debug for AggregateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AggregateError::Reasons(reasons) => {
                f.write_str("all promises were rejected: ")?;
                f.debug_list().entries(reasons).finish()
            }
            AggregateError::Other(error) => fmt::Debug::fmt(error, f),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for AggregateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl<E: fmt::Debug> std::error::Error for AggregateError<E> {}

/// Values with a place for each input, handed on when all places are filled.
struct Gathered<T> {
    places: RefCell<Vec<Option<T>>>,
    /// Empty places; and one more, until all inputs are known.
    missing: Cell<usize>,
    then: Cell<Option<Then<T>>>,
}

type Then<T> = Box<dyn FnOnce(Vec<T>)>;

impl<T: 'static> Gathered<T> {
    fn new(then: impl FnOnce(Vec<T>) + 'static) -> Rc<Gathered<T>> {
        Rc::new(Gathered {
            places: RefCell::new(Vec::new()),
            missing: Cell::new(1),
            then: Cell::new(Some(Box::new(then))),
        })
    }

    /// One more place; what is returned fills it.
    fn place(self: &Rc<Self>) -> impl FnOnce(T) + 'static {
        let index = self.places.borrow().len();
        self.places.borrow_mut().push(None);
        self.missing.set(self.missing.get() + 1);
        let gathered = Rc::clone(self);
        move |value| {
            gathered.places.borrow_mut()[index] = Some(value);
            gathered.close();
        }
    }

    /// One is missing less.
    fn close(&self) {
        self.missing.set(self.missing.get() - 1);
        if self.missing.get() == 0 {
            let values = self.places.take().into_iter().flatten().collect();
            if let Some(then) = self.then.take() {
                then(values);
            }
        }
    }
}
