//! The ordering programs: each prints the trace that was recorded on Node.
//!
//! `tests/ordering/cases` and `more` hold what must be the same, `quirks` where the loop may depart
//! from Node, and does so only in the ways that are meant. The programs are run by `examples/ordering`.
#![cfg(feature = "async")]

#[path = "../examples/ordering/callbacks.rs"]
mod callbacks;
#[path = "../examples/ordering/check.rs"]
mod check;
#[path = "../examples/ordering/events.rs"]
mod events;
#[path = "../examples/ordering/fields.rs"]
mod fields;
#[path = "../examples/ordering/handles.rs"]
mod handles;
#[path = "../examples/ordering/parse.rs"]
mod parse;
#[path = "../examples/ordering/program.rs"]
mod program;
#[path = "../examples/ordering/promises.rs"]
mod promises;
#[path = "../examples/ordering/run.rs"]
mod run;
#[path = "../examples/ordering/step.rs"]
mod step;
#[path = "../examples/ordering/thrown.rs"]
mod thrown;
#[path = "../examples/ordering/value.rs"]
mod value;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use check::{Traces, Verdict, check};
use run::Clock;

/// Why a trace is not Node's, and what that may do to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Departure {
    /// After an uncaught error the checkpoint goes on at once: the lines come in another order.
    DrainsAtOnce,
    /// Nothing runs after the exit hooks: the lines after them are not there.
    NothingAfterExitHooks,
    /// An uncaught error does not make the loop go on for one turn more: lines are not there.
    NoTurnForAnError,
    /// A timer that is refreshed before it fires does not fire before its new deadline: the lines
    /// come in another order.
    RefreshedInTime,
    /// A cleared timer has no reference: a line says `false`.
    ClearedHasNoRef,
    /// A cleared timer is gone, whether it was referenced or not, with its place in the order.
    ClearedIsGone,
}

const DEPARTURES: [(&str, Departure); 18] = [
    ("078-uncaught-in-immediate", Departure::DrainsAtOnce),
    ("079-uncaught-in-timer", Departure::DrainsAtOnce),
    ("091-uncaught-in-last-immediate", Departure::DrainsAtOnce),
    ("092-exit-listener-microtask", Departure::NothingAfterExitHooks),
    ("112-gen-immediate-medium-3051278618", Departure::DrainsAtOnce),
    ("113-gen-due-medium-3051286537", Departure::DrainsAtOnce),
    ("172-gen-immediate-medium-3051753758", Departure::DrainsAtOnce),
    ("203-gen-due-medium-3051999247", Departure::DrainsAtOnce),
    ("223-gen-due-small-3052157627", Departure::DrainsAtOnce),
    ("233-gen-due-medium-3052236817", Departure::DrainsAtOnce),
    ("273-gen-due-large-3052553577", Departure::DrainsAtOnce),
    ("292-gen-immediate-medium-3052704038", Departure::DrainsAtOnce),
    ("401-uncaught-makes-a-turn", Departure::NoTurnForAnError),
    ("402-uncaught-in-before-exit", Departure::NoTurnForAnError),
    ("403-refreshed-by-a-tick", Departure::RefreshedInTime),
    ("404-has-ref-when-cleared", Departure::ClearedHasNoRef),
    ("405-cleared-when-unreferenced", Departure::ClearedIsGone),
    ("406-cleared-when-fired", Departure::ClearedIsGone),
];

impl Departure {
    /// Whether this, and not something else, can be what parts the traces.
    fn explains(self, Traces { expected, lines }: &Traces) -> bool {
        match self {
            Departure::DrainsAtOnce | Departure::RefreshedInTime | Departure::ClearedIsGone => {
                sorted(expected) == sorted(lines)
            }
            Departure::NothingAfterExitHooks => expected.starts_with(lines),
            Departure::NoTurnForAnError => {
                let mut rest = expected.iter();
                lines.iter().all(|line| rest.any(|expected| expected == line))
            }
            Departure::ClearedHasNoRef => {
                let answers =
                    expected.iter().map(|line| line.replace("cleared true", "cleared false"));
                answers.eq(lines.iter().cloned())
            }
        }
    }
}

fn sorted(lines: &[String]) -> Vec<&String> {
    let mut lines = Vec::from_iter(lines);
    lines.sort();
    lines
}

fn files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ordering").join(directory);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| {
        panic!("{}: {error}", directory.display());
    });
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn name(file: &Path) -> &str {
    file.file_stem().and_then(|name| name.to_str()).expect("names are plain")
}

#[track_caller]
fn all_pass(clock: Clock) {
    let mut faults = Vec::new();
    let files = [files("cases"), files("more")].concat();
    for file in &files {
        match check(file, clock) {
            Verdict::Passed => {}
            Verdict::Differs(traces) => faults.push(format!("{}: {traces}", name(file))),
            Verdict::Invalid(fault) => faults.push(format!("{}: {fault}", name(file))),
        }
    }
    println!("{} programs, {} failed", files.len(), faults.len());
    assert!(faults.is_empty(), "on the {clock:?} clock:\n{}", faults.join("\n"));
    assert!(!files.is_empty(), "there is nothing to check");
}

#[test]
fn programs_print_the_trace_of_node() {
    all_pass(Clock::Real);
}

#[test]
fn programs_print_the_trace_of_node_on_a_virtual_clock() {
    all_pass(Clock::Virtual);
}

#[test]
fn departures_from_node_are_those_that_are_meant() {
    for clock in [Clock::Real, Clock::Virtual] {
        let mut departures = BTreeMap::from(DEPARTURES);
        for file in files("quirks") {
            let name = name(&file);
            let meant = departures.remove(name);
            match (check(&file, clock), meant) {
                (Verdict::Differs(traces), Some(meant)) => {
                    assert!(meant.explains(&traces), "{name}: not by {meant:?}: {traces}");
                }
                (Verdict::Differs(traces), None) => panic!("{name}: {traces}"),
                (Verdict::Invalid(fault), _) => panic!("{name}: {fault}"),
                // An error is thrown in it, and where that happens Node goes on at once as well.
                (Verdict::Passed, None) => {}
                (Verdict::Passed, Some(meant)) => {
                    panic!("{name} is as in Node, but meant is {meant:?}");
                }
            }
        }
        assert!(departures.is_empty(), "without a file: {departures:?}");
    }
}
