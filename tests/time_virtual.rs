//! The virtual clock: it stands still in callbacks, jumps over idle time, and waits for what is
//! outside.

mod util;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use unspin::EventLoop;
use util::{Log, millis, run_real, run_virtual, virtual_loop};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_year_passes_at_once() {
    let log = Log::new();
    let year = HOUR * 24 * 365;
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            let said = log.clone();
            unspin::set_timeout(year, move || {
                assert_eq!(unspin::now(), year);
                said.say("a year later");
            });
        })
        .expect("nothing fails");
    log.expect(&["a year later"]);
    let metrics = event_loop.metrics();
    assert_eq!((metrics.turns, metrics.turns_slept), (1, 0));
    assert!(metrics.asleep.is_zero());
}

#[test]
fn it_stands_still_while_callbacks_run_and_between_runs() {
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            assert_eq!(unspin::now(), Duration::ZERO);
            unspin::set_immediate(|| assert_eq!(unspin::now(), Duration::ZERO));
            unspin::set_timeout(millis(5), || assert_eq!(unspin::now(), millis(5)));
        })
        .expect("nothing fails");
    assert_eq!(event_loop.enter(unspin::now).expect("it is not busy"), Some(millis(5)));
}

#[test]
fn advance_moves_it_and_makes_timers_late() {
    let log = Log::new();
    run_virtual(|| {
        unspin::set_timeout(millis(5), log.add("5"));
        unspin::set_timeout(millis(50), log.add("50"));
        unspin::advance(millis(20)).expect("the clock is virtual");
        assert_eq!(unspin::now(), millis(20));
        unspin::advance(Duration::from_micros(500)).expect("the clock is virtual");
        assert_eq!(unspin::now(), Duration::from_micros(20_500));
        let said = log.clone();
        unspin::set_timeout(millis(10), move || said.say(format!("{:?}", unspin::now())));
    });
    log.expect(&["5", "30.5ms", "50"]);
}

#[test]
fn advance_on_the_real_clock_is_an_error_that_says_what_to_do() {
    run_real(|| {
        let error = unspin::advance(millis(1)).expect_err("the clock is the real one");
        assert!(error.to_string().contains("Builder::virtual_time"), "{error}");
    });
}

#[test]
fn advance_by_the_longest_time_does_not_overflow() {
    virtual_loop()
        .enter(|| {
            unspin::advance(Duration::MAX).expect("the clock is virtual");
            unspin::advance(Duration::MAX).expect("the clock is virtual");
        })
        .expect("it is not busy");
}

#[test]
fn it_does_not_jump_while_a_job_is_under_way() {
    let log = Log::new();
    run_virtual(|| {
        let (go, may_go) = mpsc::channel::<()>();
        unspin::set_timeout(HOUR, log.add("an hour"));
        let said = log.clone();
        unspin::spawn_blocking(move || may_go.recv()).callback(move |_| {
            assert!(unspin::now() < HOUR);
            said.say("job");
        });
        unspin::set_immediate(move || go.send(()).expect("the job waits"));
    });
    log.expect(&["job", "an hour"]);
}

#[test]
fn it_does_not_jump_while_a_keep_alive_is_held() {
    let log = Log::new();
    run_virtual(|| {
        let (remote, kept) = (unspin::remote(), unspin::keep_alive());
        unspin::set_timeout(HOUR, log.add("an hour"));
        thread::spawn(move || {
            let post = remote.post(|| assert!(unspin::now() < HOUR));
            post.expect("the loop is kept alive");
            drop(kept);
        });
    });
    log.expect(&["an hour"]);
}

#[test]
fn it_does_not_jump_over_what_was_posted() {
    let log = Log::new();
    run_virtual(|| {
        unspin::set_timeout(HOUR, log.add("an hour"));
        let post = unspin::remote().post(|| assert!(unspin::now() < HOUR));
        post.expect("the loop is there");
    });
    log.expect(&["an hour"]);
}

#[test]
fn time_that_was_really_slept_has_passed_on_it_too() {
    let log = Log::new();
    let event_loop = virtual_loop();
    let kept = event_loop.remote().keep_alive();
    event_loop
        .run(|| {
            let said = log.clone();
            unspin::set_timeout(millis(10), move || {
                assert!(unspin::now() >= millis(10));
                said.say("fired");
                drop(kept);
            });
        })
        .expect("nothing fails");
    log.expect(&["fired"]);
    let metrics = event_loop.metrics();
    assert!(metrics.turns_slept >= 1);
    assert!(metrics.asleep >= millis(10));
}

#[test]
fn a_chain_of_requests_ends_long_before_a_timer() {
    let log = Log::new();
    fn chain(log: Log, left: u32) {
        unspin::spawn_blocking(|| ()).callback(move |_| {
            log.say("job");
            if left > 1 {
                chain(log, left - 1);
            }
        });
    }
    run_virtual(|| {
        unspin::set_timeout(HOUR, log.add("an hour"));
        chain(log.clone(), 3);
    });
    log.expect(&["job", "job", "job", "an hour"]);
}

#[test]
fn it_jumps_to_each_deadline_in_order_also_to_those_of_frames() {
    let log = Log::new();
    let builder = EventLoop::builder().virtual_time().frame_interval(millis(20));
    let event_loop = builder.build().expect("a loop");
    event_loop
        .run(|| {
            let said = log.clone();
            unspin::request_frame(move |_| {
                unspin::request_frame(move |timestamp| said.say(format!("frame {timestamp:?}")));
            });
            unspin::set_timeout(millis(19), log.add("19"));
            unspin::set_timeout(millis(21), log.add("21"));
        })
        .expect("nothing fails");
    log.expect(&["19", "frame 20ms", "21"]);
}
