//! The log: which events a program makes, with which fields, and what is warned about.
#![allow(clippy::disallowed_methods, reason = "a slow task is slow on the real clock")]

mod util;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use unspin::{EventLoop, Hosted};
use util::events::{Captured, capture, named};
use util::{Log, millis, virtual_loop};

/// The events of a program on the virtual clock.
fn events_of(main: impl FnOnce()) -> Vec<Captured> {
    capture(|| {
        virtual_loop().run(main).expect("nothing fails");
    })
}

/// The same on the real clock, with that limit for warnings.
fn real_events(warn_after: Duration, main: impl FnOnce()) -> Vec<Captured> {
    capture(|| {
        let event_loop = EventLoop::builder().warn_after(warn_after).build().expect("a loop");
        event_loop.run(main).expect("nothing fails");
    })
}

fn spin(duration: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < duration {}
}

/// A line of this file as the log shows it.
fn at(line: u32) -> String {
    format!("{}:{line}", file!())
}

#[test]
fn start_and_exit_are_told_with_the_ledger() {
    let events = events_of(|| {
        unspin::next_tick(|| ());
        unspin::queue_microtask(|| ());
        unspin::set_timeout(millis(5), || unspin::set_exit_code(3));
    });
    let start = named(&events, "unspin::run", "start");
    assert_eq!((start.len(), start[0].level), (1, Level::INFO));
    assert_eq!(start[0].field("clock"), "virtual");
    assert!(start[0].number("pool") >= 1.0);

    let exit = named(&events, "unspin::run", "exit");
    assert_eq!((exit.len(), exit[0].level), (1, Level::INFO));
    let exit = exit[0];
    assert_eq!((exit.field("reason"), exit.field("code")), ("nothing alive", "3"));
    let counted = ["turns", "tasks", "ticks", "microtasks", "jobs"].map(|name| exit.number(name));
    assert_eq!(counted, [1.0, 2.0, 1.0, 1.0, 0.0]);
    let ms = ["wall_ms", "asleep_ms", "running_ms"].map(|name| exit.number(name));
    assert!((ms[0] - ms[1] - ms[2]).abs() < 0.01, "asleep and running are all: {ms:?}");
    for name in ["cpu_ms", "switches", "utilisation"] {
        assert!(exit.number(name) >= 0.0);
    }
    assert!(events.iter().all(|event| event.target.starts_with("unspin::")));
}

#[test]
fn exit_tells_its_reason() {
    let reason_of = |main: fn()| {
        let events = capture(|| drop(virtual_loop().run(main)));
        let exit = named(&events, "unspin::run", "exit");
        (exit[0].field("reason").to_owned(), exit[0].field("code").to_owned())
    };
    let pair = |reason: &str, code: &str| (reason.to_owned(), code.to_owned());
    assert_eq!(reason_of(|| ()), pair("nothing alive", "0"));
    assert_eq!(reason_of(unspin::stop), pair("stop", "0"));
    assert_eq!(reason_of(|| unspin::exit(5)), pair("exit", "5"));
    let fail = || drop(unspin::set_immediate(|| Err(unspin::Error::new("no"))));
    assert_eq!(reason_of(fail), pair("failure", "1"));
    let fail_twice = || {
        unspin::on_uncaught(|_| Err(unspin::Error::new("no, too")));
        unspin::set_immediate(|| Err(unspin::Error::new("no")));
    };
    assert_eq!(reason_of(fail_twice), pair("failure", "7"));
}

#[test]
fn a_phase_in_which_something_ran_has_a_line() {
    let events = events_of(|| {
        unspin::on_prepare(|| ());
        unspin::remote().post(|| ()).expect("the loop is there");
        unspin::set_immediate(|| unspin::queue_microtask(|| unspin::next_tick(|| ())));
        unspin::set_immediate(|| drop(unspin::set_immediate(|| ())));
        unspin::request_frame(|_| ());
        unspin::set_timeout(millis(1), || ());
        unspin::advance(millis(1)).expect("the clock is virtual");
    });
    let phases: Vec<_> = named(&events, "unspin::phase", "phase")
        .into_iter()
        .map(|event| {
            assert_eq!(event.level, Level::DEBUG);
            assert!(event.number("took_us") >= 0.0);
            let text = ["turn", "phase", "ran", "micro", "left"].map(|name| event.field(name));
            text.join(" ")
        })
        .collect();
    let expected = [
        "0 timers 1 0 0", // once, before the first turn
        "1 prepare 1 0 0",
        "1 poll 1 0 0",
        "1 check 2 2 1",
        "1 render 1 0 0",
        "2 prepare 1 0 0",
        "2 check 1 0 0",
    ];
    assert_eq!(phases, expected);
}

