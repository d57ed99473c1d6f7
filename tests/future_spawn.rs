//! Spawned futures: when they are polled, how they end, and who wakes them.
#![cfg(feature = "async")]

mod util;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use unspin::{CallbackKind, Error, EventLoop, JoinHandle, Result, block_on, spawn, yield_now};
use util::{Drops, Log, OnDrop, millis, panic_text, run_real, run_virtual, virtual_loop};

/// Runs a future on a virtual clock, to its end.
#[track_caller]
fn run_future(future: impl Future<Output = Result<()>> + 'static) {
    run_virtual(move || spawn(future).or_uncaught());
}

/// Never ready; counts its drop.
fn pending_with<T>(drops: &Drops) -> impl Future<Output = T> + use<T> {
    let guard = drops.guard();
    async move {
        guard.keep();
        std::future::pending().await
    }
}

/// Ready as soon as it has handed out its waker and was woken after `go` was set.
fn woken_when<T: 'static>(
    place: impl Fn() -> Option<T> + 'static,
    mut wakers: impl FnMut(Waker) + 'static,
) -> impl Future<Output = T> {
    poll_fn(move |cx| match place() {
        Some(value) => Poll::Ready(value),
        None => {
            wakers(cx.waker().clone());
            Poll::Pending
        }
    })
}

#[test]
fn a_future_is_polled_first_in_a_microtask() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        unspin::queue_microtask(said.add("before"));
        let mut polled = said.add("polled");
        drop(spawn(async move { polled() }));
        unspin::queue_microtask(said.add("behind"));
        unspin::next_tick(said.add("tick"));
        said.say("main");
    });
    log.expect(&["main", "tick", "before", "polled", "behind"]);
}

#[test]
fn a_handle_gives_the_result_in_the_same_checkpoint() {
    let log = Log::new();
    let said = log.clone();
    run_future(async move {
        unspin::set_immediate(said.add("the next task"));
        let handle = spawn(async { 42 });
        assert!(!handle.is_finished());
        assert_eq!(handle.await?, 42);
        let finished = spawn(async { "at once" });
        yield_now().await;
        assert!(finished.is_finished());
        assert_eq!(finished.await?, "at once");
        said.say("done");
        Ok(())
    });
    log.expect(&["done", "the next task"]);
}

#[test]
fn dropping_the_handle_lets_the_future_run_on() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let mut done = said.add("done");
        drop(spawn(async move {
            for _ in 0..3 {
                yield_now().await;
            }
            done();
        }));
    });
    log.expect(&["done"]);
}

#[test]
fn yielding_lets_microtasks_run_but_no_ticks() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let future = said.clone();
        drop(spawn(async move {
            unspin::queue_microtask(future.add("micro"));
            unspin::next_tick(future.add("tick"));
            yield_now().await;
            future.say("behind it");
        }));
    });
    log.expect(&["micro", "behind it", "tick"]);
}

#[test]
fn a_future_that_wakes_itself_is_polled_once_for_all_its_wakes() {
    let polls = Rc::new(Cell::new(0));
    let count = Rc::clone(&polls);
    run_virtual(move || {
        drop(spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            if count.get() == 3 {
                return Poll::Ready(());
            }
            for _ in 0..5 {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })));
    });
    assert_eq!(polls.get(), 3);
}

