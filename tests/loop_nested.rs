//! One loop a thread: a second one while one runs, a loop that has ended, and no loop at all.

mod util;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use unspin::{EventLoop, Turn};
use util::{Log, millis, panic_text, run_virtual, virtual_loop};

#[test]
fn the_free_run_inside_a_callback_is_an_error() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(|| {
        unspin::set_immediate(move || {
            let error = unspin::run(|| unreachable!()).expect_err("a loop is running");
            assert!(error.is_loop_busy());
            assert!(error.to_string().starts_with("a loop is already running on this thread"));
            said.say("refused");
        });
    });
    log.expect(&["refused"]);
}

#[test]
fn another_loop_inside_a_callback_refuses_to_run_turn_and_be_entered() {
    let log = Log::new();
    let said = log.clone();
    let other = EventLoop::new().expect("a loop");
    run_virtual(|| {
        assert!(other.run(|| unreachable!()).expect_err("a loop is running").is_loop_busy());
        assert!(other.turn(Turn::NoWait).expect_err("a loop is running").is_loop_busy());
        assert!(other.enter(|| unreachable!()).expect_err("a loop is running").is_loop_busy());
        // The free functions still mean the loop that runs.
        unspin::set_immediate(said.add("outer"));
    });
    log.expect(&["outer"]);
    other.run(log.add("other")).expect("it can run now");
    log.expect(&["outer", "other"]);
}

#[test]
fn a_loop_cannot_be_entered_from_its_own_callback() {
    let event_loop = Rc::new(virtual_loop());
    let same = Rc::clone(&event_loop);
    event_loop
        .run(move || {
            assert!(same.run(|| ()).expect_err("it is running").is_loop_busy());
            assert!(same.turn(Turn::Block).expect_err("it is running").is_loop_busy());
            assert!(same.enter(|| ()).expect_err("it is running").is_loop_busy());
        })
        .expect("nothing fails");
}

#[test]
fn two_loops_of_one_thread_take_turns() {
    let (first, second) = (virtual_loop(), virtual_loop());
    let log = Log::new();
    first.enter(|| unspin::set_immediate(log.add("first"))).expect("it is not busy");
    second.enter(|| unspin::set_immediate(log.add("second"))).expect("it is not busy");
    second.turn(Turn::Block).expect("it turns");
    first.turn(Turn::Block).expect("it turns");
    log.expect(&["second", "first"]);
}

#[test]
fn a_handle_acts_on_its_own_loop_also_inside_another() {
    let (first, second) = (virtual_loop(), virtual_loop());
    let log = Log::new();
    let set = first.enter(|| unspin::set_timeout(millis(5), log.add("never")));
    let timer = set.expect("it is not busy").expect("it does not exit");
    second.run(|| timer.clear()).expect("nothing fails");
    assert!(!first.is_alive());
    first.run(|| ()).expect("nothing fails");
    log.expect(&[]);
}

#[test]
fn each_thread_runs_a_loop_of_its_own() {
    let threads: Vec<_> = (0..4_i32)
        .map(|code| {
            thread::spawn(move || {
                virtual_loop().run(move || {
                    unspin::set_timeout(millis(5), move || unspin::set_exit_code(code));
                })
            })
        })
        .collect();
    let codes: Vec<i32> = threads
        .into_iter()
        .map(|thread| thread.join().expect("the thread ends well").expect("nothing fails"))
        .collect();
    assert_eq!(codes, [0, 1, 2, 3]);
}

#[test]
fn a_loop_that_ended_by_itself_runs_again() {
    let event_loop = virtual_loop();
    let log = Log::new();
    for word in ["first", "second"] {
        let main = || {
            unspin::set_immediate(log.add(word));
        };
        assert_eq!(event_loop.run(main).expect("it ends well"), 0);
    }
    log.expect(&["first", "second"]);
}

#[test]
fn a_loop_that_exited_does_not_run_again() {
    let event_loop = virtual_loop();
    assert_eq!(event_loop.run(|| unspin::exit(4)).expect("exit is no failure"), 4);
    let error = event_loop.run(|| unreachable!()).expect_err("it has ended");
    assert!(error.is_loop_ended());
    assert!(error.to_string().contains("has ended"));
}

#[test]
fn a_loop_that_failed_does_not_run_again() {
    let event_loop = virtual_loop();
    event_loop.run(|| Err(unspin::Error::new("no"))).expect_err("main fails");
    assert!(event_loop.run(|| ()).expect_err("it has ended").is_loop_ended());

    let event_loop = virtual_loop();
    catch_unwind(AssertUnwindSafe(|| event_loop.run(|| panic!("no")))).expect_err("main panics");
    assert!(event_loop.run(|| ()).expect_err("it has ended").is_loop_ended());
}

#[test]
fn the_thread_has_no_loop_once_it_ran() {
    virtual_loop().run(|| ()).expect("nothing fails");
    catch_unwind(unspin::stack).expect_err("no loop is running");
    let event_loop = virtual_loop();
    catch_unwind(AssertUnwindSafe(|| event_loop.run(|| panic!("no")))).expect_err("main panics");
    catch_unwind(unspin::stack).expect_err("no loop is running, also after a panic");
}

#[test]
fn free_functions_without_a_loop_say_so_in_a_sentence() {
    let calls: Vec<(&str, fn())> = vec![
        ("set_timeout", || drop(unspin::set_timeout(millis(1), || ()))),
        ("set_interval", || drop(unspin::set_interval(millis(1), |_| ()))),
        ("set_timer", || drop(unspin::set_timer(millis(1), |_| ()))),
        ("set_immediate", || drop(unspin::set_immediate(|| ()))),
        ("next_tick", || unspin::next_tick(|| ())),
        ("queue_microtask", || unspin::queue_microtask(|| ())),
        ("request_frame", || drop(unspin::request_frame(|_| ()))),
        ("on_prepare", || drop(unspin::on_prepare(|| ()))),
        ("on_uncaught", || drop(unspin::on_uncaught(|_| ()))),
        ("before_exit", || drop(unspin::before_exit(|_| ()))),
        ("on_exit", || drop(unspin::on_exit(|_| ()))),
        ("keep_alive", || drop(unspin::keep_alive())),
        ("remote", || drop(unspin::remote())),
        ("stop", unspin::stop),
        ("exit", || unspin::exit(0)),
        ("exit_code", || _ = unspin::exit_code()),
        ("set_exit_code", || unspin::set_exit_code(0)),
        ("metrics", || _ = unspin::metrics()),
        ("stack", || drop(unspin::stack())),
        ("resources", || drop(unspin::resources())),
        ("why_alive", || drop(unspin::why_alive())),
        ("now", || _ = unspin::now()),
        ("advance", || drop(unspin::advance(millis(1)))),
        ("callback", || drop(unspin::spawn_blocking(|| ()).callback(|_| ()))),
        ("fs", || drop(unspin::fs::read("x").callback(|_| ()))),
    ];
    for (name, call) in calls {
        let payload = catch_unwind(call).expect_err(name);
        let text = panic_text(&*payload);
        assert!(text.starts_with("no event loop is running on this thread: "), "{name}: {text}");
    }
}
