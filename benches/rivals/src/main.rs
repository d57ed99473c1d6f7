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
mod operations;
mod rival;
mod unspin_only;

use std::env;

use operations::OPERATIONS;
use unspin_rivals::machine;

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
