//! A loop that a host drives: `turn`, `enter`, `next_deadline` and the descriptor.
#![allow(clippy::disallowed_methods, reason = "a host reads the real clock")]

mod util;

use std::cell::Cell;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use unspin::{EventLoop, Turn};
use util::{Log, millis, virtual_loop};

/// Waits until one of the loop's descriptors is readable, as a host's own poll would.
fn wait_readable(event_loop: &EventLoop) {
    use mio::unix::SourceFd;
    use std::os::fd::AsRawFd;
    let mut poll = mio::Poll::new().expect("a poll");
    let fd = event_loop.as_fd().as_raw_fd();
    poll.registry()
        .register(&mut SourceFd(&fd), mio::Token(0), mio::Interest::READABLE)
        .expect("an epoll can be polled");
    let mut events = mio::Events::with_capacity(4);
    while events.is_empty() {
        poll.poll(&mut events, None).expect("it polls");
    }
}

#[test]
fn a_turn_of_a_dead_loop_does_nothing_and_does_not_sleep() {
    let event_loop = EventLoop::new().expect("a loop");
    for mode in [Turn::NoWait, Turn::Block, Turn::Until(Instant::now() + millis(3_600_000))] {
        let turned = event_loop.turn(mode).expect("it turns");
        assert_eq!((turned.tasks, turned.alive, turned.exit), (0, false, None));
    }
    assert_eq!(event_loop.metrics().turns_slept, 0);
}

#[test]
fn enter_runs_its_task_with_a_checkpoint_and_gives_back_a_value() {
    let event_loop = EventLoop::new().expect("a loop");
    let log = Log::new();
    let value = event_loop.enter(|| {
        unspin::queue_microtask(log.add("micro"));
        unspin::next_tick(log.add("tick"));
        unspin::set_immediate(log.add("immediate"));
        log.say("entered");
        42
    });
    assert_eq!(value.expect("it is not busy"), Some(42));
    log.expect(&["entered", "tick", "micro"]);
    let turned = event_loop.turn(Turn::NoWait).expect("it turns");
    assert_eq!((turned.tasks, turned.alive), (1, false));
    log.expect(&["entered", "tick", "micro", "immediate"]);
}

#[test]
fn a_turn_runs_each_phase_once_in_order() {
    let event_loop = virtual_loop();
    let log = Log::new();
    event_loop
        .enter(|| {
            unspin::set_timeout(millis(1), log.add("timer"));
            unspin::request_frame({
                let log = log.clone();
                move |_| log.say("frame")
            });
            unspin::set_immediate(log.add("immediate"));
            unspin::remote().post(|| ()).expect("the loop is there");
            unspin::on_prepare(log.add("prepare"));
            unspin::advance(millis(1)).expect("the clock is virtual");
        })
        .expect("it is not busy");
    let turned = event_loop.turn(Turn::NoWait).expect("it turns");
    log.expect(&["prepare", "immediate", "frame", "timer"]);
    assert_eq!((turned.tasks, turned.alive), (5, false));
}

#[test]
fn run_looks_at_timers_once_before_its_first_turn_and_turn_does_not() {
    let due_timer_and_immediate = |log: &Log| {
        unspin::set_immediate(log.add("immediate"));
        unspin::set_timeout(millis(1), log.add("timer"));
        unspin::advance(millis(1)).expect("the clock is virtual");
    };
    let log = Log::new();
    virtual_loop().run(|| due_timer_and_immediate(&log)).expect("it ends well");
    log.expect(&["timer", "immediate"]);

    let log = Log::new();
    let event_loop = virtual_loop();
    event_loop.enter(|| due_timer_and_immediate(&log)).expect("it is not busy");
    event_loop.turn(Turn::NoWait).expect("it turns");
    log.expect(&["immediate", "timer"]);
}

#[test]
fn no_wait_leaves_a_timer_that_is_not_due() {
    let event_loop = EventLoop::new().expect("a loop");
    let log = Log::new();
    event_loop
        .enter(|| unspin::set_timeout(millis(3_600_000), log.add("never")))
        .expect("it is not busy");
    let turned = event_loop.turn(Turn::NoWait).expect("it turns");
    assert_eq!((turned.tasks, turned.alive), (0, true));
    assert_eq!(event_loop.metrics().turns_slept, 0);
    log.expect(&[]);
}

#[test]
fn block_sleeps_until_a_timer_is_due_and_never_less() {
    let event_loop = EventLoop::new().expect("a loop");
    let fired = Rc::new(Cell::new(false));
    let begun = Instant::now();
    let seen = Rc::clone(&fired);
    event_loop
        .enter(|| unspin::set_timeout(millis(20), move || seen.set(true)))
        .expect("it is not busy");
    let turned = event_loop.turn(Turn::Block).expect("it turns");
    assert!(begun.elapsed() >= millis(20));
    assert!(fired.get(), "one turn is enough");
    assert_eq!((turned.tasks, turned.alive), (1, false));
}

