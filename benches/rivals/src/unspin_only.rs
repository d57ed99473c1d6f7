//! Operations that only unspin has. Each returns nanoseconds per operation.

use std::cell::Cell;
use std::rc::Rc;

use unspin::{Promise, Resolver, next_tick, queue_microtask, set_immediate, set_timeout};

use crate::generic::{BATCH, LONG};
use crate::machine::Clock;

type Called = Rc<Cell<usize>>;

fn count_in(called: Called) -> impl FnOnce() {
    move || called.set(called.get() + 1)
}

/// Queues batches, each of which is over when its last callback has resolved a promise.
async fn batches(count: usize, one: impl Fn(Called), last: impl Fn(Resolver<()>)) -> f64 {
    let called = Called::default();
    let clock = Clock::start();
    for _ in 0..count / BATCH {
        (1..BATCH).for_each(|_| one(Rc::clone(&called)));
        Promise::new(&last).await.expect("it is called");
    }
    let nanos = clock.nanos_each(count);
    assert_eq!(called.get(), count - count / BATCH);
    nanos
}

pub(crate) async fn microtasks(count: usize) -> f64 {
    let one = |called| queue_microtask(count_in(called));
    batches(count, one, |resolver| queue_microtask(move || resolver.resolve(()))).await
}

pub(crate) async fn ticks(count: usize) -> f64 {
    let one = |called| next_tick(count_in(called));
    batches(count, one, |resolver| next_tick(move || resolver.resolve(()))).await
}

pub(crate) async fn immediates(count: usize) -> f64 {
    let one = |called| drop(set_immediate(count_in(called)));
    batches(count, one, |resolver| drop(set_immediate(move || resolver.resolve(())))).await
}

/// Each sets the next one: a turn each.
pub(crate) async fn immediates_in_a_row(count: usize) -> f64 {
    fn next(left: usize, resolver: Resolver<()>) {
        set_immediate(move || match left {
            0 => resolver.resolve(()),
            _ => next(left - 1, resolver),
        });
    }
    let clock = Clock::start();
    Promise::new(|resolver| next(count, resolver)).await.expect("it is called");
    clock.nanos_each(count)
}

pub(crate) async fn timers(count: usize) -> f64 {
    let mut timers = Vec::with_capacity(BATCH);
    let clock = Clock::start();
    for _ in 0..count / BATCH {
        timers.extend((0..BATCH).map(|_| set_timeout(LONG, || ())));
        timers.drain(..).for_each(|timer| timer.clear());
    }
    clock.nanos_each(count)
}

/// A promise, its reaction, and the promise of that.
pub(crate) async fn then_of_settled(count: usize) -> f64 {
    let clock = Clock::start();
    for _ in 0..count / BATCH {
        let one = |number| Promise::resolved(number).then(|number: usize| number + 1);
        (1..BATCH).for_each(|number| drop(one(number)));
        let last = one(BATCH - 1);
        assert_eq!(last.await.expect("it is fulfilled"), BATCH);
    }
    clock.nanos_each(count)
}

pub(crate) async fn await_of_settled(count: usize) -> f64 {
    let clock = Clock::start();
    for number in 0..count {
        assert_eq!(Promise::resolved(number).await.expect("it is fulfilled"), number);
    }
    clock.nanos_each(count)
}
