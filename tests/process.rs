//! Child processes: started, waited for, signalled, in each style.

mod util;

use std::cell::Cell;
use std::fs;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command as StdCommand;
use std::rc::Rc;

use unspin::process::{self, Command, Stdio};
use unspin::signal::{self, Signal};
use unspin::{Promise, ResourceKind};
use util::Log;
use util::net::{beside, run, when};

/// Whether the system knows a process, also one that has ended and was not waited for.
fn exists(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

#[test]
fn a_status_is_told_in_three_styles() {
    let log = Log::new();
    run(|| {
        let said = log.clone();
        process::shell("exit 1").status().callback(move |status| {
            assert_eq!(status.expect("it runs").code(), Some(1));
            said.say("callback");
            let child = process::shell("exit 2").spawn().expect("it runs");
            let again = said.clone();
            child.wait().promise().then(move |status| {
                assert_eq!(status.code(), Some(2));
                again.say("promise");
                // Also after it was told.
                child.wait().callback(move |status| {
                    assert_eq!(status.expect("it has ended").code(), Some(2));
                    again.say("again");
                });
            });
        });
    });
    log.expect(&["callback", "promise", "again"]);
}

#[cfg(feature = "async")]
#[test]
fn a_child_is_awaited() {
    util::futures::block_on(async {
        let child = process::shell("exit 3").spawn()?;
        assert_eq!(child.wait().await?.code(), Some(3));
        assert_eq!(child.try_wait()?.and_then(|status| status.code()), Some(3));
        assert!(!exists(child.id()), "it is no zombie");
        assert_eq!(process::shell("exit 4").status().await?.code(), Some(4));
        Ok(())
    });
}

#[test]
fn the_exit_comes_last_in_poll_and_the_close_when_all_was_read() {
    let log = Log::new();
    run(|| {
        let child = process::shell("printf out; printf err >&2; exit 7")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        for (reader, name) in [(child.stdout(), "out"), (child.stderr(), "err")] {
            let data = log.clone();
            let reader = reader.expect("it is a pipe");
            reader.on_data(move |_, chunk| {
                assert_eq!(chunk, name.as_bytes());
                data.say("data");
            });
        }
        assert!(child.stdout().is_none(), "it is taken");
        let (exit, close) = (log.clone(), log.clone());
        child.on_exit(move |child, status| {
            assert_eq!(status.code(), Some(7));
            assert!(child.signal(Signal::TERMINATE).is_err());
            exit.say("exit");
        });
        child.on_close(move |_, status| {
            assert_eq!(status.code(), Some(7));
            close.say("close");
        });
        // All of it is there before the loop looks: the order is the phase's.
        while !ended(child.id()) {
            std::thread::yield_now();
        }
    });
    log.expect(&["data", "data", "exit", "close"]);
}

/// Whether a child has ended and waits to be waited for.
fn ended(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("it was not waited for");
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

#[test]
fn a_missing_program_is_told_at_once_and_leaves_nothing() {
    run(|| {
        let error = Command::new("no-such-program").spawn().expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("start no-such-program: "), "{error}");
        let error = Command::new("Cargo.toml").cwd("src").spawn().expect_err("not there");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = Command::new("./Cargo.toml").spawn().expect_err("it is no program");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let error = Command::new("true").cwd("/no/such/place").spawn().expect_err("no directory");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("in /no/such/place"), "{error}");
        let error = Command::new("true").arg("a\0b").spawn().expect_err("a zero byte");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(unspin::why_alive().is_empty());
        Command::new("no-such-program").output().callback(|output| {
            assert_eq!(output.expect_err("there is none").kind(), ErrorKind::NotFound);
        });
    });
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    assert_eq!(children.trim(), "", "no zombie is left of this thread's");
}

#[test]
fn a_hundred_that_cannot_be_started_lose_no_real_end() {
    let log = Log::new();
    run(|| {
        let said = log.clone();
        let child = Command::new("true").spawn().expect("it runs");
        child.on_exit(move |_, status| said.say(status.to_string()));
        for _ in 0..100 {
            assert!(Command::new("/no/such/program").spawn().is_err());
        }
    });
    log.expect(&["exit status: 0"]);
}

#[test]
fn ten_at_once_are_each_told_their_own_end() {
    run(|| {
        let codes = (0..10).map(|code| process::shell(format!("exit {code}")).status().promise());
        Promise::all(codes).then(|statuses| {
            let codes: Vec<_> = statuses.iter().map(|status| status.code()).collect();
            assert_eq!(codes, (0..10).map(Some).collect::<Vec<_>>());
        });
    });
}

#[test]
fn one_that_is_killed_says_by_what_and_cannot_be_killed_again() {
    let log = Log::new();
    run(|| {
        let child = Command::new("sleep").arg("1000").spawn().expect("it runs");
        child.signal(Signal::TERMINATE).expect("it runs");
        let said = log.clone();
        child.on_exit(move |child, status| {
            assert_eq!((status.signal(), status.code()), (Some(libc::SIGTERM), None));
            let error = child.kill().expect_err("it has ended");
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().starts_with("send SIGKILL to sleep ("), "{error}");
            assert!(signal::kill(child.id(), Signal::from_raw(0)).is_err());
            said.say("told");
        });
    });
    log.expect(&["told"]);
}

#[test]
fn one_that_everybody_forgot_is_waited_for_all_the_same() {
    let id = run(|| {
        let child = Command::new("true").spawn().expect("it runs");
        child.id()
    });
    assert!(!exists(id), "the loop ended after it, and it is no zombie");
}

