//! Children whose status somebody else takes: told, and not waited for in vain.
#![allow(unsafe_code, reason = "only the system's own calls take every child, and ignore a signal")]

mod util;

use std::io::ErrorKind;
use std::ptr;

use unspin::process::Command;
use util::net::run;
use util::{in_child, is_child};

/// Runs a test in a process of its own, in both of the ways of hearing of an end: what it does to
/// children, it does to all.
fn in_both_ways(test: &str) {
    for way in ["0", "1"] {
        let output = util::child(test).env("UNSPIN_PIDFD", way).output().expect("it can be run");
        assert!(output.status.success(), "{}", util::stdout(&output));
    }
}

fn asks_in_all_styles_and_is_told() {
    run(|| {
        let child = Command::new("true").spawn().expect("it runs");
        child.on_exit(|_, _| panic!("nobody knows its status"));
        child.wait().callback(|status| {
            let error = status.expect_err("it was taken");
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().contains("taken by another part of this process"), "{error}");
        });
        Command::new("true").detached(true).output().callback(|output| {
            assert_eq!(output.expect_err("it was taken").kind(), ErrorKind::NotFound);
        });
    });
}

extern "C" fn take_all(_: libc::c_int) {
    // SAFETY: a null pointer says that the status is not wanted; the call may be made in a handler.
    while unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) } > 0 {}
}

#[test]
fn a_handler_that_takes_every_child() {
    if !is_child() {
        return in_both_ways("a_handler_that_takes_every_child");
    }
    // SAFETY: the handler does only what one may do.
    unsafe { libc::signal(libc::SIGCHLD, take_all as *const () as libc::sighandler_t) };
    asks_in_all_styles_and_is_told();
}

#[test]
fn a_thread_that_takes_every_child() {
    if !is_child() {
        return in_both_ways("a_thread_that_takes_every_child");
    }
    std::thread::spawn(|| {
        loop {
            // SAFETY: a null pointer says that the status is not wanted.
            unsafe { libc::waitpid(-1, ptr::null_mut(), 0) };
        }
    });
    run(|| {
        for _ in 0..100 {
            // Either may be the first: it is told, this way or that.
            Command::new("true").status().callback(|status| match status {
                Ok(status) => assert!(status.success()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
            });
        }
    });
}

#[test]
fn a_process_that_ignores_the_ends_of_its_children() {
    if !is_child() {
        let output = in_child("a_process_that_ignores_the_ends_of_its_children");
        return assert!(output.status.success(), "{}", util::stdout(&output));
    }
    // SAFETY: to ignore a signal is nothing that could be undefined.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    asks_in_all_styles_and_is_told();
}
