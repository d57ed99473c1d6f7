//! Timers that are started, and cleared or put off before they fire.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use tokio::task::unconstrained;

use super::countdown::measured_on_unspin;
use super::{BATCH, MILLION};
use crate::machine::Clock;
use crate::runtime::tokio_runtime;

/// Of the timers that are refreshed in turn.
const REFRESHED: usize = 10_000;

/// Programs use few different delays.
const DELAYS: u64 = 10;

/// Due while the measurement runs, or soon after.
pub(super) fn soon(number: usize) -> Duration {
    Duration::from_millis(1 + number as u64 % DELAYS)
}

/// Not due here.
pub(super) fn late(number: usize) -> Duration {
    Duration::from_secs(1000 + number as u64 % DELAYS)
}

/// Not due here, and hardly two alike.
fn late_and_various(number: usize) -> Duration {
    Duration::from_secs(1000) + Duration::from_millis((number * 7919 % 10_000) as u64)
}

/// Something that timers are started on.
pub(super) trait Timers: Sized + 'static {
    type Timer;

    /// Calls `main` where timers can be started, and drops those that are left.
    fn within(main: impl FnOnce(&mut Self) -> f64 + 'static) -> f64;

    fn start(&mut self, delay: Duration) -> Self::Timer;

    fn clear(&mut self, timer: Self::Timer);

    fn refresh(&mut self, timer: &mut Self::Timer, delay: Duration);
}

/// All of them started, then all cleared.
pub(super) fn clear<T: Timers>(count: usize) -> f64 {
    T::within(move |timers| start_and_clear(timers, count, late))
}

/// As [`clear`], with thousands of different delays.
pub(super) fn clear_various<T: Timers>(count: usize) -> f64 {
    T::within(move |timers| start_and_clear(timers, count, late_and_various))
}

fn start_and_clear<T: Timers>(timers: &mut T, count: usize, delay: fn(usize) -> Duration) -> f64 {
    let mut started = Vec::with_capacity(count);
    let clock = Clock::start();
    started.extend((0..count).map(|number| timers.start(delay(number))));
    started.drain(..).for_each(|timer| timers.clear(timer));
    clock.nanos_each(count)
}

/// A thousand started, then cleared, and so on.
pub(super) fn clear_batches<T: Timers>(count: usize) -> f64 {
    T::within(move |timers| start_and_clear_batches(timers, count))
}

/// As [`clear_batches`], with a million other timers waiting.
pub(super) fn clear_batches_among_a_million<T: Timers>(count: usize) -> f64 {
    T::within(move |timers| {
        let waiting: Vec<_> = (0..MILLION).map(|number| timers.start(late(number))).collect();
        let nanos = start_and_clear_batches(timers, count);
        drop(waiting);
        nanos
    })
}

fn start_and_clear_batches<T: Timers>(timers: &mut T, count: usize) -> f64 {
    let mut started = Vec::with_capacity(BATCH);
    let clock = Clock::start();
    for _ in 0..count / BATCH {
        started.extend((0..BATCH).map(|number| timers.start(late(number))));
        started.drain(..).for_each(|timer| timers.clear(timer));
    }
    clock.nanos_each(count / BATCH * BATCH)
}

/// What an idle timeout of each connection does at each message.
pub(super) fn refresh<T: Timers>(count: usize) -> f64 {
    T::within(move |timers| {
        let mut started: Vec<_> = (0..REFRESHED).map(|_| timers.start(late(0))).collect();
        let clock = Clock::start();
        for number in 0..count {
            timers.refresh(&mut started[number % REFRESHED], late(0));
        }
        clock.nanos_each(count)
    })
}

pub(super) struct Unspin;

impl Timers for Unspin {
    type Timer = unspin::Timer;

    fn within(main: impl FnOnce(&mut Self) -> f64 + 'static) -> f64 {
        measured_on_unspin(|nanos| {
            nanos.set(main(&mut Unspin));
            unspin::stop();
        })
    }

    fn start(&mut self, delay: Duration) -> Self::Timer {
        unspin::set_timeout(delay, || ())
    }

    fn clear(&mut self, timer: Self::Timer) {
        timer.clear();
    }

    fn refresh(&mut self, timer: &mut Self::Timer, _: Duration) {
        timer.refresh();
    }
}

/// The same timers, as futures.
pub(super) struct Sleeps;

impl Timers for Sleeps {
    type Timer = Pin<Box<unspin::Sleep>>;

    fn within(main: impl FnOnce(&mut Self) -> f64 + 'static) -> f64 {
        Unspin::within(|_| main(&mut Sleeps))
    }

    fn start(&mut self, delay: Duration) -> Self::Timer {
        begun(unspin::sleep(delay))
    }

    fn clear(&mut self, timer: Self::Timer) {
        drop(timer);
    }

    fn refresh(&mut self, timer: &mut Self::Timer, delay: Duration) {
        *timer = self.start(delay);
    }
}

/// Its first poll starts it.
fn begun<F: Future<Output = ()>>(sleep: F) -> Pin<Box<F>> {
    let mut sleep = Box::pin(sleep);
    assert!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    sleep
}

pub(super) struct Tokio;

impl Timers for Tokio {
    type Timer = Pin<Box<tokio::time::Sleep>>;

    fn within(main: impl FnOnce(&mut Self) -> f64 + 'static) -> f64 {
        // With its usual budget, a future is told to yield before it has started many timers.
        tokio_runtime().block_on(unconstrained(async { main(&mut Tokio) }))
    }

    fn start(&mut self, delay: Duration) -> Self::Timer {
        begun(tokio::time::sleep(delay))
    }

    fn clear(&mut self, timer: Self::Timer) {
        drop(timer);
    }

    fn refresh(&mut self, timer: &mut Self::Timer, delay: Duration) {
        timer.as_mut().reset(tokio::time::Instant::now() + delay);
    }
}

/// Callbacks by deadline: what async-io and others are built on.
#[derive(Default)]
pub(super) struct Tree {
    callbacks: BTreeMap<(Instant, usize), Box<dyn FnOnce()>>,
    started: usize,
}

impl Timers for Tree {
    type Timer = (Instant, usize);

    fn within(main: impl FnOnce(&mut Self) -> f64 + 'static) -> f64 {
        main(&mut Tree::default())
    }

    fn start(&mut self, delay: Duration) -> Self::Timer {
        self.started += 1;
        let key = (Instant::now() + delay, self.started);
        self.callbacks.insert(key, Box::new(|| ()));
        key
    }

    fn clear(&mut self, timer: Self::Timer) {
        self.callbacks.remove(&timer);
    }

    fn refresh(&mut self, timer: &mut Self::Timer, delay: Duration) {
        if let Some(callback) = self.callbacks.remove(timer) {
            timer.0 = Instant::now() + delay;
            self.callbacks.insert(*timer, callback);
        }
    }
}
