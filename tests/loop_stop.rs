//! `stop`: the loop returns with its work left as it is, and goes on when it is run again.

mod util;

use std::cell::Cell;
use std::rc::Rc;
use std::thread;

use unspin::EventLoop;
use util::{Drops, Log, millis, virtual_loop};

#[test]
fn stop_leaves_the_work_and_the_next_run_resumes_it() {
    let event_loop = virtual_loop();
    let log = Log::new();
    event_loop
        .run(|| {
            unspin::set_timeout(millis(10), log.add("timer"));
            unspin::set_immediate(unspin::stop);
        })
        .expect("stop is no failure");
    log.expect(&[]);
    assert!(event_loop.is_alive());
    event_loop.run(log.add("main again")).expect("it ends well");
    log.expect(&["main again", "timer"]);
}

#[test]
fn the_turn_in_which_it_is_called_goes_on_to_its_end() {
    let event_loop = virtual_loop();
    let log = Log::new();
    event_loop
        .run(|| {
            let said = log.clone();
            unspin::set_immediate(move || {
                unspin::stop();
                unspin::next_tick(said.add("tick"));
                unspin::set_immediate(said.add("next turn"));
                unspin::set_timeout(millis(1), said.add("due in this turn"));
                unspin::advance(millis(1)).expect("the clock is virtual");
            });
            unspin::set_immediate(log.add("same batch"));
        })
        .expect("stop is no failure");
    log.expect(&["tick", "same batch", "due in this turn"]);
    event_loop.run(|| ()).expect("it ends well");
    log.expect(&["tick", "same batch", "due in this turn", "next turn"]);
}

#[test]
fn stop_in_main_runs_not_even_a_due_timer() {
    let event_loop = virtual_loop();
    let log = Log::new();
    event_loop
        .run(|| {
            unspin::set_timeout(millis(1), log.add("timer"));
            unspin::advance(millis(5)).expect("the clock is virtual");
            unspin::next_tick(log.add("tick"));
            unspin::stop();
        })
        .expect("stop is no failure");
    log.expect(&["tick"]);
    assert_eq!(event_loop.metrics().turns, 0);
}

#[test]
fn no_hook_of_the_end_runs_on_a_stop() {
    let event_loop = virtual_loop();
    let log = Log::new();
    event_loop
        .run(|| {
            let (before, at) = (log.clone(), log.clone());
            unspin::before_exit(move |_| before.say("before exit"));
            unspin::on_exit(move |_| at.say("exit"));
            unspin::set_immediate(unspin::stop);
        })
        .expect("stop is no failure");
    log.expect(&[]);
    event_loop.run(|| ()).expect("it ends well");
    log.expect(&["before exit", "exit"]);
}

#[test]
fn stop_drops_nothing() {
    let event_loop = virtual_loop();
    let drops = Drops::new();
    event_loop
        .run(|| {
            let guard = drops.guard();
            unspin::set_timeout(millis(10), move || guard.keep());
            unspin::stop();
        })
        .expect("stop is no failure");
    assert_eq!(drops.count(), 0);
    drop(event_loop);
    assert_eq!(drops.count(), 1);
}

#[test]
fn stop_keeps_the_exit_code() {
    let event_loop = virtual_loop();
    let stopped = event_loop.run(|| {
        unspin::set_exit_code(5);
        unspin::stop();
    });
    assert_eq!(stopped.expect("stop is no failure"), 5);
    assert_eq!(event_loop.run(|| ()).expect("it ends well"), 5);
}

#[test]
fn stop_and_resume_ten_times_lose_no_call() {
    let event_loop = virtual_loop();
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    event_loop
        .run(move || {
            unspin::set_interval(millis(10), move |timer| {
                counted.set(counted.get() + 1);
                if counted.get() == 10 {
                    timer.clear();
                }
                unspin::stop();
            });
        })
        .expect("stop is no failure");
    let mut runs = 1;
    while event_loop.is_alive() {
        assert_eq!(calls.get(), runs);
        event_loop.run(|| ()).expect("stop is no failure");
        runs += 1;
    }
    assert_eq!((calls.get(), runs), (10, 10));
    assert_eq!(event_loop.enter(unspin::now).expect("it is not busy"), Some(millis(100)));
}

#[test]
fn a_thread_stops_a_loop_that_sleeps_for_ever() {
    let event_loop = EventLoop::new().expect("a loop");
    let kept = event_loop.remote().keep_alive();
    let remote = event_loop.remote();
    let thread = thread::spawn(move || remote.stop());
    event_loop.run(|| ()).expect("stop is no failure");
    thread.join().expect("the thread ends well");
    assert!(event_loop.is_alive());
    drop(kept);
    assert_eq!(event_loop.run(|| ()).expect("it ends well"), 0);
}

#[test]
fn a_stop_from_elsewhere_counts_once() {
    let event_loop = virtual_loop();
    let log = Log::new();
    event_loop.remote().stop();
    event_loop
        .run(|| {
            unspin::set_immediate(log.add("immediate"));
        })
        .expect("stop is no failure");
    log.expect(&[]);
    event_loop.run(|| ()).expect("it ends well");
    log.expect(&["immediate"]);
}
