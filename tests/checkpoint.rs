//! The checkpoint: ticks, then microtasks, until both are empty, after every task.

mod util;

use std::cell::Cell;
use std::rc::Rc;

use util::{Log, millis, run_real, run_virtual};

/// Queues a microtask and a tick, in this order, and says a word.
fn say_and_queue(log: &Log, word: &str) {
    unspin::queue_microtask(log.add(&format!("{word} micro")));
    unspin::next_tick(log.add(&format!("{word} tick")));
    log.say(word);
}

#[test]
fn ticks_run_before_microtasks_each_in_their_order() {
    let log = Log::new();
    run_virtual(|| {
        unspin::queue_microtask(log.add("micro 1"));
        unspin::next_tick(log.add("tick 1"));
        unspin::queue_microtask(log.add("micro 2"));
        unspin::next_tick(log.add("tick 2"));
        log.say("main");
    });
    log.expect(&["main", "tick 1", "tick 2", "micro 1", "micro 2"]);
}

#[test]
fn a_tick_queued_by_a_microtask_waits_for_the_remaining_microtasks() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::queue_microtask(move || {
            unspin::next_tick(said.add("tick"));
            unspin::queue_microtask(said.add("micro 3"));
            said.say("micro 1");
        });
        unspin::queue_microtask(log.add("micro 2"));
    });
    log.expect(&["micro 1", "micro 2", "micro 3", "tick"]);
}

#[test]
fn a_microtask_queued_by_a_tick_waits_for_the_remaining_ticks() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::next_tick(move || {
            unspin::queue_microtask(said.add("micro"));
            unspin::next_tick(said.add("tick 3"));
            said.say("tick 1");
        });
        unspin::next_tick(log.add("tick 2"));
    });
    log.expect(&["tick 1", "tick 2", "tick 3", "micro"]);
}

#[test]
fn both_queues_are_emptied_before_the_loop_goes_on_however_they_feed_each_other() {
    let log = Log::new();
    run_virtual(|| {
        unspin::set_immediate(log.add("immediate"));
        let said = log.clone();
        unspin::next_tick(move || {
            said.say("tick");
            let said = said.clone();
            unspin::queue_microtask(move || {
                said.say("micro");
                let said = said.clone();
                unspin::next_tick(move || {
                    said.say("tick of micro");
                    unspin::queue_microtask(said.add("micro of tick"));
                });
            });
        });
    });
    log.expect(&["tick", "micro", "tick of micro", "micro of tick", "immediate"]);
}

#[test]
fn between_two_immediates() {
    let log = Log::new();
    run_virtual(|| {
        for word in ["one", "two"] {
            let log = log.clone();
            unspin::set_immediate(move || say_and_queue(&log, word));
        }
    });
    log.expect(&["one", "one tick", "one micro", "two", "two tick", "two micro"]);
}

#[test]
fn between_two_timers_of_one_list_and_of_two_lists() {
    let log = Log::new();
    run_virtual(|| {
        for (delay, word) in [(5, "one"), (5, "two"), (6, "three")] {
            let log = log.clone();
            unspin::set_timeout(millis(delay), move || say_and_queue(&log, word));
        }
        unspin::advance(millis(10)).expect("the clock is virtual");
    });
    log.expect(&[
        "one",
        "one tick",
        "one micro",
        "two",
        "two tick",
        "two micro",
        "three",
        "three tick",
        "three micro",
    ]);
}

#[test]
fn between_two_frames_callbacks_of_one_frame() {
    let log = Log::new();
    run_virtual(|| {
        for word in ["one", "two"] {
            let log = log.clone();
            unspin::request_frame(move |_| say_and_queue(&log, word));
        }
    });
    log.expect(&["one", "one tick", "one micro", "two", "two tick", "two micro"]);
}

#[test]
fn between_two_prepare_hooks() {
    let log = Log::new();
    run_virtual(|| {
        for word in ["one", "two"] {
            let log = log.clone();
            unspin::on_prepare(move || say_and_queue(&log, word));
        }
        unspin::set_immediate(log.add("immediate"));
    });
    log.expect(&["one", "one tick", "one micro", "two", "two tick", "two micro", "immediate"]);
}

