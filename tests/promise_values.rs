//! Promises: how values move, when they are cloned, and when they are dropped.

mod util;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use unspin::{Error, Promise, Resolution, Resolver};
use util::{DropGuard, Drops, Log, OnDrop, panic_text, run_virtual};

/// Counts how often it is cloned.
#[derive(Debug)]
struct Counted {
    /// 0 for the value itself.
    copy: usize,
    clones: Rc<Cell<usize>>,
}

impl Counted {
    fn new(clones: &Rc<Cell<usize>>) -> Counted {
        Counted { copy: 0, clones: Rc::clone(clones) }
    }
}

impl Clone for Counted {
    fn clone(&self) -> Counted {
        let copy = self.clones.get() + 1;
        self.clones.set(copy);
        Counted { copy, clones: Rc::clone(&self.clones) }
    }
}

/// Long enough to overflow the stack of a test's thread, if anything about it were recursive.
const LONG: usize = 1_000_000;

#[test]
fn a_value_moves_along_a_chain() {
    struct NeverCloned(u32);
    run_virtual(|| {
        Promise::resolved(NeverCloned(1))
            .then(|value| NeverCloned(value.0 + 1))
            .finally(|| ())
            .and_then(|value| Promise::new(|resolver: Resolver<_>| resolver.resolve(value)))
            .then(|value| assert_eq!(value.0, 2));
    });
}

#[test]
fn the_last_consumer_gets_the_value_itself() {
    let clones = Rc::default();
    let counted = Counted::new(&clones);
    let copies = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&copies);
    run_virtual(move || {
        let promise = Promise::resolved(counted);
        for promise in [promise.clone(), promise.clone(), promise] {
            let seen = Rc::clone(&seen);
            drop(promise.then(move |value| seen.borrow_mut().push(value.copy)));
        }
    });
    assert_eq!(*copies.borrow(), [1, 2, 0]);
    assert_eq!(clones.get(), 2);
}

#[test]
fn a_handle_that_is_gone_costs_no_clone() {
    let clones = Rc::default();
    let counted = Counted::new(&clones);
    run_virtual(move || {
        let (promise, resolver) = Promise::<Counted>::with_resolver();
        drop(promise.clone());
        let other = promise.clone();
        drop(promise.then(|value| assert_eq!(value.copy, 0)));
        drop(other);
        resolver.resolve(counted);
    });
    assert_eq!(clones.get(), 0);
}

#[test]
fn a_handle_that_is_kept_has_its_share() {
    let clones = Rc::default();
    let counted = Counted::new(&clones);
    run_virtual(move || {
        let promise = Promise::resolved(counted);
        drop(promise.clone().then(|value| assert_eq!(value.copy, 1)));
        unspin::set_immediate(move || drop(promise.then(|value| assert_eq!(value.copy, 0))));
    });
    assert_eq!(clones.get(), 1);
}

#[test]
fn a_promise_that_is_followed_gives_its_value_without_a_clone() {
    let clones = Rc::default();
    let counted = Counted::new(&clones);
    run_virtual(move || {
        let (promise, resolver) = Promise::<Counted>::with_resolver();
        resolver.resolve_with(Promise::resolved(counted));
        drop(promise.then(|value| assert_eq!(value.copy, 0)));
    });
    assert_eq!(clones.get(), 0);
}

#[test]
fn a_reason_is_cloned_as_a_value_is() {
    #[derive(Clone, Debug)]
    struct Reason {
        _counted: Counted,
    }
    impl From<Error> for Reason {
        fn from(error: Error) -> Reason {
            panic!("{error}");
        }
    }
    let clones = Rc::default();
    let reason = Reason { _counted: Counted::new(&clones) };
    run_virtual(move || {
        let promise = Promise::<(), Reason>::settled(Err(reason));
        drop(promise.clone().catch(|_| ()));
        drop(promise.catch(|_| ()));
    });
    assert_eq!(clones.get(), 1);
}

#[test]
fn a_value_that_nobody_can_take_is_dropped_when_it_comes() {
    let drops = Drops::new();
    let guard = drops.guard();
    let (seen, later) = (drops.clone(), drops.clone());
    run_virtual(move || {
        let (promise, resolver) = Promise::<DropGuard>::with_resolver();
        drop(promise);
        resolver.resolve(guard);
        assert_eq!(seen.count(), 1);
        resolver.resolve(seen.guard());
        assert_eq!(seen.count(), 2, "a call too many keeps nothing");
    });
    assert_eq!(later.count(), 2);
}

