//! unspin beside its rivals, in one run: `cargo bench -p unspin-rivals`.
//!
//! First what single operations cost: those that a rival has too are the same generic code for
//! all. Then echo servers, 50 connections and 64 B, each server in a process of its own.
//!
//! All of it, servers and client too, stays on one core and is scheduled in batches where `chrt`
//! is there: no cache line crosses cores and no one preempts another, so that the figures repeat.
//! They are processor time and not time, because the machine has more to do. The rivals take
//! turns, and each figure is the median of all turns. `--quick` makes one short turn.
#![allow(clippy::disallowed_methods, reason = "measures real time, and its client blocks")]

mod echo;
mod generic;
mod machine;
mod rival;
mod unspin_only;

use std::env;

use rival::{Executor, Rival, Tokio, Unspin};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--serve", server, connections] = arguments[..] {
        return echo::serve(server, connections.parse()?);
    }
    let notes = machine::keep_still();
    // `cargo bench` passes --bench, and `cargo test` does not.
    let quick = !arguments.contains(&"--bench") || arguments.contains(&"--quick");
    let plan = if quick { &QUICK } else { &FULL };
    println!("{notes}; turns: {}, and of each figure the median", plan.turns);
    operations(plan);
    echo::compare(plan)
}

/// How much is measured.
struct Plan {
    turns: usize,
    /// Divides the number of operations in a measurement.
    thinner: usize,
    echo_millis: u64,
}

const FULL: Plan = Plan { turns: 9, thinner: 1, echo_millis: 500 };
const QUICK: Plan = Plan { turns: 1, thinner: 50, echo_millis: 30 };

/// One line of the table.
struct Operation {
    name: &'static str,
    count: usize,
    unspin: fn(usize) -> f64,
    executor: Option<fn(usize) -> f64>,
    tokio: Option<fn(usize) -> f64>,
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

const OPERATIONS: [Operation; 14] = [
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

fn operations(plan: &Plan) {
    println!(
        "\n{:<36} {:>8} {:>14} {:>8}",
        "ns of CPU per operation", "unspin", "async-executor", "tokio"
    );
    for operation in &OPERATIONS {
        let count = operation.count / plan.thinner;
        let rivals = [Some(operation.unspin), operation.executor, operation.tokio];
        let mut figures = [vec![], vec![], vec![]];
        for _ in 0..plan.turns {
            for (measure, figures) in rivals.iter().zip(&mut figures) {
                figures.extend(measure.map(|measure| measure(count)));
            }
        }
        let [unspin, executor, tokio] = figures.map(|figures| text(median(figures), 0));
        println!("{:<36} {unspin:>8} {executor:>14} {tokio:>8}", operation.name);
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

fn text(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}