#[test]
fn between_two_posted_closures() {
    let log = Rc::new(Log::new());
    // What is posted is `Send`, so it finds the log in its thread.
    thread_local!(static LOG: Cell<Option<Log>> = const { Cell::new(None) });
    fn with_log(f: impl FnOnce(&Log)) {
        let log = LOG.take().expect("the test has set it");
        f(&log);
        LOG.set(Some(log));
    }
    LOG.set(Some((*log).clone()));
    run_virtual(|| {
        for word in ["one", "two"] {
            let post = move || with_log(|log| say_and_queue(log, word));
            unspin::remote().post(post).expect("the loop is there");
        }
    });
    log.expect(&["one", "one tick", "one micro", "two", "two tick", "two micro"]);
}

#[test]
fn after_the_callback_of_a_request() {
    let log = Log::new();
    run_real(|| {
        let said = log.clone();
        unspin::spawn_blocking(|| ()).callback(move |_| {
            unspin::set_immediate(said.add("immediate"));
            say_and_queue(&said, "callback");
        });
    });
    log.expect(&["callback", "callback tick", "callback micro", "immediate"]);
}

#[test]
fn a_tick_or_microtask_between_can_clear_what_comes_next() {
    let log = Log::new();
    run_virtual(|| {
        let timers: Vec<_> = (1..=3)
            .map(|n| unspin::set_timeout(millis(5), log.add(&format!("timer {n}"))))
            .collect();
        let immediates: Vec<_> =
            (1..=3).map(|n| unspin::set_immediate(log.add(&format!("immediate {n}")))).collect();
        let (second, third) = (timers[1].clone(), timers[2].clone());
        let said = log.clone();
        unspin::set_timeout(millis(4), move || {
            unspin::next_tick(move || second.clear());
            unspin::queue_microtask(move || third.clear());
            said.say("timer 0");
        });
        let (first, third) = (immediates[0].clone(), immediates[2].clone());
        unspin::next_tick(move || first.clear());
        unspin::set_timeout(millis(1), move || third.clear());
        unspin::advance(millis(10)).expect("the clock is virtual");
    });
    log.expect(&["timer 0", "timer 1", "immediate 2"]);
}

#[test]
fn ten_thousand_ticks_queued_by_microtasks_run_in_one_checkpoint() {
    let count = Rc::new(Cell::new(0));
    run_virtual(|| {
        for _ in 0..10_000 {
            let count = Rc::clone(&count);
            unspin::queue_microtask(move || unspin::next_tick(move || count.set(count.get() + 1)));
        }
        let count = Rc::clone(&count);
        unspin::set_immediate(move || assert_eq!(count.get(), 10_000));
    });
    assert_eq!(count.get(), 10_000);
}

#[test]
fn ticks_alone_make_no_turn() {
    let event_loop = util::virtual_loop();
    event_loop.run(|| unspin::next_tick(|| unspin::next_tick(|| ()))).expect("nothing fails");
    let metrics = event_loop.metrics();
    assert_eq!((metrics.turns, metrics.tasks, metrics.ticks), (0, 1, 2));
}

#[test]
fn user_code_never_runs_inside_the_call_that_queues_it() {
    let depth = Rc::new(Cell::new(0));
    let entered = {
        let depth = Rc::clone(&depth);
        move |then: fn()| {
            assert_eq!(depth.replace(1), 0, "a callback runs inside another");
            then();
            depth.set(0);
        }
    };
    run_real(move || {
        let (a, b, c, d, e, f) = (
            entered.clone(),
            entered.clone(),
            entered.clone(),
            entered.clone(),
            entered.clone(),
            entered.clone(),
        );
        entered(|| ());
        unspin::next_tick(move || a(|| ()));
        unspin::queue_microtask(move || b(|| ()));
        unspin::set_immediate(move || c(|| ()));
        unspin::set_timeout(millis(1), move || d(|| ()));
        unspin::request_frame(move |_| e(|| ()));
        unspin::spawn_blocking(|| ()).callback(move |_| f(|| ()));
    });
}
