//! Timers: delays, their order, and what clearing and refreshing do to it.
#![allow(clippy::disallowed_methods, reason = "never early is told by the real clock")]

mod util;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use unspin::Timer;
use util::{Log, millis, run_real, run_virtual, virtual_loop};

fn advance(by: u64) {
    unspin::advance(millis(by)).expect("the clock is virtual");
}

/// Sets a timeout that says `word`.
fn say_in(delay: u64, log: &Log, word: &str) -> Timer {
    unspin::set_timeout(millis(delay), log.add(word))
}

/// Sets a timeout that says when it fired.
fn tell_time(delay: Duration, log: &Log) {
    let log = log.clone();
    unspin::set_timeout(delay, move || log.say(format!("{:?}", unspin::now())));
}

#[test]
fn a_timer_never_fires_early_on_the_real_clock() {
    let delays = [0, 1, 2, 5, 9, 13].map(millis);
    let fractions = [100, 999, 1001, 4500].map(Duration::from_micros);
    let fired = Rc::new(Cell::new(0));
    run_real(|| {
        for delay in delays.into_iter().chain(fractions) {
            let fired = Rc::clone(&fired);
            let begun = Instant::now();
            unspin::set_timeout(delay, move || {
                assert!(begun.elapsed() >= delay, "{delay:?}");
                fired.set(fired.get() + 1);
            });
        }
    });
    assert_eq!(fired.get(), 10);
}

#[test]
fn a_chain_of_timers_never_fires_early_on_the_real_clock() {
    fn again(left: u32, begun: Instant) {
        if left > 0 {
            let set = Instant::now();
            unspin::set_timeout(millis(1), move || {
                assert!(set.elapsed() >= millis(1));
                again(left - 1, begun);
            });
        } else {
            assert!(begun.elapsed() >= millis(20));
        }
    }
    run_real(|| again(20, Instant::now()));
}

#[test]
fn a_timer_set_by_a_busy_callback_counts_from_the_real_now() {
    run_real(|| {
        let busy_until = Instant::now() + millis(10);
        while Instant::now() < busy_until {}
        let set = Instant::now();
        unspin::set_timeout(millis(5), move || assert!(set.elapsed() >= millis(5)));
    });
}

#[test]
fn zero_is_a_millisecond_and_fractions_round_up() {
    let log = Log::new();
    run_virtual(|| {
        tell_time(Duration::ZERO, &log);
        tell_time(Duration::from_nanos(1), &log);
        tell_time(Duration::from_micros(1001), &log);
        tell_time(Duration::from_nanos(2_000_001), &log);
        tell_time(millis(4), &log);
    });
    log.expect(&["1ms", "1ms", "2ms", "3ms", "4ms"]);
}

#[test]
fn rounded_delays_share_the_list_of_their_millisecond() {
    let log = Log::new();
    run_virtual(|| {
        unspin::set_timeout(millis(2), log.add("2 ms"));
        unspin::set_timeout(Duration::from_micros(1500), log.add("1.5 ms"));
        unspin::set_timeout(Duration::from_micros(1001), log.add("1.001 ms"));
    });
    log.expect(&["2 ms", "1.5 ms", "1.001 ms"]);
}

#[test]
fn the_longest_delay_never_fires_and_nothing_overflows() {
    let log = Log::new();
    run_real(|| {
        let long = [Duration::MAX, Duration::from_secs(u64::MAX / 1000), millis(u64::MAX)];
        let timers: Vec<Timer> =
            long.map(|delay| unspin::set_timeout(delay, log.add("never"))).into();
        let interval = unspin::set_interval(Duration::MAX, |_| unreachable!());
        timers[0].refresh();
        unspin::set_timeout(millis(2), move || {
            assert!(timers.iter().all(Timer::is_pending));
            timers.iter().for_each(Timer::clear);
            interval.clear();
        });
        assert_eq!(unspin::why_alive().len(), 5);
    });
    log.expect(&[]);
}

#[test]
fn the_longest_delay_on_a_virtual_clock_waits_behind_a_century() {
    let log = Log::new();
    let century = Duration::from_secs(100 * 365 * 24 * 3600);
    run_virtual(|| {
        let never = unspin::set_timeout(Duration::MAX, log.add("never"));
        let said = log.clone();
        unspin::set_timeout(century, move || {
            said.say("a century");
            never.refresh();
            unspin::set_timeout(century, move || never.clear());
        });
    });
    log.expect(&["a century"]);
}

#[test]
fn equal_delays_fire_in_the_order_they_were_set() {
    let log = Log::new();
    run_virtual(|| {
        for word in ["one", "two", "three"] {
            say_in(10, &log, word);
            advance(1);
        }
    });
    log.expect(&["one", "two", "three"]);
}

