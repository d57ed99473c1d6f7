//! What the log says of futures: who starves the others, who never finished, whose error was lost.
#![allow(
    clippy::disallowed_methods,
    reason = "a future that goes on for ever reads the real clock"
)]
#![cfg(feature = "async")]

mod util;

use std::time::Instant;

use tracing::Level;
use unspin::{Error, EventLoop, spawn, yield_now};
use util::events::{Captured, capture, named};
use util::{millis, run_virtual};

fn events_of(main: impl FnOnce()) -> Vec<Captured> {
    capture(|| {
        let event_loop = EventLoop::builder().warn_after(millis(20)).build().expect("a loop");
        event_loop.run(main).expect("nothing fails");
    })
}

/// A line of this file as the log shows it.
fn at(line: u32) -> String {
    format!("{}:{line}", file!())
}

#[test]
fn a_future_that_wakes_itself_again_and_again_is_named_when_a_timer_waits() {
    let mut line = 0;
    let events = events_of(|| {
        let until = Instant::now() + millis(100);
        unspin::set_timeout(millis(1), || ());
        line = line!() + 1;
        drop(spawn(async move {
            while Instant::now() < until {
                yield_now().await;
            }
        }));
    });
    let starved = named(&events, "unspin::watch", "starved");
    assert_eq!(starved.len(), 1);
    assert_eq!((starved[0].level, starved[0].field("kind")), (Level::WARN, "future"));
    assert_eq!(starved[0].field("at"), at(line));
    assert!(starved[0].field("waiting").contains("timers"), "{starved:?}");
}

#[test]
fn futures_that_never_finish_are_listed_at_the_end() {
    let mut line = 0;
    let events = events_of(|| {
        line = line!() + 1;
        drop(spawn(std::future::pending::<()>()));
        drop(spawn(async {}));
    });
    let left = named(&events, "unspin::run", "future_left");
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].level, left[0].field("at")), (Level::DEBUG, at(line).as_str()));
}

#[test]
fn an_error_that_nobody_awaits_is_a_warning_with_the_line_that_spawned_it() {
    let mut line = 0;
    let events = events_of(|| {
        line = line!() + 1;
        spawn(async { Err(Error::new("lost otherwise")) }).log_err();
    });
    let failed = named(&events, "unspin::task", "future_failed");
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].level, failed[0].field("at")), (Level::WARN, at(line).as_str()));
    assert_eq!(failed[0].field("error"), "lost otherwise");
}

#[test]
fn an_error_that_nobody_awaits_is_logged_with_the_line_of_spawn() {
    let line = line!() + 4;
    let events = capture(|| {
        run_virtual(|| {
            let fails = || async { Err(Error::new("a small thing")) };
            drop(spawn(fails()));
            spawn(fails()).log_err();
        });
    });
    let failed = named(&events, "unspin::task", "future_failed");
    let lines: Vec<_> = failed.iter().map(|event| event.field("at").to_owned()).collect();
    assert_eq!(lines, [format!("{}:{line}", file!()), format!("{}:{}", file!(), line + 1)]);
    assert!(failed.iter().all(|event| event.field("error") == "a small thing"));
    assert!(failed.iter().all(|event| event.level == Level::WARN));
}
