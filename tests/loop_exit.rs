//! How a loop ends: by itself, with its hooks, and by `exit`.

mod util;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use unspin::{EventLoop, Outcome};
use util::{Drops, Log, OnDrop, in_child, is_child, millis, stderr, stdout, virtual_loop};

fn exit_code<R: Outcome>(main: impl FnOnce() -> R) -> i32 {
    virtual_loop().run(main).expect("nothing in it fails")
}

#[test]
fn a_loop_with_nothing_left_ends_with_code_0_and_its_hooks_run_in_order() {
    let log = Log::new();
    let code = exit_code(|| {
        for word in ["first", "second", "third"] {
            let log = log.clone();
            unspin::on_exit(move |code| log.say(format!("{word} {code}")));
        }
        unspin::set_timeout(millis(5), log.add("timer"));
    });
    assert_eq!(code, 0);
    log.expect(&["timer", "first 0", "second 0", "third 0"]);
}

#[test]
fn the_code_that_was_set_is_what_hooks_get_and_run_returns() {
    let log = Log::new();
    let code = exit_code(|| {
        let (before, at) = (log.clone(), log.clone());
        unspin::before_exit(move |code| before.say(format!("before {code}")));
        unspin::on_exit(move |code| at.say(format!("exit {code}")));
        assert_eq!(unspin::exit_code(), 0);
        unspin::set_exit_code(3);
        assert_eq!(unspin::exit_code(), 3);
    });
    assert_eq!(code, 3);
    log.expect(&["before 3", "exit 3"]);
}

#[test]
fn an_exit_hook_may_change_the_code_and_all_get_the_one_that_held_at_first() {
    let log = Log::new();
    let code = exit_code(|| {
        unspin::on_exit(|_| unspin::set_exit_code(9));
        let said = log.clone();
        unspin::on_exit(move |code| said.say(code.to_string()));
    });
    assert_eq!(code, 9);
    log.expect(&["0"]);
}

#[test]
fn before_exit_runs_again_each_time_it_restarts_the_loop() {
    let log = Log::new();
    exit_code(|| {
        let (said, end) = (log.clone(), log.clone());
        let mut restarts = 0;
        unspin::before_exit(move |_| {
            said.say("before exit");
            restarts += 1;
            match restarts {
                1 => drop(unspin::set_timeout(millis(5), said.add("timer"))),
                2 => drop(unspin::set_immediate(said.add("immediate"))),
                _ => {}
            }
        });
        unspin::on_exit(move |_| end.say("exit"));
    });
    log.expect(&["before exit", "timer", "before exit", "immediate", "before exit", "exit"]);
}

#[test]
fn before_exit_hooks_are_one_task_with_its_checkpoint() {
    let log = Log::new();
    exit_code(|| {
        let said = log.clone();
        unspin::before_exit(move |_| {
            unspin::queue_microtask(said.add("micro"));
            unspin::next_tick(said.add("tick"));
            said.say("first");
        });
        let said = log.clone();
        unspin::before_exit(move |_| said.say("second"));
    });
    log.expect(&["first", "second", "tick", "micro"]);
}

#[test]
fn a_timer_due_when_before_exit_restarts_the_loop_precedes_an_immediate() {
    let log = Log::new();
    exit_code(|| {
        let said = log.clone();
        let hook = Rc::new(RefCell::new(None::<unspin::Hook>));
        let own = Rc::clone(&hook);
        let installed = unspin::before_exit(move |_| {
            unspin::set_immediate(said.add("immediate"));
            unspin::set_timeout(millis(1), said.add("timer"));
            unspin::advance(millis(1)).expect("the clock is virtual");
            own.borrow().as_ref().expect("it was installed").remove();
        });
        hook.replace(Some(installed));
    });
    log.expect(&["timer", "immediate"]);
}

#[test]
fn nothing_that_an_exit_hook_queues_runs() {
    let log = Log::new();
    exit_code(|| {
        let said = log.clone();
        unspin::on_exit(move |_| {
            unspin::next_tick(said.add("never"));
            unspin::queue_microtask(said.add("never"));
            unspin::set_immediate(said.add("never"));
            unspin::set_timeout(millis(1), said.add("never"));
            unspin::request_frame(|_| unreachable!());
            unspin::spawn_blocking(|| ()).callback(|_| unreachable!());
            said.say("exit");
        });
    });
    log.expect(&["exit"]);
}

#[test]
fn exit_runs_the_hooks_at_once_and_no_other_callback() {
    let log = Log::new();
    let code = exit_code(|| {
        let (before, at) = (log.clone(), log.clone());
        unspin::before_exit(move |_| before.say("never"));
        unspin::on_exit(move |code| at.say(format!("exit {code}")));
        unspin::set_immediate(log.add("never"));
        unspin::set_timeout(millis(1), log.add("never"));
        unspin::next_tick(log.add("never"));
        unspin::queue_microtask(log.add("never"));
        let after = log.clone();
        if unspin::exit_code() == 0 {
            unspin::exit(12);
        }
        after.say("never");
    });
    assert_eq!(code, 12);
    log.expect(&["exit 12"]);
}

