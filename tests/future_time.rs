//! Sleeping, ticking and limits, as futures: the order on the virtual clock, and what is let go.
#![cfg(feature = "async")]

mod util;

use std::future::{Future, pending, ready};
use std::io::ErrorKind;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use unspin::{MissedTicks, interval, sleep, sleep_until, spawn, timeout};
use util::{Drops, Log, millis, run_real, run_virtual, virtual_loop};

/// Runs a future on the virtual clock, until nothing is alive.
fn run_future(future: impl Future<Output = ()> + 'static) {
    run_virtual(|| drop(spawn(future)));
}

/// Says a word with the virtual time in milliseconds behind it.
fn say_time(log: &Log, word: &str) {
    log.say(format!("{word} {}", unspin::now().as_millis()));
}

/// What a task that takes long does to the clock.
fn be_away(time: Duration) {
    unspin::advance(time).expect("the clock is virtual");
}

#[test]
fn a_sleep_goes_on_before_the_next_due_timer() {
    let log = Log::new();
    run_virtual(|| {
        unspin::set_timeout(millis(5), log.add("first"));
        let said = log.clone();
        spawn(async move {
            sleep(millis(5)).await;
            unspin::next_tick(said.add("its tick"));
            unspin::queue_microtask(said.add("its microtask"));
            said.say("slept");
        });
        // Behind the sleep: that starts in its first poll, a microtask.
        unspin::queue_microtask({
            let last = log.add("last");
            move || drop(unspin::set_timeout(millis(5), last))
        });
        unspin::set_immediate(|| be_away(millis(10)));
    });
    log.expect(&["first", "slept", "its microtask", "its tick", "last"]);
}

#[test]
fn a_sleep_starts_with_its_first_poll() {
    let log = Log::new();
    let said = log.clone();
    run_future(async move {
        let delay = sleep(millis(5));
        assert!(unspin::why_alive().is_empty());
        be_away(millis(100));
        delay.await;
        say_time(&said, "slept until");
    });
    log.expect(&["slept until 105"]);
}

#[test]
fn sleeps_take_the_time_of_the_longest_when_they_run_side_by_side() {
    let log = Log::new();
    run_virtual(|| {
        for delay in [30, 10, 20] {
            let log = log.clone();
            spawn(async move {
                sleep(millis(delay)).await;
                say_time(&log, "slept");
            });
        }
    });
    log.expect(&["slept 10", "slept 20", "slept 30"]);
}

#[test]
fn zero_is_a_millisecond_and_fractions_are_rounded_up() {
    let log = Log::new();
    let said = log.clone();
    run_future(async move {
        for delay in [0, 1, 1_000_001] {
            sleep(Duration::from_nanos(delay)).await;
            say_time(&said, "slept until");
        }
    });
    log.expect(&["slept until 1", "slept until 2", "slept until 4"]);
}

#[test]
fn a_pending_sleep_keeps_the_loop_alive_and_names_its_line() {
    run_virtual(|| {
        let line = line!() + 1;
        spawn(async { sleep(millis(5)).await });
        unspin::set_immediate(move || {
            let alive = unspin::why_alive();
            assert_eq!(alive.len(), 1);
            assert_eq!((alive[0].at.file(), alive[0].at.line()), (file!(), line));
        });
    });
}

