//! Aborting: who is told in which order, what becomes of failures, and what is let go.

mod util;

use std::cell::RefCell;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use unspin::{AbortController, AbortSignal, Error, ResourceKind};
use util::{Drops, Log, millis, run_virtual, virtual_loop};

/// A listener that says a word.
fn says(log: &Log, word: &str) -> impl FnOnce(&Error) + use<> + 'static {
    let mut say = log.add(word);
    move |_| say()
}

/// How many timers are set.
fn timers() -> usize {
    unspin::resources().iter().filter(|resource| resource.kind == ResourceKind::Timer).count()
}

#[test]
fn listeners_are_called_in_the_order_they_were_added_within_the_call() {
    let log = Log::new();
    run_virtual(|| {
        let controller = AbortController::new();
        for word in ["first", "second"] {
            let said = log.clone();
            controller.signal().on_abort(move |_| {
                unspin::next_tick(said.add(&format!("tick of {word}")));
                said.say(word);
            });
        }
        log.say("before");
        controller.abort();
        log.say("after");
    });
    log.expect(&["before", "first", "second", "after", "tick of first", "tick of second"]);
}

#[test]
fn the_reason_says_that_it_was_an_abort() {
    let controller = AbortController::new();
    let signal = controller.signal();
    assert!(!signal.is_aborted() && signal.reason().is_none());
    assert!(signal.throw_if_aborted().is_ok());
    controller.abort();
    let reason = signal.reason().expect("it is aborted");
    assert!(signal.is_aborted() && reason.is_abort());
    assert_eq!(reason.to_string(), "the operation was aborted");
    assert!(signal.throw_if_aborted().is_err_and(|error| error.is_abort()));
}

#[test]
fn a_reason_of_ones_own_is_what_listeners_get_and_stays() {
    let log = Log::new();
    run_virtual(|| {
        let controller = AbortController::new();
        let said = log.clone();
        controller.signal().on_abort(move |reason| said.say(reason.to_string()));
        controller.abort_with(Error::new("enough"));
        controller.abort_with(Error::new("too late"));
        controller.abort();
        log.say(controller.signal().reason().expect("it is aborted").to_string());
    });
    log.expect(&["enough", "enough"]);
}

#[test]
fn the_signal_is_aborted_before_its_listeners_are_called() {
    run_virtual(|| {
        let controller = AbortController::new();
        let signal = controller.signal().clone();
        controller.signal().on_abort(move |_| assert!(signal.is_aborted()));
        controller.abort();
    });
}

#[test]
fn a_listener_removed_by_an_earlier_one_is_not_called() {
    let log = Log::new();
    run_virtual(|| {
        let controller = AbortController::new();
        let removed = Rc::new(RefCell::new(None));
        let later = Rc::clone(&removed);
        let said = log.clone();
        let first = controller.signal().on_abort(move |_| {
            said.say("first");
            assert!(later.borrow().as_ref().is_some_and(unspin::AbortListener::remove));
        });
        *removed.borrow_mut() = Some(controller.signal().on_abort(says(&log, "second")));
        controller.signal().on_abort(says(&log, "third"));
        controller.abort();
        assert!(!first.remove(), "it was called");
    });
    log.expect(&["first", "third"]);
}

