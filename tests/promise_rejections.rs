//! Rejections that nobody handles: when they are told, to whom, and with which line.

mod util;

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use unspin::{CallbackKind, Error, EventLoop, Promise, Rejection};
use util::{Log, millis, panic_text, run_virtual, virtual_loop};

fn rejected(text: &str) -> Promise<u32> {
    Promise::rejected(Error::new(text))
}

/// Says each rejection that is reported, and each that is handled late.
fn report_to(log: &Log) {
    let (reported, handled) = (log.clone(), log.clone());
    unspin::on_unhandled_rejection(move |rejection| {
        reported.say(format!("unhandled {}", rejection.error()));
    });
    unspin::on_rejection_handled(move |_| handled.say("handled"));
}

#[test]
fn a_rejection_is_told_when_both_queues_are_empty() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        report_to(&said);
        drop(rejected("a"));
        drop(rejected("b"));
        let inner = said.clone();
        unspin::queue_microtask(move || {
            inner.say("micro");
            unspin::next_tick(inner.add("tick of the microtask"));
        });
        unspin::next_tick(said.add("tick"));
        unspin::set_immediate(said.add("the next task"));
    });
    log.expect(&[
        "tick",
        "micro",
        "tick of the microtask",
        "unhandled a",
        "unhandled b",
        "the next task",
    ]);
}

#[test]
fn a_rejection_that_is_handled_in_time_is_never_told() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        report_to(&said);
        let by_a_tick = rejected("a");
        unspin::next_tick(move || drop(by_a_tick.catch(|_| 0)));
        let by_a_microtask = rejected("b");
        unspin::queue_microtask(move || drop(by_a_microtask.catch(|_| 0)));
        drop(rejected("c").or_else(|_| Promise::resolved(1)));
        let followed = rejected("d");
        let (promise, resolver) = Promise::<u32>::with_resolver();
        resolver.resolve_with(followed);
        drop(promise.catch(|_| 0));
    });
    log.expect(&[]);
}

#[test]
fn a_chain_without_a_handler_is_told_once_at_its_end() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        report_to(&said);
        drop(rejected("a").then(|n| n + 1).finally(|| ()).then(|n| n + 1));
        drop(Promise::all([rejected("b"), rejected("c"), Promise::resolved(1)]));
    });
    log.expect(&["unhandled b", "unhandled a"]);
}

#[test]
fn all_are_told_before_what_the_hooks_queue_runs() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let hook = said.clone();
        let mut first = true;
        unspin::on_unhandled_rejection(move |rejection| {
            hook.say(format!("unhandled {}", rejection.error()));
            unspin::next_tick(hook.add("tick"));
            if std::mem::take(&mut first) {
                drop(rejected("by the hook"));
            }
        });
        drop(rejected("a"));
        drop(rejected("b"));
    });
    log.expect(&["unhandled a", "unhandled b", "tick", "tick", "unhandled by the hook", "tick"]);
}

#[test]
fn handling_it_late_is_told_at_the_end_of_that_checkpoint() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        report_to(&said);
        let promise = rejected("a");
        unspin::set_immediate(move || {
            drop(rejected("b"));
            let mut caught = said.add("caught");
            drop(promise.clone().then_or(|_| (), move |_| caught()));
            drop(promise.then_or(|_| (), |_| ()));
            unspin::next_tick(said.add("tick"));
            unspin::set_immediate(said.add("the next task"));
        });
    });
    // Once, although there are two reactions; and before what is unhandled.
    log.expect(&["unhandled a", "tick", "caught", "handled", "unhandled b", "the next task"]);
}

#[test]
fn handling_it_inside_the_hook_is_late_too() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let promise = rejected("a");
        let own = Cell::new(Some(promise));
        let (reported, handled) = (said.clone(), said);
        unspin::on_unhandled_rejection(move |_| {
            reported.say("unhandled");
            if let Some(promise) = own.take() {
                let mut caught = reported.add("caught");
                drop(promise.then_or(|_| (), move |_| caught()));
            }
        });
        unspin::on_rejection_handled(move |_| handled.say("handled"));
    });
    log.expect(&["unhandled", "caught", "handled"]);
}

