//! Raw mode, and that the terminal is as it was afterwards, however the program ends.
#![allow(unsafe_code, reason = "only the system's own call sends a signal to another process")]

mod util;

use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use unspin::signal::{self, Signal};
use unspin::stdio::stdin;
use unspin::terminal::{Feature, Mode, Terminal};
use util::pty::{COOKED, Pty, RAW};
use util::{is_child, run_real};

#[test]
fn a_mode_holds_as_long_as_its_guard() {
    let pty = Pty::open();
    let terminal = Terminal::of(&pty.slave()).expect("it is one");
    assert_eq!(pty.mode(), COOKED);
    for (mode, expected) in [
        (Mode::Raw, RAW),
        (Mode::Cbreak, util::pty::Mode { signals: true, ..RAW }),
        (Mode::Binary, util::pty::Mode { makes_line_ends: false, ..RAW }),
    ] {
        let guard = terminal.enter(mode).expect("it is a terminal");
        assert_eq!(pty.mode(), expected);
        drop(guard);
        assert_eq!(pty.mode(), COOKED);
    }
}

#[test]
fn guards_may_go_in_any_order() {
    let pty = Pty::open();
    let terminal = Terminal::of(&pty.slave()).expect("it is one");
    let first = terminal.enter(Mode::Cbreak).expect("it is a terminal");
    let cbreak = pty.mode();
    let second = terminal.raw_mode().expect("it is a terminal");
    drop(first);
    assert_eq!(pty.mode(), RAW, "the latest holds");
    drop(second);
    assert_eq!(pty.mode(), COOKED);

    let first = terminal.enter(Mode::Cbreak).expect("it is a terminal");
    let second = terminal.raw_mode().expect("it is a terminal");
    drop(second);
    assert_eq!(pty.mode(), cbreak);
    drop(first);
    assert_eq!(pty.mode(), COOKED);
}

#[test]
fn each_terminal_has_its_own() {
    let (one, other) = (Pty::open(), Pty::open());
    let of_one = Terminal::of(&one.slave()).and_then(|it| it.raw_mode()).expect("it is one");
    let of_other = Terminal::of(&other.slave()).and_then(|it| it.raw_mode()).expect("it is one");
    drop(of_one);
    assert_eq!((one.mode(), other.mode()), (COOKED, RAW));
    drop(of_other);
    assert_eq!(other.mode(), COOKED);
}

#[test]
fn what_was_turned_on_is_turned_off() {
    let pty = Pty::open();
    let raw = Terminal::of(&pty.slave()).and_then(|it| it.raw_mode()).expect("it is one");
    raw.enable(Feature::BracketedPaste).expect("it is a terminal");
    raw.enable(Feature::FocusEvents).expect("it is a terminal");
    pty.expect("\x1b[?2004h\x1b[?1004h");
    drop(raw);
    pty.expect("\x1b[?1004l\x1b[?2004l");
}