#[test]
fn a_listener_added_to_an_aborted_signal_is_never_called() {
    let log = Log::new();
    let drops = Drops::new();
    run_virtual(|| {
        let controller = AbortController::new();
        let (signal, said) = (controller.signal().clone(), log.clone());
        controller.signal().on_abort(move |_| {
            said.say("first");
            signal.on_abort(says(&said, "added by a listener"));
        });
        controller.abort();
        let guard = drops.guard();
        let late = controller.signal().on_abort(move |_| guard.keep());
        assert!(!late.remove());
    });
    log.expect(&["first"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_listener_may_abort_again_and_abort_others() {
    let log = Log::new();
    run_virtual(|| {
        let (one, two) = (AbortController::new(), AbortController::new());
        let (again, other, said) = (one.clone(), two.clone(), log.clone());
        one.signal().on_abort(move |_| {
            again.abort();
            other.abort();
            said.say("one");
        });
        one.signal().on_abort(says(&log, "one, second"));
        two.signal().on_abort(says(&log, "two"));
        one.abort();
    });
    log.expect(&["two", "one", "one, second"]);
}

#[test]
fn a_failing_listener_is_uncaught_from_a_tick_and_the_others_are_called() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::on_uncaught(move |uncaught| {
            said.say(format!("{} {}", uncaught.kind(), uncaught.error()));
        });
        let controller = AbortController::new();
        let said = log.clone();
        controller.signal().on_abort(move |_| -> unspin::Result<()> {
            unspin::next_tick(said.add("tick of the failing one"));
            Err(Error::new("failed"))
        });
        controller.signal().on_abort(|_| panic!("panicked"));
        let said = log.clone();
        controller.signal().on_abort(move |_| {
            unspin::next_tick(said.add("tick of the last one"));
            said.say("last one");
        });
        controller.abort();
        log.say("aborted");
    });
    log.expect(&[
        "last one",
        "aborted",
        "tick of the failing one",
        "abort failed",
        "abort a callback panicked: panicked",
        "tick of the last one",
    ]);
}

#[test]
fn a_panic_in_a_listener_that_no_hook_takes_ends_the_run_with_it() {
    let event_loop = virtual_loop();
    let run = AssertUnwindSafe(|| {
        event_loop.run(|| {
            let controller = AbortController::new();
            controller.signal().on_abort(|_| panic!("of a listener"));
            controller.abort();
        })
    });
    let payload = catch_unwind(run).expect_err("the panic goes on");
    assert_eq!(util::panic_text(&*payload), "of a listener");
}

#[test]
fn exit_in_a_listener_ends_the_loop_there() {
    let log = Log::new();
    let code = virtual_loop().run(|| {
        let controller = AbortController::new();
        controller.signal().on_abort(|_| unspin::exit(3));
        controller.signal().on_abort(says(&log, "never"));
        controller.abort();
        log.say("never");
    });
    assert_eq!(code.expect("nothing fails"), 3);
    log.expect(&[]);
}

#[test]
fn the_stack_shows_the_line_of_the_listener() {
    run_virtual(|| {
        let controller = AbortController::new();
        let line = line!() + 1;
        controller.signal().on_abort(move |_| {
            let stack = unspin::stack();
            let running = stack.running().expect("a listener runs");
            assert_eq!((running.kind().name(), running.at().line()), ("abort", line));
        });
        controller.abort();
        let stack = unspin::stack();
        assert_eq!(stack.running().map(|frame| frame.kind().name()), Some("main"));
    });
}

#[test]
fn a_timeout_aborts_in_its_timers_task() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        AbortSignal::timeout(millis(5)).on_abort(move |reason| {
            assert_eq!(reason.kind(), ErrorKind::TimedOut);
            assert!(!reason.is_abort());
            unspin::queue_microtask(said.add("microtask"));
            said.say(reason.to_string());
        });
        unspin::set_timeout(millis(5), log.add("timer"));
    });
    log.expect(&["timed out after 5ms", "microtask", "timer"]);
}

#[test]
fn a_timeout_keeps_no_loop_alive() {
    let log = Log::new();
    run_virtual(|| {
        let signal = AbortSignal::timeout(millis(5));
        signal.on_abort(says(&log, "never"));
        assert_eq!(timers(), 1);
        assert!(unspin::why_alive().is_empty());
    });
    log.expect(&[]);
}

#[test]
fn the_timer_of_a_timeout_goes_with_the_last_who_could_notice() {
    run_virtual(|| {
        let signal = AbortSignal::timeout(millis(5));
        let clone = signal.clone();
        drop(signal);
        assert_eq!(timers(), 1, "a handle is left");
        let listener = clone.on_abort(|_| ());
        drop(clone);
        assert_eq!(timers(), 1, "a listener is left");
        assert!(listener.remove());
        assert_eq!(timers(), 0);
    });
}