#[test]
fn an_overdue_interval_fires_once_a_turn() {
    let event_loop = virtual_loop();
    let log = Log::new();
    let said = log.clone();
    event_loop
        .enter(|| {
            unspin::set_interval(millis(10), move |_| said.say("interval"));
            unspin::advance(millis(35)).expect("the clock is virtual");
        })
        .expect("it is not busy");
    assert_eq!(event_loop.turn(Turn::NoWait).expect("it turns").tasks, 1);
    assert_eq!(event_loop.turn(Turn::NoWait).expect("it turns").tasks, 0);
    log.expect(&["interval"]);
}

#[test]
fn until_ends_the_sleep_at_its_instant() {
    let event_loop = EventLoop::new().expect("a loop");
    let kept = event_loop.remote().keep_alive();
    let limit = Instant::now() + millis(15);
    let turned = event_loop.turn(Turn::Until(limit)).expect("it turns");
    assert!(Instant::now() >= limit);
    assert_eq!((turned.tasks, turned.alive), (0, true));
    drop(kept);
}

#[test]
fn until_an_instant_that_is_over_does_not_sleep() {
    let event_loop = EventLoop::new().expect("a loop");
    let _kept = event_loop.remote().keep_alive();
    for limit in [Instant::now(), Instant::now() - millis(1)] {
        let turned = event_loop.turn(Turn::Until(limit)).expect("it turns");
        assert_eq!((turned.tasks, turned.alive), (0, true));
    }
}

#[test]
fn until_a_late_instant_the_nearest_timer_ends_the_sleep() {
    let event_loop = EventLoop::new().expect("a loop");
    event_loop.enter(|| unspin::set_timeout(millis(5), || ())).expect("it is not busy");
    let limit = Instant::now() + millis(3_600_000);
    assert_eq!(event_loop.turn(Turn::Until(limit)).expect("it turns").tasks, 1);
}

#[test]
fn a_virtual_clock_jumps_no_further_than_until() {
    let event_loop = virtual_loop();
    let log = Log::new();
    event_loop
        .enter(|| unspin::set_timeout(millis(3_600_000), log.add("an hour")))
        .expect("it is not busy");
    let half = event_loop.next_deadline().expect("a timer") - millis(1_800_000);
    event_loop.turn(Turn::Until(half)).expect("it turns");
    let now = event_loop.enter(unspin::now).expect("it is not busy");
    assert_eq!(now, Some(millis(1_800_000)));
    log.expect(&[]);
    event_loop.turn(Turn::Block).expect("it turns");
    log.expect(&["an hour"]);
}

#[test]
fn next_deadline_is_none_for_a_loop_that_only_the_descriptor_can_wake() {
    let event_loop = EventLoop::new().expect("a loop");
    assert_eq!(event_loop.next_deadline(), None);
    let _kept = event_loop.remote().keep_alive();
    assert_eq!(event_loop.next_deadline(), None);
}

#[test]
fn next_deadline_is_that_of_the_nearest_timer() {
    let event_loop = virtual_loop();
    let timer = |delay| {
        let set = event_loop.enter(|| unspin::set_timeout(millis(delay), || ()));
        set.expect("it is not busy").expect("it does not exit")
    };
    timer(500);
    let late = event_loop.next_deadline().expect("a timer");
    let nearest = timer(20);
    let early = event_loop.next_deadline().expect("a timer");
    assert_eq!(late - early, millis(480));
    nearest.clear();
    assert_eq!(event_loop.next_deadline(), Some(late));
}

#[test]
fn next_deadline_is_now_while_anything_is_pending() {
    let event_loop = EventLoop::new().expect("a loop");
    let is_now = || {
        let before = Instant::now();
        let deadline = event_loop.next_deadline().expect("something is pending");
        before <= deadline && deadline <= Instant::now()
    };
    // The timer is far off, and must not count.
    event_loop.enter(|| unspin::set_timeout(millis(3_600_000), || ())).expect("it is not busy");
    assert!(!is_now());
    let immediate = event_loop.enter(|| unspin::set_immediate(|| ())).expect("it is not busy");
    assert!(is_now());
    immediate.expect("it does not exit").clear();
    assert!(!is_now());
}

#[test]
fn next_deadline_of_a_requested_frame_is_when_it_is_due() {
    let event_loop = virtual_loop();
    let request = || {
        event_loop.enter(|| unspin::request_frame(|_| ())).expect("it is not busy");
    };
    request();
    let first = event_loop.next_deadline().expect("a frame");
    event_loop.turn(Turn::Block).expect("it turns");
    assert_eq!(event_loop.next_deadline(), None);
    request();
    let second = event_loop.next_deadline().expect("a frame");
    assert_eq!(second - first, std::time::Duration::from_nanos(16_666_667));
}