#[test]
fn what_is_no_terminal_is_refused() {
    let file = std::fs::File::open("Cargo.toml").expect("it is there");
    let error = Terminal::of(&file).expect_err("it is a file");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

/// Runs `end` in a child whose terminal is raw, and sees that it is raw no more.
#[track_caller]
fn put_back_after(test: &str, end: fn()) -> Option<ExitStatus> {
    if is_child() {
        run_real(|| {
            let terminal = Terminal::open().expect("it has one");
            let raw = terminal.raw_mode().expect("it is in the foreground");
            raw.enable(Feature::BracketedPaste).expect("it is a terminal");
            let stdin = stdin().expect("it is open");
            stdin.on_data(move |stdin, _| {
                // What is dropped is put back in any case: here nothing is.
                std::mem::forget(terminal.raw_mode());
                stdin.close();
                let _alive = &raw;
                end();
            });
            println!("ready");
        });
        return None;
    }
    let mut session = Pty::open().run(test);
    session.expect("ready");
    assert_eq!(session.mode(), RAW);
    session.type_(b"x");
    session.expect("\x1b[?2004l");
    let pty = session.mode_at_end();
    let (status, mode) = pty;
    assert_eq!(mode, COOKED);
    Some(status)
}

#[test]
fn it_is_put_back_where_the_program_ends_by_itself() {
    let status = put_back_after("it_is_put_back_where_the_program_ends_by_itself", || {});
    assert!(status.is_none_or(|status| status.success()));
}

#[test]
fn it_is_put_back_by_exit() {
    let end = || {
        unspin::exit(0);
    };
    let status = put_back_after("it_is_put_back_by_exit", end);
    assert!(status.is_none_or(|status| status.success()));
}

/// Nothing is dropped then.
#[test]
#[expect(clippy::disallowed_methods, reason = "the loop is left as it is: that is the question")]
fn it_is_put_back_where_the_process_exits_around_the_loop() {
    const TEST: &str = "it_is_put_back_where_the_process_exits_around_the_loop";
    let status = put_back_after(TEST, || std::process::exit(3));
    assert!(status.is_none_or(|status| status.code() == Some(3)));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the loop is left as it is: that is the question")]
fn it_is_put_back_where_another_thread_exits_the_process() {
    const TEST: &str = "it_is_put_back_where_another_thread_exits_the_process";
    let status = put_back_after(TEST, || {
        std::thread::spawn(|| std::process::exit(3)).join().expect("it does not come back");
    });
    assert!(status.is_none_or(|status| status.code() == Some(3)));
}

#[test]
fn it_is_put_back_by_a_panic() {
    let status = put_back_after("it_is_put_back_by_a_panic", || panic!("on purpose"));
    assert!(status.is_none_or(|status| status.code() == Some(101)));
}

#[test]
fn it_is_put_back_where_the_process_aborts() {
    let status = put_back_after("it_is_put_back_where_the_process_aborts", || {
        std::process::abort();
    });
    assert!(status.is_none_or(|status| status.signal() == Some(Signal::from_raw(6).as_raw())));
}

#[test]
fn it_is_put_back_where_a_signal_ends_the_process() {
    let status = put_back_after("it_is_put_back_where_a_signal_ends_the_process", || {
        signal::raise(Signal::TERMINATE).expect("there is this signal");
    });
    assert!(status.is_none_or(|status| status.signal() == Some(Signal::TERMINATE.as_raw())));
}

#[test]
fn a_watched_signal_is_told_and_ends_nothing() {
    const TEST: &str = "a_watched_signal_is_told_and_ends_nothing";
    if is_child() {
        return run_real(|| {
            let raw = Terminal::open().and_then(|it| it.raw_mode()).expect("it has one");
            signal::once(Signal::TERMINATE).callback(move |signal| {
                let _alive = &raw;
                println!("told of {}", signal?);
                unspin::Result::Ok(())
            });
            unspin::next_tick(|| signal::raise(Signal::TERMINATE));
        });
    }
    let mut session = Pty::open().run(TEST);
    session.expect("told of SIGTERM");
    let (status, mode) = session.mode_at_end();
    assert_eq!((status.success(), mode), (true, COOKED));
}

#[test]
fn it_is_put_back_by_a_signal_whose_watcher_has_gone() {
    const TEST: &str = "it_is_put_back_by_a_signal_whose_watcher_has_gone";
    if is_child() {
        return run_real(|| {
            let watcher = signal::watch([Signal::TERMINATE]).expect("it can be caught");
            let raw = Terminal::open().and_then(|it| it.raw_mode()).expect("it has one");
            watcher.close();
            unspin::set_timeout(util::millis(1), move || {
                let _alive = &raw;
                signal::raise(Signal::TERMINATE)
            });
        });
    }
    let (status, mode) = Pty::open().run(TEST).mode_at_end();
    assert_eq!((status.signal(), mode), (Some(Signal::TERMINATE.as_raw()), COOKED));
}

#[test]
fn what_was_turned_on_comes_back_after_a_stop() {
    const TEST: &str = "what_was_turned_on_comes_back_after_a_stop";
    if is_child() {
        return run_real(|| {
            let raw = Terminal::open().and_then(|it| it.raw_mode()).expect("it has one");
            raw.enable(Feature::BracketedPaste).expect("it is a terminal");
            let stdin = stdin().expect("it is open");
            stdin.on_data(move |stdin, _| {
                let _alive = &raw;
                stdin.close();
            });
            println!("ready");
        });
    }
    let mut session = Pty::open().run(TEST);
    session.expect("ready");
    let send = |number| {
        // SAFETY: the call takes no pointer.
        assert_eq!(unsafe { libc::kill(session.id() as i32, number) }, 0);
    };
    // Its group is an orphan, whose default is not to be stopped: it goes on at once.
    send(libc::SIGTSTP);
    session.expect("\x1b[?2004l");
    session.expect("\x1b[?2004h");
    session.type_(b"x");
    let (status, mode) = session.mode_at_end();
    assert_eq!((status.success(), mode), (true, COOKED));
}
