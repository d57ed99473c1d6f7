//! One request after the other, in each style: what the system knows of a directory.

use std::fs::Metadata;
use std::rc::Rc;

use super::countdown::{Countdown, measured_on_unspin};
use crate::machine::Clock;
use crate::runtime::{Executor, Runtime, Tokio, Unspin};

/// It is there wherever the program is started.
const PATH: &str = ".";

pub(super) fn callback(count: usize) -> f64 {
    measured_on_unspin(move |nanos| next_callback(Countdown::start(count, &nanos)))
}

fn next_callback(countdown: Rc<Countdown>) {
    unspin::fs::metadata(PATH).callback(move |metadata| {
        check(&metadata?);
        if countdown.call() > 0 {
            next_callback(countdown);
        }
        Ok(())
    });
}

pub(super) fn promise(count: usize) -> f64 {
    measured_on_unspin(move |nanos| next_promise(Countdown::start(count, &nanos)))
}

fn next_promise(countdown: Rc<Countdown>) {
    unspin::fs::metadata(PATH).promise().then(move |metadata| {
        check(&metadata);
        if countdown.call() > 0 {
            next_promise(countdown);
        }
    });
}

pub(super) fn future(count: usize) -> f64 {
    Unspin::run(|_| async move {
        let clock = Clock::start();
        for _ in 0..count {
            check(&unspin::fs::metadata(PATH).await.expect("it is there"));
        }
        clock.nanos_each(count)
    })
}

pub(super) fn tokio(count: usize) -> f64 {
    Tokio::run(|_| async move {
        let clock = Clock::start();
        for _ in 0..count {
            check(&tokio::fs::metadata(PATH).await.expect("it is there"));
        }
        clock.nanos_each(count)
    })
}

pub(super) fn smol(count: usize) -> f64 {
    Executor::run(|_| async move {
        let clock = Clock::start();
        for _ in 0..count {
            check(&blocking::unblock(|| std::fs::metadata(PATH)).await.expect("it is there"));
        }
        clock.nanos_each(count)
    })
}

fn check(metadata: &Metadata) {
    assert!(metadata.is_dir());
}