#[test]
fn dropping_what_would_settle_a_promise_drops_its_chain_and_runs_nothing() {
    let (log, drops) = (Log::new(), Drops::new());
    let (said, seen) = (log.clone(), drops.clone());
    run_virtual(move || {
        let (promise, resolver) = Promise::<u32>::with_resolver();
        let handler = || {
            let (mut say, guard) = (said.add("ran"), seen.guard());
            move || {
                guard.keep();
                say();
            }
        };
        let [mut a, b, mut c] = [handler(), handler(), handler()];
        let end = promise.then(move |_| a()).finally(b).catch(move |_| c());
        drop(end);
        assert_eq!(seen.count(), 0, "what was registered still runs");
        drop(resolver);
        assert_eq!(seen.count(), 3);
    });
    log.expect(&[]);
    assert_eq!(drops.count(), 3);
}

#[test]
fn what_is_pending_in_the_end_is_dropped_with_its_loop_or_after_it() {
    let drops = Drops::new();
    let kept = Rc::new(Cell::new(None));
    let (seen, keep) = (drops.clone(), Rc::clone(&kept));
    run_virtual(move || {
        let (promise, resolver) = Promise::<u32>::with_resolver();
        let guard = seen.guard();
        drop(promise.then(move |_| guard.keep()));
        unspin::set_timeout(util::millis(1), move || resolver.resolve(1)).unref();
        let (promise, resolver) = Promise::<u32>::with_resolver();
        let guard = seen.guard();
        drop(promise.then(move |_| guard.keep()));
        keep.set(Some(resolver));
    });
    assert_eq!(drops.count(), 1, "the loop held the one resolver");
    let resolver = kept.take().expect("it was kept");
    resolver.resolve(1);
    drop(resolver);
    assert_eq!(drops.count(), 2, "and the other one outlived it");
}

#[test]
fn a_promise_that_a_handler_holds_itself_is_let_go_when_it_is_settled() {
    let drops = Drops::new();
    let guard = drops.guard();
    run_virtual(move || {
        let (promise, resolver) = Promise::<u32>::with_resolver();
        let (own, again) = (promise.clone(), resolver.clone());
        drop(promise.then(move |_| {
            guard.keep();
            drop((own, again));
        }));
        resolver.resolve(1);
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_long_chain_is_settled_without_recursion() {
    let end = Rc::new(Cell::new(0));
    let seen = Rc::clone(&end);
    run_virtual(move || {
        let (first, resolver) = Promise::<usize>::with_resolver();
        let last = (0..LONG).fold(first, |promise, _| promise.then(|n| n + 1));
        drop(last.then(move |n| seen.set(n)));
        resolver.resolve(0);
    });
    assert_eq!(end.get(), LONG);
}

#[test]
fn a_long_chain_is_dropped_without_recursion() {
    run_virtual(|| {
        let (first, resolver) = Promise::<usize>::with_resolver();
        let last = (0..LONG).fold(first, |promise, _| promise.then(|n| n + 1));
        drop(last);
        drop(resolver);
    });
}

#[test]
fn a_long_line_of_promises_that_follow_each_other_is_settled_and_dropped() {
    for settles in [true, false] {
        run_virtual(move || {
            let (first, resolver) = Promise::<usize>::with_resolver();
            let last = (0..LONG / 4).fold(first, |promise, _| {
                let (next, follower) = Promise::with_resolver();
                follower.resolve_with(promise);
                next
            });
            drop(last);
            // Once each of them has its reaction in the one before.
            unspin::set_immediate(move || match settles {
                true => resolver.resolve(1),
                false => drop(resolver),
            });
        });
    }
}

#[test]
fn promises_held_by_each_others_handlers_are_dropped_without_recursion() {
    run_virtual(|| {
        let (mut held, innermost) = Promise::<usize>::with_resolver();
        let mut resolvers = vec![innermost];
        for _ in 0..LONG / 4 {
            let (promise, resolver) = Promise::<usize>::with_resolver();
            drop(promise.then(move |_| drop(held)));
            let (next, settle) = Promise::<usize>::with_resolver();
            drop(next.clone().then(move |_| drop(resolver)));
            held = next;
            resolvers.clear();
            resolvers.push(settle);
        }
        drop(resolvers);
        drop(held);
    });
}

#[test]
fn a_drop_that_panics_in_a_chain_keeps_nobody() {
    let drops = Drops::new();
    let guards = [drops.guard(), drops.guard()];
    run_virtual(move || {
        let [before, after] = guards;
        let (promise, resolver) = Promise::<u32>::with_resolver();
        let bad = OnDrop(|| panic!("in a drop"));
        let end = promise
            .then(move |_| before.keep())
            .then(move |()| bad.keep())
            .then(move |()| after.keep());
        drop(end);
        let payload = catch_unwind(AssertUnwindSafe(|| drop(resolver))).expect_err("it panics");
        assert_eq!(panic_text(&*payload), "in a drop");
    });
    assert_eq!(drops.count(), 2);
}

/// Panics when it is cloned for the first time.
struct ClonedOnce(Rc<Cell<bool>>);

impl Clone for ClonedOnce {
    fn clone(&self) -> ClonedOnce {
        assert!(self.0.replace(true), "in a clone");
        ClonedOnce(Rc::clone(&self.0))
    }
}

#[test]
fn a_clone_that_panics_is_a_rejection_and_the_others_get_the_value() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let promise = Promise::resolved(ClonedOnce(Rc::default()));
        let say = |word: &'static str| {
            let (ok, err) = (said.clone(), said.clone());
            (
                move |_: ClonedOnce| ok.say(word),
                move |error: Error| err.say(format!("{word}: {}", error.is_panic())),
            )
        };
        for (promise, word) in [(promise.clone(), "a"), (promise.clone(), "b"), (promise, "c")] {
            let (ok, err) = say(word);
            // A rejection of the reaction's own promise, as if the handler had panicked.
            let taken = promise.then(|value| value);
            drop(taken.then_or(ok, err));
        }
    });
    log.expect(&["a: true", "b", "c"]);
}

