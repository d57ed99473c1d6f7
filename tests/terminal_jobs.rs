//! The terminal of a program that a shell stops, sends to the background, and brings back.
#![cfg(target_os = "linux")]

mod util;

use unspin::signal::{self, Signal};
use unspin::stdio::stdin;
use unspin::terminal::{Feature, Terminal};
use util::pty::{COOKED, Mode, Pty, RAW, Session};
use util::{is_child, run_real};

/// Is raw, and says so; a `z` stops it, and another key ends it. From then on it reads no more: that
/// would stop it in the background, perhaps at the instant when it is brought back. It says when
/// SIGUSR1 came, and SIGUSR2 ends it.
fn stop_at_z(before: impl FnOnce() + 'static) {
    run_real(|| {
        before();
        println!("pid {};", std::process::id());
        let raw = Terminal::open()?.raw_mode()?;
        raw.enable(Feature::BracketedPaste)?;
        let stdin = stdin()?;
        let watcher = signal::watch([Signal::USER_1, Signal::USER_2])?;
        let own = watcher.clone();
        stdin.on_close(move |_| own.close());
        stdin.on_data(move |stdin, chunk| {
            let _alive = &raw;
            match chunk {
                b"z" => {
                    stdin.pause();
                    signal::raise(Signal::TERMINAL_STOP)?;
                }
                _ => stdin.close(),
            }
            unspin::Result::Ok(())
        });
        // It is this that keeps the program alive while it reads nothing.
        watcher.on_signal(move |_, signal| match signal {
            Signal::USER_1 => println!("told of it"),
            _ => stdin.close(),
        });
        println!("ready");
        unspin::Result::Ok(())
    });
}

#[track_caller]
fn becomes(session: &Session, mode: Mode) {
    wait_until(|| session.mode() == mode);
}

/// Nothing tells of what it waits for; it gives up when it has taken far too long.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "no loop runs in the process that watches")]
fn wait_until(is_so: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(util::millis(1));
    }
    panic!("it does not come");
}

fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it lives");
    // Behind the name, which may have anything in it.
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
}

fn process(session: &mut Session) -> u32 {
    session.expect("pid ");
    session.text_before(";").parse().expect("it is a number")
}

/// Stopped in the foreground, continued in the background, and brought back.
fn to_the_background_and_back(test: &str) {
    let script = "\"$@\"; echo stopped; read go; bg >&-; echo behind; read go; fg >&-; echo over";
    let mut session = Pty::open().run_in_shell(test, script);
    let process = process(&mut session);
    session.expect("ready");
    assert_eq!(session.mode(), RAW);
    session.type_(b"z");
    session.expect("\x1b[?2004l");
    session.expect("stopped");
    assert_eq!(session.mode(), COOKED, "the shell has it");
    session.type_(b"go\n");
    session.expect("behind");
    // When it has said that, it has been continued.
    signal::kill(process, Signal::USER_1).expect("it lives");
    session.expect("told of it");
    assert_eq!(session.mode(), COOKED, "the shell has it still");
    session.type_(b"go\n");
    becomes(&session, RAW);
    session.expect("\x1b[?2004h");
    signal::kill(process, Signal::USER_2).expect("it lives");
    session.expect("over");
    assert_eq!(session.mode_at_end().1, COOKED);
}

#[test]
fn a_program_that_comes_back_from_the_background_is_raw_again() {
    const TEST: &str = "a_program_that_comes_back_from_the_background_is_raw_again";
    if is_child() {
        return stop_at_z(|| ());
    }
    to_the_background_and_back(TEST);
}

#[test]
fn so_is_one_that_watches_what_continues_it() {
    const TEST: &str = "so_is_one_that_watches_what_continues_it";
    if is_child() {
        return stop_at_z(|| {
            let watcher = signal::watch(Signal::CONTINUE).expect("it can be caught");
            watcher.on_signal(|_, _| ()).unref();
        });
    }
    to_the_background_and_back(TEST);
}

