//! Jobs on a pool of threads that do nothing: the way there and back.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use super::countdown::{Countdown, measured_on_unspin};
use crate::machine::Clock;
use crate::runtime::{Executor, Runtime, Tokio, Unspin};

pub(super) fn unspin_one(count: usize) -> f64 {
    unspin(1, count)
}

pub(super) fn unspin_64(count: usize) -> f64 {
    unspin(64, count)
}

pub(super) fn unspin_one_awaited(count: usize) -> f64 {
    Unspin::run(|runtime| futures(runtime, 1, count, in_unspin))
}

pub(super) fn tokio_one(count: usize) -> f64 {
    Tokio::run(|runtime| futures(runtime, 1, count, in_tokio))
}

pub(super) fn tokio_64(count: usize) -> f64 {
    Tokio::run(|runtime| futures(runtime, 64, count, in_tokio))
}

pub(super) fn smol_one(count: usize) -> f64 {
    Executor::run(|runtime| futures(runtime, 1, count, || blocking::unblock(|| ())))
}

pub(super) fn smol_64(count: usize) -> f64 {
    Executor::run(|runtime| futures(runtime, 64, count, || blocking::unblock(|| ())))
}

/// Each completion submits the next job.
struct Jobs {
    to_submit: Cell<usize>,
    countdown: Rc<Countdown>,
}

fn unspin(at_once: usize, count: usize) -> f64 {
    measured_on_unspin(move |nanos| {
        let countdown = Countdown::start(count, &nanos);
        let jobs = Rc::new(Jobs { to_submit: Cell::new(count), countdown });
        (0..at_once.min(count)).for_each(|_| submit(Rc::clone(&jobs)));
    })
}

fn submit(jobs: Rc<Jobs>) {
    jobs.to_submit.set(jobs.to_submit.get() - 1);
    unspin::spawn_blocking(|| ()).callback(move |done| {
        done?;
        jobs.countdown.call();
        if jobs.to_submit.get() > 0 {
            submit(jobs);
        }
        Ok(())
    });
}

async fn in_unspin() {
    unspin::spawn_blocking(|| ()).await.expect("it does not fail");
}

async fn in_tokio() {
    tokio::task::spawn_blocking(|| ()).await.expect("it does not fail");
}

/// So many futures, each of which has a job done and then the next.
async fn futures<R: Runtime, F: Future<Output = ()> + 'static>(
    runtime: R,
    at_once: usize,
    count: usize,
    job: fn() -> F,
) -> f64 {
    let each = count.div_ceil(at_once);
    let clock = Clock::start();
    let repeat = || async move {
        for _ in 0..each {
            job().await;
        }
    };
    let all: Vec<_> = (0..at_once).map(|_| runtime.spawn(repeat())).collect();
    for handle in all {
        handle.await;
    }
    clock.nanos_each(each * at_once)
}
