//! Intervals: their period, what an overrun does, and how they end.
#![allow(clippy::disallowed_methods, reason = "never early is told by the real clock")]

mod util;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use unspin::Timer;
use util::{Log, millis, run_real, run_virtual, virtual_loop};

fn advance(by: u64) {
    unspin::advance(millis(by)).expect("the clock is virtual");
}

/// Sets an interval that says when it is called, takes `takes[n]` in its nth call, and ends with
/// the last of them.
fn set_taking(period: u64, takes: &'static [u64], log: &Log) -> Timer {
    let log = log.clone();
    let mut calls = 0;
    unspin::set_interval(millis(period), move |timer| {
        log.say(format!("{:?}", unspin::now()));
        advance(takes[calls]);
        calls += 1;
        if calls == takes.len() {
            timer.clear();
        }
    })
}

#[test]
fn it_is_called_every_period_until_it_is_cleared() {
    let log = Log::new();
    run_virtual(|| drop(set_taking(10, &[0, 0, 0], &log)));
    log.expect(&["10ms", "20ms", "30ms"]);
}

#[test]
fn the_period_counts_from_the_start_of_the_call() {
    let log = Log::new();
    run_virtual(|| drop(set_taking(10, &[4, 9, 0, 0], &log)));
    log.expect(&["10ms", "20ms", "30ms", "40ms"]);
}

#[test]
fn an_overrun_makes_the_next_call_late_and_nothing_piles_up() {
    let log = Log::new();
    let event_loop = virtual_loop();
    event_loop.run(|| drop(set_taking(10, &[35, 0, 0, 0], &log))).expect("nothing fails");
    log.expect(&["10ms", "45ms", "55ms", "65ms"]);
    assert_eq!(event_loop.metrics().turns, 4, "once a turn");
}

#[test]
fn an_interval_that_always_overruns_lets_everything_else_run() {
    let log = Log::new();
    run_virtual(|| {
        for word in ["a", "b"] {
            let log = log.clone();
            let mut calls = 0;
            unspin::set_interval(millis(1), move |timer| {
                advance(50);
                calls += 1;
                log.say(word);
                if calls == 2 {
                    timer.clear();
                }
                unspin::set_immediate(log.add("immediate"));
            });
        }
    });
    log.expect(&["a", "b", "immediate", "immediate", "a", "b", "immediate", "immediate"]);
}

#[test]
fn it_never_comes_early_on_the_real_clock() {
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    run_real(move || {
        let mut last = Instant::now();
        unspin::set_interval(millis(2), move |timer| {
            assert!(last.elapsed() >= millis(2));
            last = Instant::now();
            counted.set(counted.get() + 1);
            if counted.get() == 10 {
                timer.clear();
            }
        });
    });
    assert_eq!(calls.get(), 10);
}

#[test]
fn a_period_of_zero_is_a_millisecond() {
    let log = Log::new();
    run_virtual(|| drop(set_taking(0, &[0, 0], &log)));
    log.expect(&["1ms", "2ms"]);
}

#[test]
fn it_goes_behind_the_timers_of_its_period() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        let mut calls = 0;
        unspin::set_interval(millis(10), move |timer| {
            calls += 1;
            said.say(format!("interval {calls}"));
            if calls == 1 {
                unspin::set_timeout(millis(10), said.add("timeout set in it"));
            } else {
                timer.clear();
            }
        });
    });
    log.expect(&["interval 1", "timeout set in it", "interval 2"]);
}

#[test]
fn it_can_be_cleared_by_a_tick_or_a_microtask_of_its_own_call() {
    for by_tick in [true, false] {
        let log = Log::new();
        run_virtual(|| {
            let said = log.clone();
            unspin::set_interval(millis(10), move |timer| {
                said.say("called");
                let timer = timer.clone();
                let clear = move || {
                    assert!(timer.is_pending(), "it is armed again by now");
                    timer.clear();
                };
                if by_tick { unspin::next_tick(clear) } else { unspin::queue_microtask(clear) }
            });
        });
        log.expect(&["called"]);
    }
}

#[test]
fn it_can_be_cleared_from_elsewhere_while_it_is_due() {
    let log = Log::new();
    run_virtual(|| {
        let interval = Rc::new(RefCell::new(None::<Timer>));
        let clears = Rc::clone(&interval);
        unspin::set_timeout(millis(5), move || {
            clears.borrow().as_ref().expect("it is set").clear();
        });
        let said = log.clone();
        interval.replace(Some(unspin::set_interval(millis(5), move |_| said.say("never"))));
        advance(10);
    });
    log.expect(&[]);
}

#[test]
fn it_is_not_pending_during_its_call_and_armed_after_it() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        let timer = unspin::set_interval(millis(10), move |timer| {
            said.say(format!("during {}", timer.is_pending()));
        });
        let said = log.clone();
        unspin::set_timeout(millis(15), move || {
            said.say(format!("after {}", timer.is_pending()));
            timer.clear();
        });
    });
    log.expect(&["during false", "after true"]);
}

#[test]
fn refresh_from_elsewhere_starts_the_period_again() {
    let log = Log::new();
    run_virtual(|| {
        let timer = set_taking(10, &[0, 0], &log);
        unspin::set_timeout(millis(6), move || timer.refresh());
    });
    log.expect(&["16ms", "26ms"]);
}

#[test]
fn refresh_inside_the_call_changes_nothing() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        let mut calls = 0;
        unspin::set_interval(millis(10), move |timer| {
            said.say(format!("{:?}", unspin::now()));
            advance(4);
            timer.refresh();
            calls += 1;
            if calls == 2 {
                timer.clear();
            }
        });
    });
    log.expect(&["10ms", "20ms"]);
}

#[test]
fn a_timer_put_off_by_an_interval_again_and_again_fires_when_that_ends() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        let put_off =
            unspin::set_timer(millis(100), move |_| said.say(format!("{:?}", unspin::now())));
        let mut calls = 0;
        unspin::set_interval(millis(50), move |timer| {
            put_off.refresh();
            calls += 1;
            if calls == 10 {
                timer.clear();
            }
        });
    });
    log.expect(&["600ms"]);
}
