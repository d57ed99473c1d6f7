//! Groups of processes: a child with all that it has started, stopped by hand, by limits and drops.

mod util;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use unspin::process::{self, Child, Command, Stdio};
use unspin::signal::Signal;
use unspin::{AbortController, Error};
use util::millis;
use util::net::{run, when};

const FOR_EVER: Duration = Duration::from_secs(1000);

/// What starts a second process and says its number.
const PAIR: &str = "sleep 1000 & echo $!; wait";

/// Whether a process runs: one that has ended, and waits for whoever adopts it, does not.
fn runs(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
    !matches!(state.chars().next(), None | Some('Z' | 'X'))
}

/// Has `then` called with the number that the child says first.
fn when_said(child: &Child, then: impl FnOnce(u32) + 'static) {
    let mut then = Some(then);
    child.stdout().expect("it is a pipe").on_data(move |_, chunk| {
        let id = String::from_utf8_lossy(chunk).trim().parse().expect("a number");
        then.take().expect("it says it once")(id);
    });
}

fn pair() -> Command {
    process::shell(PAIR).stdout(Stdio::piped())
}

#[test]
fn a_group_is_signalled_by_hand() {
    for command in [pair().detached(true), pair().stop_group(true)] {
        run(|| {
            let child = command.spawn().expect("it runs");
            let leader = child.clone();
            when_said(&child, move |second| {
                leader.signal_group(Signal::TERMINATE).expect("it leads one");
                when(move || !runs(second), || ());
            });
        });
    }
}

#[test]
fn only_a_leader_has_a_group() {
    run(|| {
        let child = Command::new("sleep").arg("1000").spawn().expect("it runs");
        let error = child.signal_group(Signal::TERMINATE).expect_err("it leads none");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("the group of sleep ("), "{error}");
        child.kill().expect("it runs");
    });
}

#[test]
fn what_a_leader_has_left_behind_is_reached_until_it_is_closed() {
    run(|| {
        let child = process::shell("sleep 1000 & exit 3").stdout(Stdio::piped()).detached(true);
        let child = child.spawn().expect("it runs");
        child.stdout().expect("it is a pipe").on_data(|_, _| ());
        child.on_exit(|child, status| {
            assert_eq!(status.code(), Some(3));
            assert!(child.kill().is_err(), "the child itself has ended");
            assert!(Path::new(&format!("/proc/{}", child.id())).exists(), "its number is kept");
            child.signal_group(Signal::KILL).expect("its group is there");
        });
        child.on_close(|child, status| {
            assert_eq!(status.code(), Some(3));
            let child = child.clone();
            unspin::set_immediate(move || {
                let error = child.signal_group(Signal::KILL).expect_err("it is closed");
                assert_eq!(error.kind(), ErrorKind::NotFound);
                assert!(!Path::new(&format!("/proc/{}", child.id())).exists(), "it is no zombie");
            });
        });
    });
}

#[test]
fn a_leader_is_told_as_others_are() {
    run(|| {
        let leader = |command| process::shell(command).stop_group(true).status();
        leader("exit 7").callback(|status| assert_eq!(status.expect("it runs").code(), Some(7)));
        leader("kill -9 $$").callback(|status| {
            let status = status.expect("it runs");
            assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGKILL));
        });
    });
}

#[test]
fn a_limit_of_time_stops_the_group_if_asked_to() {
    run(|| {
        let child = pair().stop_group(true).timeout(millis(300)).grace(FOR_EVER).spawn();
        when_said(&child.expect("it runs"), |second| when(move || !runs(second), || ()));
    });
}

#[test]
fn one_that_is_deaf_is_killed_with_the_leader() {
    run(|| {
        let deaf = "(trap '' TERM; exec sleep 1000) & echo $!; wait";
        let child = process::shell(deaf).stdout(Stdio::piped()).stop_group(true);
        let child = child.timeout(millis(300)).grace(FOR_EVER).spawn();
        when_said(&child.expect("it runs"), |second| when(move || !runs(second), || ()));
    });
}

#[test]
fn an_abort_stops_the_group_also_when_its_leader_has_ended() {
    run(|| {
        let user = AbortController::new();
        let child = process::shell("sleep 1000 & echo $!").stdout(Stdio::piped());
        let child = child.stop_group(true).abort_on(user.signal()).spawn().expect("it runs");
        let leader = child.clone();
        when_said(&child, move |second| {
            let ended = move || leader.try_wait().expect("it is ours").is_some();
            when(ended, move || {
                assert!(runs(second), "nobody has stopped it yet");
                user.abort();
                when(move || !runs(second), || ());
            });
        });
    });
}

#[test]
fn output_that_is_late_takes_a_pipeline_along() {
    let folder = tempfile::tempdir().expect("a directory");
    let (place, mark) = (folder.path().join("id"), folder.path().to_owned());
    run(move || {
        let pipeline = process::shell("sh -c 'echo $$ >id; exec sleep 1000' | cat");
        let pipeline = pipeline.cwd(mark).stop_group(true).timeout(millis(500)).output();
        pipeline.callback(move |output| {
            assert_eq!(output.expect_err("it is too slow").kind(), ErrorKind::TimedOut);
            let second = fs::read_to_string(place).map_err(Error::from)?;
            let second = second.trim().parse().expect("a number");
            when(move || !runs(second), || ());
            Ok(())
        });
    });
}

#[test]
fn dropping_the_last_handle_kills_the_group() {
    run(|| {
        let child = pair().stop_group(true).kill_on_drop(true).spawn().expect("it runs");
        let mut last = Some(child.clone());
        when_said(&child, move |second| {
            drop(last.take());
            when(move || !runs(second), || ());
        });
    });
}

#[test]
fn all_of_this_is_so_where_ends_are_told_by_signals() {
    util::again_without_pidfd("all_of_this_is_so_where_ends_are_told_by_signals");
}
