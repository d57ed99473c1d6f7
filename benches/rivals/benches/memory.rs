//! What single operations allocate, beside the rivals: `cargo bench -p unspin-rivals --bench memory`.
//!
//! A program of its own, since counting makes every allocation dearer. Each operation is done a
//! number of times, and then twice that number; the difference leaves out what is set up once.

#[path = "../src/generic.rs"]
mod generic;
#[path = "../src/operations.rs"]
mod operations;
#[path = "../src/rival.rs"]
mod rival;
#[path = "../src/unspin_only.rs"]
mod unspin_only;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use operations::OPERATIONS;
use unspin_rivals::machine;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Divides the number of operations: allocations are counted, and need no average.
const THINNER: usize = 10;

fn main() {
    machine::keep_still();
    println!(
        "{:<36} {:>14} {:>14} {:>14}",
        "allocations, bytes per operation", "unspin", "async-executor", "tokio"
    );
    for operation in &OPERATIONS {
        let count = operation.count / THINNER;
        let rivals = [Some(operation.unspin), operation.executor, operation.tokio];
        let [unspin, executor, tokio] = rivals.map(|measure| text(measure, count));
        println!("{:<36} {unspin:>14} {executor:>14} {tokio:>14}", operation.name);
    }
}

fn text(operate: Option<fn(usize) -> f64>, count: usize) -> String {
    let Some(operate) = operate else { return "-".to_owned() };
    let (allocations, bytes) = allocated(operate, count);
    let (more_allocations, more_bytes) = allocated(operate, 2 * count);
    let each = |more: usize, less: usize| more.saturating_sub(less) as f64 / count as f64;
    format!("{:.2} {:>5.0}", each(more_allocations, allocations), each(more_bytes, bytes))
}

fn allocated(operate: fn(usize) -> f64, count: usize) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    operate(count);
    let change = region.change();
    (change.allocations + change.reallocations, change.bytes_allocated)
}
