//! Wakers and handles of futures that are gone, while others have come in their place.
#![cfg(feature = "async")]

mod util;

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use unspin::{Promise, spawn, yield_now};
use util::{Drops, run_real, run_virtual};

/// Never ready; counts its polls, and gives its waker away at the first.
fn counts_polls(polls: Rc<Cell<u32>>, mut give: impl FnMut(Waker)) -> impl Future<Output = ()> {
    poll_fn(move |cx| {
        if polls.replace(polls.get() + 1) == 0 {
            give(cx.waker().clone());
        }
        Poll::Pending
    })
}

#[test]
fn a_waker_of_a_future_that_is_gone_does_not_wake_the_one_in_its_place() {
    let polls = Rc::new(Cell::new(0));
    let seen = Rc::clone(&polls);
    run_virtual(move || {
        let old = Rc::new(RefCell::new(None));
        let keep = Rc::clone(&old);
        spawn(async move {
            spawn(poll_fn(move |cx| {
                keep.replace(Some(cx.waker().clone()));
                Poll::Ready(())
            }))
            .await?;
            drop(spawn(counts_polls(polls, |_| ())));
            yield_now().await;
            old.take().expect("it was polled").wake();
            yield_now().await;
            Ok(())
        })
        .or_uncaught();
    });
    assert_eq!(seen.get(), 1);
}

#[test]
fn a_waker_of_a_loop_that_is_gone_wakes_nothing_on_the_next() {
    let (kept, polls) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(0)));
    let (keep, seen) = (Rc::clone(&kept), Rc::clone(&polls));
    run_virtual(move || {
        drop(spawn(counts_polls(Rc::default(), move |waker| drop(keep.replace(Some(waker))))));
    });
    run_virtual(move || {
        drop(spawn(counts_polls(polls, |_| ())));
        unspin::set_immediate(move || kept.take().expect("it was polled").wake());
    });
    assert_eq!(seen.get(), 1);
}

#[test]
fn a_handle_that_gave_its_result_away_leaves_the_future_in_its_place_alone() {
    let drops = Drops::new();
    let seen = drops.clone();
    run_virtual(move || {
        spawn(async move {
            let mut first = spawn(async { 7 });
            assert_eq!((&mut first).await?, 7);
            assert!(first.is_finished());
            let guard = seen.guard();
            let second = spawn(async move {
                guard.keep();
                std::future::pending::<()>().await;
            });
            yield_now().await;
            first.abort();
            drop(first);
            yield_now().await;
            assert_eq!((seen.count(), second.is_finished()), (0, false));
            Ok(())
        })
        .or_uncaught();
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn the_wakes_of_another_thread_are_one_until_they_arrive() {
    const WAKES: usize = 1000;
    let polls = Rc::new(Cell::new(0));
    let seen = Rc::clone(&polls);
    run_real(move || {
        let (send, receive) = mpsc::channel::<Waker>();
        drop(spawn(counts_polls(polls, move |waker| send.send(waker).expect("it is kept"))));
        let tasks = Cell::new(0);
        unspin::set_immediate(move || {
            let waker = receive.recv().expect("it was polled");
            // While it wakes, this task runs: nothing can arrive.
            let other = thread::spawn(move || (0..WAKES).for_each(|_| waker.wake_by_ref()));
            other.join().expect("it does not panic");
            tasks.set(unspin::metrics().tasks);
            unspin::set_immediate(move || {
                // Behind the wake and the immediate around it.
                unspin::set_immediate(move || assert_eq!(unspin::metrics().tasks - tasks.get(), 3));
            });
        });
    });
    assert_eq!(seen.get(), 2);
}

#[test]
fn an_await_that_is_dropped_leaves_its_promise_without_its_waker() {
    struct Never;

    impl Wake for Never {
        fn wake(self: Arc<Self>) {
            panic!("nobody waits any more");
        }
    }

    run_virtual(|| {
        let never = Arc::new(Never);
        let waker = Waker::from(Arc::clone(&never));
        let (promise, resolver) = Promise::<u32>::with_resolver();
        drop(promise.clone().then(|value| assert_eq!(value, 5)));
        let mut waiting = promise.into_future();
        let poll = Pin::new(&mut waiting).poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        drop(waker);
        assert_eq!(Arc::strong_count(&never), 2, "the promise has it");
        drop(waiting);
        assert_eq!(Arc::strong_count(&never), 1);
        resolver.resolve(5);
    });
}