#[test]
fn a_future_that_is_aborted_is_dropped_and_its_handle_says_so() {
    let drops = Drops::new();
    let seen = drops.clone();
    run_future(async move {
        let waits: JoinHandle<()> = spawn(pending_with(&seen));
        yield_now().await;
        waits.abort();
        assert!(waits.is_finished());
        waits.abort();
        assert!(waits.await.expect_err("it was aborted").is_cancelled());
        yield_now().await;
        assert_eq!(seen.count(), 1);

        let never_polled = spawn(async { unreachable!("it was aborted before") });
        never_polled.abort();
        let error: Result<()> = never_polled.await;
        assert!(error.expect_err("it was aborted").is_cancelled());

        let finished = spawn(async { 1 });
        yield_now().await;
        finished.abort();
        assert_eq!(finished.await?, 1);
        Ok(())
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn an_aborted_future_that_nobody_awaits_is_no_failure() {
    run_virtual(|| {
        let handle: JoinHandle<Result<()>> = spawn(std::future::pending());
        handle.abort();
        handle.or_uncaught();
    });
}

#[test]
fn a_panic_goes_to_the_handle() {
    run_future(async {
        let handle = spawn(async {
            yield_now().await;
            panic!("in the future")
        });
        let result: Result<()> = handle.await;
        let error = result.expect_err("it panicked");
        assert!(error.is_panic() && error.to_string().contains("in the future"), "{error}");
        Ok(())
    });
}

#[test]
fn the_handle_gets_a_panic_although_the_future_panics_again_when_it_is_dropped() {
    struct PanicsTwice;

    impl Future for PanicsTwice {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            panic!("in the future")
        }
    }

    impl Drop for PanicsTwice {
        fn drop(&mut self) {
            panic!("and in its drop")
        }
    }

    run_future(async {
        let error = spawn(PanicsTwice).await.expect_err("it panicked");
        assert!(error.is_panic() && error.to_string().contains("in the future"), "{error}");
        Ok(())
    });
}

#[test]
fn a_panic_that_nobody_awaits_is_uncaught_with_the_line_of_spawn() {
    let log = Log::new();
    let said = log.clone();
    let line = Rc::new(Cell::new(0));
    let spawned_at = Rc::clone(&line);
    run_virtual(move || {
        unspin::on_uncaught(move |uncaught| {
            assert!(uncaught.error().is_panic());
            assert_eq!(uncaught.kind(), CallbackKind::Future);
            assert_eq!((uncaught.at().file(), uncaught.at().line()), (file!(), line.get()));
            said.say("uncaught");
        });
        let panics = async { panic!("nobody awaits it") };
        spawned_at.set(line!() + 1);
        let handle: JoinHandle<()> = spawn(panics);
        let late = Rc::new(Cell::new(Some(handle)));
        // Dropped when it has panicked already, and nobody has looked.
        unspin::set_immediate(move || drop(late.take()));
    });
    log.expect(&["uncaught"]);
}

#[test]
fn without_a_hook_a_panic_goes_on_from_run() {
    let run = || virtual_loop().run(|| drop(spawn(async { panic!("on and on") })));
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    assert_eq!(panic_text(&*payload), "on and on");
}

#[test]
fn an_error_that_must_not_be_survived_is_uncaught() {
    let failure = virtual_loop().run(|| {
        spawn(async { Err(Error::new("a great thing")) }).or_uncaught();
    });
    assert_eq!(failure.expect_err("it is uncaught").to_string(), "a great thing");
}

#[test]
fn exit_in_a_future_ends_the_loop() {
    let log = Log::new();
    let said = log.clone();
    let code = EventLoop::new().unwrap().run(move || {
        unspin::on_uncaught(|uncaught| panic!("exit is no failure: {uncaught}"));
        let unwound = OnDrop(said.add("unwound"));
        drop(spawn(async move {
            unwound.keep();
            yield_now().await;
            unspin::exit(3);
        }));
        unspin::set_immediate(said.add("too late"));
    });
    assert_eq!(code.unwrap(), 3);
    log.expect(&["unwound"]);
}

#[test]
fn block_on_gives_the_result_and_drops_what_is_left() {
    let drops = Drops::new();
    let seen = drops.clone();
    let result = block_on(async move {
        drop(spawn(pending_with::<()>(&seen)));
        let guard = seen.guard();
        unspin::set_timeout(millis(60_000), move || guard.keep());
        Ok(spawn(async { 5 }).await? + 1)
    });
    assert_eq!(result.unwrap(), 6);
    assert_eq!(drops.count(), 2);
    let error = block_on::<()>(async { Err(Error::new("its own")) });
    assert_eq!(error.unwrap_err().to_string(), "its own");
}

#[test]
fn block_on_of_a_future_that_hangs_says_so_at_once() {
    let line = line!() + 1;
    let error = block_on(std::future::pending::<Result<()>>()).unwrap_err().to_string();
    assert!(error.contains(&format!("{}:{line}", file!())), "{error}");
    assert!(error.contains("pending for ever"), "{error}");
    let unreferenced = block_on(async {
        let timer = unspin::set_timeout(millis(60_000), || ());
        timer.unref();
        std::future::pending::<Result<()>>().await
    });
    assert!(unreferenced.unwrap_err().to_string().contains("pending for ever"));
}

#[test]
fn block_on_inside_of_a_loop_is_refused() {
    run_virtual(|| {
        let error = block_on(async { Ok(()) }).expect_err("a loop is running");
        assert!(error.is_loop_busy());
    });
}

#[test]
fn spawning_without_a_loop_panics_and_says_so() {
    let payload = catch_unwind(|| drop(spawn(async {}))).expect_err("there is no loop");
    assert!(panic_text(&*payload).contains("no event loop is running on this thread"));
}

#[test]
fn another_thread_wakes_a_future_in_poll() {
    let log = Log::new();
    let said = log.clone();
    run_real(move || {
        let (send, receive) = mpsc::channel::<Waker>();
        let answer = Arc::new(Mutex::new(None));
        let (put, home) = (Arc::clone(&answer), thread::current().id());
        let keep_alive = unspin::keep_alive();
        let other = thread::spawn(move || {
            let waker = receive.recv().expect("the future sends it");
            *put.lock().unwrap() = Some(7);
            waker.wake();
            drop(keep_alive);
        });
        let phase = said.clone();
        drop(spawn(async move {
            let take = move || answer.lock().unwrap().take();
            let answer = woken_when(take, move |waker| send.send(waker).unwrap()).await;
            assert_eq!((answer, thread::current().id()), (7, home));
            phase.say("woken");
            unspin::next_tick(phase.add("tick"));
            unspin::set_immediate(phase.add("immediate"));
        }));
        unspin::on_exit(move |_| {
            said.say("exit");
        });
        drop(other);
    });
    log.expect(&["woken", "tick", "immediate", "exit"]);
}

#[test]
fn block_on_waits_for_a_thread_that_holds_a_keep_alive() {
    let result = block_on(async {
        let keep_alive = unspin::keep_alive();
        let (send, receive) = mpsc::channel::<Waker>();
        let done = Arc::new(Mutex::new(None));
        let put = Arc::clone(&done);
        let other = thread::spawn(move || {
            let waker = receive.recv().expect("the future sends it");
            *put.lock().unwrap() = Some("from afar");
            waker.wake();
            drop(keep_alive);
        });
        let take = move || done.lock().unwrap().take();
        let text = woken_when(take, move |waker| send.send(waker).unwrap()).await;
        other.join().expect("it does not panic");
        Ok(text)
    });
    assert_eq!(result.unwrap(), "from afar");
}

/// Wakers that are still used when their future, or its loop, is gone.
fn keep_wakers(wakers: &Rc<RefCell<Vec<Waker>>>) -> impl FnMut(Waker) + use<> {
    let wakers = Rc::clone(wakers);
    move |waker| wakers.borrow_mut().push(waker)
}

#[test]
fn a_waker_outlives_its_future_and_its_loop() {
    let (log, drops) = (Log::new(), Drops::new());
    let wakers = Rc::new(RefCell::new(Vec::new()));
    let (said, seen, keep) = (log.clone(), drops.clone(), Rc::clone(&wakers));
    run_virtual(move || {
        let guard = seen.guard();
        let go = Rc::new(Cell::new(None));
        let ready = Rc::clone(&go);
        let finishes = woken_when(move || ready.take(), keep_wakers(&keep));
        drop(spawn(async move {
            guard.keep();
            finishes.await;
            said.say("finished");
        }));
        let guard = seen.guard();
        let never = woken_when(|| None::<()>, keep_wakers(&keep));
        drop(spawn(async move {
            guard.keep();
            never.await;
        }));
        unspin::set_immediate(move || {
            go.set(Some(()));
            keep.borrow().iter().for_each(Waker::wake_by_ref);
            unspin::set_immediate(move || {
                assert_eq!(seen.count(), 1);
                // The first of them is of a future that is finished.
                keep.borrow().iter().for_each(Waker::wake_by_ref);
            });
        });
    });
    log.expect(&["finished"]);
    assert_eq!(drops.count(), 2, "the other one was dropped with the loop");
    let wakers = wakers.take();
    assert!(wakers.len() >= 2);
    for waker in &wakers {
        waker.wake_by_ref();
        drop(waker.clone());
    }
    let elsewhere = thread::spawn(move || {
        wakers.iter().for_each(Waker::wake_by_ref);
        wakers.into_iter().for_each(Waker::wake);
    });
    elsewhere.join().expect("nothing panics");
    assert_eq!(drops.count(), 2);
}

#[test]
fn wakes_that_race_with_the_end_of_the_loop_drop_each_future_once_on_its_thread() {
    const LOOPS: usize = 300;
    const FUTURES: usize = 20;
    let (send, receive) = mpsc::channel::<Vec<Waker>>();
    let waking = thread::spawn(move || {
        for wakers in receive {
            let halves = [wakers.clone(), wakers];
            thread::scope(|scope| {
                for half in halves {
                    scope.spawn(move || half.into_iter().for_each(Waker::wake));
                }
            });
        }
    });
    for _ in 0..LOOPS {
        let dropped = Rc::new(Cell::new(0));
        let (count, send) = (Rc::clone(&dropped), send.clone());
        run_real(move || {
            let wakers = Rc::new(RefCell::new(Vec::new()));
            for _ in 0..FUTURES {
                let (count, home) = (Rc::clone(&count), thread::current().id());
                let mine = OnDrop(move || {
                    assert_eq!(thread::current().id(), home);
                    count.set(count.get() + 1);
                });
                let never = woken_when(|| None::<()>, keep_wakers(&wakers));
                drop(spawn(async move {
                    mine.keep();
                    never.await;
                }));
            }
            // The loop ends while they are woken.
            unspin::set_immediate(move || send.send(wakers.take()).unwrap());
        });
        assert_eq!(dropped.get(), FUTURES);
    }
    drop(send);
    waking.join().expect("nothing panics");
}

#[test]
fn futures_are_dropped_once_with_their_loop_which_is_still_there() {
    let drops = Drops::new();
    let seen = drops.clone();
    run_virtual(move || {
        for _ in 0..3 {
            let again = seen.clone();
            let on_drop = OnDrop(move || {
                // None of it runs, and none of it is kept.
                drop(spawn(pending_with::<()>(&again)));
                let guard = again.guard();
                unspin::queue_microtask(move || guard.keep());
            });
            let guard = seen.guard();
            drop(spawn(async move {
                guard.keep();
                on_drop.keep();
                std::future::pending::<()>().await;
            }));
        }
    });
    assert_eq!(drops.count(), 9);
}

#[test]
fn a_handle_outlives_its_loop() {
    let kept = Rc::new(RefCell::new(Vec::new()));
    let keep = Rc::clone(&kept);
    let drops = Drops::new();
    let seen = drops.clone();
    run_virtual(move || {
        let mut handles = keep.borrow_mut();
        handles.push(spawn(pending_with::<u32>(&seen)));
        handles.push(spawn(async { 7 }));
        handles.push(spawn(pending_with::<u32>(&seen)));
    });
    assert_eq!(drops.count(), 2);
    let handles = kept.take();
    handles[2].abort();
    let finished: Vec<_> = handles.iter().map(JoinHandle::is_finished).collect();
    assert_eq!(finished, [false, true, true]);
    let mut results = Vec::new();
    for handle in handles {
        let mut polled = util::poll::Polled::new(handle);
        results.push(match polled.poll() {
            Poll::Ready(result) => result.map_err(|error| error.is_cancelled()),
            Poll::Pending => Ok(0),
        });
    }
    assert_eq!(results, [Ok(0), Ok(7), Err(true)]);
}
