//! Lines of the standard input, whatever it is connected to.

mod util;

use std::fs::File;
use std::io::{Seek, Write};
use std::process::Stdio;

use unspin::stdio::stdin;
use unspin::stream::lines;
use util::pty::Pty;
use util::{child, is_child, run_real, stdout};

/// Prints each line of the input, and its end.
fn tell() {
    run_real(|| {
        let lines = lines(stdin()?);
        println!("ready");
        lines.on_end(|_| println!("the end"));
        lines.on_line(|_, line| println!("<{line}>"));
        unspin::Result::Ok(())
    });
}

/// Prints the first line of the input, and does not wait for more.
fn tell_one() {
    run_real(|| {
        let lines = lines(stdin()?);
        println!("ready");
        lines.on_line(|lines, line| {
            println!("<{line}>");
            lines.close();
        });
        unspin::Result::Ok(())
    });
}

#[track_caller]
fn expect(test: &str, input: impl Into<Stdio>, expected: &str) {
    let output = child(test).stdin(input).output().expect("it can be run");
    assert!(output.status.success(), "{}", stdout(&output));
    assert!(stdout(&output).contains(expected), "{}", stdout(&output));
}

fn file(text: &str) -> File {
    let mut file = tempfile::tempfile().expect("there is room");
    file.write_all(text.as_bytes()).expect("there is room");
    file.rewind().expect("it is a file");
    file
}

#[test]
fn of_a_file_the_last_one_needs_no_newline() {
    if is_child() {
        return tell();
    }
    const TEST: &str = "of_a_file_the_last_one_needs_no_newline";
    expect(TEST, file("one\r\n\ntwo"), "ready\n<one>\n<>\n<two>\nthe end\n");
    expect(TEST, Stdio::null(), "ready\nthe end\n");
}

#[test]
fn of_a_pipe_they_come_as_they_are_written() {
    if is_child() {
        return tell();
    }
    let mut command = child("of_a_pipe_they_come_as_they_are_written");
    let mut running =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be run");
    let mut input = running.stdin.take().expect("it is a pipe");
    let mut printed = std::io::BufReader::new(running.stdout.take().expect("it is a pipe"));
    let mut until = |expected: &str| {
        let mut line = String::new();
        while !line.ends_with(expected) {
            let length = std::io::BufRead::read_line(&mut printed, &mut line);
            assert_ne!(length.expect("it prints text"), 0, "no {expected} in {line}");
        }
    };
    until("ready\n");
    for (written, line) in [("one\ntw", "<one>\n"), ("o\n", "<two>\n")] {
        input.write_all(written.as_bytes()).expect("it is read");
        until(line);
    }
    drop(input);
    until("the end\n");
    assert!(running.wait().expect("it was not waited for").success());
}

#[test]
fn of_a_terminal_they_come_as_they_are_typed() {
    if is_child() {
        return tell();
    }
    let mut session = Pty::open().run("of_a_terminal_they_come_as_they_are_typed");
    session.expect("ready");
    for (typed, line) in [(&b"one\n"[..], "<one>"), ("zwei é\n".as_bytes(), "<zwei é>")] {
        session.type_(typed);
        session.expect(line);
    }
    session.type_(b"\x04");
    session.expect("the end");
    assert_eq!(session.end().0.code(), Some(0));
}

#[test]
fn one_is_enough_and_no_further_key_is_waited_for() {
    if is_child() {
        return tell_one();
    }
    let mut session = Pty::open().run("one_is_enough_and_no_further_key_is_waited_for");
    session.expect("ready");
    session.type_(b"yes\n");
    session.expect("<yes>");
    assert_eq!(session.end().0.code(), Some(0));
}
