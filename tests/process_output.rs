//! What programs write, and what they are fed: all of it, within limits.

mod util;

use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use unspin::process::{self, Command, Output, Stdio};
use unspin::signal::Signal;
use unspin::{AbortController, Result};
use util::net::{pattern, run};
use util::{Log, millis};

const MILLION: usize = 1_000_000;
const FOR_EVER: Duration = Duration::from_secs(1000);

/// Lets a request say how it ended.
fn tell(log: &Log) -> impl FnOnce(Result<Output>) + 'static + use<> {
    let log = log.clone();
    move |output| match output {
        Ok(output) => log.say(format!("{}", output.status)),
        Err(error) => log.say(format!("{error}")),
    }
}

#[test]
fn output_and_errors_are_collected_with_the_status() {
    run(|| {
        process::shell("echo out; echo err >&2; exit 3").output().callback(|output| {
            let output = output?;
            assert_eq!((output.stdout, output.stderr), (b"out\n".to_vec(), b"err\n".to_vec()));
            assert_eq!(output.status.code(), Some(3));
            Ok(())
        });
    });
}

#[test]
fn ten_million_bytes_go_through_a_program_and_come_back_whole() {
    let all = pattern(10 * MILLION);
    let expected = all.clone();
    run(|| {
        let cat = Command::new("cat").input(all).max_output(10 * MILLION);
        cat.output().callback(move |output| {
            assert!(output?.stdout == expected);
            Ok(())
        });
    });
}

#[test]
fn an_input_and_an_output_of_64_mib_do_not_wait_for_each_other() {
    const LENGTH: usize = 64 * 1024 * 1024;
    let all = pattern(LENGTH);
    let expected = all.clone();
    run(|| {
        let cat = Command::new("cat").input(all).max_output(LENGTH);
        cat.output().callback(move |output| {
            assert!(output?.stdout == expected);
            Ok(())
        });
    });
}

#[test]
fn both_streams_are_read_at_the_same_time() {
    let command = "head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero";
    run(|| {
        process::shell(command).output().promise().then(|output| {
            assert_eq!((output.stdout.len(), output.stderr.len()), (MILLION, MILLION));
        });
    });
}

#[test]
fn a_program_that_does_not_read_its_input_is_no_failure() {
    run(|| {
        Command::new("true").input(pattern(MILLION)).output().callback(|output| {
            assert!(output?.status.success());
            Ok(())
        });
    });
}

#[test]
fn too_much_output_stops_the_program() {
    let log = Log::new();
    run(|| Command::new("yes").output().callback(tell(&log)));
    log.expect(&["run yes: more than 1048576 bytes of output"]);
}

#[test]
fn what_takes_too_long_is_asked_to_end_and_then_killed() {
    let log = Log::new();
    run(|| {
        let asked = Command::new("sleep").arg("1000").timeout(millis(10)).grace(FOR_EVER);
        asked.output().callback(tell(&log));
    });
    log.expect(&["run sleep: timed out after 10ms"]);

    let log = Log::new();
    run(|| {
        let deaf = process::shell("trap '' TERM; while :; do sleep 0.01; done");
        deaf.timeout(millis(10)).grace(millis(10)).output().callback(tell(&log));
    });
    log.expect(&["run /bin/sh: timed out after 10ms"]);
}

#[test]
fn a_grandchild_that_keeps_the_pipe_does_not_hold_up_a_time_out() {
    let log = Log::new();
    run(|| {
        let parent = process::shell("sleep 10 & wait");
        parent.timeout(millis(10)).output().callback(tell(&log));
    });
    log.expect(&["run /bin/sh: timed out after 10ms"]);
}

#[test]
fn what_others_still_write_is_under_the_same_limits() {
    let log = Log::new();
    run(|| {
        let left_behind = process::shell("sleep 10 & exit 0").timeout(millis(200));
        left_behind.output().callback(tell(&log));
    });
    log.expect(&["run /bin/sh: timed out after 200ms"]);

    let log = Log::new();
    run(|| {
        // The first has ended before the second writes.
        let late = process::shell("(while kill -0 $$; do :; done 2>/dev/null; yes) & exit 0");
        late.output().callback(tell(&log));
    });
    log.expect(&["run /bin/sh: more than 1048576 bytes of output"]);

    run(|| {
        let pending = process::shell("sleep 10 & echo x").output();
        let given_up = pending.timeout(millis(200));
        given_up.callback(|output| {
            assert_eq!(output.expect_err("it is too slow").kind(), ErrorKind::TimedOut);
        });
    });
}

#[test]
fn the_signal_that_stops_can_be_chosen() {
    run(|| {
        let child = Command::new("sleep").arg("1000").timeout(millis(1));
        let child = child.stop_signal(Signal::INTERRUPT).spawn().expect("it runs");
        child.on_exit(|_, status| assert_eq!(status.signal(), Some(libc::SIGINT)));
    });
}

#[test]
fn an_abort_stops_the_program_and_is_told_when_it_is_gone() {
    run(|| {
        let user = AbortController::new();
        let sleep = || Command::new("sleep").arg("1000").abort_on(user.signal());
        sleep().output().callback(|output| assert!(output.is_err_and(|error| error.is_abort())));
        sleep().status().callback(|status| assert!(status.is_err_and(|error| error.is_abort())));
        user.abort();
        let late = sleep().spawn().expect_err("it is aborted already");
        assert!(late.is_abort());
    });
}

#[test]
fn a_request_that_is_given_up_takes_its_program_along() {
    run(|| {
        let sleep = || Command::new("sleep").arg("1000");
        let given_up = sleep().output().timeout(millis(5));
        given_up.callback(|output| {
            assert_eq!(output.expect_err("it is too slow").kind(), ErrorKind::TimedOut);
        });
        let pending = sleep().status().callback(|status| {
            assert!(status.expect_err("it was cancelled").is_cancelled());
        });
        assert!(pending.cancel());
        // And then nothing keeps the loop.
    });
}

#[test]
fn streams_of_one_program_are_fed_to_the_next() {
    run(|| {
        let first = Command::new("printf").arg("b\\na\\n").stdout(Stdio::piped());
        let first = first.spawn().expect("it runs");
        let between = first.stdout().expect("it is a pipe").into_fd().expect("it is open");
        Command::new("sort").stdin(between).output().callback(|output| {
            assert_eq!(output?.stdout, b"a\nb\n");
            Ok(())
        });
    });
}

#[cfg(feature = "async")]
#[test]
fn output_is_awaited() {
    util::futures::block_on(async {
        let output = Command::new("echo").arg("hello").output().await?;
        assert_eq!(output.stdout, b"hello\n");
        Ok(())
    });
}

#[test]
fn all_of_this_is_so_where_ends_are_told_by_signals() {
    util::again_without_pidfd("all_of_this_is_so_where_ends_are_told_by_signals");
}
