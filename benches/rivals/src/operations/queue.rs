//! Callbacks in queues: ticks, microtasks, immediates, and a bare queue of boxed closures.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::BATCH;
use super::countdown::{Countdown, measured};

/// Takes callbacks, and runs them in the order in which they came.
pub(super) trait Queue: 'static {
    fn push(callback: impl FnOnce() + 'static);

    /// Runs `main`, and then all that was queued.
    fn run(main: impl FnOnce() + 'static) {
        unspin::run(main).expect("nothing in it fails");
    }
}

/// A queue and nothing else: what a callback costs at least.
pub(super) struct Bare;

type Callback = Box<dyn FnOnce()>;

thread_local! {
    static BARE: RefCell<VecDeque<Callback>> = const { RefCell::new(VecDeque::new()) };
}

impl Queue for Bare {
    fn push(callback: impl FnOnce() + 'static) {
        BARE.with_borrow_mut(|queue| queue.push_back(Box::new(callback)));
    }

    fn run(main: impl FnOnce() + 'static) {
        main();
        while let Some(callback) = BARE.with_borrow_mut(VecDeque::pop_front) {
            callback();
        }
    }
}

pub(super) struct Ticks;

impl Queue for Ticks {
    fn push(callback: impl FnOnce() + 'static) {
        unspin::next_tick(callback);
    }
}

pub(super) struct Microtasks;

impl Queue for Microtasks {
    fn push(callback: impl FnOnce() + 'static) {
        unspin::queue_microtask(callback);
    }
}

pub(super) struct Immediates;

impl Queue for Immediates {
    fn push(callback: impl FnOnce() + 'static) {
        unspin::set_immediate(callback);
    }
}

/// Queues a thousand; the last of them queues the next thousand.
pub(super) fn batches<Q: Queue>(count: usize) -> f64 {
    let count = count / BATCH * BATCH;
    measured(|nanos| Q::run(move || batch::<Q>(Countdown::start(count, &nanos))))
}

fn batch<Q: Queue>(countdown: Rc<Countdown>) {
    for _ in 1..BATCH {
        let countdown = Rc::clone(&countdown);
        Q::push(move || {
            countdown.call();
        });
    }
    Q::push(move || {
        if countdown.call() > 0 {
            batch::<Q>(countdown);
        }
    });
}

/// Each queues the next one.
pub(super) fn chain<Q: Queue>(count: usize) -> f64 {
    measured(|nanos| Q::run(move || link::<Q>(Countdown::start(count, &nanos))))
}

fn link<Q: Queue>(countdown: Rc<Countdown>) {
    Q::push(move || {
        if countdown.call() > 0 {
            link::<Q>(countdown);
        }
    });
}
