//! The example that runs a command and stamps its lines, run as a user runs it.

mod example;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use example::{binary, peak_memory};
use unspin::signal::{self, Signal};

#[test]
fn shell_stamps_lines_and_exits_with_the_commands_code() {
    let command = "printf 'one\\ntwo\\nhalf a line'; echo wrong >&2; exit 7";
    let output = Command::new(binary("shell")).arg(command).output().expect("it can be run");
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(unstamped(&output.stdout), ["one", "two", "half a line"]);
    assert_eq!(unstamped(&output.stderr), ["wrong"]);
}

/// The lines that `shell` wrote, without the times in front of them.
fn unstamped(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let line = |line: &str| {
        let (time, rest) = line.trim_start().split_once(' ').expect("a time and a line");
        assert!(time.parse::<f64>().is_ok_and(|time| time >= 0.0), "{line}");
        rest.to_owned()
    };
    text.lines().map(line).collect()
}

#[test]
fn shell_passes_signals_on_and_lets_the_command_decide() {
    let command = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.01; done";
    let mut shell = Command::new(binary("shell"))
        .arg(command)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be run");
    let mut lines = BufReader::new(shell.stdout.take().expect("it is a pipe")).lines();
    assert!(lines.next().expect("a line").expect("it is text").ends_with("ready"));
    signal::kill(shell.id(), Signal::INTERRUPT).expect("it runs");
    assert!(lines.next().expect("a line").expect("it is text").ends_with("caught"));
    assert_eq!(shell.wait().expect("it ends").code(), Some(5));
}

#[test]
fn shell_gives_its_command_a_ctrl_c_once() {
    let command = "trap 'echo caught' INT; trap 'echo direct' CONT; trap 'exit 6' TERM; echo ready; \
                   while :; do sleep 0.01; done";
    let mut shell = Command::new(binary("shell"))
        .arg(command)
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("it can be run");
    let mut lines = BufReader::new(shell.stdout.take().expect("it is a pipe")).lines();
    let mut line = move || lines.next().map(|line| line.expect("it is text"));
    assert!(line().is_some_and(|line| line.ends_with("ready")));
    // To the whole group, as a terminal sends them. The first is not passed on: who got it would
    // get the second twice.
    for name in ["CONT", "INT"] {
        let group = format!("-{}", shell.id());
        let sent = Command::new("kill").args(["-s", name, "--", &group]).status();
        assert!(sent.expect("it can be run").success());
    }
    assert!(line().is_some_and(|line| line.ends_with("caught")));
    signal::kill(shell.id(), Signal::TERMINATE).expect("it runs");
    assert_eq!(line(), None);
    assert_eq!(shell.wait().expect("it ends").code(), Some(6));
}

#[test]
fn shell_writes_the_last_line_before_it_ends() {
    let output = Command::new(binary("shell")).arg("seq 100000").output().expect("it can be run");
    let lines = unstamped(&output.stdout);
    assert_eq!((lines.len(), &*lines[99_999]), (100_000, "100000"));
}

#[test]
fn shell_breaks_a_line_that_has_no_end() {
    let mut shell = start("head -c 100000000 /dev/zero");
    let output = BufReader::new(shell.stdout.take().expect("it is a pipe"));
    let lines = output.split(b'\n').map(|line| line.expect("it can be read"));
    let zeros = |line: Vec<u8>| line.iter().filter(|byte| **byte == 0).count();
    assert_eq!(lines.map(zeros).sum::<usize>(), 100_000_000);
    assert_eq!(shell.wait().expect("it ends").code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn shell_lets_its_command_wait_and_hears_signals_while_nobody_reads() {
    let mut shell = start("trap 'echo caught >&2; exit 5' INT; yes");
    let mut output = BufReader::new(shell.stdout.take().expect("it is a pipe"));
    let mut line = String::new();
    output.read_line(&mut line).expect("it is text");
    assert!(line.ends_with(" y\n"), "{line}");
    wait_until_it_is_still(&shell);
    let peak = peak_memory(&shell);
    assert!(peak < 32 << 10, "{peak} KiB");

    signal::kill(shell.id(), Signal::INTERRUPT).expect("it runs");
    line.clear();
    let mut errors = BufReader::new(shell.stderr.take().expect("it is a pipe"));
    errors.read_line(&mut line).expect("it is text");
    assert!(line.ends_with(" caught\n"), "{line}");
    output.read_to_end(&mut Vec::new()).expect("what there was before the signal");
    assert_eq!(shell.wait().expect("it ends").code(), Some(5));
}

#[test]
fn shell_lets_its_command_know_that_nobody_reads_any_more() {
    let mut shell = start("yes; echo $? >&2");
    let mut output = BufReader::new(shell.stdout.take().expect("it is a pipe"));
    output.read_line(&mut String::new()).expect("it is text");
    drop(output);
    let output = shell.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", output.status);
    // The end by SIGPIPE that `yes` has without `shell`.
    assert_eq!(unstamped(&output.stderr), ["141"]);
}

#[test]
fn shell_goes_on_with_a_command_that_writes_nothing_to_a_reader_that_has_gone() {
    let mut shell = start("read go_on; (echo unread); echo 'to the end' >&2");
    drop(shell.stdout.take());
    drop(shell.stdin.take());
    let output = shell.wait_with_output().expect("it ends");
    assert_eq!(unstamped(&output.stderr), ["to the end"]);
    assert_eq!(output.status.code(), Some(0), "{}", output.status);
}

fn start(command: &str) -> Child {
    let mut shell = Command::new(binary("shell"));
    shell.arg(command).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell.spawn().expect("it can be run")
}

/// Waits until it reads and writes nothing.
#[cfg(target_os = "linux")]
fn wait_until_it_is_still(child: &Child) {
    let count = || {
        // A pause that tells nothing by itself: a program that goes on has no two looks alike.
        #[expect(clippy::disallowed_methods, reason = "no loop is run here")]
        thread::sleep(Duration::from_millis(20));
        fs::read_to_string(format!("/proc/{}/io", child.id())).expect("it lives")
    };
    let mut before = count();
    loop {
        let now = count();
        if now == before {
            return;
        }
        before = now;
    }
}