#[test]
fn any_is_aborted_by_the_first_for_its_reason() {
    run_virtual(|| {
        let (one, two) = (AbortController::new(), AbortController::new());
        let any = AbortSignal::any([one.signal(), two.signal()]);
        assert!(!any.is_aborted());
        two.abort_with(Error::new("the second"));
        one.abort_with(Error::new("the first"));
        assert_eq!(any.reason().expect("it is aborted").to_string(), "the second");
    });
}

#[test]
fn any_of_an_aborted_signal_is_aborted_and_of_none_never() {
    let (one, two) = (AbortController::new(), AbortController::new());
    two.abort();
    assert!(AbortSignal::any([one.signal(), two.signal()]).is_aborted());
    let nothing = AbortSignal::any(Vec::<AbortSignal>::new());
    assert!(!nothing.is_aborted());
    assert!(!AbortSignal::any([nothing]).is_aborted());
}

#[test]
fn those_made_by_any_come_after_the_listeners_of_what_they_were_made_of() {
    let log = Log::new();
    run_virtual(|| {
        let root = AbortController::new();
        let any = AbortSignal::any([root.signal()]);
        any.on_abort(says(&log, "any"));
        let (later, said) = (any.clone(), log.clone());
        root.signal().on_abort(move |_| {
            assert!(!later.is_aborted());
            said.say("root");
        });
        root.abort();
    });
    log.expect(&["root", "any"]);
}

#[test]
fn any_of_any_follows_the_roots_in_the_order_of_making() {
    let log = Log::new();
    run_virtual(|| {
        let root = AbortController::new();
        let first = AbortSignal::any([root.signal(), root.signal()]);
        let second = AbortSignal::any([root.signal()]);
        let of_first = AbortSignal::any([&first, &second]);
        of_first.on_abort(says(&log, "any of any"));
        first.on_abort(says(&log, "first"));
        second.on_abort(says(&log, "second"));
        root.abort();
    });
    log.expect(&["first", "second", "any of any"]);
}

#[test]
fn any_works_without_a_handle_as_long_as_it_has_a_listener() {
    let log = Log::new();
    run_virtual(|| {
        let root = AbortController::new();
        AbortSignal::any([root.signal()]).on_abort(says(&log, "any"));
        root.abort();
    });
    log.expect(&["any"]);
}

#[test]
fn any_lets_go_of_a_timeout_that_nobody_else_holds() {
    run_virtual(|| {
        let root = AbortController::new();
        let any = AbortSignal::any([&AbortSignal::timeout(millis(5)), root.signal()]);
        assert_eq!(timers(), 1, "it is followed");
        drop(any);
        assert_eq!(timers(), 0);

        let any = AbortSignal::any([&AbortSignal::timeout(millis(5)), root.signal()]);
        root.abort();
        assert!(any.is_aborted());
        assert_eq!(timers(), 0, "nothing is left to abort");
    });
}

#[test]
fn each_listener_is_dropped_once_called_or_not() {
    let drops = Drops::new();
    run_virtual(|| {
        let controller = AbortController::new();
        let removed = drops.guard();
        controller.signal().on_abort(move |_| removed.keep()).remove();
        assert_eq!(drops.count(), 1);
        let called = drops.guard();
        controller.signal().on_abort(move |_| called.keep());
        controller.abort();
        assert_eq!(drops.count(), 2);

        let controller = AbortController::new();
        let never = drops.guard();
        controller.signal().on_abort(move |_| never.keep());
        drop(controller);
        assert_eq!(drops.count(), 3);
    });
}

#[test]
fn a_loop_that_is_dropped_drops_the_listeners_of_its_timeouts() {
    let drops = Drops::new();
    let event_loop = virtual_loop();
    let guard = drops.guard();
    let run = event_loop.run(move || {
        AbortSignal::timeout(millis(5)).on_abort(move |_| guard.keep());
    });
    run.expect("nothing in it fails");
    assert_eq!(drops.count(), 0);
    drop(event_loop);
    assert_eq!(drops.count(), 1);
}

