//! Promises that are settled already.

use unspin::Promise;

use super::BATCH;
use crate::machine::Clock;

/// A chain of a thousand links: each a promise and its reaction.
pub(super) async fn then_chain(count: usize) -> f64 {
    let clock = Clock::start();
    for _ in 0..count / BATCH {
        let mut last = Promise::resolved(0);
        for _ in 0..BATCH {
            last = last.then(|number: usize| number + 1);
        }
        assert_eq!(last.await.expect("it is fulfilled"), BATCH);
    }
    clock.nanos_each(count)
}

/// A promise, its reaction, and the promise of that.
pub(super) async fn then_of_settled(count: usize) -> f64 {
    let clock = Clock::start();
    for _ in 0..count / BATCH {
        let one = |number| Promise::resolved(number).then(|number: usize| number + 1);
        (1..BATCH).for_each(|number| drop(one(number)));
        let last = one(BATCH - 1);
        assert_eq!(last.await.expect("it is fulfilled"), BATCH);
    }
    clock.nanos_each(count)
}

pub(super) async fn await_of_settled(count: usize) -> f64 {
    let clock = Clock::start();
    for number in 0..count {
        assert_eq!(Promise::resolved(number).await.expect("it is fulfilled"), number);
    }
    clock.nanos_each(count)
}
