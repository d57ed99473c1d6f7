//! Programs against the trace that was recorded for them.

use std::cell::RefCell;
use std::fmt;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use serde_json::Value as Json;

use crate::fields::{list, text};
use crate::parse;
use crate::program::Body;
use crate::run::{Clock, run};

/// What came of a case.
pub(crate) enum Verdict {
    Passed,
    Differs(Traces),
    /// What is wrong with the file.
    Invalid(String),
}

/// What was recorded, and what came.
pub(crate) struct Traces {
    pub(crate) expected: Vec<String>,
    pub(crate) lines: Vec<String>,
}

/// Runs a case file and compares all its lines.
pub(crate) fn check(file: &Path, clock: Clock) -> Verdict {
    compare(file, clock).unwrap_or_else(Verdict::Invalid)
}

pub(crate) fn read(file: &Path) -> Result<Json, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn compare(file: &Path, clock: Clock) -> Result<Verdict, String> {
    let case = read(file)?;
    let program = parse::parse(&case)?;
    let expected = list(case.get("expected").ok_or("there is no `expected`")?, text)?;
    let traces = Traces { expected, lines: lines(&program, file, clock)? };
    Ok(if traces.expected == traces.lines { Verdict::Passed } else { Verdict::Differs(traces) })
}

/// All lines of a program. What it did not catch shows in the last one.
fn lines(program: &Body, file: &Path, clock: Clock) -> Result<Vec<String>, String> {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&lines);
    let ended = run(program, file, clock, move |line| sink.borrow_mut().push(line.to_owned()));
    let lines = lines.take();
    match ended {
        Err(error) if lines.is_empty() => Err(error.to_string()),
        _ => Ok(lines),
    }
}

/// Where the traces part, with a little of both.
impl fmt::Display for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.expected.iter().zip(&self.lines);
        let same = pairs.take_while(|(expected, line)| expected == line).count();
        write!(f, "line {}", same + 1)?;
        for at in same..same + 3 {
            let [expected, line] = [&self.expected, &self.lines]
                .map(|trace| trace.get(at).map_or("(the end)", String::as_str));
            write!(f, "\n    expected {expected:24} got {line}")?;
        }
        Ok(())
    }
}