/// SIGSTOP cannot be caught: a shell that cares puts the terminal back itself.
#[test]
fn one_that_was_stopped_unawares_is_raw_again() {
    const TEST: &str = "one_that_was_stopped_unawares_is_raw_again";
    if is_child() {
        return stop_at_z(|| ());
    }
    let script = "\"$@\"; stty icanon echo isig; echo stopped; read go; fg >&-; echo over";
    let mut session = Pty::open().run_in_shell(TEST, script);
    let process = process(&mut session);
    session.expect("ready");
    signal::kill(process, Signal::from_raw(libc::SIGSTOP)).expect("it lives");
    session.expect("stopped");
    session.type_(b"go\n");
    becomes(&session, RAW);
    session.type_(b"x");
    session.expect("over");
    assert_eq!(session.mode_at_end().1, COOKED);
}

/// A shell that edits its line has a mode of its own, which is not to be remembered.
#[test]
fn one_that_begins_in_the_background_waits_and_does_not_take_the_shells_mode_for_its_own() {
    const TEST: &str =
        "one_that_begins_in_the_background_waits_and_does_not_take_the_shells_mode_for_its_own";
    if is_child() {
        return stop_at_z(|| ());
    }
    let script = "stty -icanon -echo; \"$@\" & read go; stty icanon echo; fg >&-; echo over";
    let mut session = Pty::open().run_in_shell(TEST, script);
    let process = process(&mut session);
    wait_until(|| is_stopped(process));
    session.type_(b"go\n");
    session.expect("ready");
    assert_eq!(session.mode(), RAW);
    session.type_(b"x");
    session.expect("over");
    assert_eq!(session.mode_at_end().1, COOKED);
}

/// Prints its input.
fn read_on() {
    run_real(|| {
        println!("pid {};", std::process::id());
        let stdin = stdin()?;
        stdin.on_data(|stdin, chunk| {
            println!("<{}>", String::from_utf8_lossy(chunk).trim_end());
            stdin.close();
        });
        stdin.on_end(|_| println!("the end"));
        unspin::Result::Ok(())
    });
}

#[test]
fn to_read_in_the_background_is_to_be_stopped_until_there_is_something_to_read() {
    const TEST: &str =
        "to_read_in_the_background_is_to_be_stopped_until_there_is_something_to_read";
    if is_child() {
        return read_on();
    }
    let mut session = Pty::open().run_in_shell(TEST, "\"$@\" & read go; fg >&-; echo over");
    let process = process(&mut session);
    wait_until(|| is_stopped(process));
    session.type_(b"go\nhello\n");
    session.expect("<hello>");
    session.expect("over");
}

#[test]
fn where_nobody_is_to_be_stopped_the_terminal_is_at_its_end() {
    const TEST: &str = "where_nobody_is_to_be_stopped_the_terminal_is_at_its_end";
    if is_child() {
        return read_on();
    }
    let script = "trap '' TTIN; \"$@\" & wait; echo over";
    let mut session = Pty::open().run_in_shell(TEST, script);
    session.expect("the end");
    session.expect("over");
}

/// As by Ctrl-S: what is written waits, and would for ever.
#[test]
#[expect(clippy::disallowed_methods, reason = "no loop runs")]
fn a_terminal_that_takes_nothing_is_put_back_all_the_same() {
    const TEST: &str = "a_terminal_that_takes_nothing_is_put_back_all_the_same";
    if is_child() {
        let terminal = Terminal::of(&std::io::stdout()).expect("it is one");
        let raw = terminal.raw_mode().expect("it can be raw");
        raw.enable(Feature::BracketedPaste).expect("it takes that");
        util::pty::stop_output(&std::io::stdout());
        let late = raw.enable(Feature::FocusEvents).expect_err("it takes nothing");
        assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);
        // Not through the harness, which would print.
        std::process::exit(7);
    }
    let (status, mode) = Pty::open().run(TEST).mode_at_end();
    assert_eq!((status.code(), mode), (Some(7), COOKED));
}
