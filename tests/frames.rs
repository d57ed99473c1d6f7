//! Frames: callbacks of the Render phase, at most one batch a frame interval.

mod util;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use unspin::EventLoop;
use util::{Log, millis, run_virtual, virtual_loop};

const SIXTIETH: Duration = Duration::from_nanos(16_666_667);

/// Asks for `count` frames, one after another, and notes their timestamps.
fn animate(times: &Rc<RefCell<Vec<Duration>>>, count: usize) {
    let times = Rc::clone(times);
    unspin::request_frame(move |timestamp| {
        times.borrow_mut().push(timestamp);
        if times.borrow().len() < count {
            animate(&times, count);
        }
    });
}

#[test]
fn the_first_frame_comes_at_once_and_then_sixty_a_second() {
    let times = Rc::default();
    let event_loop = virtual_loop();
    event_loop.run(|| animate(&times, 61)).expect("nothing fails");
    let times = times.borrow();
    assert_eq!(times[0], Duration::ZERO);
    for (index, time) in times.iter().enumerate() {
        assert_eq!(*time, SIXTIETH * index as u32);
    }
    assert_eq!(event_loop.metrics().frames, 61);
}

#[test]
fn the_interval_can_be_set() {
    let times = Rc::default();
    let builder = EventLoop::builder().virtual_time().frame_interval(millis(100));
    let event_loop = builder.build().expect("a loop");
    event_loop.run(|| animate(&times, 4)).expect("nothing fails");
    assert_eq!(*times.borrow(), [millis(0), millis(100), millis(200), millis(300)]);
}

#[test]
fn an_interval_of_zero_is_refused_with_a_sentence() {
    let error = EventLoop::builder().frame_interval(Duration::ZERO).build().expect_err("refused");
    assert!(error.to_string().starts_with("the frame interval is zero"), "{error}");
}

#[test]
fn all_callbacks_of_a_frame_get_its_timestamp() {
    let log = Log::new();
    run_virtual(|| {
        for _ in 0..2 {
            let log = log.clone();
            unspin::request_frame(move |timestamp| {
                log.say(format!("{timestamp:?}"));
                unspin::advance(millis(5)).expect("the clock is virtual");
            });
        }
    });
    log.expect(&["0ns", "0ns"]);
}

#[test]
fn one_requested_in_a_frame_waits_for_the_next() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::request_frame(move |_| {
            let inner = said.clone();
            unspin::request_frame(move |timestamp| inner.say(format!("next {timestamp:?}")));
            let inner = said.clone();
            unspin::next_tick(move || {
                unspin::request_frame(move |timestamp| inner.say(format!("next {timestamp:?}")));
            });
            said.say("first");
        });
        let said = log.clone();
        unspin::request_frame(move |_| said.say("same frame"));
    });
    log.expect(&["first", "same frame", "next 16.666667ms", "next 16.666667ms"]);
}

#[test]
fn tasks_between_two_frames_are_seen_by_the_second() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::request_frame(move |_| {
            let inner = said.clone();
            unspin::request_frame(move |_| inner.say("frame 2"));
            said.say("frame 1");
        });
        unspin::set_timeout(millis(5), log.add("5 ms"));
        unspin::set_timeout(millis(16), log.add("16 ms"));
        unspin::set_timeout(millis(17), log.add("17 ms"));
    });
    log.expect(&["frame 1", "5 ms", "16 ms", "frame 2", "17 ms"]);
}

#[test]
fn a_late_frame_stays_on_the_grid_and_a_very_late_one_begins_a_new_grid() {
    let times: Rc<RefCell<Vec<Duration>>> = Rc::default();
    let builder = EventLoop::builder().virtual_time().frame_interval(millis(10));
    let event_loop = builder.build().expect("a loop");
    let seen = Rc::clone(&times);
    event_loop
        .run(move || {
            // Each task takes that long, between the request and the frame.
            fn next(times: Rc<RefCell<Vec<Duration>>>, mut takes: std::vec::IntoIter<u64>) {
                let Some(millis) = takes.next() else { return };
                unspin::request_frame(move |timestamp| {
                    times.borrow_mut().push(timestamp);
                    unspin::advance(util::millis(millis)).expect("the clock is virtual");
                    next(times, takes);
                });
            }
            next(seen, vec![4, 13, 0, 25, 0, 0].into_iter());
        })
        .expect("nothing fails");
    let times: Vec<u128> = times.borrow().iter().map(Duration::as_millis).collect();
    assert_eq!(times, [0, 10, 23, 30, 55, 65]);
}

#[test]
fn a_cancelled_frame_does_not_come_also_out_of_the_running_one() {
    let log = Log::new();
    run_virtual(|| {
        let never = || {
            let log = log.clone();
            unspin::request_frame(move |_| log.say("never"))
        };
        let before = never();
        before.cancel();
        before.cancel();
        let later = Rc::new(Cell::new(None::<unspin::FrameRequest>));
        let (cancels, said) = (Rc::clone(&later), log.clone());
        unspin::request_frame(move |_| {
            cancels.take().expect("it is set").cancel();
            said.say("cancels");
        });
        later.set(Some(never()));
        let said = log.clone();
        unspin::request_frame(move |_| said.say("last"));
    });
    log.expect(&["cancels", "last"]);
}

#[test]
fn cancelling_the_last_one_lets_the_loop_end() {
    let event_loop = virtual_loop();
    event_loop.run(|| unspin::request_frame(|_| unreachable!()).cancel()).expect("nothing fails");
    assert_eq!(event_loop.metrics().turns, 0);
}

#[test]
fn the_loop_does_not_wake_for_frames_that_nobody_asked_for() {
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            unspin::request_frame(|_| ());
            unspin::set_timeout(millis(10_000), || ());
        })
        .expect("nothing fails");
    let metrics = event_loop.metrics();
    assert_eq!((metrics.turns, metrics.turns_empty, metrics.frames), (2, 0, 1));
}

#[test]
fn a_frame_comes_after_immediates_and_before_timers_of_its_turn() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::set_immediate(move || {
            // Would be due in the very next phases.
            unspin::set_timeout(millis(1), said.add("timer"));
            let inner = said.clone();
            unspin::request_frame(move |_| inner.say("frame"));
            unspin::advance(millis(1)).expect("the clock is virtual");
            said.say("immediate");
        });
    });
    log.expect(&["immediate", "frame", "timer"]);
}

#[test]
fn two_callbacks_are_one_frame() {
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            unspin::request_frame(|_| ());
            unspin::request_frame(|_| ());
        })
        .expect("nothing fails");
    assert_eq!(event_loop.metrics().frames, 1);
}