#[test]
fn different_delays_fire_by_their_deadlines() {
    let log = Log::new();
    run_virtual(|| {
        say_in(30, &log, "30");
        say_in(10, &log, "10");
        say_in(20, &log, "20");
        advance(5);
        say_in(3, &log, "8");
        say_in(20, &log, "25");
    });
    log.expect(&["8", "10", "20", "25", "30"]);
}

#[test]
fn of_two_lists_with_one_deadline_the_older_list_goes_first() {
    let log = Log::new();
    run_virtual(|| {
        say_in(20, &log, "20 ms, set first");
        advance(10);
        say_in(10, &log, "10 ms, set later");
    });
    log.expect(&["20 ms, set first", "10 ms, set later"]);
}

#[test]
fn a_late_list_is_run_to_the_end_of_its_due_part_before_the_next_list() {
    // So a timer can precede another that was due before it.
    let log = Log::new();
    run_virtual(|| {
        say_in(20, &log, "20 set at 0");
        say_in(50, &log, "50 set at 0");
        advance(40);
        say_in(20, &log, "20 set at 40");
        advance(60);
    });
    log.expect(&["20 set at 0", "20 set at 40", "50 set at 0"]);
}

#[test]
fn a_timer_set_in_the_phase_is_not_due_in_it_however_long_a_callback_takes() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::set_timeout(millis(1), move || {
            say_in(1, &said, "next turn");
            advance(100);
            say_in(1, &said, "and behind it");
            unspin::set_immediate(said.add("immediate"));
            said.say("first");
        });
        say_in(1, &log, "same list");
        say_in(2, &log, "other list");
        advance(5);
    });
    log.expect(&["first", "same list", "other list", "immediate", "next turn", "and behind it"]);
}

#[test]
fn the_due_ones_are_told_by_one_reading_of_the_clock() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::set_timeout(millis(1), move || {
            said.say("first");
            // Makes the second one due, but only for the next phase.
            advance(10);
            unspin::set_immediate(said.add("immediate"));
        });
        say_in(5, &log, "second");
    });
    log.expect(&["first", "immediate", "second"]);
}

#[test]
fn a_zero_timer_that_sets_itself_again_fires_once_a_turn() {
    let event_loop = virtual_loop();
    fn again(left: u32) {
        unspin::set_timeout(Duration::ZERO, move || {
            if left > 1 {
                again(left - 1);
            }
        });
    }
    event_loop.run(|| again(10)).expect("nothing fails");
    assert_eq!(event_loop.metrics().turns, 10);
}

#[test]
fn a_cleared_timer_does_not_fire() {
    let log = Log::new();
    run_virtual(|| {
        let timer = say_in(5, &log, "never");
        assert!(timer.is_pending());
        timer.clear();
        assert!(!timer.is_pending());
        timer.clear();
        timer.refresh();
        assert!(!timer.is_pending(), "clearing is for good");
    });
    log.expect(&[]);
}

#[test]
fn a_due_timer_can_be_cleared_by_an_earlier_one_of_its_phase() {
    let log = Log::new();
    run_virtual(|| {
        let same_list = Rc::new(RefCell::new(None::<Timer>));
        let other_list = say_in(6, &log, "never");
        let (clears, said) = (Rc::clone(&same_list), log.clone());
        unspin::set_timeout(millis(5), move || {
            clears.borrow().as_ref().expect("it is set").clear();
            other_list.clear();
            said.say("clears");
        });
        same_list.replace(Some(say_in(5, &log, "never")));
        say_in(5, &log, "last");
        advance(10);
    });
    log.expect(&["clears", "last"]);
}

#[test]
fn a_due_timer_refreshed_by_an_earlier_one_of_its_phase_fires_later() {
    let log = Log::new();
    run_virtual(|| {
        let later = Rc::new(RefCell::new(None::<Timer>));
        let (refreshes, said) = (Rc::clone(&later), log.clone());
        unspin::set_timeout(millis(5), move || {
            refreshes.borrow().as_ref().expect("it is set").refresh();
            said.say("refreshes");
        });
        later.replace(Some(say_in(5, &log, "refreshed")));
        say_in(5, &log, "last");
        advance(5);
    });
    log.expect(&["refreshes", "last", "refreshed"]);
}

#[test]
fn clearing_a_fired_timer_touches_no_other() {
    let log = Log::new();
    run_virtual(|| {
        let fired = say_in(1, &log, "first");
        let said = log.clone();
        unspin::set_timeout(millis(2), move || {
            // The first one's place is free, and taken again.
            let second = say_in(1, &said, "second");
            fired.clear();
            fired.refresh();
            fired.unref();
            assert!(second.is_pending() && second.has_ref());
        });
    });
    log.expect(&["first", "second"]);
}

