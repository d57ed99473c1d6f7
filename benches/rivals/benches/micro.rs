//! What single operations cost: `cargo bench -p unspin-rivals --bench micro`.
//!
//! The figures are processor time of all threads of a process that does nothing else, on one core.

use unspin_rivals::Result;
use unspin_rivals::args::Args;
use unspin_rivals::machine::keep_still;
use unspin_rivals::operations::{How, OPERATIONS, Operation, measure_if_asked};
use unspin_rivals::program::Program;
use unspin_rivals::report::{Contender, Reading, Report};

/// A quick run does so many times fewer operations.
const SHORTER: usize = 10;

/// Of what takes seconds: a minute for each of them would be too much.
const SLOW_ROUNDS: usize = 3;

fn main() -> Result<()> {
    if measure_if_asked()? {
        return Ok(());
    }
    let args = Args::from_env();
    let placed = keep_still();
    let programs = Programs::find();
    let mut report = Report::new("micro", "Single operations", &args);
    report.note(format!("all of it {placed}"));
    report.note(format!("rows with a million timers have {SLOW_ROUNDS} rounds, the others more"));
    for operation in OPERATIONS {
        let count = if args.quick { operation.count / SHORTER } else { operation.count };
        report.set_rounds(if operation.is_slow { SLOW_ROUNDS } else { args.rounds() });
        let contenders = contenders(operation, &programs, count);
        report.compare(&row(operation, args.quick), operation.base, contenders)?;
    }
    report.finish()
}

/// A million is not what a quick run has.
fn row(operation: &Operation, quick: bool) -> String {
    let shorter = if quick { format!(", {SHORTER} times fewer") } else { String::new() };
    format!("{}{shorter}", operation.name)
}

/// Each measurement has a process of its own: the threads and the memory that one leaves behind
/// would be a burden to the next.
struct Programs {
    rust: Program,
    libuv: Program,
    node: Program,
}

impl Programs {
    fn find() -> Programs {
        Programs {
            rust: Program::itself(),
            libuv: Program::libuv("micro-libuv", include_str!("../c/micro.c")),
            node: Program::node(concat!(env!("CARGO_MANIFEST_DIR"), "/js/micro.js")),
        }
    }

    fn measure(&self, operation: &str, contender: &str, how: &How, count: usize) -> Result<f64> {
        let count = count.to_string();
        let figures = match how {
            How::Rust(_) => self.rust.run(&["--measure", operation, contender, &count])?,
            How::Libuv(name) => self.libuv.run(&[name, &count])?,
            How::Node(name) => self.node.run(&[name, &count])?,
        };
        Ok(*figures.first().ok_or("it printed nothing")?)
    }
}

fn contenders<'a>(
    operation: &'static Operation,
    programs: &'a Programs,
    count: usize,
) -> Vec<Contender<'a>> {
    let contenders = operation.contenders.iter().map(|(name, how)| {
        Contender::new(name, move || {
            let value = programs.measure(operation.name, name, how, count)?;
            Ok(vec![Reading { what: "CPU per operation", unit: "ns", value }])
        })
    });
    contenders.collect()
}