#[test]
fn exit_in_the_middle_of_each_queue_leaves_the_rest() {
    // Each `start` queues a callback that exits and one behind it.
    let starts: [fn(&Log); 7] = [
        |log| {
            unspin::next_tick(|| unspin::exit(2));
            unspin::next_tick(log.add("never"));
        },
        |log| {
            unspin::queue_microtask(|| unspin::exit(2));
            unspin::queue_microtask(log.add("never"));
        },
        |log| {
            unspin::set_immediate(|| unspin::exit(2));
            unspin::set_immediate(log.add("never"));
        },
        |log| {
            unspin::set_timeout(millis(1), || unspin::exit(2));
            unspin::set_timeout(millis(1), log.add("never"));
        },
        |log| {
            let log = log.clone();
            unspin::request_frame(|_| unspin::exit(2));
            unspin::request_frame(move |_| log.say("never"));
        },
        |log| {
            unspin::on_prepare(|| unspin::exit(2));
            unspin::on_prepare(log.add("never"));
            unspin::set_immediate(|| ());
        },
        |log| {
            let log = log.clone();
            unspin::before_exit(|_| unspin::exit(2));
            unspin::before_exit(move |_| log.say("never"));
        },
    ];
    for (index, start) in starts.iter().enumerate() {
        let log = Log::new();
        let at_exit = log.clone();
        let code = exit_code(|| {
            unspin::on_exit(move |code| at_exit.say(format!("exit {code}")));
            start(&log);
        });
        assert_eq!((index, code), (index, 2));
        log.expect(&["exit 2"]);
    }
}

#[test]
fn exit_in_a_request_callback_and_in_a_posted_closure() {
    let event_loop = EventLoop::new().expect("a loop");
    let code = event_loop.run(|| {
        unspin::spawn_blocking(|| ()).callback(|_| unspin::exit(6));
    });
    assert_eq!(code.expect("exit is no failure"), 6);

    let event_loop = EventLoop::new().expect("a loop");
    let code = event_loop.run(|| unspin::remote().post(|| unspin::exit(8)).expect("it is there"));
    assert_eq!(code.expect("exit is no failure"), 8);
}

#[test]
fn exit_inside_an_exit_hook_ends_at_once() {
    for by_itself in [true, false] {
        let log = Log::new();
        let code = exit_code(|| {
            unspin::on_exit({
                let log = log.clone();
                move |code| log.say(format!("first {code}"))
            });
            unspin::on_exit({
                let log = log.clone();
                move |_| {
                    log.say("second");
                    if unspin::exit_code() != 5 {
                        unspin::exit(5);
                    }
                    log.say("never");
                }
            });
            unspin::on_exit({
                let log = log.clone();
                move |_| log.say("never")
            });
            if !by_itself {
                unspin::exit(4);
            }
        });
        assert_eq!(code, 5);
        log.expect(if by_itself { &["first 0", "second"] } else { &["first 4", "second"] });
    }
}

#[test]
fn values_on_the_stack_are_dropped_by_exit() {
    let drops = Drops::new();
    let code = exit_code(|| {
        let outer = drops.guard();
        unspin::set_immediate(move || {
            outer.keep();
            let _inner = outer;
            unspin::exit(1)
        });
    });
    assert_eq!((code, drops.count()), (1, 1));
}

#[test]
fn exit_that_was_caught_ends_the_loop_all_the_same() {
    let log = Log::new();
    let code = exit_code(|| {
        let said = log.clone();
        unspin::set_immediate(move || {
            let caught = catch_unwind(|| unspin::exit(21));
            said.say(if caught.is_err() { "goes on to its end" } else { "never" });
            unspin::next_tick(said.add("never"));
        });
        unspin::set_immediate(log.add("never"));
        unspin::on_uncaught(|_| unreachable!("exit is no panic"));
    });
    assert_eq!(code, 21);
    log.expect(&["goes on to its end"]);
}

#[test]
fn exit_inside_an_uncaught_hook() {
    let log = Log::new();
    let code = exit_code(|| {
        let said = log.clone();
        unspin::on_exit(move |code| said.say(format!("exit {code}")));
        unspin::on_uncaught(|_| unspin::exit(33));
        unspin::set_immediate(|| Err(unspin::Error::new("no")));
        unspin::set_immediate(log.add("never"));
    });
    assert_eq!(code, 33);
    log.expect(&["exit 33"]);
}

