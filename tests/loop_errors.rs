//! Errors and panics of callbacks: where they come out, and what runs after them.

mod util;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use unspin::{CallbackKind, Error, EventLoop, Result};
use util::{Drops, Log, OnDrop, millis, panic_text, run_real, run_virtual, virtual_loop};

/// How a callback fails in these tests.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Failure {
    Error,
    Panic,
}

impl Failure {
    fn happen(self) -> Result<()> {
        match self {
            Failure::Error => Err(Error::new("out of luck")),
            Failure::Panic => panic!("out of luck"),
        }
    }
}

const BOTH: [Failure; 2] = [Failure::Error, Failure::Panic];

/// A way to start a callback that fails.
struct Case {
    kind: CallbackKind,
    /// Starts it, and says on which line.
    start: fn(Failure) -> u32,
}

fn cases() -> Vec<Case> {
    let case = |kind, start| Case { kind, start };
    vec![
        case(CallbackKind::Timeout, |failure| {
            unspin::set_timeout(millis(1), move || failure.happen());
            line!() - 1
        }),
        case(CallbackKind::Interval, |failure| {
            unspin::set_interval(millis(1), move |timer| {
                timer.clear();
                failure.happen()
            });
            line!() - 4
        }),
        case(CallbackKind::Timer, |failure| {
            unspin::set_timer(millis(1), move |_| failure.happen());
            line!() - 1
        }),
        case(CallbackKind::Immediate, |failure| {
            unspin::set_immediate(move || failure.happen());
            line!() - 1
        }),
        case(CallbackKind::Tick, |failure| {
            unspin::next_tick(move || failure.happen());
            line!() - 1
        }),
        case(CallbackKind::Microtask, |failure| {
            unspin::queue_microtask(move || failure.happen());
            line!() - 1
        }),
        case(CallbackKind::Frame, |failure| {
            unspin::request_frame(move |_| failure.happen());
            line!() - 1
        }),
        case(CallbackKind::Posted, |failure| {
            let remote = unspin::remote();
            remote.post(move || failure.happen()).expect("the loop is there");
            line!() - 1
        }),
        case(CallbackKind::Completion, |failure| {
            unspin::spawn_blocking(|| ()).callback(move |_| failure.happen());
            line!() - 1
        }),
        case(CallbackKind::BeforeExit, |failure| {
            let mut once = Some(failure);
            unspin::before_exit(move |_| once.take().map_or(Ok(()), Failure::happen));
            line!() - 1
        }),
        case(CallbackKind::Prepare, |failure| {
            unspin::set_immediate(|| ());
            let mut once = Some(failure);
            unspin::on_prepare(move || once.take().map_or(Ok(()), Failure::happen));
            line!() - 1
        }),
    ]
}

#[test]
fn a_failure_is_reported_with_its_kind_and_line_and_the_loop_goes_on() {
    for failure in BOTH {
        for case in cases() {
            let log = Log::new();
            let line = Rc::new(Cell::new(0));
            run_virtual(|| {
                let (said, line) = (log.clone(), Rc::clone(&line));
                let started = Rc::clone(&line);
                unspin::on_uncaught(move |uncaught| {
                    assert_eq!(uncaught.kind(), case.kind);
                    assert_eq!(uncaught.error().is_panic(), failure == Failure::Panic);
                    assert!(uncaught.error().to_string().ends_with("out of luck"));
                    assert_eq!(uncaught.at().file(), file!());
                    assert_eq!(uncaught.at().line(), line.get(), "{:?}", case.kind);
                    let place = format!("{}:{}", file!(), line.get());
                    assert!(uncaught.to_string().contains(&place), "{uncaught}");
                    said.say("uncaught");
                });
                let said = log.clone();
                unspin::on_exit(move |code| said.say(format!("exit {code}")));
                started.set((case.start)(failure));
                unspin::set_timeout(millis(100), log.add("later"));
            });
            let words = log.words();
            assert_eq!(words.iter().filter(|word| *word == "uncaught").count(), 1, "{words:?}");
            assert!(words.iter().any(|word| word == "later"), "{:?}: {words:?}", case.kind);
            assert_eq!(words.last().map(String::as_str), Some("exit 0"));
        }
    }
}