#[test]
fn a_clone_that_panics_for_a_follower_rejects_it() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let promise = Promise::resolved(ClonedOnce(Rc::default()));
        let (follower, resolver) = Promise::<ClonedOnce>::with_resolver();
        resolver.resolve_with(Resolution::Promise(promise.clone()));
        let (mut value, error) = (said.add("the value"), said.clone());
        drop(follower.then_or(|_| (), move |e| error.say(format!("panic: {}", e.is_panic()))));
        unspin::set_immediate(move || drop(promise.then(move |_| value())));
    });
    log.expect(&["panic: true", "the value"]);
}

/// Uses its own promise when it is cloned.
#[derive(Default)]
struct Meddler(Rc<RefCell<Option<Promise<Meddler>>>>);

impl Clone for Meddler {
    fn clone(&self) -> Meddler {
        let own = self.0.borrow_mut().take();
        if let Some(own) = own {
            assert!(!own.is_pending());
            drop(own.then(|_| ()));
        }
        Meddler(Rc::clone(&self.0))
    }
}

#[test]
fn a_clone_may_use_the_promise_that_it_comes_from() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let value = Meddler::default();
        let own = Rc::clone(&value.0);
        let promise = Promise::resolved(value);
        own.replace(Some(promise.clone()));
        for promise in [promise.clone(), promise] {
            let mut say = said.add("got it");
            drop(promise.then(move |_| say()));
        }
    });
    log.expect(&["got it", "got it"]);
}

#[cfg(feature = "async")]
mod with_futures {
    use super::*;

    #[test]
    fn an_await_of_the_last_handle_moves_the_value() {
        let clones = Rc::default();
        let counted = Counted::new(&clones);
        run_virtual(move || {
            drop(Promise::<()>::from_future(async move {
                let promise = Promise::resolved(counted);
                let other = promise.clone();
                assert_eq!(promise.await?.copy, 1);
                assert_eq!(other.await?.copy, 0);
                Ok(())
            }));
        });
        assert_eq!(clones.get(), 1);
    }

    #[test]
    fn an_await_that_is_dropped_gives_up_its_share() {
        let clones = Rc::default();
        let counted = Counted::new(&clones);
        run_virtual(move || {
            let (promise, resolver) = Promise::<Counted>::with_resolver();
            let waits = promise.clone();
            let waiting = unspin::spawn(async move { waits.await.map(|_| ()) });
            drop(promise.then(|value| assert_eq!(value.copy, 0)));
            unspin::set_immediate(move || {
                waiting.abort();
                unspin::set_immediate(move || resolver.resolve(counted));
                drop(waiting);
            });
        });
        assert_eq!(clones.get(), 0);
    }

    #[test]
    fn a_long_line_of_async_functions_is_settled_and_dropped() {
        for settles in [true, false] {
            let end = Rc::new(Cell::new(0));
            let seen = Rc::clone(&end);
            run_virtual(move || {
                let (first, resolver) = Promise::<usize>::with_resolver();
                let last = (0..LONG / 4).fold(first, |promise, _| {
                    Promise::from_future(async move { promise.await.map(|n| n + 1) })
                });
                drop(last.then(move |n| seen.set(n)));
                unspin::set_immediate(move || match settles {
                    true => resolver.resolve(0),
                    false => drop(resolver),
                });
            });
            assert_eq!(end.get(), if settles { LONG / 4 } else { 0 });
        }
    }
}