#[test]
fn exit_is_told_to_no_uncaught_hook() {
    let told = Rc::new(Cell::new(false));
    let seen = Rc::clone(&told);
    let code = exit_code(move || {
        unspin::on_uncaught(move |_| seen.set(true));
        unspin::queue_microtask(|| unspin::exit(1));
    });
    assert_eq!((code, told.get()), (1, false));
}

#[test]
fn a_failing_exit_hook_makes_run_fail_and_the_others_run() {
    let log = Log::new();
    let event_loop = virtual_loop();
    let error = event_loop
        .run(|| {
            unspin::on_exit(|_| Err(unspin::Error::new("a hook failed")));
            let said = log.clone();
            unspin::on_exit(move |code| said.say(code.to_string()));
        })
        .expect_err("a hook fails");
    assert_eq!(error.to_string(), "a hook failed");
    log.expect(&["0"]);
}

#[test]
fn a_panicking_exit_hook_lets_the_others_run_and_the_panic_goes_on() {
    let log = Log::new();
    let event_loop = virtual_loop();
    let said = log.clone();
    let run = AssertUnwindSafe(|| {
        event_loop.run(|| {
            unspin::on_exit(|_| panic!("in a hook"));
            unspin::on_exit(move |_| said.say("second"));
        })
    });
    let payload = catch_unwind(run).expect_err("a hook panics");
    assert_eq!(util::panic_text(&*payload), "in a hook");
    log.expect(&["second"]);
}

#[test]
fn a_hook_that_was_removed_does_not_run() {
    let log = Log::new();
    exit_code(|| {
        let (one, two, three) = (log.clone(), log.clone(), log.clone());
        let removed = unspin::on_exit(move |_| one.say("never"));
        unspin::before_exit(move |_| two.say("before exit"));
        let before = unspin::before_exit(move |_| three.say("never"));
        unspin::set_immediate(move || {
            removed.remove();
            before.remove();
            before.remove();
        });
    });
    log.expect(&["before exit"]);
}

#[test]
fn exit_in_a_drop_while_the_loop_is_torn_down_goes_nowhere() {
    let event_loop = virtual_loop();
    let dropped = Drops::new();
    let guard = dropped.guard();
    event_loop
        .run(|| {
            let exits = OnDrop(|| unspin::exit(3));
            unspin::set_timeout(millis(5), move || exits.keep());
            unspin::set_timeout(millis(6), move || guard.keep());
            unspin::stop();
        })
        .expect("stop is no failure");
    drop(event_loop);
    assert_eq!(dropped.count(), 1);
}

#[test]
fn the_free_run_ends_the_process_with_the_code_of_exit() {
    if is_child() {
        let _ = unspin::run(|| {
            unspin::on_exit(|code| println!("exit hook {code}"));
            let dropped = OnDrop(|| println!("dropped"));
            unspin::set_timeout(millis(1), move || dropped.keep());
            unspin::set_immediate(|| unspin::exit(43));
        });
        println!("never");
        return;
    }
    let output = in_child("the_free_run_ends_the_process_with_the_code_of_exit");
    assert_eq!(output.status.code(), Some(43));
    let text = stdout(&output);
    let (hook, dropped) = (text.find("exit hook 43"), text.find("dropped"));
    assert!(hook.is_some() && hook < dropped, "{text}");
    assert!(!text.contains("never"), "{text}");
}

#[test]
fn the_free_run_ends_the_process_with_code_0_too_if_exit_was_called() {
    if is_child() {
        let _ = unspin::run(|| unspin::exit(0));
        println!("never");
        return;
    }
    let output = in_child("the_free_run_ends_the_process_with_code_0_too_if_exit_was_called");
    assert_eq!(output.status.code(), Some(0));
    assert!(!stdout(&output).contains("never"));
}

#[test]
fn the_free_run_ends_the_process_with_the_code_that_was_set() {
    if is_child() {
        let _ = unspin::run(|| unspin::set_exit_code(44));
        println!("never");
        return;
    }
    let output = in_child("the_free_run_ends_the_process_with_the_code_that_was_set");
    assert_eq!(output.status.code(), Some(44));
    assert!(!stdout(&output).contains("never"));
}

#[test]
fn the_free_run_returns_where_nothing_went_wrong() {
    unspin::run(|| {
        unspin::set_immediate(|| ());
    })
    .expect("nothing fails");
    unspin::run(|| Err(unspin::Error::new("main failed"))).expect_err("main fails");
}

#[test]
fn exit_in_a_drop_of_a_panic_ends_the_process() {
    if is_child() {
        let _ = unspin::run(|| {
            unspin::on_exit(|code| println!("exit hook {code}"));
            let _exits = OnDrop(|| unspin::exit(45));
            panic!("something else went wrong");
        });
        println!("never");
        return;
    }
    let output = in_child("exit_in_a_drop_of_a_panic_ends_the_process");
    assert_eq!(output.status.code(), Some(45), "{}", stderr(&output));
    assert!(stdout(&output).contains("exit hook 45"));
}
