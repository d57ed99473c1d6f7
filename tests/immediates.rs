//! Immediates: the Check phase, its batch, and their order against timers.

mod util;

use std::cell::Cell;
use std::rc::Rc;

use util::{Log, millis, run_real, run_virtual, virtual_loop};

#[test]
fn they_run_in_the_order_they_were_set() {
    let log = Log::new();
    run_virtual(|| {
        for word in ["one", "two", "three"] {
            unspin::set_immediate(log.add(word));
        }
    });
    log.expect(&["one", "two", "three"]);
}

#[test]
fn one_set_by_an_immediate_its_tick_or_its_microtask_waits_for_the_next_turn() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::set_immediate(move || {
            let (tick, micro) = (said.clone(), said.clone());
            unspin::next_tick(move || drop(unspin::set_immediate(tick.add("of the tick"))));
            unspin::queue_microtask(move || drop(unspin::set_immediate(micro.add("of the micro"))));
            unspin::set_immediate(said.add("of the immediate"));
            // Due in this turn, and so between the two batches.
            unspin::set_timeout(millis(1), said.add("timer"));
            unspin::advance(millis(1)).expect("the clock is virtual");
        });
        unspin::set_immediate(log.add("same batch"));
    });
    log.expect(&["same batch", "timer", "of the immediate", "of the tick", "of the micro"]);
}

#[test]
fn a_cleared_one_does_not_run_also_out_of_the_running_batch() {
    let log = Log::new();
    run_virtual(|| {
        let before = unspin::set_immediate(log.add("never"));
        before.clear();
        let later = Rc::new(Cell::new(None::<unspin::Immediate>));
        let clears = Rc::clone(&later);
        let said = log.clone();
        unspin::set_immediate(move || {
            clears.take().expect("it is set").clear();
            said.say("clears the next");
        });
        later.set(Some(unspin::set_immediate(log.add("never"))));
        unspin::set_immediate(log.add("last"));
    });
    log.expect(&["clears the next", "last"]);
}

#[test]
fn clearing_twice_or_after_it_ran_touches_no_other() {
    let log = Log::new();
    run_virtual(|| {
        let first = unspin::set_immediate(log.add("first"));
        let said = log.clone();
        unspin::set_immediate(move || {
            // The first one's place is free, and taken again.
            let second = unspin::set_immediate(said.add("second"));
            first.clear();
            first.clear();
            first.unref();
            assert!(second.has_ref());
        });
    });
    log.expect(&["first", "second"]);
}

#[test]
fn clearing_the_last_one_lets_the_loop_end() {
    let event_loop = virtual_loop();
    event_loop.run(|| unspin::set_immediate(|| unreachable!()).clear()).expect("nothing fails");
    assert_eq!(event_loop.metrics().turns, 0);
}

#[test]
fn an_immediate_precedes_a_timer_set_beside_it_in_a_timer_or_a_request_callback() {
    fn both(log: &Log) {
        unspin::set_timeout(millis(0), log.add("timer"));
        unspin::set_immediate(log.add("immediate"));
    }
    let log = Log::new();
    run_virtual(|| {
        let log = log.clone();
        unspin::set_timeout(millis(5), move || both(&log));
    });
    log.expect(&["immediate", "timer"]);

    let log = Log::new();
    run_real(|| {
        let log = log.clone();
        unspin::spawn_blocking(|| ()).callback(move |_| both(&log));
    });
    log.expect(&["immediate", "timer"]);
}

#[test]
fn from_main_a_timer_that_is_due_already_precedes_an_immediate() {
    let log = Log::new();
    run_virtual(|| {
        unspin::set_immediate(log.add("immediate"));
        unspin::set_timeout(millis(1), log.add("due"));
        unspin::advance(millis(1)).expect("the clock is virtual");
        unspin::set_timeout(millis(1), log.add("not due"));
    });
    log.expect(&["due", "immediate", "not due"]);
}

#[test]
fn a_chain_of_immediates_makes_one_turn_each_and_lets_timers_in_between() {
    let log = Log::new();
    let event_loop = virtual_loop();
    fn again(log: Log, left: u32) {
        unspin::set_immediate(move || {
            log.say("immediate");
            unspin::advance(millis(1)).expect("the clock is virtual");
            if left > 1 {
                again(log, left - 1);
            }
        });
    }
    event_loop
        .run(|| {
            again(log.clone(), 4);
            unspin::set_timeout(millis(2), log.add("timer"));
        })
        .expect("nothing fails");
    log.expect(&["immediate", "immediate", "timer", "immediate", "immediate"]);
    assert_eq!(event_loop.metrics().turns, 4);
}

#[test]
fn an_unreferenced_one_runs_in_the_turn_that_another_reason_makes() {
    let log = Log::new();
    run_virtual(|| {
        unspin::set_immediate(log.add("unreferenced")).unref();
        unspin::set_immediate(log.add("referenced"));
    });
    log.expect(&["unreferenced", "referenced"]);
}