#[test]
fn a_sleep_says_why_and_a_wake_by_what() {
    let line = Rc::new(Cell::new(0));
    let set = Rc::clone(&line);
    // What a virtual clock jumps over is a sleep, too: the log is the same.
    let events = events_of(move || {
        unspin::set_timeout(millis(5), || ());
        set.set(line!() - 1);
    });
    let sleeps = named(&events, "unspin::phase", "sleep");
    let wakes = named(&events, "unspin::phase", "wake");
    assert_eq!((sleeps.len(), wakes.len()), (1, 1));
    let (sleep, wake) = (sleeps[0], wakes[0]);
    assert_eq!((sleep.level, wake.level), (Level::DEBUG, Level::DEBUG));
    assert_eq!((sleep.field("turn"), wake.field("turn")), ("1", "1"));
    assert_eq!(sleep.field("why"), format!("timeout {} in 5.0 ms", at(line.get())));
    assert_eq!((sleep.field("timeout_us"), wake.field("slept_us")), ("5000", "5000"));
    assert_eq!((wake.field("by"), wake.field("events")), ("clock", "0"));
}

#[test]
fn a_real_sleep_is_no_shorter_than_it_says() {
    let events = real_events(Duration::MAX, || drop(unspin::set_timeout(millis(50), || ())));
    // There is none if the machine was busy until the timer was due.
    let sleeps = named(&events, "unspin::phase", "sleep");
    for (sleep, wake) in sleeps.iter().zip(named(&events, "unspin::phase", "wake")) {
        assert!(sleep.number("timeout_us") <= 50_000.0);
        assert!(wake.number("slept_us") >= sleep.number("timeout_us"));
    }
}

#[test]
fn a_sleep_names_all_that_could_end_it() {
    let events = real_events(Duration::MAX, || {
        let (unblock, blocked) = mpsc::channel::<()>();
        unspin::set_timeout(millis(3_600_000), || ()).unref();
        let kept = unspin::keep_alive();
        unspin::spawn_blocking(move || blocked.recv()).callback(|_| drop(kept));
        // The first sleep begins before the job can end.
        let hook = Rc::new(Cell::new(None::<unspin::Hook>));
        let own = Rc::clone(&hook);
        let mut unblock = Some(unblock);
        hook.set(Some(unspin::on_prepare(move || {
            own.take().expect("it is installed").remove();
            let unblock = unblock.take();
            let remote = unspin::remote();
            remote.post(move || drop(unblock)).expect("the loop is there");
        })));
    });
    let sleeps = named(&events, "unspin::phase", "sleep");
    let why = sleeps[0].field("why");
    assert!(why.starts_with("timeout "), "{why}");
    assert!(why.ends_with("; 1 job; 1 kept alive"), "{why}");
    let wakes = named(&events, "unspin::phase", "wake");
    assert_eq!(wakes[0].field("by"), "remote");
    assert_eq!(wakes.last().expect("there is one").field("by"), "job");
}

#[test]
fn a_loop_that_never_sleeps_tells_of_no_sleep() {
    let events = real_events(Duration::MAX, || {
        unspin::set_immediate(|| drop(unspin::set_immediate(|| ())));
    });
    assert!(named(&events, "unspin::phase", "sleep").is_empty());
    assert!(named(&events, "unspin::phase", "wake").is_empty());
}

