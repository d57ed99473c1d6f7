//! unspin beside its rivals, in one run: `cargo bench -p unspin-rivals`.
//!
//! Echo servers, 50 connections and 64 B, each server in a process of its own.
//!
//! All of it, servers and client too, stays on one core and is scheduled in batches where `chrt`
//! is there: no cache line crosses cores and no one preempts another, so that the figures repeat.
//! They are processor time and not time, because the machine has more to do. The rivals take
//! turns, and each figure is the median of all turns. `--quick` makes one short turn.
#![allow(clippy::disallowed_methods, reason = "measures real time, and its client blocks")]

mod echo;

use std::env;

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
    echo::compare(plan)
}

/// How much is measured.
struct Plan {
    turns: usize,
    echo_millis: u64,
}

const FULL: Plan = Plan { turns: 9, echo_millis: 500 };
const QUICK: Plan = Plan { turns: 1, echo_millis: 30 };

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

fn text(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}