#[test]
fn without_a_hook_a_failure_ends_the_loop() {
    for case in cases() {
        let log = Log::new();
        let event_loop = virtual_loop();
        let error = event_loop
            .run(|| {
                let said = log.clone();
                unspin::on_exit(move |code| said.say(format!("exit {code}")));
                (case.start)(Failure::Error);
                if case.kind != CallbackKind::BeforeExit {
                    unspin::set_timeout(millis(3_600_000), log.add("never"));
                }
            })
            .expect_err("a callback fails");
        assert_eq!(error.to_string(), "out of luck");
        assert!(!error.is_panic());
        log.expect(&["exit 1"]);
        assert!(event_loop.run(|| ()).expect_err("it has ended").is_loop_ended());
    }
}

#[test]
fn without_a_hook_a_panic_goes_on_from_run_after_the_exit_hooks() {
    for case in cases() {
        let log = Log::new();
        let event_loop = virtual_loop();
        let run = AssertUnwindSafe(|| {
            event_loop.run(|| {
                let said = log.clone();
                unspin::on_exit(move |code| said.say(format!("exit {code}")));
                (case.start)(Failure::Panic);
            })
        });
        let payload = catch_unwind(run).expect_err("a callback panics");
        assert_eq!(panic_text(&*payload), "out of luck");
        log.expect(&["exit 1"]);
    }
}

#[test]
fn a_failure_in_main_ends_the_loop_unless_a_hook_takes_it() {
    for failure in BOTH {
        let log = Log::new();
        run_virtual(|| {
            let said = log.clone();
            unspin::on_uncaught(move |uncaught| said.say(uncaught.kind().name()));
            unspin::next_tick(log.add("tick"));
            unspin::set_immediate(log.add("immediate"));
            failure.happen()
        });
        log.expect(&["main", "tick", "immediate"]);
    }
    let event_loop = virtual_loop();
    event_loop.run(|| Failure::Error.happen()).expect_err("main fails");
    let event_loop = virtual_loop();
    let run = AssertUnwindSafe(|| event_loop.run(|| Failure::Panic.happen()));
    catch_unwind(run).expect_err("main panics");
}

#[test]
fn a_panic_keeps_its_payload() {
    #[derive(Debug, PartialEq)]
    struct Payload(u32);
    let event_loop = virtual_loop();
    let run = AssertUnwindSafe(|| {
        event_loop.run(|| {
            unspin::set_immediate(|| std::panic::panic_any(Payload(7)));
        })
    });
    let payload = catch_unwind(run).expect_err("a callback panics");
    assert_eq!(payload.downcast_ref(), Some(&Payload(7)));
}

#[test]
fn the_checkpoint_of_a_failed_task_runs_at_once() {
    for failure in BOTH {
        let log = Log::new();
        run_virtual(|| {
            let said = log.clone();
            unspin::on_uncaught(move |_| said.say("uncaught"));
            let said = log.clone();
            unspin::set_immediate(move || {
                unspin::queue_microtask(said.add("micro"));
                unspin::next_tick(said.add("tick"));
                failure.happen()
            });
            unspin::set_immediate(log.add("next immediate"));
        });
        log.expect(&["uncaught", "tick", "micro", "next immediate"]);
    }
}

#[test]
fn after_a_failed_tick_the_other_ticks_and_then_the_microtasks_run() {
    for failure in BOTH {
        let log = Log::new();
        run_virtual(|| {
            let said = log.clone();
            unspin::on_uncaught(move |_| {
                said.say("uncaught");
                unspin::next_tick(said.add("tick of the hook"));
            });
            unspin::queue_microtask(log.add("micro"));
            unspin::next_tick(log.add("tick 1"));
            unspin::next_tick(move || failure.happen());
            unspin::next_tick(log.add("tick 3"));
            unspin::set_immediate(log.add("immediate"));
        });
        log.expect(&["tick 1", "uncaught", "tick 3", "tick of the hook", "micro", "immediate"]);
    }
}

#[test]
fn after_a_failed_microtask_the_other_microtasks_run_before_any_tick() {
    for failure in BOTH {
        let log = Log::new();
        run_virtual(|| {
            let said = log.clone();
            unspin::on_uncaught(move |_| said.say("uncaught"));
            let said = log.clone();
            unspin::queue_microtask(move || {
                unspin::next_tick(said.add("tick"));
                failure.happen()
            });
            unspin::queue_microtask(log.add("micro 2"));
            unspin::queue_microtask(log.add("micro 3"));
        });
        log.expect(&["uncaught", "micro 2", "micro 3", "tick"]);
    }
}

#[test]
fn a_failing_interval_stays_armed() {
    for failure in BOTH {
        let log = Log::new();
        run_virtual(|| {
            let said = log.clone();
            unspin::on_uncaught(move |_| said.say("uncaught"));
            let said = log.clone();
            let mut calls = 0;
            unspin::set_interval(millis(10), move |timer| {
                calls += 1;
                said.say(format!("{:?}", unspin::now()));
                if calls == 3 {
                    timer.clear();
                }
                failure.happen()
            });
        });
        log.expect(&["10ms", "uncaught", "20ms", "uncaught", "30ms", "uncaught"]);
    }
}

