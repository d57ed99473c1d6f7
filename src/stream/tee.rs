//! One sink made of two.

use std::cell::Cell;
use std::fmt;
use std::rc::{Rc, Weak};

use crate::error::Result;
use crate::stream::pipeline::ended_early;
use crate::stream::{Done, Writable};

/// Makes one sink of two: each gets all bytes, as fast as the slower one takes them.
///
/// It has finished when both have. When one fails or is closed, it has failed, and the other is
/// closed, so that no half of it goes on unseen. Three sinks are a tee of a tee.
///
/// ```
/// use unspin::fs;
/// use unspin::net::TcpStream;
/// use unspin::stream::{pipeline, tee};
///
/// fn send(path: &str, here: &TcpStream, there: &TcpStream) {
///     let both = tee(here.clone(), there.clone());
///     pipeline(fs::read_stream(path)).to(both).callback(|sent| sent);
/// }
/// # let _ = send;
/// ```
pub fn tee(first: impl Writable, second: impl Writable) -> Tee {
    let sides = Sides {
        ending: Cell::new(false),
        first: Side { sink: Box::new(first), is_full: Cell::new(false) },
        second: Side { sink: Box::new(second), is_full: Cell::new(false) },
    };
    Tee(Rc::new(sides))
}

/// Two sinks in one: see [`tee`]. A cheap handle, to be cloned at will.
#[derive(Clone)]
pub struct Tee(Rc<Sides>);

struct Sides {
    /// Both were told that no more will come.
    ending: Cell<bool>,
    first: Side,
    second: Side,
}

struct Side {
    sink: Box<dyn Writable>,
    /// It has said so, and has not drained since.
    is_full: Cell<bool>,
}

impl Sides {
    fn each(&self) -> [&Side; 2] {
        [&self.first, &self.second]
    }

    fn close(&self) {
        self.each().into_iter().for_each(|side| side.sink.close());
    }
}

/// Waits until something was told by both sides, which own it.
struct Both<F> {
    then: Cell<Option<F>>,
    missing: Cell<usize>,
}

impl<F> Both<F> {
    fn new(then: F, missing: usize) -> Rc<Both<F>> {
        Rc::new(Both { then: Cell::new(Some(then)), missing: Cell::new(missing) })
    }

    /// One more side has told it; returns what waits if that was the last one.
    fn told(&self) -> Option<F> {
        self.missing.set(self.missing.get() - 1);
        if self.missing.get() == 0 { self.then.take() } else { None }
    }
}

impl Writable for Tee {
    fn write(&self, bytes: &[u8]) -> bool {
        for side in self.0.each() {
            if !side.sink.write(bytes) {
                side.is_full.set(true);
            }
        }
        !self.0.each().into_iter().any(|side| side.is_full.get())
    }

    fn when_drained(&self, then: Box<dyn FnOnce()>) {
        let full = || self.0.each().into_iter().filter(|side| side.is_full.get());
        let both = Both::new(then, full().count());
        for side in full() {
            let (both, sides, first) =
                (Rc::clone(&both), Rc::downgrade(&self.0), self.is_first(side));
            side.sink.when_drained(Box::new(move || {
                if let Some(sides) = sides.upgrade() {
                    let side = if first { &sides.first } else { &sides.second };
                    side.is_full.set(false);
                }
                if let Some(then) = both.told() {
                    then();
                }
            }));
        }
    }

    #[track_caller]
    fn when_done(&self, done: Done) {
        let (at, takes_failures) = (done.line(), done.takes_failures());
        let both = Both::new(done, 2);
        for side in self.0.each() {
            let (both, sides) = (Rc::clone(&both), Rc::downgrade(&self.0));
            let side_done =
                Done::at(at, move |outcome: Result<()>| side_done(&both, &sides, outcome));
            side.sink.when_done(match takes_failures {
                true => side_done,
                false => side_done.leaving_failures(),
            });
        }
    }

    fn end(&self) {
        self.0.ending.set(true);
        self.0.each().into_iter().for_each(|side| side.sink.end());
    }

    fn close(&self) {
        self.0.close();
    }
}

impl Tee {
    fn is_first(&self, side: &Side) -> bool {
        std::ptr::eq(side, &self.0.first)
    }
}

/// The first failure is that of both.
fn side_done(both: &Both<Done>, sides: &Weak<Sides>, outcome: Result<()>) {
    let is_early = sides.upgrade().is_some_and(|sides| !sides.ending.get());
    let outcome = if is_early { outcome.and_then(|()| Err(ended_early())) } else { outcome };
    let last = both.told();
    let done = if outcome.is_err() { last.or_else(|| both.then.take()) } else { last };
    let Some(done) = done else { return };
    if let Some(sides) = sides.upgrade().filter(|_| outcome.is_err()) {
        sides.close();
    }
    done.tell(outcome);
}

impl fmt::Debug for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tee").finish_non_exhaustive()
    }
}
