//! `Mutex`: one at a time, in the order of arrival.
#![cfg(feature = "async")]

mod util;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use unspin::sync::Mutex;
use util::poll::{Polled, for_ever, now, on_wake};
use util::{Drops, Log, run_virtual};

#[test]
fn the_value_is_reached_through_the_guard() {
    let mut mutex = Mutex::new(1);
    *now(mutex.lock()) += 1;
    assert_eq!(*mutex.try_lock().unwrap(), 2);
    *mutex.get_mut() += 1;
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 3 }");
    assert_eq!(mutex.into_inner(), 3);
}

#[test]
fn a_guard_goes_to_whoever_has_waited_longest() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let mut first = Polled::waiting(mutex.lock());
    let mut second = Polled::waiting(mutex.lock());
    assert_eq!(format!("{mutex:?}"), "Mutex { .. }");
    drop(guard);
    assert!(mutex.try_lock().is_none(), "it is the first one's");
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first.ready());
    assert_eq!(second.wakes(), 1);
    drop(second.ready());
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_turn_that_is_cancelled_goes_to_the_next() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock();
    let first = Polled::waiting(mutex.lock());
    let mut second = Polled::waiting(mutex.lock());
    let third = Polled::waiting(mutex.lock());
    drop(guard);
    drop(third);
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.ready());
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_panic_frees_it() {
    let mutex = Mutex::new(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = mutex.try_lock().unwrap();
        *guard = 2;
        panic!("with the guard in hand");
    }));
    assert!(panicked.is_err());
    assert_eq!(*mutex.try_lock().unwrap(), 2);
}

#[test]
fn the_value_may_be_a_slice_and_is_dropped_once() {
    let drops = Drops::new();
    let mutex: Box<Mutex<[_]>> = Box::new(Mutex::new([drops.guard(), drops.guard()]));
    assert_eq!(mutex.try_lock().unwrap().len(), 2);
    drop(mutex);
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_waker_may_take_its_turn_at_once() {
    let mutex: &'static Mutex<u32> = for_ever(Mutex::new(0));
    let guard = mutex.try_lock();
    let waiting = Rc::new(Cell::new(Some(Polled::new(mutex.lock()))));
    let takes = waiting.clone();
    let waker = on_wake(move || {
        let mut waiting = takes.take().unwrap();
        *waiting.ready() = 7;
    });
    let mut future = waiting.take().unwrap();
    assert!(future.poll_with(&waker).is_pending());
    waiting.set(Some(future));
    drop(guard);
    assert_eq!(*mutex.try_lock().unwrap(), 7);
}

#[test]
fn on_the_loop_nobody_comes_between() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let lines = Rc::new(Mutex::new(said));
        for name in ["a", "b"] {
            let lines = lines.clone();
            unspin::spawn(async move {
                let log = lines.lock().await;
                log.say(format!("{name} 1"));
                unspin::yield_now().await;
                log.say(format!("{name} 2"));
            });
        }
    });
    log.expect(&["a 1", "a 2", "b 1", "b 2"]);
}
