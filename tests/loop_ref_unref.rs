//! `ref_`, `unref` and `has_ref`: what may keep a loop from ending, and what need not.

mod util;

use std::cell::Cell;
use std::rc::Rc;

use util::{Log, millis, run_virtual};

#[test]
fn timers_and_immediates_are_referenced_when_they_are_set() {
    run_virtual(|| {
        let timer = unspin::set_timeout(millis(1), || ());
        assert!(timer.has_ref());
        assert!(!timer.unref().has_ref());
        assert!(!timer.unref().has_ref(), "a second time changes nothing");
        assert!(timer.ref_().has_ref());
        assert!(timer.ref_().has_ref());
        let immediate = unspin::set_immediate(|| ());
        assert!(immediate.has_ref());
        assert!(!immediate.unref().has_ref());
        assert!(immediate.ref_().has_ref());
    });
}

#[test]
fn one_ref_after_many_unrefs_holds_the_loop() {
    let log = Log::new();
    run_virtual(|| {
        let timer = unspin::set_timeout(millis(1), log.add("timer"));
        timer.unref().unref().unref().ref_();
        assert_eq!(unspin::why_alive().len(), 1);
        let immediate = unspin::set_immediate(log.add("immediate"));
        immediate.unref().unref().ref_();
        assert_eq!(unspin::why_alive().len(), 2);
    });
    log.expect(&["immediate", "timer"]);
}

#[test]
fn an_unreferenced_timer_alone_never_fires_although_it_is_due() {
    let log = Log::new();
    run_virtual(|| {
        unspin::set_timeout(millis(1), log.add("never")).unref();
        unspin::set_interval(millis(1), {
            let log = log.clone();
            move |_| log.say("never")
        })
        .unref();
        unspin::advance(millis(10)).expect("the clock is virtual");
    });
    log.expect(&[]);
}

#[test]
fn an_unreferenced_immediate_alone_never_runs() {
    let log = Log::new();
    run_virtual(|| {
        unspin::set_immediate(log.add("never")).unref();
    });
    log.expect(&[]);
}

#[test]
fn what_is_unreferenced_runs_as_long_as_the_loop_lives_for_another_reason() {
    let log = Log::new();
    run_virtual(|| {
        unspin::set_timeout(millis(10), log.add("10")).unref();
        unspin::set_timeout(millis(20), log.add("20"));
        unspin::set_timeout(millis(30), log.add("never")).unref();
        unspin::set_immediate(log.add("immediate")).unref();
    });
    log.expect(&["immediate", "10", "20"]);
}

#[test]
fn the_loop_wakes_for_an_unreferenced_timer_at_its_time() {
    let log = Log::new();
    let fired_at = Rc::new(Cell::new(millis(0)));
    run_virtual(|| {
        let at = Rc::clone(&fired_at);
        unspin::set_timeout(millis(10), move || at.set(unspin::now())).unref();
        unspin::set_timeout(millis(1000), log.add("end"));
    });
    log.expect(&["end"]);
    assert_eq!(fired_at.get(), millis(10));
}

#[test]
fn the_last_reference_goes_inside_a_callback_of_the_same_timers_phase() {
    // The phase goes on to its end: whether the loop is alive is asked after it.
    let log = Log::new();
    run_virtual(|| {
        let other = unspin::set_timeout(millis(10), log.add("due, and unreferenced"));
        let said = log.clone();
        unspin::set_timeout(millis(5), move || {
            other.unref();
            said.say("unref");
        });
        unspin::advance(millis(20)).expect("the clock is virtual");
    });
    log.expect(&["unref", "due, and unreferenced"]);
}

#[test]
fn after_the_timers_of_the_entry_one_turn_follows_whatever_is_left() {
    // As in libuv, where it is asked before those timers whether the loop is alive.
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::set_timeout(millis(1), move || {
            said.say("due");
            unspin::set_immediate(said.add("immediate, unreferenced")).unref();
        });
        unspin::advance(millis(1)).expect("the clock is virtual");
    });
    log.expect(&["due", "immediate, unreferenced"]);
}

#[test]
fn an_interval_that_unreferences_itself_lets_the_loop_end() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        let mut calls = 0;
        unspin::set_interval(millis(10), move |timer| {
            calls += 1;
            said.say(calls.to_string());
            if calls == 3 {
                timer.unref();
            }
        });
    });
    log.expect(&["1", "2", "3"]);
}

#[test]
fn a_reference_given_back_before_the_loop_ends_counts() {
    let log = Log::new();
    run_virtual(|| {
        let timer = unspin::set_timeout(millis(50), log.add("timer"));
        timer.unref();
        unspin::set_timeout(millis(10), move || {
            timer.ref_();
        });
    });
    log.expect(&["timer"]);
}

#[test]
fn refresh_keeps_the_reference_as_it_is() {
    run_virtual(|| {
        let timer = unspin::set_timer(millis(10), |_| ());
        timer.unref();
        timer.refresh();
        assert!(!timer.has_ref());
        assert!(unspin::why_alive().is_empty());
        timer.ref_();
        timer.refresh();
        assert!(timer.has_ref());
        assert_eq!(unspin::why_alive().len(), 1);
    });
}

#[test]
fn a_fired_timer_that_is_unreferenced_stays_so_when_it_is_refreshed() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        let timer = unspin::set_timer(millis(10), move |_| said.say("fired"));
        unspin::set_timeout(millis(20), move || {
            timer.unref();
            timer.refresh();
            assert!(timer.is_pending());
            assert!(unspin::why_alive().is_empty());
        });
    });
    log.expect(&["fired"]);
}

#[test]
fn what_is_over_has_no_reference() {
    run_virtual(|| {
        let cleared = unspin::set_timeout(millis(1), || ());
        cleared.clear();
        assert!(!cleared.has_ref());
        cleared.ref_();
        assert!(!cleared.has_ref());
        assert!(unspin::why_alive().is_empty());

        let gone = unspin::set_immediate(|| ());
        gone.clear();
        gone.ref_();
        assert!(!gone.has_ref());
        assert!(unspin::why_alive().is_empty());

        let fired = unspin::set_timeout(millis(1), || ());
        unspin::set_timeout(millis(2), move || assert!(!fired.has_ref()));
    });
}

#[test]
fn clearing_an_unreferenced_timer_leaves_the_count_right() {
    run_virtual(|| {
        let unreferenced = unspin::set_timeout(millis(1), || ());
        let referenced = unspin::set_timeout(millis(1), || ());
        unreferenced.unref();
        unreferenced.clear();
        assert_eq!(unspin::why_alive().len(), 1);
        referenced.clear();
        assert!(unspin::why_alive().is_empty());
    });
}

#[test]
fn an_unreferenced_timer_of_before_exit_never_fires() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::before_exit(move |_| {
            said.say("before exit");
            unspin::set_timeout(millis(1), said.add("never")).unref();
        });
    });
    log.expect(&["before exit"]);
}

#[test]
fn a_cleared_reason_ends_the_loop_at_once() {
    let log = Log::new();
    run_virtual(|| {
        let hour = unspin::set_timeout(millis(3_600_000), log.add("never"));
        unspin::set_timeout(millis(5), move || hour.clear());
        let said = log.clone();
        unspin::on_exit(move |_| said.say(format!("{:?}", unspin::now())));
    });
    log.expect(&["5ms"]);
}