#[test]
fn a_dropped_sleep_leaves_no_timer_and_no_waker() {
    run_virtual(|| {
        let mut asleep = Box::pin(sleep(millis(1000)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(asleep.as_mut().poll(&mut context).is_pending());
        assert_eq!(unspin::why_alive().len(), 1);
        drop(asleep);
        assert!(unspin::why_alive().is_empty());
    });
}

#[test]
fn an_aborted_sleeper_is_dropped_once_and_holds_nothing() {
    let drops = Drops::new();
    let (guard, log) = (drops.guard(), Log::new());
    let said = log.clone();
    run_virtual(move || {
        let sleeper = spawn(async move {
            sleep(millis(1000)).await;
            guard.keep();
        });
        unspin::set_immediate(move || {
            sleeper.abort();
            unspin::set_immediate(move || say_time(&said, "over"));
        });
    });
    log.expect(&["over 0"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_loop_that_is_dropped_drops_its_sleepers() {
    let drops = Drops::new();
    let event_loop = virtual_loop();
    let guard = drops.guard();
    let run = event_loop.run(move || {
        spawn(async move {
            sleep(millis(1000)).await;
            guard.keep();
        });
        unspin::set_immediate(unspin::stop);
    });
    run.expect("nothing in it fails");
    assert_eq!(drops.count(), 0);
    drop(event_loop);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_sleep_wakes_who_polled_it_last() {
    let log = Log::new();
    let said = log.clone();
    run_future(async move {
        let mut asleep = Box::pin(sleep(millis(5)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(asleep.as_mut().poll(&mut context).is_pending());
        asleep.await;
        say_time(&said, "woken");
    });
    log.expect(&["woken 5"]);
}

#[test]
fn a_deadline_is_met_and_one_that_passed_costs_a_millisecond() {
    run_real(|| {
        spawn(async {
            #[expect(clippy::disallowed_methods, reason = "the real clock is what is tested")]
            let now = Instant::now;
            let deadline = now() + millis(3);
            sleep_until(deadline).await;
            assert!(now() >= deadline);
            let before = unspin::now();
            sleep_until(deadline).await;
            assert!(unspin::now() >= before + millis(1));
            Ok(())
        })
        .or_uncaught();
    });
}

#[test]
fn an_interval_ticks_first_after_one_period() {
    let log = Log::new();
    let said = log.clone();
    run_future(async move {
        let mut interval = interval(millis(10));
        be_away(millis(5));
        for _ in 0..3 {
            interval.tick().await;
            say_time(&said, "tick");
        }
    });
    log.expect(&["tick 15", "tick 25", "tick 35"]);
}

#[test]
fn an_interval_keeps_its_pace_whatever_is_done_between_two_ticks() {
    let log = Log::new();
    let said = log.clone();
    run_future(async move {
        let mut interval = interval(millis(10));
        for work in [3, 9, 4] {
            interval.tick().await;
            say_time(&said, "tick");
            sleep(millis(work)).await;
        }
    });
    log.expect(&["tick 10", "tick 20", "tick 30"]);
}

#[track_caller]
fn expect_ticks(missed: MissedTicks, words: &[&str]) {
    let log = Log::new();
    let said = log.clone();
    run_future(async move {
        let mut interval = interval(millis(10)).missed_ticks(missed);
        interval.tick().await;
        be_away(millis(35));
        for _ in 0..5 {
            interval.tick().await;
            say_time(&said, "tick");
        }
    });
    log.expect(words);
}

#[test]
fn missed_ticks_come_at_once_or_shift_the_pace_or_are_skipped() {
    expect_ticks(MissedTicks::Burst, &["tick 45", "tick 45", "tick 45", "tick 50", "tick 60"]);
    expect_ticks(MissedTicks::Delay, &["tick 45", "tick 55", "tick 65", "tick 75", "tick 85"]);
    expect_ticks(MissedTicks::Skip, &["tick 45", "tick 50", "tick 60", "tick 70", "tick 80"]);
}

#[test]
fn a_tick_that_is_dropped_is_not_lost() {
    let log = Log::new();
    let said = log.clone();
    run_future(async move {
        let mut interval = interval(millis(10));
        assert!(timeout(millis(4), interval.tick()).await.is_err());
        assert!(unspin::why_alive().is_empty());
        interval.tick().await;
        say_time(&said, "tick");
    });
    log.expect(&["tick 10"]);
}

#[test]
fn a_limit_lets_through_what_is_in_time() {
    let log = Log::new();
    let said = log.clone();
    run_future(async move {
        let in_time = timeout(millis(10), async {
            sleep(millis(5)).await;
            42
        });
        assert_eq!(in_time.await.ok(), Some(42));
        assert!(unspin::why_alive().is_empty());
        say_time(&said, "done");
    });
    log.expect(&["done 5"]);
}

#[test]
fn a_future_that_need_not_wait_needs_no_timer() {
    run_future(async {
        let limited = timeout(Duration::ZERO, ready(1));
        assert_eq!(limited.await.ok(), Some(1));
        assert!(unspin::resources().iter().all(|r| r.kind != unspin::ResourceKind::Timer));
    });
}

#[test]
fn when_the_limit_is_over_the_future_is_dropped_and_the_error_says_so() {
    let drops = Drops::new();
    let (guard, log) = (drops.guard(), Log::new());
    let (dropped, said) = (drops.clone(), log.clone());
    run_future(async move {
        let never = async move {
            pending::<()>().await;
            guard.keep();
        };
        let error = timeout(millis(10), never).await.expect_err("it is never ready");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "timed out after 10ms");
        assert_eq!(dropped.count(), 1);
        say_time(&said, "over");
    });
    log.expect(&["over 10"]);
}

#[test]
fn the_future_has_the_say_when_both_are_due() {
    run_future(async {
        let mut raced = Box::pin(timeout(millis(10), sleep(millis(10))));
        let mut context = Context::from_waker(Waker::noop());
        assert!(raced.as_mut().poll(&mut context).is_pending());
        sleep(millis(20)).await;
        assert!(raced.await.is_ok());
    });
}

#[test]
fn a_request_can_be_limited_as_it_is() {
    run_real(|| {
        spawn(async {
            let product = timeout(Duration::from_secs(60), unspin::spawn_blocking(|| 6 * 7));
            assert_eq!(product.await??, 42);
            Ok(())
        })
        .or_uncaught();
    });
}