#[test]
fn what_a_hook_for_late_handling_handles_is_told_in_the_same_round() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        report_to(&said);
        let (a, b) = (rejected("a"), rejected("b"));
        let other = Cell::new(Some(b));
        unspin::on_rejection_handled(move |_| drop(other.take().map(|b| b.catch(|_| 0))));
        unspin::set_immediate(move || {
            drop(a.catch(|_| 0));
            drop(rejected("c"));
        });
    });
    log.expect(&["unhandled a", "unhandled b", "handled", "handled", "unhandled c"]);
}

#[test]
fn the_two_hooks_can_tell_promises_apart() {
    let open: Rc<RefCell<Vec<Rejection>>> = Rc::default();
    let (add, remove, left) = (Rc::clone(&open), Rc::clone(&open), open);
    run_virtual(move || {
        unspin::on_unhandled_rejection(move |rejection| add.borrow_mut().push(rejection.clone()));
        unspin::on_rejection_handled(move |handled| {
            remove.borrow_mut().retain(|rejection| rejection != handled);
        });
        let [_a, b, _c] = ["a", "b", "c"].map(rejected);
        unspin::set_immediate(move || drop(b.catch(|_| 0)));
        unspin::set_timeout(millis(1), move || {
            let left = left.take();
            let texts: Vec<_> =
                left.iter().map(|rejection| rejection.error().to_string()).collect();
            assert_eq!(texts, ["a", "c"]);
        });
    });
}

#[test]
fn without_a_hook_of_its_own_it_is_uncaught_with_the_line_of_the_promise() {
    let log = Log::new();
    let said = log.clone();
    let line = Rc::new(Cell::new(0));
    let made = Rc::clone(&line);
    run_virtual(move || {
        unspin::on_uncaught(move |uncaught| {
            let rejection = uncaught.rejection().expect("it is a rejection");
            assert_eq!(uncaught.at(), rejection.at());
            assert_eq!(uncaught.kind(), CallbackKind::Reaction);
            assert_eq!(uncaught.at().file(), file!());
            let error = uncaught.error();
            said.say(format!("{}: {error}", uncaught.at().line() - made.get()));
        });
        line.set(line!());
        drop(Promise::<u32>::rejected(Error::new("a")));
        let chained = Promise::<u32>::rejected(Error::new("b"));
        drop(chained.then(|n| n + 1));
        unspin::set_immediate(|| Err(Error::new("no rejection"))).unref();
    });
    log.expect(&["1: a", "3: b"]);
}

#[test]
fn the_hook_gets_the_reason_itself() {
    #[derive(Debug, PartialEq)]
    struct Reason(u32);
    impl From<Error> for Reason {
        fn from(_: Error) -> Reason {
            Reason(0)
        }
    }
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        unspin::on_unhandled_rejection(move |rejection| {
            let reason = rejection.with_reason(|reason: &Reason| reason.0);
            let error = rejection.with_reason(|error: &Error| error.to_string());
            said.say(format!("{reason:?} {error:?} {}", rejection.error()));
        });
        drop(Promise::<(), _>::settled(Err(Reason(7))));
        drop(rejected("an error"));
    });
    log.expect(&["Some(7) None Reason(7)", "None Some(\"an error\") an error"]);
}

#[test]
fn a_reason_that_is_moved_out_later_is_not_there_any_more() {
    let kept: Rc<RefCell<Vec<Rejection>>> = Rc::default();
    let (keep, look) = (Rc::clone(&kept), kept);
    run_virtual(move || {
        unspin::on_unhandled_rejection(move |rejection| keep.borrow_mut().push(rejection.clone()));
        let promise = rejected("a");
        unspin::set_immediate(move || {
            let reason = look.borrow()[0].with_reason(Error::clone);
            assert_eq!(reason.expect("nobody took it").to_string(), "a");
            drop(promise.catch(|_| 0));
            unspin::set_immediate(move || {
                assert!(look.borrow()[0].with_reason(Error::clone).is_none());
                // It holds the promise, the promise the loop, and the loop the hook.
                look.borrow_mut().clear();
            });
        });
    });
}

#[test]
fn without_any_hook_run_fails_with_the_reason() {
    let log = Log::new();
    let said = log.clone();
    let failure = virtual_loop().run(move || {
        unspin::on_exit({
            let said = said.clone();
            move |code| said.say(format!("exit {code}"))
        });
        drop(Promise::<u32>::rejected(Error::from(ErrorKind::NotFound)));
        drop(rejected("the second is not told"));
        unspin::queue_microtask(said.add("micro"));
        unspin::set_immediate(said.add("too late"));
    });
    assert_eq!(failure.expect_err("nobody handles it").kind(), ErrorKind::NotFound);
    log.expect(&["micro", "exit 1"]);
}