#[test]
fn an_interval_is_armed_again_before_the_uncaught_hook_looks_at_it() {
    for failure in BOTH {
        let seen = Rc::new(Cell::new(None));
        run_virtual(|| {
            let timer = unspin::set_interval(millis(10), move |_| failure.happen());
            let seen = Rc::clone(&seen);
            unspin::on_uncaught(move |_| {
                seen.set(Some(timer.is_pending()));
                timer.clear();
            });
        });
        assert_eq!(seen.get(), Some(true));
    }
}

#[test]
fn a_failed_timer_can_be_refreshed() {
    for failure in BOTH {
        let log = Log::new();
        run_virtual(|| {
            let said = log.clone();
            let mut calls = 0;
            let timer = unspin::set_timer(millis(10), move |_| {
                calls += 1;
                said.say(calls.to_string());
                if calls == 1 { failure.happen() } else { Ok(()) }
            });
            unspin::on_uncaught(move |_| timer.refresh());
        });
        log.expect(&["1", "2"]);
    }
}

#[test]
fn the_other_due_timers_run_after_a_failed_one() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::on_uncaught(move |_| said.say("uncaught"));
        unspin::set_timeout(millis(5), || Failure::Panic.happen());
        unspin::set_timeout(millis(5), log.add("same list"));
        unspin::set_timeout(millis(6), log.add("next list"));
        unspin::advance(millis(10)).expect("the clock is virtual");
        let now = log.clone();
        unspin::set_immediate(move || now.say("immediate"));
    });
    log.expect(&["uncaught", "same list", "next list", "immediate"]);
}

#[test]
fn the_panic_of_a_job_is_the_error_of_its_request() {
    let log = Log::new();
    run_real(|| {
        unspin::on_uncaught(|_| unreachable!("the callback got the error"));
        let said = log.clone();
        unspin::spawn_blocking(|| -> u32 { panic!("in the job") }).callback(move |result| {
            let error = result.expect_err("the job panics");
            assert!(error.is_panic());
            assert!(error.to_string().ends_with("in the job"), "{error}");
            said.say("told");
        });
    });
    log.expect(&["told"]);
}

#[test]
fn the_panic_of_a_job_that_is_passed_on_is_the_panic_of_run() {
    let event_loop = EventLoop::new().expect("a loop");
    let run = AssertUnwindSafe(|| {
        event_loop.run(|| {
            unspin::spawn_blocking(|| panic!("in the job")).callback(|result| result);
        })
    });
    let payload = catch_unwind(run).expect_err("the job panics");
    assert_eq!(panic_text(&*payload), "in the job");
}

#[test]
fn a_panic_in_the_drop_of_what_a_callback_captured_is_that_callbacks() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::on_uncaught(move |uncaught| said.say(uncaught.kind().name()));
        let panics = || OnDrop(|| panic!("in a drop"));
        let value = panics();
        unspin::set_immediate(move || value.keep());
        let value = panics();
        unspin::set_timeout(millis(1), move || value.keep());
        let value = panics();
        unspin::next_tick(move || value.keep());
        let value = panics();
        unspin::queue_microtask(move || value.keep());
        unspin::set_immediate(log.add("the next"));
    });
    log.expect(&["tick", "microtask", "immediate", "the next", "timeout"]);
}

#[test]
fn a_panic_in_the_drop_of_a_cleared_callback_is_the_clearing_callbacks() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::on_uncaught(move |uncaught| said.say(uncaught.kind().name()));
        let panics = || OnDrop(|| panic!("in a drop"));
        let value = panics();
        let timer = unspin::set_timeout(millis(100), move || value.keep());
        let value = panics();
        let immediate = unspin::set_immediate(move || value.keep());
        let value = panics();
        let frame = unspin::request_frame(move |_| value.keep());
        let value = panics();
        let hook = unspin::on_prepare(move || value.keep());
        hook.remove_in_tick();
        unspin::next_tick(move || timer.clear());
        unspin::next_tick(move || immediate.clear());
        unspin::next_tick(move || frame.cancel());
        unspin::set_timeout(millis(1), log.add("goes on"));
    });
    log.expect(&["tick", "tick", "tick", "tick", "goes on"]);
}

trait RemoveInTick {
    fn remove_in_tick(self);
}

