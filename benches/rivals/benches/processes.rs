//! What starting programs costs: `cargo bench -p unspin-rivals --bench processes`.
//!
//! Each child is `/bin/true`, started with nothing to read or write, and waited for. Most of the time
//! is the system's, which makes the child and loads the program; the processor time is that of the
//! parent alone.
#![allow(clippy::disallowed_methods, reason = "measures real time")]

use std::cell::Cell;
use std::env;
use std::process::{Command as StdCommand, Stdio as StdStdio};
use std::rc::Rc;
use std::time::Instant;

use unspin::process::{Command, Stdio};
use unspin_rivals::Result;
use unspin_rivals::args::Args;
use unspin_rivals::machine::Clock;
use unspin_rivals::program::Program;
use unspin_rivals::report::{Contender, Reading, Report};
use unspin_rivals::runtime::{Runtime, Tokio, Unspin};

const PROGRAM: &str = "/bin/true";

/// So many children, so many of them at once.
type Run = fn(usize, usize);

const ROWS: [(&str, usize); 2] = [("children, one after another", 1), ("children, 10 at once", 10)];

/// Node is no function.
const CONTENDERS: [(&str, Option<Run>); 5] = [
    ("unspin, callback", Some(unspin_callback)),
    ("unspin, await", Some(unspin_await)),
    ("std", Some(by_std)),
    ("tokio::process", Some(by_tokio)),
    ("node", None),
];

fn main() -> Result<()> {
    if measure_if_asked()? {
        return Ok(());
    }
    let args = Args::from_env();
    let count = if args.quick { 20 } else { 100 };
    let mut report = Report::new("processes", "Starting programs", &args);
    report.note(format!("{count} times {PROGRAM}, which does nothing."));
    let itself = Program::itself();
    let node = Program::node(concat!(env!("CARGO_MANIFEST_DIR"), "/js/processes.js"));
    for (row, at_once) in ROWS {
        let contenders = CONTENDERS.map(|(name, run)| {
            let (itself, node) = (&itself, &node);
            Contender::new(name, move || {
                let (count, at_once) = (count.to_string(), at_once.to_string());
                let figures = match run {
                    Some(_) => itself.run(&["--measure", name, &count, &at_once])?,
                    None => node.run(&[PROGRAM, &count, &at_once])?,
                };
                let [time, cpu] = figures[..] else { return Err("two figures are due".into()) };
                Ok(vec![
                    Reading { what: "time", unit: "ms", value: time },
                    Reading { what: "CPU", unit: "ms", value: cpu },
                ])
            })
        });
        report.compare(row, "node", contenders.into())?;
    }
    report.finish()
}

/// With `--measure CONTENDER COUNT AT_ONCE`, measures and prints the result. Returns whether that
/// was asked for.
fn measure_if_asked() -> Result<bool> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flag, contender, count, at_once] = arguments.as_slice() else { return Ok(false) };
    if flag != "--measure" {
        return Ok(false);
    }
    let (count, at_once) = (count.parse::<usize>()?, at_once.parse::<usize>()?);
    let contender = CONTENDERS.iter().find(|(name, _)| name == contender);
    let Some((_, Some(run))) = contender else { return Err("it is not measured here".into()) };
    // Memory is fetched from the system and code is loaded the first time.
    run(at_once, at_once);
    let (time, cpu) = (Instant::now(), Clock::start());
    run(count, at_once);
    println!("{} {}", time.elapsed().as_secs_f64() * 1e3, cpu.nanos_each(1) / 1e6);
    Ok(true)
}

/// The children that are still to be started.
#[derive(Clone)]
struct Left(Rc<Cell<usize>>);

impl Left {
    fn of(count: usize) -> Left {
        Left(Rc::new(Cell::new(count)))
    }

    fn take(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

fn command() -> Command {
    Command::new(PROGRAM).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

fn unspin_callback(count: usize, at_once: usize) {
    let left = Left::of(count);
    let start_all = move || (0..at_once).for_each(|_| start_next(left.clone()));
    unspin::run(start_all).expect("all can be started");
}

fn start_next(left: Left) {
    if left.take() {
        command().status().callback(move |status| {
            assert!(status?.success());
            start_next(left);
            Ok(())
        });
    }
}

fn unspin_await(count: usize, at_once: usize) {
    futures::<Unspin, _>(count, at_once, || async {
        command().status().await.expect("it can be started").success()
    });
}

fn by_tokio(count: usize, at_once: usize) {
    futures::<Tokio, _>(count, at_once, || async {
        let mut command = tokio::process::Command::new(PROGRAM);
        command.stdin(StdStdio::null()).stdout(StdStdio::null()).stderr(StdStdio::null());
        command.status().await.expect("it can be started").success()
    });
}

/// Starts as many as there may be, and then waits for the oldest.
fn by_std(count: usize, at_once: usize) {
    let mut running = std::collections::VecDeque::new();
    for _ in 0..count {
        if running.len() == at_once {
            wait(running.pop_front());
        }
        let mut command = StdCommand::new(PROGRAM);
        command.stdin(StdStdio::null()).stdout(StdStdio::null()).stderr(StdStdio::null());
        running.push_back(command.spawn().expect("it can be started"));
    }
    running.into_iter().for_each(|child| wait(Some(child)));
}

fn wait(child: Option<std::process::Child>) {
    if let Some(mut child) = child {
        assert!(child.wait().expect("it is a child").success());
    }
}

/// So many futures, each of which starts a child, waits for it, and starts the next.
fn futures<R: Runtime, F: Future<Output = bool> + 'static>(
    count: usize,
    at_once: usize,
    run: fn() -> F,
) {
    let left = Left::of(count);
    R::run(move |runtime| async move {
        let one = || {
            let left = left.clone();
            runtime.spawn(async move {
                while left.take() {
                    assert!(run().await);
                }
            })
        };
        let all: Vec<_> = (0..at_once).map(|_| one()).collect();
        for handle in all {
            handle.await;
        }
    });
}