#[test]
fn each_task_has_a_line_with_its_phase_kind_and_place() {
    let line = Rc::new(Cell::new(0));
    let set = Rc::clone(&line);
    let events = events_of(move || {
        unspin::set_immediate(|| ());
        set.set(line!() - 1);
        unspin::set_timeout(millis(1), || ());
    });
    let tasks = named(&events, "unspin::task", "task");
    let told: Vec<_> = tasks
        .iter()
        .map(|event| {
            assert_eq!(event.level, Level::TRACE);
            ["turn", "phase", "kind", "id"].map(|name| event.field(name)).join(" ")
        })
        .collect();
    assert_eq!(told, ["0 outside main 1", "1 check immediate 2", "2 timers timeout 3"]);
    assert_eq!(tasks[1].field("at"), at(line.get()));
    assert_eq!(tasks[1].field("cause"), tasks[0].field("at"));
    assert!(!tasks[0].has("cause"), "main comes from outside");
    let queued = named(&events, "unspin::task", "queued");
    assert_eq!(queued.len(), 2);
    assert_eq!((queued[0].field("kind"), queued[0].field("at")), ("immediate", &*at(line.get())));
}

#[test]
fn a_drain_is_told_with_its_microtasks() {
    let events = events_of(|| {
        unspin::next_tick(|| ());
        unspin::queue_microtask(|| unspin::queue_microtask(|| ()));
        unspin::set_immediate(|| ());
    });
    let drains = named(&events, "unspin::micro", "drain");
    assert_eq!(drains.len(), 1, "a checkpoint in which nothing ran is not told");
    assert_eq!((drains[0].level, drains[0].field("ran")), (Level::TRACE, "3"));
    let kinds: Vec<_> = named(&events, "unspin::micro", "microtask")
        .into_iter()
        .map(|event| event.field("kind").to_owned())
        .collect();
    assert_eq!(kinds, ["tick", "microtask", "microtask"]);
}

#[test]
fn a_job_is_told_when_it_is_submitted_done_and_cancelled() {
    let line = Rc::new(Cell::new(0));
    let set = Rc::clone(&line);
    let events = capture(|| {
        let event_loop = EventLoop::builder().pool_threads(1).build().expect("a loop");
        let main = move || {
            let (unblock, blocked) = mpsc::channel::<()>();
            unspin::spawn_blocking(move || blocked.recv()).callback(|_| ());
            set.set(line!() - 1);
            let pending = unspin::fs::read("Cargo.toml").callback(|_| ());
            assert!(pending.cancel());
            drop(unblock);
        };
        event_loop.run(main).expect("nothing fails");
    });
    let jobs = named(&events, "unspin::pool", "job");
    let told: Vec<_> =
        jobs.iter().map(|event| [event.field("op"), event.field("kind")].join(" ")).collect();
    assert_eq!(told, ["submit blocking", "submit read", "cancel read", "done blocking"]);
    assert_eq!(jobs[0].field("at"), at(line.get()));
    assert_eq!(jobs[0].field("job"), jobs[3].field("job"));
    assert!(jobs[0].number("depth") <= 1.0);
    assert!(jobs[3].number("queued_us") >= 0.0 && jobs[3].number("ran_us") >= 0.0);
}

#[test]
fn a_slow_task_is_warned_about_with_its_line() {
    let line = Rc::new(Cell::new(0));
    let set = Rc::clone(&line);
    let events = real_events(millis(20), move || {
        unspin::set_immediate(|| spin(millis(60)));
        set.set(line!() - 1);
    });
    let slow = named(&events, "unspin::watch", "slow");
    let slow: Vec<_> =
        slow.into_iter().filter(|event| event.field("at") == at(line.get())).collect();
    assert_eq!(slow.len(), 1);
    assert_eq!((slow[0].level, slow[0].field("kind")), (Level::WARN, "immediate"));
    assert_eq!((slow[0].field("limit_ms"), slow[0].field("times")), ("20", "1"));
    // The coarse clock may be a few milliseconds behind.
    assert!(slow[0].number("took_ms") >= 40.0, "{slow:?}");
}

#[test]
fn a_slow_task_of_a_loop_that_its_host_drives_is_warned_about() {
    let events = capture(|| {
        let event_loop = EventLoop::builder().warn_after(millis(20)).build().expect("a loop");
        event_loop
            .enter(|| drop(unspin::set_immediate(|| spin(millis(60)))))
            .expect("it is not busy");
        event_loop.turn(unspin::Turn::NoWait).expect("nothing fails");
        event_loop.turn(unspin::Turn::NoWait).expect("nothing fails");
    });
    let slow = named(&events, "unspin::watch", "slow");
    let immediates = slow.iter().filter(|event| event.field("kind") == "immediate");
    assert_eq!(immediates.count(), 1, "{slow:?}");
}

