//! What the log tells of watchers: of signals, and of descriptors.

mod util;

use std::os::unix::net::UnixStream;

use unspin::signal::{self, Signal};
use unspin::{Interest, watch_fd};
use util::events::{capture, named};
use util::net::run;
use util::signals::send;

#[test]
fn a_signal_watcher_tells_when_it_opens_and_closes_and_of_each_call() {
    let line = line!() + 3;
    let events = capture(|| {
        run(|| {
            let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
            watcher.on_signal(|watcher, _| watcher.close()).unref().ref_();
            send(Signal::USER_1, 1);
        });
    });
    let told = named(&events, "unspin::resource", "resource");
    let told = told.iter().filter(|event| event.field("kind") == "signal watcher");
    let (ops, places): (Vec<_>, Vec<_>) =
        told.map(|event| (event.field("op"), event.field("at"))).unzip();
    assert_eq!(ops, ["open", "unref", "ref", "close"]);
    let own = format!("{}:{line}", file!());
    assert!(places.iter().all(|at| *at == own), "{places:?}, not {own}");
    let tasks = named(&events, "unspin::task", "task");
    assert_eq!(tasks.iter().filter(|task| task.field("kind") == "signal").count(), 1);
}

#[test]
fn a_descriptor_tells_when_it_is_watched_and_when_no_more() {
    let line = line!() + 4;
    let events = capture(|| {
        run(|| {
            let (socket, _peer) = UnixStream::pair().expect("the system has descriptors left");
            let watcher = watch_fd(socket, Interest::WRITABLE).expect("it can be watched");
            watcher.on_ready(|watcher, _| watcher.close()).unref().ref_();
        });
    });
    let told = named(&events, "unspin::resource", "resource");
    let told = told.iter().filter(|event| event.field("kind") == "descriptor");
    let (ops, places): (Vec<_>, Vec<_>) =
        told.map(|event| (event.field("op"), event.field("at"))).unzip();
    assert_eq!(ops, ["open", "unref", "ref", "close"]);
    let own = format!("{}:{line}", file!());
    assert!(places.iter().all(|at| *at == own), "{places:?}, not {own}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_watcher_tells_when_it_opens_and_closes_and_of_each_call() {
    let place = util::watch::Place::new();
    let line = line!() + 3;
    let events = capture(|| {
        run(|| {
            let watcher = unspin::fs::watch(place.path()).expect("it can be watched");
            watcher.on_event(|watcher, _| watcher.close()).unref().ref_();
            place.write("a");
        });
    });
    let told = named(&events, "unspin::resource", "resource");
    let told = told.iter().filter(|event| event.field("kind") == "file watcher");
    let (ops, places): (Vec<_>, Vec<_>) =
        told.map(|event| (event.field("op"), event.field("at"))).unzip();
    assert_eq!(ops, ["open", "unref", "ref", "close"]);
    let own = format!("{}:{line}", file!());
    assert!(places.iter().all(|at| *at == own), "{places:?}, not {own}");
    let tasks = named(&events, "unspin::task", "task");
    assert_eq!(tasks.iter().filter(|task| task.field("kind") == "change").count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn an_error_that_no_handler_takes_is_logged_with_its_line() {
    let place = util::watch::Place::new();
    place.write("a");
    let events = capture(|| {
        run(|| {
            // A file is no directory.
            let watcher = unspin::fs::poll_watch(place.at("a/b"), util::millis(1));
            watcher.on_event(|_, _| ()).unref();
            watcher.ready().callback(|_| ());
        });
    });
    let failed = named(&events, "unspin::resource", "failed");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].field("kind"), "file watcher");
    assert!(failed[0].field("error").starts_with("look at "), "{}", failed[0].field("error"));
}
