//! Futures on one thread. The operations are the same code for each runtime.

use std::cell::Cell;
use std::rc::Rc;

use super::BATCH;
use crate::machine::Clock;
use crate::runtime::Runtime;

/// Futures that are finished at their first poll, a thousand at once.
pub(super) async fn spawn<R: Runtime>(runtime: R, count: usize) -> f64 {
    let polled = Rc::new(Cell::new(0));
    let one = || {
        let polled = Rc::clone(&polled);
        async move { polled.set(polled.get() + 1) }
    };
    let clock = Clock::start();
    for _ in 0..count / BATCH {
        (1..BATCH).for_each(|_| runtime.spawn_detached(one()));
        // The queues are fair: the last one is the last.
        runtime.spawn(one()).await;
    }
    let nanos = clock.nanos_each(count);
    assert_eq!(polled.get(), count / BATCH * BATCH);
    nanos
}

/// One future at a time.
pub(super) async fn spawn_and_await<R: Runtime>(runtime: R, count: usize) -> f64 {
    let clock = Clock::start();
    for _ in 0..count {
        runtime.spawn(async {}).await;
    }
    clock.nanos_each(count)
}

pub(super) async fn yield_alone<R: Runtime>(_: R, count: usize) -> f64 {
    let clock = Clock::start();
    for _ in 0..count {
        R::yield_now().await;
    }
    clock.nanos_each(count)
}

pub(super) async fn yield_among_100<R: Runtime>(runtime: R, count: usize) -> f64 {
    let clock = Clock::start();
    let one = || {
        runtime.spawn(async move {
            for _ in 0..count / 100 {
                R::yield_now().await;
            }
        })
    };
    let all: Vec<_> = (0..100).map(|_| one()).collect();
    for handle in all {
        handle.await;
    }
    clock.nanos_each(count)
}
