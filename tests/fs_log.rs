//! What streams of files tell the log.
//!
//! Every test here captures events from its beginning on: a callsite that is met first by a thread
//! that does not listen may be switched off for those that do.

mod util;

use std::cell::Cell;
use std::rc::Rc;

use unspin::fs;
use util::events::{capture, named};
use util::{Log, run_real};

#[test]
fn a_failure_that_nobody_handles_is_logged() {
    let events = capture(|| {
        run_real(|| {
            fs::read_stream("no such file").on_data(|_, _| ());
        });
    });
    assert_eq!(named(&events, "unspin::resource", "failed").len(), 1);
}

#[test]
fn nothing_is_read_before_somebody_asks() {
    let events = capture(|| {
        run_real(|| {
            let stream = fs::read_stream("no such file");
            stream.on_error(|_, error| panic!("{error}"));
            stream.pause();
            stream.on_data(|_, _| ());
            assert!(stream.is_paused());
        });
    });
    assert!(named(&events, "unspin::pool", "job").is_empty());
}

#[test]
fn an_error_of_its_handler_is_logged_and_closes_this_stream_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    std::fs::write(&path, vec![1; 200_000]).expect("it is written");
    let (log, length) = (Log::new(), Rc::new(Cell::new(0)));
    let (said, sum) = (log.clone(), Rc::clone(&length));
    let events = capture(|| {
        run_real(move || {
            let failing = fs::read_stream(&path);
            failing.on_data(|_, _| Err(unspin::Error::new("no more")));
            failing.on_close(move |_| said.say("close"));
            fs::read_stream(&path).on_data(move |_, chunk| sum.set(sum.get() + chunk.len()));
        });
    });
    assert_eq!(named(&events, "unspin::resource", "failed").len(), 1);
    assert_eq!(length.get(), 200_000);
    log.expect(&["close"]);
}

/// The operations that were logged of a resource, in order.
fn ops(of: impl FnOnce() + 'static) -> Vec<String> {
    let events = capture(|| run_real(of));
    let named = named(&events, "unspin::resource", "resource");
    named.iter().map(|event| event.field("op").to_owned()).collect()
}

#[test]
fn streams_and_listings_say_that_they_open_and_close() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let to = path.clone();
    let written = ops(move || {
        fs::write_stream(to).write(b"text");
    });
    assert_eq!(written, ["open", "close"]);
    let read = ops(move || {
        fs::read_stream(path).on_data(|_, _| ());
    });
    assert_eq!(read, ["open", "close"]);
    let listed = ops(move || {
        fs::read_dir(dir.path()).on_entry(|_, _| ());
    });
    assert_eq!(listed, ["open", "close"]);
}

#[test]
fn a_failed_write_and_a_failed_listing_that_nobody_handles_are_logged() {
    let events = capture(|| {
        run_real(|| {
            fs::write_stream("/dev/full").write(b"text");
        });
    });
    assert_eq!(named(&events, "unspin::resource", "failed").len(), 1);
    let events = capture(|| {
        run_real(|| {
            fs::read_dir("no such directory").on_entry(|_, _| ());
        });
    });
    assert_eq!(named(&events, "unspin::resource", "failed").len(), 1);
}
