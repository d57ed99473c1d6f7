//! Runs ordering programs on the loop and prints their trace: cargo run --release --example ordering -- FILE…
//!
//! A program is a list of operations in JSON, such as those in `tests/ordering/`; each operation is
//! one call of the library. `--check` compares with the traces recorded in the files, and
//! `--virtual` lets the time pass at once.

mod callbacks;
mod check;
mod events;
mod fields;
mod handles;
mod parse;
mod program;
mod promises;
mod run;
mod step;
mod thrown;
mod value;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use check::Verdict;
use run::Clock;

const USAGE: &str = "usage: ordering [--check] [--virtual] FILE…";

fn main() -> ExitCode {
    let mut checking = false;
    let mut clock = Clock::Real;
    let mut files = Vec::new();
    for argument in std::env::args_os().skip(1) {
        match argument.to_str() {
            Some("--check") => checking = true,
            Some("--virtual") => clock = Clock::Virtual,
            Some(option) if option.starts_with("--") => return misused(),
            _ => files.push(PathBuf::from(argument)),
        }
    }
    if files.is_empty() {
        return misused();
    }
    let well = if checking { check_all(&files, clock) } else { run_all(&files, clock) };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn misused() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(64)
}

/// Prints the lines of each program. Returns whether all could be run.
fn run_all(files: &[PathBuf], clock: Clock) -> bool {
    let mut well = true;
    for file in files {
        if let Err(fault) = print_trace(file, clock) {
            eprintln!("{}: {fault}", file.display());
            well = false;
        }
    }
    well
}

fn print_trace(file: &Path, clock: Clock) -> Result<(), String> {
    let program = parse::parse(&check::read(file)?)?;
    // A reader that has gone away needs no more lines.
    let print = |line: &str| _ = writeln!(io::stdout(), "{line}");
    // That the program failed is told by its last line; why, is for people.
    if let Err(error) = run::run(&program, file, clock, print) {
        eprintln!("{}: {error}", file.display());
    }
    Ok(())
}

/// Prints what differs. Returns whether nothing differs.
fn check_all(files: &[PathBuf], clock: Clock) -> bool {
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        match check::check(file, clock) {
            Verdict::Passed => passed += 1,
            Verdict::Differs(traces) => {
                failed += 1;
                println!("failed  {}: {traces}", file.display());
            }
            Verdict::Invalid(fault) => {
                failed += 1;
                println!("failed  {}: {fault}", file.display());
            }
        }
    }
    // Every operation of the format is known, so no program is left out.
    println!("{passed} passed, {failed} failed, 0 skipped");
    failed == 0
}