#[test]
fn a_list_that_is_emptied_and_made_again_has_a_new_place() {
    let log = Log::new();
    run_virtual(|| {
        say_in(10, &log, "never").clear();
        say_in(5, &log, "5 set at 0");
        // Both lists are due at 10 now, and the one of 10 ms is the younger.
        advance(0);
        let timer = say_in(10, &log, "never");
        say_in(9, &log, "9 set at 0");
        timer.clear();
        advance(1);
        say_in(9, &log, "9 set at 1");
        say_in(10, &log, "10 set at 1");
    });
    log.expect(&["5 set at 0", "9 set at 0", "9 set at 1", "10 set at 1"]);
}

#[test]
fn a_list_deleted_and_made_again_while_it_runs() {
    let log = Log::new();
    run_virtual(|| {
        let later = Rc::new(RefCell::new(None::<Timer>));
        let (clears, said) = (Rc::clone(&later), log.clone());
        unspin::set_timeout(millis(5), move || {
            clears.borrow().as_ref().expect("it is set").clear();
            say_in(5, &said, "of the new list");
            said.say("first");
        });
        later.replace(Some(say_in(5, &log, "never")));
        say_in(7, &log, "7");
    });
    log.expect(&["first", "7", "of the new list"]);
}

#[test]
fn refresh_starts_the_delay_again() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        let timer =
            unspin::set_timeout(millis(10), move || said.say(format!("{:?}", unspin::now())));
        advance(8);
        timer.refresh();
        advance(8);
        timer.refresh();
    });
    log.expect(&["26ms"]);
}

#[test]
fn refresh_goes_behind_the_timers_of_the_same_delay() {
    let log = Log::new();
    run_virtual(|| {
        let first = say_in(10, &log, "first");
        say_in(10, &log, "second");
        first.refresh();
    });
    log.expect(&["second", "first"]);
}

#[test]
fn refresh_inside_the_callback_and_after_it_fired() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        let mut calls = 0;
        let timer = unspin::set_timer(millis(10), move |timer| {
            calls += 1;
            said.say(format!("{:?}", unspin::now()));
            assert!(!timer.is_pending());
            if calls == 1 {
                timer.refresh();
                assert!(timer.is_pending());
            }
        });
        unspin::set_timeout(millis(35), move || {
            assert!(!timer.is_pending());
            timer.refresh();
        });
    });
    log.expect(&["10ms", "20ms", "45ms"]);
}

#[test]
fn refresh_does_nothing_to_a_timeout_that_fired_or_was_cleared() {
    let log = Log::new();
    run_virtual(|| {
        let own = Rc::new(RefCell::new(None::<Timer>));
        let (inside, said) = (Rc::clone(&own), log.clone());
        own.replace(Some(unspin::set_timeout(millis(1), move || {
            inside.borrow().as_ref().expect("it is set").refresh();
            said.say("once");
        })));
        let after = Rc::clone(&own);
        unspin::set_timeout(millis(5), move || {
            let timer = after.borrow();
            timer.as_ref().expect("it is set").refresh();
            assert!(!timer.as_ref().expect("it is set").is_pending());
        });
    });
    log.expect(&["once"]);
}

#[test]
fn a_timer_that_clears_itself_cannot_be_refreshed() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        let timer = unspin::set_timer(millis(1), move |timer| {
            timer.clear();
            timer.refresh();
            said.say("once");
        });
        unspin::set_timeout(millis(5), move || timer.refresh());
    });
    log.expect(&["once"]);
}

#[test]
fn dropping_handles_clears_nothing() {
    let log = Log::new();
    run_virtual(|| {
        drop(say_in(1, &log, "timeout"));
        let said = log.clone();
        let timer = unspin::set_timer(millis(2), move |_| said.say("timer"));
        drop(timer.clone());
        drop(timer);
    });
    log.expect(&["timeout", "timer"]);
}

#[test]
fn a_clone_is_another_handle_of_the_same_timer() {
    let log = Log::new();
    run_virtual(|| {
        let timer = say_in(1, &log, "never");
        timer.clone().clear();
        assert!(!timer.is_pending());
    });
    log.expect(&[]);
}

#[test]
fn many_timers_of_many_delays_fire_in_the_order_of_their_deadlines() {
    // Enough for every path of the lists, and quick in a debug build.
    const TIMERS: u64 = 20_000;
    let last = Rc::new(Cell::new((Duration::ZERO, 0)));
    let fired = Rc::new(Cell::new(0));
    run_virtual(|| {
        for index in 0..TIMERS {
            let (last, fired) = (Rc::clone(&last), Rc::clone(&fired));
            let delay = millis(1 + index * 7919 % 997);
            unspin::set_timeout(delay, move || {
                assert_eq!(unspin::now(), delay);
                assert!(last.replace((delay, index)) < (delay, index));
                fired.set(fired.get() + 1);
            });
        }
    });
    assert_eq!(fired.get(), TIMERS);
}
