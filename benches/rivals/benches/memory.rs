//! What single operations allocate: `cargo bench -p unspin-rivals --bench memory`.
//!
//! A program of its own, since counting makes every allocation dearer. Each operation is done a
//! number of times, and then twice that number; the difference leaves out what is set up once.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use unspin_rivals::Result;
use unspin_rivals::args::Args;
use unspin_rivals::operations::{How, Measure, OPERATIONS, Operation};
use unspin_rivals::report::{Contender, Reading, Report};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations are counted, and need no average.
const THINNER: usize = 10;

fn main() -> Result<()> {
    let args = Args::from_env();
    let mut report = Report::new("memory", "What single operations allocate", &args);
    // Nothing but a thread's timing can change it.
    report.set_rounds(3);
    // A million timers take as much each as a thousand.
    for operation in OPERATIONS.iter().filter(|operation| !operation.is_slow) {
        let contenders = contenders(operation);
        // The base of the times may be a program that is not counted.
        let base = contenders.first().map_or("", |first| first.name);
        report.compare(operation.name, base, contenders)?;
    }
    report.finish()
}

fn contenders(operation: &'static Operation) -> Vec<Contender<'static>> {
    let contenders = operation.contenders.iter().filter_map(|(name, how)| match how {
        How::Rust(measure) => {
            Some(Contender::new(name, || Ok(allocated_each(*measure, operation.count / THINNER))))
        }
        How::Libuv(_) | How::Node(_) => None,
    });
    contenders.collect()
}

fn allocated_each(operate: Measure, count: usize) -> Vec<Reading> {
    let (allocations, bytes) = allocated(operate, count);
    let (more_allocations, more_bytes) = allocated(operate, 2 * count);
    let each = |more: usize, less: usize| more.saturating_sub(less) as f64 / count as f64;
    vec![
        Reading { what: "allocations", unit: "", value: each(more_allocations, allocations) },
        Reading { what: "bytes", unit: "B", value: each(more_bytes, bytes) },
    ]
}

fn allocated(operate: Measure, count: usize) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    operate(count);
    let change = region.change();
    (change.allocations + change.reallocations, change.bytes_allocated)
}