#[test]
fn quick_tasks_of_one_line_that_are_slow_together_are_told_with_their_number() {
    let events = real_events(millis(40), || {
        for _ in 0..8 {
            unspin::set_immediate(|| spin(millis(10)));
        }
    });
    let slow = named(&events, "unspin::watch", "slow");
    let immediates = slow.iter().filter(|event| event.field("kind") == "immediate");
    let tasks: Vec<_> = immediates.map(|event| event.field("tasks")).collect();
    assert_eq!(tasks, ["8"], "{slow:?}");
}

#[test]
fn what_an_engine_does_between_tasks_is_not_the_next_tasks() {
    let events = capture(|| {
        let mut calls = 0;
        // Slow where no task has run: at the start of the second turn.
        let hook = move || {
            calls += 1;
            if calls == 2 {
                spin(millis(60));
            }
            if calls < 4 { Hosted::More } else { Hosted::Quiet }
        };
        let builder = EventLoop::builder().warn_after(millis(20)).checkpoint_hook(hook);
        let event_loop = builder.build().expect("a loop");
        event_loop.run(|| drop(unspin::set_immediate(|| ()))).expect("nothing fails");
    });
    let slow = named(&events, "unspin::watch", "slow");
    assert!(!slow.iter().any(|event| event.field("kind") == "immediate"), "{slow:?}");
}

#[test]
fn a_line_that_is_slow_again_and_again_is_warned_about_once() {
    let events = real_events(millis(10), || {
        let mut calls = 0;
        unspin::set_interval(millis(1), move |timer| {
            spin(millis(30));
            calls += 1;
            if calls == 4 {
                timer.clear();
            }
        });
    });
    let slow = named(&events, "unspin::watch", "slow");
    let intervals = slow.iter().filter(|event| event.field("kind") == "interval");
    assert_eq!(intervals.count(), 1);
}

#[test]
fn the_time_in_ticks_and_microtasks_is_their_tasks() {
    let events = real_events(millis(20), || {
        unspin::set_immediate(|| unspin::queue_microtask(|| spin(millis(60))));
    });
    let slow = named(&events, "unspin::watch", "slow");
    assert!(slow.iter().any(|event| event.field("kind") == "immediate"), "{slow:?}");
}

#[test]
fn no_limit_no_warning() {
    let events = real_events(Duration::MAX, || {
        unspin::set_immediate(|| spin(millis(60)));
    });
    assert!(events.iter().all(|event| event.level != Level::WARN));
}

#[test]
fn time_that_the_loop_did_not_run_is_nobodys() {
    let events = capture(|| {
        // Far above what a callback that does nothing takes on the busiest machine.
        let limit = millis(150);
        let event_loop = EventLoop::builder().warn_after(limit).build().expect("a loop");
        spin(millis(200));
        event_loop.run(|| ()).expect("nothing fails");
        spin(millis(200));
        event_loop.enter(|| ()).expect("it is not busy");
        // Asleep is not slow either.
        event_loop.run(|| drop(unspin::set_timeout(millis(200), || ()))).expect("nothing fails");
    });
    let slow = named(&events, "unspin::watch", "slow");
    assert!(slow.is_empty(), "{slow:?}");
    assert!(named(&events, "unspin::watch", "slow_turn").is_empty());
}

#[test]
fn a_slow_turn_of_quick_tasks_is_warned_about() {
    let events = real_events(millis(200), || {
        for _ in 0..30 {
            unspin::set_immediate(|| spin(millis(10)));
        }
    });
    if !named(&events, "unspin::watch", "slow").is_empty() {
        // The machine held one of the tasks up so long that it was slow by itself.
        return;
    }
    let turns = named(&events, "unspin::watch", "slow_turn");
    assert_eq!((turns.len(), turns[0].level), (1, Level::WARN));
    assert_eq!((turns[0].field("turn"), turns[0].field("tasks")), ("1", "30"));
    assert!(turns[0].number("took_ms") >= 200.0);
}

