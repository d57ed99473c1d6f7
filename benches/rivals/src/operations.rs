//! The single operations that are measured.

use crate::generic;
use crate::rival::{Executor, Rival, Tokio, Unspin};
use crate::unspin_only;

/// One line of the table.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) count: usize,
    pub(crate) unspin: fn(usize) -> f64,
    pub(crate) executor: Option<fn(usize) -> f64>,
    pub(crate) tokio: Option<fn(usize) -> f64>,
}

/// An operation that is the same code for all.
macro_rules! shared {
    ($name:literal, $count:literal, $($operation:tt)+) => {
        Operation {
            name: $name,
            count: $count,
            unspin: |count| Unspin.run(|rival| $($operation)+(rival, count)),
            executor: Some(|count| Executor::new().run(|rival| $($operation)+(rival, count))),
            tokio: Some(|count| Tokio.run(|rival| $($operation)+(rival, count))),
        }
    };
}

/// An operation that nobody else has.
macro_rules! own {
    ($name:literal, $count:literal, $($operation:tt)+) => {
        Operation {
            name: $name,
            count: $count,
            unspin: |count| Unspin.run(|_| $($operation)+(count)),
            executor: None,
            tokio: None,
        }
    };
}

/// An operation that tokio has as well, in its own words.
macro_rules! with_tokio {
    ($name:literal, $count:literal, $unspin:expr, $tokio:expr) => {
        Operation {
            name: $name,
            count: $count,
            unspin: |count| Unspin.run(|_| generic::repeat(count, $unspin)),
            executor: None,
            tokio: Some(|count| Tokio.run(|_| generic::repeat(count, $tokio))),
        }
    };
}

pub(crate) const OPERATIONS: [Operation; 14] = [
    shared!("spawn", 100_000, generic::spawn),
    shared!("spawn and await", 50_000, generic::spawn_and_await),
    shared!("yield, one future", 50_000, generic::yield_alone),
    shared!("yield, 100 futures", 100_000, generic::yield_among_100),
    own!("queue_microtask", 500_000, unspin_only::microtasks),
    own!("next_tick", 500_000, unspin_only::ticks),
    own!("then, settled promise", 200_000, unspin_only::then_of_settled),
    own!("await, settled promise", 200_000, unspin_only::await_of_settled),
    own!("set_immediate, 1,000 a turn", 500_000, unspin_only::immediates),
    own!("set_immediate, one a turn", 50_000, unspin_only::immediates_in_a_row),
    own!("set_timeout and clear", 200_000, unspin_only::timers),
    with_tokio!(
        "sleep, begun and dropped",
        200_000,
        || generic::begin_and_drop(unspin::sleep(generic::LONG)),
        || generic::begin_and_drop(tokio::time::sleep(generic::LONG))
    ),
    shared!("wake from a thread, there and back", 3_000, generic::wakes),
    with_tokio!(
        "spawn_blocking and await",
        3_000,
        || async { unspin::spawn_blocking(|| ()).await.expect("it does not fail") },
        || async { tokio::task::spawn_blocking(|| ()).await.expect("it does not fail") }
    ),
];