#[test]
fn a_reason_that_is_an_error_fails_with_the_line_and_all_that_it_is() {
    let line = line!() + 2;
    let ran = virtual_loop().run(|| {
        let _ = Promise::<()>::rejected(std::io::ErrorKind::NotFound);
    });
    let error = ran.expect_err("nobody handles it");
    let text = error.to_string();
    assert!(text.starts_with(&format!("a promise made in {}:{line} was", file!())), "{text}");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.downcast_ref::<std::io::Error>().is_some());
}

#[test]
fn a_reason_that_is_no_error_fails_with_the_line_of_the_promise() {
    #[derive(Debug)]
    struct Reason;
    impl From<Error> for Reason {
        fn from(_: Error) -> Reason {
            Reason
        }
    }
    let line = line!() + 2;
    let failure = virtual_loop().run(|| {
        drop(Promise::<u32, _>::settled(Err(Reason)));
    });
    let text = failure.expect_err("nobody handles it").to_string();
    assert_eq!(text, format!("a promise made in {}:{line} was rejected: Reason", file!()));
}

#[test]
fn a_panic_in_a_handler_that_nobody_catches_goes_on_from_run() {
    let run = || virtual_loop().run(|| drop(Promise::resolved(1).then(|_| panic!("on and on"))));
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    assert_eq!(panic_text(&*payload), "on and on");
}

#[test]
fn an_error_in_a_hook_is_uncaught_and_the_others_are_told() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let uncaught = said.clone();
        unspin::on_uncaught(move |failure| uncaught.say(format!("uncaught {}", failure.error())));
        unspin::on_unhandled_rejection(move |rejection| {
            said.say(format!("unhandled {}", rejection.error()));
            Err(Error::new("in the hook"))
        });
        drop(rejected("a"));
        drop(rejected("b"));
    });
    log.expect(&["unhandled a", "uncaught in the hook", "unhandled b", "uncaught in the hook"]);
}

#[test]
fn after_exit_in_a_hook_nothing_is_told() {
    let log = Log::new();
    let said = log.clone();
    let code = EventLoop::new().unwrap().run(move || {
        report_to(&said);
        unspin::on_rejection_handled(|_| unspin::exit(4));
        report_to(&said);
        let promises = [rejected("a"), rejected("b")];
        unspin::set_immediate(move || {
            promises.into_iter().for_each(|promise| drop(promise.catch(|_| 0)));
            drop(rejected("c"));
        });
    });
    assert_eq!(code.unwrap(), 4);
    let twice = ["unhandled a", "unhandled a", "unhandled b", "unhandled b", "handled"];
    log.expect(&twice);
}

#[test]
fn a_hook_that_removes_itself_is_called_once() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let hook = Rc::new(RefCell::new(None));
        let (own, once) = (Rc::clone(&hook), said.clone());
        let installed = unspin::on_unhandled_rejection(move |rejection| {
            once.say(format!("once {}", rejection.error()));
            let hook: Option<unspin::Hook> = own.take();
            hook.expect("it is there the first time").remove();
            report_to(&once);
        });
        hook.replace(Some(installed));
        drop(rejected("a"));
        drop(rejected("b"));
    });
    log.expect(&["once a", "unhandled b"]);
}

#[test]
fn a_promise_that_is_pending_in_the_end_is_no_failure() {
    run_virtual(|| {
        let (promise, resolver) = Promise::<u32>::with_resolver();
        drop(promise.then(|_| ()));
        unspin::set_timeout(millis(1), move || drop(resolver));
    });
}

#[test]
fn a_rejection_after_the_loop_is_gone_harms_nobody() {
    let kept = Rc::new(Cell::new(None));
    let keep = Rc::clone(&kept);
    run_virtual(move || keep.set(Some(Promise::<u32>::with_resolver())));
    let (promise, resolver) = kept.take().expect("it was kept");
    resolver.reject(Error::new("to nobody"));
    assert!(!promise.is_pending());
    drop(promise.catch(|_| unreachable!("nothing runs any more")));
}