#[test]
fn block_is_ended_by_a_closure_from_another_thread() {
    let event_loop = EventLoop::new().expect("a loop");
    let kept = event_loop.remote().keep_alive();
    let remote = event_loop.remote();
    let thread = thread::spawn(move || {
        remote.post(|| ()).expect("the loop is there");
        drop(kept);
    });
    while event_loop.turn(Turn::Block).expect("it turns").alive {}
    thread.join().expect("the thread ends well");
    assert_eq!(event_loop.metrics().tasks, 1);
}

#[test]
fn the_descriptor_is_readable_once_another_thread_has_posted() {
    let event_loop = EventLoop::new().expect("a loop");
    let log = Log::new();
    let (posted, was_posted) = mpsc::channel();
    let remote = event_loop.remote();
    let thread = thread::spawn(move || {
        remote.post(move || posted.send(()).expect("the test waits")).expect("the loop is there");
    });
    wait_readable(&event_loop);
    assert_eq!(event_loop.turn(Turn::NoWait).expect("it turns").tasks, 1);
    was_posted.try_recv().expect("the closure ran in this turn");
    thread.join().expect("the thread ends well");
    log.expect(&[]);
}

#[test]
fn the_descriptor_is_readable_once_a_pool_job_is_done() {
    let event_loop = EventLoop::new().expect("a loop");
    let log = Log::new();
    let said = log.clone();
    event_loop
        .enter(|| {
            unspin::spawn_blocking(|| 7).callback(move |seven| {
                said.say(seven?.to_string());
                Ok(())
            })
        })
        .expect("it is not busy");
    wait_readable(&event_loop);
    event_loop.turn(Turn::NoWait).expect("it turns");
    log.expect(&["7"]);
}

#[test]
fn a_turn_reports_the_exit_code_and_the_loop_has_ended() {
    let event_loop = EventLoop::new().expect("a loop");
    let log = Log::new();
    event_loop
        .enter(|| {
            unspin::set_immediate(|| unspin::exit(3));
            unspin::set_immediate(log.add("never"));
        })
        .expect("it is not busy");
    let turned = event_loop.turn(Turn::Block).expect("it turns");
    assert_eq!((turned.alive, turned.exit), (false, Some(3)));
    assert!(event_loop.turn(Turn::NoWait).expect_err("it has ended").is_loop_ended());
    log.expect(&[]);
}

#[test]
fn exit_inside_enter_is_no_value() {
    let event_loop = EventLoop::new().expect("a loop");
    let value = event_loop.enter(|| {
        if unspin::exit_code() == 0 {
            unspin::exit(1);
        }
    });
    assert_eq!(value.expect("exit is no failure"), None);
    assert!(event_loop.enter(|| ()).expect_err("it has ended").is_loop_ended());
}

#[test]
fn a_failure_in_a_turn_is_its_error() {
    let event_loop = EventLoop::new().expect("a loop");
    event_loop
        .enter(|| unspin::set_immediate(|| Err(unspin::Error::new("out of luck"))))
        .expect("it is not busy");
    let error = event_loop.turn(Turn::Block).expect_err("an immediate fails");
    assert_eq!(error.to_string(), "out of luck");
    assert!(event_loop.turn(Turn::Block).expect_err("it has ended").is_loop_ended());
}

#[test]
fn hooks_of_the_end_are_not_run_by_turns() {
    let event_loop = EventLoop::new().expect("a loop");
    let log = Log::new();
    event_loop
        .enter(|| {
            let (before, at) = (log.clone(), log.clone());
            unspin::before_exit(move |_| before.say("before exit"));
            unspin::on_exit(move |_| at.say("exit"));
            unspin::set_immediate(log.add("immediate"));
        })
        .expect("it is not busy");
    assert!(!event_loop.turn(Turn::Block).expect("it turns").alive);
    log.expect(&["immediate"]);
}

#[test]
fn a_stop_counts_for_one_turn() {
    let event_loop = EventLoop::new().expect("a loop");
    let log = Log::new();
    event_loop
        .enter(|| {
            unspin::set_immediate(unspin::stop);
            unspin::set_timeout(millis(5), log.add("timer"));
        })
        .expect("it is not busy");
    assert!(event_loop.turn(Turn::Block).expect("it turns").alive);
    // Sleeps again, as if nothing had been: a stop that stayed would make the host spin.
    let mut turns = 0;
    while event_loop.turn(Turn::Block).expect("it turns").alive {
        turns += 1;
    }
    log.expect(&["timer"]);
    assert_eq!(turns, 0);
}

#[test]
fn a_loop_that_turned_can_be_run() {
    let event_loop = virtual_loop();
    let log = Log::new();
    event_loop.enter(|| unspin::set_timeout(millis(5), log.add("timer"))).expect("it is not busy");
    event_loop.turn(Turn::NoWait).expect("it turns");
    assert_eq!(event_loop.run(log.add("main")).expect("it ends well"), 0);
    log.expect(&["main", "timer"]);
}
