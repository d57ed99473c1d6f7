//! The example that asks, at a terminal and of a file.
#![cfg(all(target_os = "linux", feature = "async"))]

mod example;
mod util;

use std::process::{Command, Output, Stdio};

use example::binary;
use util::input::file;
use util::pty::Pty;

#[test]
fn at_a_terminal_it_ends_with_the_last_answer() {
    let mut session = Pty::open().start(Command::new(binary("ask")));
    session.expect("your name?");
    session.type_(b"Ada\n");
    session.expect("your age?");
    session.type_(b"36\n");
    session.expect("hello Ada, 37 in a year");
    assert_eq!(session.end().0.code(), Some(0));
}

fn answered(input: impl Into<Stdio>) -> Output {
    Command::new(binary("ask")).stdin(input).output().expect("it can be run")
}

#[test]
fn answers_may_be_there_before_the_questions() {
    let output = answered(file(b"Ada\n36"));
    assert_eq!(util::stdout(&output), "your name?\nyour age?\nhello Ada, 37 in a year\n");
}

#[test]
fn without_an_answer_it_says_so() {
    let output = answered(Stdio::null());
    assert_eq!(output.status.code(), Some(1));
    let said = util::stderr(&output);
    assert!(said.contains("the input ended before the answer"), "{said}");
}