#[test]
fn a_checkpoint_that_does_not_end_is_warned_about_while_a_timer_waits() {
    let line = Rc::new(Cell::new(0));
    let set = Rc::clone(&line);
    let events = real_events(millis(20), move || {
        fn again(until: Instant, line: Rc<Cell<u32>>) {
            if Instant::now() < until {
                unspin::queue_microtask({
                    let line = Rc::clone(&line);
                    move || again(until, line)
                });
                line.set(line!() - 4);
            }
        }
        unspin::set_timeout(millis(1), || ());
        again(Instant::now() + millis(100), set);
    });
    let starved = named(&events, "unspin::watch", "starved");
    assert_eq!(starved.len(), 1);
    assert_eq!((starved[0].level, starved[0].field("kind")), (Level::WARN, "microtask"));
    assert_eq!(starved[0].field("at"), at(line.get()));
    assert!(starved[0].field("waiting").contains("timers"), "{starved:?}");
}

#[test]
fn a_long_checkpoint_that_keeps_nobody_waiting_is_only_a_slow_task() {
    let events = real_events(millis(20), || {
        fn again(until: Instant) {
            if Instant::now() < until {
                unspin::queue_microtask(move || again(until));
            }
        }
        again(Instant::now() + millis(60));
    });
    assert!(named(&events, "unspin::watch", "starved").is_empty());
    assert_eq!(named(&events, "unspin::watch", "slow").len(), 1);
}

#[test]
fn a_virtual_hour_is_not_slow() {
    let events = events_of(|| {
        unspin::set_immediate(|| unspin::advance(millis(3_600_000)).expect("it is virtual"));
    });
    assert!(events.iter().all(|event| event.level != Level::WARN), "{events:?}");
}

#[test]
fn a_failure_after_the_end_is_warned_about() {
    let events = capture(|| {
        let event_loop = virtual_loop();
        let code = event_loop.run(|| -> unspin::Result<()> {
            let _ = std::panic::catch_unwind(|| unspin::exit(0));
            Err(unspin::Error::new("too late"))
        });
        assert_eq!(code.expect("exit is no failure"), 0);
    });
    let late = named(&events, "unspin::run", "late_failure");
    assert_eq!((late.len(), late[0].level), (1, Level::WARN));
    assert_eq!((late[0].field("kind"), late[0].field("error")), ("main", "too late"));
}

#[test]
fn a_subscriber_may_ask_the_loop() {
    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    /// Looks at the loop in every event.
    struct Curious;

    impl<S: Subscriber> Layer<S> for Curious {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            // Before it runs and after, a loop is nobody's.
            let asks = || (unspin::resources().len(), unspin::why_alive().len(), unspin::stack());
            if event.metadata().target() != "unspin::run" {
                asks();
            }
        }
    }

    let subscriber = tracing_subscriber::registry().with(Curious);
    tracing::subscriber::with_default(subscriber, || {
        let event_loop = EventLoop::builder().pool_threads(1).build().expect("a loop");
        let main = || {
            unspin::next_tick(|| unspin::queue_microtask(|| ()));
            unspin::set_immediate(|| spin(millis(1)));
            unspin::set_timeout(millis(2), || ());
            unspin::set_interval(millis(2), |timer| timer.clear());
            unspin::request_frame(|_| ());
            unspin::remote().post(|| ()).expect("the loop is there");
            unspin::spawn_blocking(|| ()).callback(|_| ());
            unspin::spawn_blocking(|| ()).callback(|_| ()).cancel();
        };
        event_loop.run(main).expect("nothing fails");
    });
}

/// A subscriber that panics when it is told of the microtask that is counted down to.
struct PanicsOnce(AtomicUsize);

impl<S: Subscriber> Layer<S> for PanicsOnce {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let is_microtask = event.metadata().name() == "microtask";
        assert!(
            !is_microtask || self.0.fetch_sub(1, Ordering::Relaxed) != 1,
            "told once too often"
        );
    }
}

#[test]
fn a_subscriber_that_panics_at_a_microtask_takes_that_one_along_and_no_other() {
    let subscriber = tracing_subscriber::registry().with(PanicsOnce(AtomicUsize::new(1)));
    let log = Log::new();
    tracing::subscriber::with_default(subscriber, || {
        let later = log.add("later");
        let words = ["lost", "second", "third"].map(|word| log.add(word));
        let main = move || {
            unspin::on_uncaught(|_| ());
            words.into_iter().for_each(unspin::queue_microtask);
            unspin::set_immediate(move || unspin::queue_microtask(later));
        };
        virtual_loop().run(main).expect("the panic is taken");
    });
    log.expect(&["second", "third", "later"]);
}
