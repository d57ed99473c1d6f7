//! `stack`: the running callback, and the chain of what caused it.

mod util;

use std::rc::Rc;

use unspin::CallbackKind;
use util::{Log, millis, run_real, run_virtual};

/// The kinds from the running callback to its first cause.
fn kinds() -> String {
    let stack = unspin::stack();
    let running = stack.running().expect("a callback runs");
    let all = std::iter::once(running).chain(stack.causes());
    all.map(|frame| frame.kind().name()).collect::<Vec<_>>().join(" < ")
}

/// Says the kinds.
fn say(log: &Log) -> impl FnMut() + Clone + use<> + 'static {
    let log = log.clone();
    move || log.say(kinds())
}

fn say_with<T: ?Sized>(log: &Log) -> impl FnMut(&T) + 'static {
    let mut say = say(log);
    move |_| say()
}

#[test]
fn every_kind_of_callback_knows_itself_and_main() {
    let log = Log::new();
    run_virtual(|| {
        assert_eq!(kinds(), "main");
        unspin::next_tick(say(&log));
        unspin::queue_microtask(say(&log));
        let mut hook = say(&log);
        let prepare = Rc::new(std::cell::RefCell::new(None::<unspin::Hook>));
        let own = Rc::clone(&prepare);
        prepare.replace(Some(unspin::on_prepare(move || {
            hook();
            own.take().expect("it is installed").remove();
        })));
        unspin::set_immediate(say(&log));
        let mut frame = say(&log);
        unspin::request_frame(move |_| frame());
        unspin::set_timeout(millis(1), say(&log));
        unspin::set_timer(millis(2), say_with(&log));
        let mut interval = say(&log);
        unspin::set_interval(millis(3), move |timer| {
            interval();
            timer.clear();
        });
        let mut before_exit = say(&log);
        unspin::before_exit(move |_| before_exit());
        let mut exit = say(&log);
        unspin::on_exit(move |_| exit());
    });
    log.expect(&[
        "tick < main",
        "microtask < main",
        "prepare < main",
        "immediate < main",
        "frame < main",
        "timeout < main",
        "timer < main",
        "interval < main",
        "before_exit < main",
        "exit < main",
    ]);
}

#[test]
fn a_completion_is_caused_by_whoever_started_the_request() {
    let log = Log::new();
    run_real(|| {
        let log = log.clone();
        unspin::set_immediate(move || {
            let mut say = say(&log);
            unspin::spawn_blocking(|| ()).callback(move |_| say());
        });
    });
    log.expect(&["completion < immediate < main"]);
}

#[test]
fn the_chain_names_each_line() {
    run_virtual(|| {
        unspin::set_immediate(|| {
            unspin::set_timeout(millis(1), || {
                unspin::next_tick(|| {
                    let stack = unspin::stack();
                    let line = line!() - 2;
                    assert_eq!(stack.depth(), 4);
                    let running = stack.running().expect("a tick runs");
                    assert_eq!((running.kind(), running.at().line()), (CallbackKind::Tick, line));
                    let lines: Vec<u32> =
                        stack.causes().iter().map(|frame| frame.at().line()).collect();
                    // The timeout, the immediate, and `run_virtual` has the line of main.
                    assert_eq!(lines[..2], [line - 1, line - 2]);
                    assert!(stack.causes().iter().take(2).all(|f| f.at().file() == file!()));
                });
            });
        });
    });
}

#[test]
fn it_is_printed_one_line_a_frame() {
    run_virtual(|| {
        unspin::set_immediate(|| {
            let text = unspin::stack().to_string();
            let line = line!() - 2;
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 2);
            assert_eq!(lines[0], format!("running immediate {}:{line}", file!()));
            assert!(lines[1].starts_with("caused by main "), "{text}");
        });
    });
}

#[test]
fn a_callback_that_sets_itself_again_is_listed_once() {
    fn again(log: Log, left: u32) {
        unspin::set_immediate(move || {
            log.say(kinds());
            if left > 1 {
                again(log, left - 1);
            }
        });
    }
    let log = Log::new();
    run_virtual(|| again(log.clone(), 50));
    let words = log.words();
    assert_eq!((words.len(), words[0].as_str()), (50, "immediate < main"));
    // The running one, and as its cause the same line: once, however often it came round.
    assert!(words[1..].iter().all(|word| word == "immediate < immediate < main"), "{words:?}");
}

#[test]
fn two_callbacks_that_set_each_other_do_not_grow_the_chain() {
    fn ping(log: Log, left: u32) {
        unspin::set_immediate(move || {
            log.say(kinds());
            if left > 0 {
                pong(log, left - 1);
            }
        });
    }
    fn pong(log: Log, left: u32) {
        unspin::set_timeout(millis(1), move || {
            log.say(kinds());
            ping(log, left);
        });
    }
    let log = Log::new();
    run_virtual(|| ping(log.clone(), 20));
    let words = log.words();
    assert_eq!((words.len(), words[0].as_str()), (41, "immediate < main"));
    let (ping, pong) = ("immediate < timeout < immediate < main", "timeout < immediate < main");
    let expected = [pong, ping].into_iter().cycle();
    assert!(words[1..].iter().zip(expected).all(|(word, expected)| word == expected), "{words:?}");
}

#[test]
fn an_interval_stays_at_its_depth() {
    let log = Log::new();
    run_virtual(|| {
        let log = log.clone();
        let mut calls = 0;
        unspin::set_interval(millis(1), move |timer| {
            log.say(kinds());
            calls += 1;
            if calls == 3 {
                timer.clear();
            }
        });
    });
    log.expect(&["interval < main"; 3]);
}

#[test]
fn after_a_callback_in_the_same_checkpoint_the_chain_is_that_of_the_next() {
    let log = Log::new();
    run_virtual(|| {
        let said = log.clone();
        unspin::next_tick(move || unspin::queue_microtask(say(&said)));
        unspin::queue_microtask(say(&log));
        let said = log.clone();
        unspin::set_immediate(move || unspin::next_tick(say(&said)));
        unspin::set_immediate(say(&log));
    });
    log.expect(&[
        "microtask < main",
        "microtask < tick < main",
        "tick < immediate < main",
        "immediate < main",
    ]);
}

#[test]
fn each_before_exit_hook_is_itself() {
    let lines = Rc::new(std::cell::RefCell::new(Vec::new()));
    let mut expected = Vec::new();
    run_virtual(|| {
        let note = || {
            let lines = Rc::clone(&lines);
            move |_| {
                let stack = unspin::stack();
                lines.borrow_mut().push(stack.running().expect("a hook runs").at().line());
            }
        };
        unspin::before_exit(note());
        expected.push(line!() - 1);
        unspin::before_exit(note());
        expected.push(line!() - 1);
        unspin::on_exit(note());
        expected.push(line!() - 1);
    });
    assert_eq!(*lines.borrow(), expected);
}

#[test]
fn an_uncaught_hook_sees_the_callback_that_failed() {
    let log = Log::new();
    run_virtual(|| {
        unspin::on_uncaught(say_with(&log));
        unspin::set_immediate(|| Err(unspin::Error::new("no")));
        unspin::set_immediate(|| unspin::queue_microtask(|| panic!("no")));
    });
    log.expect(&["immediate < main", "microtask < immediate < main"]);
}

#[test]
fn enter_and_posted_closures_come_from_outside() {
    let event_loop = util::virtual_loop();
    assert_eq!(event_loop.enter(kinds).expect("it is not busy").as_deref(), Some("enter"));
    run_virtual(|| {
        unspin::remote().post(|| assert_eq!(kinds(), "posted")).expect("the loop is there");
    });
}