impl RemoveInTick for unspin::Hook {
    fn remove_in_tick(self) {
        unspin::next_tick(move || self.remove());
    }
}

#[test]
fn a_panic_in_the_drop_of_a_cancelled_job_leaves_the_loop_in_order() {
    let log = Log::new();
    let event_loop = EventLoop::builder().pool_threads(1).build().expect("a loop");
    let (unblock, blocked) = std::sync::mpsc::channel::<()>();
    event_loop
        .run(|| {
            let said = log.clone();
            unspin::on_uncaught(move |uncaught| said.say(uncaught.kind().name()));
            unspin::spawn_blocking(move || blocked.recv()).callback(|_| ());
            let value = OnDrop(|| panic!("in a drop"));
            let said = log.clone();
            let pending = unspin::spawn_blocking(move || value.keep()).callback(move |result| {
                assert!(result.expect_err("it is cancelled").is_cancelled());
                said.say("cancelled");
            });
            unspin::next_tick(move || {
                let _unblock = unblock;
                pending.cancel();
            });
        })
        .expect("a hook takes the panic");
    log.expect(&["tick", "cancelled"]);
}

#[test]
fn all_uncaught_hooks_run_in_order() {
    let log = Log::new();
    run_virtual(|| {
        for word in ["first", "second"] {
            let log = log.clone();
            unspin::on_uncaught(move |_| log.say(word));
        }
        unspin::set_immediate(|| Failure::Error.happen());
    });
    log.expect(&["first", "second"]);
}

#[test]
fn a_hook_that_removes_itself_takes_one_failure_only() {
    let log = Log::new();
    let event_loop = virtual_loop();
    let error = event_loop
        .run(|| {
            let said = log.clone();
            let own = Rc::new(Cell::new(None::<unspin::Hook>));
            let hook = Rc::clone(&own);
            own.set(Some(unspin::on_uncaught(move |_| {
                said.say("uncaught");
                hook.take().expect("it was installed").remove();
            })));
            unspin::set_immediate(|| Err(Error::new("the first")));
            unspin::set_immediate(|| Err(Error::new("the second")));
            unspin::set_immediate(log.add("never"));
        })
        .expect_err("no hook is left");
    assert_eq!(error.to_string(), "the second");
    log.expect(&["uncaught"]);
}

#[test]
fn a_hook_that_fails_ends_the_loop_without_exit_hooks() {
    for failure in BOTH {
        let log = Log::new();
        let event_loop = virtual_loop();
        let run = AssertUnwindSafe(|| {
            event_loop.run(|| {
                let said = log.clone();
                unspin::on_exit(move |_| said.say("never"));
                unspin::on_uncaught(move |_| failure.happen());
                let said = log.clone();
                unspin::on_uncaught(move |_| said.say("never"));
                unspin::set_immediate(|| Err(Error::new("the first failure")));
                unspin::next_tick(log.add("before it"));
                unspin::set_immediate(log.add("never"));
            })
        });
        match (failure, catch_unwind(run)) {
            (Failure::Error, Ok(Err(error))) => assert_eq!(error.to_string(), "out of luck"),
            (Failure::Panic, Err(payload)) => assert_eq!(panic_text(&*payload), "out of luck"),
            (_, other) => panic!("{other:?}"),
        }
        log.expect(&["before it"]);
    }
}

#[test]
fn after_a_failure_every_callback_is_dropped_and_none_is_called() {
    let (drops, log) = (Drops::new(), Log::new());
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            let guard = drops.guard();
            unspin::set_timeout(millis(5), move || guard.keep());
            let guard = drops.guard();
            unspin::set_immediate(move || guard.keep());
            let guard = drops.guard();
            unspin::next_tick(move || guard.keep());
            unspin::set_timeout(millis(5), log.add("never"));
            Failure::Error.happen()
        })
        .expect_err("main fails");
    drop(event_loop);
    assert_eq!(drops.count(), 3);
    log.expect(&[]);
}

#[test]
fn enter_reports_failures_as_run_does() {
    let event_loop = virtual_loop();
    let log = Log::new();
    let said = log.clone();
    event_loop
        .enter(|| {
            unspin::on_uncaught(move |uncaught| said.say(uncaught.kind().name()));
        })
        .expect("it is not busy");
    assert_eq!(event_loop.enter(|| -> u32 { panic!("no") }).expect("a hook takes it"), None);
    log.expect(&["enter"]);

    let event_loop = virtual_loop();
    let enter = AssertUnwindSafe(|| event_loop.enter(|| -> u32 { panic!("no") }));
    catch_unwind(enter).expect_err("no hook takes it");
}