#[test]
fn it_keeps_the_loop_alive_and_says_which_line_started_it() {
    let id = run(|| {
        let line = line!() + 1;
        let child = Command::new("sleep").arg("1000").spawn().expect("it runs");
        let why = unspin::why_alive();
        assert_eq!((why.len(), why[0].kind, why[0].at.line()), (1, ResourceKind::Child, line));
        assert_eq!(why[0].state, format!("sleep ({})", child.id()));
        assert!(!child.unref().has_ref() && unspin::why_alive().is_empty());
        let waits = child.wait().callback(|_| ());
        assert_eq!(unspin::why_alive().len(), 1, "a request is under way");
        assert!(waits.cancel());
        child.id()
    });
    assert!(exists(id), "the loop has ended, and the child goes on");
    signal::kill(id, Signal::KILL).expect("it runs");
}

#[test]
fn a_detached_child_leads_a_session_of_its_own() {
    let command = "ps -o sid= -p $$ | tr -d ' '; echo $$";
    run(|| {
        process::shell(command).detached(true).output().callback(|output| {
            let output = String::from_utf8(output?.stdout).expect("numbers");
            let lines: Vec<_> = output.lines().collect();
            assert_eq!(lines[0], lines[1]);
            Ok(())
        });
    });
}

#[test]
fn dropping_the_last_handle_kills_only_if_that_was_asked_for() {
    run(|| {
        let child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().expect("it runs");
        let id = child.id();
        drop(child.clone());
        assert!(child.try_wait().expect("it runs").is_none());
        drop(child);
        when(move || !exists(id), || ());
    });
}

#[test]
fn waiting_twice_and_asking_in_between_agree() {
    let count = Rc::new(Cell::new(0));
    let seen = Rc::clone(&count);
    run(move || {
        let child = process::shell("exit 5").spawn().expect("it runs");
        for _ in 0..2 {
            let seen = Rc::clone(&seen);
            child.wait().callback(move |status| {
                assert_eq!(status.expect("it has ended").code(), Some(5));
                seen.set(seen.get() + 1);
            });
        }
        let asked = child.clone();
        let told = Rc::clone(&seen);
        child.on_exit(move |_, _| told.set(told.get() + 1));
        // Whoever asks takes the status from the system; the others are told all the same.
        when(move || asked.try_wait().expect("it runs").is_some(), || ());
    });
    assert_eq!(count.get(), 3);
}

#[test]
fn a_child_of_std_is_left_to_std() {
    let mut theirs = StdCommand::new("true").spawn().expect("it runs");
    run(|| {
        for _ in 0..5 {
            Command::new("true").status().callback(|status| assert!(status.is_ok()));
        }
    });
    assert!(theirs.wait().expect("nobody has taken it").success());
}

#[test]
fn two_files_can_change_places() {
    let files = [tempfile::tempfile().expect("a file"), tempfile::tempfile().expect("a file")];
    let [mut first, mut second] = files;
    let given = [first.try_clone().expect("a copy"), second.try_clone().expect("a copy")];
    run(|| {
        let [first, second] = given;
        let command = process::shell("printf out; printf err >&2; printf five >&5");
        let command = command.stdout(second).stderr(first).fd(5, Stdio::reader());
        let child = command.spawn().expect("it runs");
        let five = child.reader(5).expect("it is a pipe");
        five.on_data(|_, chunk| assert_eq!(chunk, b"five"));
    });
    for (file, expected) in [(&mut first, "err"), (&mut second, "out")] {
        let mut text = String::new();
        file.seek(SeekFrom::Start(0)).expect("a file can be sought");
        file.read_to_string(&mut text).expect("it can be read");
        assert_eq!(text, expected);
    }
}

#[test]
fn a_busy_thread_beside_changes_nothing() {
    run(|| {
        beside(|| {
            for _ in 0..20 {
                let status = StdCommand::new("true").status();
                assert!(status.expect("it runs").success());
            }
        });
        for _ in 0..20 {
            Command::new("true").status().callback(|status| assert!(status.is_ok()));
        }
    });
}

#[test]
fn of_thousands_that_end_at_once_none_is_missed() {
    let count = Rc::new(Cell::new(0));
    let seen = Rc::clone(&count);
    run(move || {
        beside(|| {
            // Signals that are somebody else's, all the while.
            for _ in 0..200 {
                assert!(StdCommand::new("true").status().expect("it runs").success());
            }
        });
        (0..8).for_each(|_| one_after_the_other(250, &seen));
    });
    assert_eq!(count.get(), 2000);
}

fn one_after_the_other(left: u32, count: &Rc<Cell<u32>>) {
    if left == 0 {
        return;
    }
    let count = Rc::clone(count);
    Command::new("true").status().callback(move |status| {
        assert!(status.expect("it runs").success());
        count.set(count.get() + 1);
        one_after_the_other(left - 1, &count);
    });
}

#[test]
fn loops_of_several_threads_hear_of_their_own_children() {
    let threads = (0..4).map(|thread| {
        std::thread::spawn(move || {
            run(|| {
                for _ in 0..25 {
                    let child = process::shell(format!("exit {thread}")).status();
                    child.callback(move |status| {
                        assert_eq!(status.expect("it is ours").code(), Some(thread));
                    });
                }
            });
        })
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().for_each(|thread| thread.join().expect("its loop has ended well"));
}

#[test]
fn all_of_this_is_so_where_ends_are_told_by_signals() {
    util::again_without_pidfd("all_of_this_is_so_where_ends_are_told_by_signals");
}