#[cfg(feature = "async")]
mod futures {
    use std::future::Future;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};

    use super::*;

    #[test]
    fn awaiting_goes_on_in_the_checkpoint_with_the_reason() {
        let log = Log::new();
        run_virtual(|| {
            let controller = AbortController::new();
            let (aborted, said) = (controller.signal().aborted(), log.clone());
            unspin::spawn(async move { said.say(aborted.await.to_string()) });
            let said = log.clone();
            unspin::set_immediate(move || {
                unspin::queue_microtask(said.add("microtask"));
                controller.abort_with(Error::new("enough"));
                unspin::next_tick(said.add("tick"));
                said.say("aborted");
            });
        });
        log.expect(&["aborted", "tick", "microtask", "enough"]);
    }

    #[test]
    fn an_aborted_signal_is_there_at_once() {
        run_virtual(|| {
            let controller = AbortController::new();
            controller.abort();
            let mut aborted = Box::pin(controller.signal().aborted());
            let mut context = Context::from_waker(Waker::noop());
            assert!(aborted.as_mut().poll(&mut context).is_ready());
        });
    }

    #[test]
    fn a_dropped_wait_leaves_no_waker_behind() {
        struct Counts(AtomicUsize);
        impl Wake for Counts {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        run_virtual(|| {
            let counts = Arc::new(Counts(AtomicUsize::new(0)));
            let waker = Waker::from(Arc::clone(&counts));
            let controller = AbortController::new();
            let mut aborted = Box::pin(controller.signal().aborted());
            assert!(aborted.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            drop((aborted, waker));
            assert_eq!(Arc::strong_count(&counts), 1);
            controller.abort();
            assert_eq!(counts.0.load(Ordering::SeqCst), 0);
        });
    }

    #[test]
    fn a_future_runs_until_it_is_finished_or_aborted() {
        let (log, drops) = (Log::new(), Drops::new());
        let (said, count) = (log.clone(), drops.clone());
        run_virtual(move || {
            let controller = AbortController::new();
            let signal = controller.signal().clone();
            unspin::spawn(async move {
                let short = signal.run_until_aborted(unspin::sleep(millis(5)));
                assert!(short.await.is_ok());
                let guard = count.guard();
                let long = signal.run_until_aborted(async move {
                    unspin::sleep(millis(1000)).await;
                    guard.keep();
                });
                let error = long.await.expect_err("it was aborted");
                assert_eq!(count.count(), 1);
                said.say(format!("{error} at {}", unspin::now().as_millis()));
                let never = signal.run_until_aborted(async { panic!("it must not be polled") });
                assert!(never.await.is_err_and(|error| error.is_abort()));
                said.say("over");
            });
            unspin::set_timeout(millis(20), move || {
                controller.abort_with(Error::new("enough"));
            });
        });
        log.expect(&["the operation was aborted: enough at 20", "over"]);
    }

    #[test]
    fn waiting_for_an_abort_keeps_no_loop_alive() {
        let drops = Drops::new();
        let guard = drops.guard();
        run_virtual(move || {
            let controller = AbortController::new();
            unspin::spawn(async move {
                controller.signal().aborted().await;
                guard.keep();
            });
        });
        assert_eq!(drops.count(), 1);
    }
}

#[cfg(feature = "async")]
#[test]
fn a_read_of_a_stream_is_given_up_and_the_stream_goes_on() {
    let log = Log::new();
    let words = log.clone();
    unspin::block_on(async move {
        let listener = unspin::net::TcpListener::bind("127.0.0.1:0")?;
        let (ours, theirs) = (unspin::net::TcpStream::connect(listener.local_addr()?), listener);
        let ours = ours.await?;
        let (theirs, _) = theirs.accept().await?;

        let controller = AbortController::new();
        let waiting = ours.clone();
        let signal = controller.signal().clone();
        let read = unspin::spawn(async move { signal.run_until_aborted(waiting.chunk()).await });
        unspin::yield_now().await;
        controller.abort();
        let given_up = read.await?.expect_err("it was aborted");
        words.say(format!("aborted: {}", given_up.is_abort()));

        theirs.write_all(b"not lost").await?;
        let chunk = ours.chunk().await?.expect("the stream is open");
        words.say(String::from_utf8_lossy(&chunk));
        Ok(())
    })
    .expect("nothing fails");
    log.expect(&["aborted: true", "not lost"]);
}
