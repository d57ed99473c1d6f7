//! What a loop counts about itself, and that the account adds up.
#![allow(clippy::disallowed_methods, reason = "the account is checked against the real clock")]

mod util;

use std::time::Instant;

use unspin::{EventLoop, Metrics, Turn, fs};
use util::{millis, virtual_loop};

#[test]
fn tasks_ticks_microtasks_and_turns_are_counted() {
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            unspin::next_tick(|| ());
            unspin::next_tick(|| unspin::queue_microtask(|| ()));
            unspin::queue_microtask(|| ());
            unspin::queue_microtask(|| ());
            unspin::set_immediate(|| ());
            unspin::set_immediate(|| ());
            unspin::set_timeout(millis(1), || ());
            unspin::request_frame(|_| ());
        })
        .expect("nothing fails");
    let metrics = event_loop.metrics();
    assert_eq!((metrics.tasks, metrics.ticks, metrics.microtasks), (5, 2, 3));
    assert_eq!((metrics.turns, metrics.frames, metrics.jobs), (2, 1, 0));
}

#[test]
fn jobs_are_counted_when_they_come_back() {
    let event_loop = EventLoop::new().expect("a loop");
    event_loop
        .run(|| {
            unspin::spawn_blocking(|| ()).callback(|_| assert_eq!(unspin::metrics().jobs, 1));
            assert_eq!(unspin::metrics().jobs, 0);
        })
        .expect("nothing fails");
    assert_eq!(event_loop.metrics().jobs, 1);
}

#[test]
fn a_new_loop_has_counted_nothing() {
    let metrics = virtual_loop().metrics();
    let nothing = Metrics::default();
    assert_eq!((metrics.turns, metrics.tasks, metrics.asleep), (0, 0, nothing.asleep));
    assert_eq!(nothing.utilisation(), 0.0);
}

/// A virtual clock stands still, so that the loop really sleeps for as long as is asked for: what
/// is outside may come at any time.
fn sleep_really(milliseconds: u64, then: impl FnOnce() + 'static) {
    let kept = unspin::keep_alive();
    unspin::set_timeout(millis(milliseconds), move || {
        drop(kept);
        then();
    });
}

#[test]
fn asleep_and_running_are_all_of_the_time() {
    let begun = Instant::now();
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            sleep_really(20, || {
                let busy_until = Instant::now() + millis(10);
                while Instant::now() < busy_until {}
            });
        })
        .expect("nothing fails");
    let metrics = event_loop.metrics();
    assert_eq!(metrics.asleep + metrics.running(), metrics.wall);
    assert!(metrics.wall >= millis(30) && metrics.wall <= begun.elapsed());
    assert!(metrics.asleep >= millis(20) && metrics.asleep <= metrics.wall - millis(10));
    assert!(metrics.running() >= millis(10));
    let share = metrics.utilisation();
    assert!(share > 0.0 && share < 1.0, "{share}");
    let expected = metrics.running().as_secs_f64() / metrics.wall.as_secs_f64();
    assert!((share - expected).abs() < 1e-9);
}

#[test]
fn a_loop_that_does_not_sleep_is_fully_utilised() {
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            unspin::set_timeout(millis(1000), || ());
        })
        .expect("nothing fails");
    let metrics = event_loop.metrics();
    assert!(metrics.asleep.is_zero());
    assert_eq!(metrics.utilisation(), 1.0);
}

#[test]
fn the_kernel_counts_what_a_busy_callback_uses() {
    let event_loop = EventLoop::new().expect("a loop");
    event_loop
        .run(|| {
            let before = unspin::metrics().cpu;
            while unspin::metrics().cpu < before + millis(5) {}
        })
        .expect("nothing fails");
    let metrics = event_loop.metrics();
    assert!(metrics.cpu >= millis(5));
    assert!(metrics.running() >= millis(5));
}

#[test]
fn the_kernel_sees_the_thread_give_the_processor_up_for_each_sleep() {
    let event_loop = virtual_loop();
    event_loop.run(|| sleep_really(5, || sleep_really(5, || ()))).expect("nothing fails");
    let metrics = event_loop.metrics();
    assert!(metrics.turns_slept >= 2, "{metrics:?}");
    assert!(metrics.voluntary_switches >= 2, "{metrics:?}");
}

#[test]
fn subtracting_tells_what_happened_between() {
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            unspin::next_tick(|| ());
            let before = unspin::metrics();
            unspin::set_immediate(move || {
                unspin::queue_microtask(|| ());
                unspin::set_immediate(move || {
                    let now = unspin::metrics();
                    let between = now - before;
                    assert_eq!(between, now.since(&before));
                    assert_eq!((between.turns, between.tasks), (2, 2));
                    assert_eq!((between.ticks, between.microtasks), (1, 1));
                    assert!(between.wall <= now.wall);
                    // The wrong way round there is nothing.
                    assert_eq!(before - now, Metrics::default());
                });
            });
        })
        .expect("nothing fails");
}

/// Its name, and its `main`.
type Program = (&'static str, Box<dyn FnOnce()>);

#[test]
fn no_turn_of_an_ordinary_program_is_empty() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let programs: Vec<Program> = vec![
        ("nothing", Box::new(|| ())),
        ("ticks", Box::new(|| unspin::next_tick(|| unspin::queue_microtask(|| ())))),
        ("one timer", Box::new(|| drop(unspin::set_timeout(millis(3), || ())))),
        (
            "timers",
            Box::new(|| {
                for delay in [1, 5, 5, 9, 14] {
                    unspin::set_timeout(millis(delay), || ());
                }
            }),
        ),
        (
            "an interval",
            Box::new(|| {
                let mut calls = 0;
                unspin::set_interval(millis(2), move |timer| {
                    calls += 1;
                    if calls == 5 {
                        timer.clear();
                    }
                });
            }),
        ),
        (
            "immediates",
            Box::new(|| {
                unspin::set_immediate(|| drop(unspin::set_immediate(|| ())));
            }),
        ),
        (
            "frames",
            Box::new(|| {
                unspin::request_frame(|_| drop(unspin::request_frame(|_| ())));
            }),
        ),
        (
            "a chain of file requests",
            Box::new(move || {
                fs::write(&path, "text").callback(move |written| {
                    written?;
                    fs::read(&path).callback(|bytes| {
                        assert_eq!(bytes?, b"text");
                        Ok(())
                    });
                    Ok(())
                });
            }),
        ),
        (
            "a closure from another thread",
            Box::new(|| {
                let remote = unspin::remote();
                let thread = std::thread::spawn(move || remote.post(|| ()));
                thread.join().expect("it ends well").expect("the loop is there");
            }),
        ),
    ];
    for (name, program) in programs {
        // On a virtual clock no timer is due before it is waited for.
        let event_loop = virtual_loop();
        event_loop.run(program).expect("nothing fails");
        let metrics = event_loop.metrics();
        assert_eq!(metrics.turns_empty, 0, "{name}: {metrics:?}");
    }
}

#[test]
fn a_turn_in_which_nothing_ran_is_empty() {
    let event_loop = virtual_loop();
    event_loop.turn(Turn::NoWait).expect("it turns");
    let metrics = event_loop.metrics();
    assert_eq!((metrics.turns, metrics.turns_empty), (1, 1));
}

#[test]
fn a_pending_timer_makes_no_turn_before_it_is_due() {
    let event_loop = virtual_loop();
    event_loop.run(|| sleep_really(30, || ())).expect("nothing fails");
    let metrics = event_loop.metrics();
    assert_eq!((metrics.turns, metrics.turns_slept, metrics.turns_empty), (1, 1, 0));
}
