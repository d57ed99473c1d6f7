//! Measurements that are over when their last callback has been called.

use std::cell::Cell;
use std::rc::Rc;

use crate::machine::Clock;

/// Where a measurement puts its result: nanoseconds for each operation.
pub(super) type Nanos = Rc<Cell<f64>>;

/// Counts calls; the last one stops the clock.
pub(super) struct Countdown {
    clock: Clock,
    count: usize,
    left: Cell<usize>,
    nanos: Nanos,
}

impl Countdown {
    pub(super) fn start(count: usize, nanos: &Nanos) -> Rc<Countdown> {
        let (left, nanos) = (Cell::new(count), Rc::clone(nanos));
        Rc::new(Countdown { clock: Clock::start(), count, left, nanos })
    }

    /// Notes a call. Returns how many are left.
    pub(super) fn call(&self) -> usize {
        let left = self.left.get() - 1;
        self.left.set(left);
        if left == 0 {
            self.nanos.set(self.clock.nanos_each(self.count));
        }
        left
    }
}

/// Hands `run` the place for a result, and returns what is in it afterwards.
pub(super) fn measured(run: impl FnOnce(Nanos)) -> f64 {
    let nanos = Nanos::new(Cell::new(f64::NAN));
    run(Rc::clone(&nanos));
    let nanos = nanos.get();
    assert!(nanos.is_finite(), "the last call never came");
    nanos
}

/// Runs a measurement on a loop of ours.
pub(super) fn measured_on_unspin(main: impl FnOnce(Nanos) + 'static) -> f64 {
    measured(|nanos| unspin::run(|| main(nanos)).expect("nothing in it fails"))
}
