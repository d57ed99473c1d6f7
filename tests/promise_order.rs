//! Promises: in which microtask what runs, as in ECMAScript.

mod util;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use unspin::{AggregateError, Error, EventLoop, Promise, Resolution, Resolver};
use util::{Log, run_virtual};

/// Notes in which round of microtasks something happens. What `main` queues runs in round 1, what
/// is queued in round 1 runs in round 2.
#[derive(Clone, Default)]
struct Rounds {
    now: Rc<Cell<usize>>,
    noted: Rc<Cell<Option<usize>>>,
}

impl Rounds {
    fn note(&self) {
        assert_eq!(self.noted.replace(Some(self.now.get())), None, "noted twice");
    }

    /// Queues the end of this round, which counts on: it is behind whatever is in the round.
    fn count(self) {
        const LIMIT: usize = 20;
        self.now.set(self.now.get() + 1);
        if self.now.get() < LIMIT {
            unspin::queue_microtask(move || self.count());
        }
    }
}

/// The round in which `start` has it noted; `None` if never.
fn round_of(start: impl FnOnce(Rounds)) -> Option<usize> {
    let rounds = Rounds::default();
    let noted = Rc::clone(&rounds.noted);
    run_virtual(move || {
        start(rounds.clone());
        rounds.count();
    });
    noted.get()
}

fn failed(text: &str) -> Error {
    Error::new(text)
}

#[test]
fn reactions_run_in_the_order_they_were_added() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let (promise, resolver) = Promise::<u32>::with_resolver();
        let mut add = [said.add("a"), said.add("b"), said.add("c")].into_iter();
        for mut say in add.by_ref() {
            drop(promise.clone().then(move |_| say()));
        }
        unspin::queue_microtask(said.add("before"));
        resolver.resolve(1);
        unspin::queue_microtask(said.add("after"));
        let mut late = said.add("late");
        drop(promise.then(move |_| late()));
        said.say("main");
    });
    log.expect(&["main", "before", "a", "b", "c", "after", "late"]);
}

#[test]
fn an_executor_runs_at_once_and_its_first_call_wins() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let executed = said.clone();
        let promise = Promise::new(move |resolver: Resolver<u32>| {
            executed.say("executor");
            resolver.resolve(1);
            resolver.resolve(2);
            resolver.reject(failed("late"));
            panic!("nobody hears it");
        });
        said.say("main");
        let then = said.clone();
        promise.then(move |n| then.say(n.to_string()));
    });
    log.expect(&["executor", "main", "1"]);
}

#[test]
fn a_panic_in_an_executor_or_a_handler_is_a_rejection() {
    run_virtual(|| {
        let executor = Promise::new(|_: Resolver<u32>| panic!("in the executor"));
        let handler = Promise::resolved(1).then(|_| -> u32 { panic!("in a handler") });
        let caught = |text: &'static str| {
            move |error: Error| {
                assert!(error.is_panic() && error.to_string().contains(text), "{error}");
                0
            }
        };
        executor.catch(caught("in the executor"));
        handler.catch(caught("in a handler"));
        Promise::try_from_fn(|| -> unspin::Result<u32> { panic!("in a function") })
            .catch(caught("in a function"));
    });
}

#[test]
fn a_handler_of_a_settled_promise_runs_one_microtask_later() {
    let then = round_of(|rounds| drop(Promise::resolved(1).then(move |_| rounds.note())));
    assert_eq!(then, Some(1));
    let passed_on = round_of(|rounds| {
        drop(Promise::resolved(1).catch(|_| 0).then(move |_| rounds.note()));
    });
    assert_eq!(passed_on, Some(2), "a handler that is missing costs a microtask too");
    let caught = round_of(|rounds| {
        let rejected = Promise::<u32>::rejected(failed("no")).then(|n| n + 1);
        drop(rejected.then_or(|_| (), move |_| rounds.note()));
    });
    assert_eq!(caught, Some(2));
}

#[test]
fn following_a_promise_takes_two_microtasks_more() {
    let resolved_with = round_of(|rounds| {
        let (promise, resolver) = Promise::<u32>::with_resolver();
        resolver.resolve_with(Promise::resolved(1));
        drop(promise.then(move |_| rounds.note()));
    });
    assert_eq!(resolved_with, Some(3));
    let returned = round_of(|rounds| {
        let promise = Promise::resolved(1).and_then(|n| Promise::resolved(n + 1));
        drop(promise.then(move |_| rounds.note()));
    });
    assert_eq!(returned, Some(4));
    let rejected = round_of(|rounds| {
        let promise = Promise::resolved(1).and_then(|_| Promise::<u32>::rejected(failed("no")));
        drop(promise.then_or(|_| (), move |_| rounds.note()));
    });
    assert_eq!(rejected, Some(4));
    let or_else = round_of(|rounds| {
        let promise = Promise::<u32>::rejected(failed("no")).or_else(|_| Promise::resolved(1));
        drop(promise.then(move |_| rounds.note()));
    });
    assert_eq!(or_else, Some(4));
}

#[test]
fn following_what_is_like_a_promise_takes_one_microtask_more() {
    let resolved_with = round_of(|rounds| {
        let (promise, resolver) = Promise::<u32>::with_resolver();
        let like = |resolver: Resolver<u32>| resolver.resolve(1);
        resolver.resolve_with(Resolution::Like(Box::new(like)));
        drop(promise.then(move |_| rounds.note()));
    });
    assert_eq!(resolved_with, Some(2));
    let panicked = round_of(|rounds| {
        let (promise, resolver) = Promise::<u32>::with_resolver();
        let like = |_: Resolver<u32>| panic!("before it called anything");
        resolver.resolve_with(Resolution::Like(Box::new(like)));
        drop(promise.then_or(|_| (), move |_| rounds.note()));
    });
    assert_eq!(panicked, Some(2));
    let panicked_late = round_of(|rounds| {
        let (promise, resolver) = Promise::<u32>::with_resolver();
        let like = |resolver: Resolver<u32>| {
            resolver.resolve(1);
            resolver.reject(failed("late"));
            panic!("later still");
        };
        resolver.resolve_with(Resolution::Like(Box::new(like)));
        drop(promise.then(move |_| rounds.note()));
    });
    assert_eq!(panicked_late, Some(2));
}

#[test]
fn a_resolver_that_follows_is_spent_before_the_promise_is_settled() {
    run_virtual(|| {
        let (inner, settle) = Promise::<u32>::with_resolver();
        let (outer, resolver) = Promise::<u32>::with_resolver();
        resolver.resolve_with(inner);
        assert!(resolver.is_spent() && outer.is_pending() && !settle.is_spent());
        resolver.resolve(9);
        resolver.reject(failed("ignored"));
        unspin::set_immediate(move || settle.resolve(1));
        outer.then(|n| assert_eq!(n, 1));
    });
}

#[test]
fn a_promise_that_is_resolved_with_itself_is_rejected() {
    let round = round_of(|rounds| {
        let (promise, resolver) = Promise::<u32>::with_resolver();
        resolver.resolve_with(promise.clone());
        assert!(!promise.is_pending());
        drop(promise.then_or(
            |_| unreachable!("it is rejected"),
            move |error| {
                assert!(!error.is_panic() && error.to_string().contains("itself"), "{error}");
                rounds.note();
            },
        ));
    });
    assert_eq!(round, Some(1));
}

#[test]
fn finally_waits_for_what_it_returns_and_passes_the_result_on() {
    let unit = round_of(|rounds| {
        let promise = Promise::resolved(7).finally(|| ());
        drop(promise.then(move |n| {
            assert_eq!(n, 7);
            rounds.note();
        }));
    });
    assert_eq!(unit, Some(4));
    let promise = round_of(|rounds| {
        let promise = Promise::resolved(7).finally(|| Promise::resolved("ignored"));
        drop(promise.then(move |_| rounds.note()));
    });
    assert_eq!(promise, Some(4));
    let rejected = round_of(|rounds| {
        let promise = Promise::<u32>::rejected(failed("passed on")).finally(|| Ok(()));
        drop(promise.then_or(
            |_| (),
            move |error| {
                assert_eq!(error.to_string(), "passed on");
                rounds.note();
            },
        ));
    });
    assert_eq!(rejected, Some(4));
}

#[test]
fn an_error_or_a_panic_in_finally_rejects_at_once() {
    let error = round_of(|rounds| {
        let promise = Promise::resolved(7).finally(|| Err::<(), _>(failed("instead")));
        drop(promise.then_or(
            |_| (),
            move |error| {
                assert_eq!(error.to_string(), "instead");
                rounds.note();
            },
        ));
    });
    assert_eq!(error, Some(2));
    let panic = round_of(|rounds| {
        let promise = Promise::resolved(7).finally(|| {
            if true {
                panic!("instead");
            }
        });
        drop(promise.then_or(|_| (), move |_| rounds.note()));
    });
    assert_eq!(panic, Some(2));
    let promise = round_of(|rounds| {
        let after = || Ok(Promise::<u32>::rejected(failed("instead")));
        let promise = Promise::resolved(7).finally(after);
        drop(promise.then_or(|_| (), move |_| rounds.note()));
    });
    assert_eq!(promise, Some(4), "a promise is waited for, however it is settled");
}

#[test]
fn all_gives_the_values_in_the_order_of_the_inputs() {
    let round = round_of(|rounds| {
        let (slow, resolver) = Promise::with_resolver();
        let all = Promise::all([slow, Promise::resolved(2), Promise::resolved(3)]);
        resolver.resolve(1);
        drop(all.then(move |values| {
            assert_eq!(values, [1, 2, 3]);
            rounds.note();
        }));
    });
    assert_eq!(round, Some(2));
    let empty = round_of(|rounds| {
        let all = Promise::<Vec<u32>>::all_with([], |none: Vec<Vec<u32>>| none.len());
        assert!(!all.is_pending());
        drop(all.then(move |_| rounds.note()));
    });
    assert_eq!(empty, Some(1));
}

#[test]
fn all_is_rejected_with_the_first_reason() {
    let round = round_of(|rounds| {
        let inputs = [
            Promise::resolved(1),
            Promise::rejected(failed("first")),
            Promise::rejected(failed("second, and handled all the same")),
            Promise::with_resolver().0,
        ];
        drop(Promise::all(inputs).then_or(
            |_| unreachable!("one was rejected"),
            move |error| {
                assert_eq!(error.to_string(), "first");
                rounds.note();
            },
        ));
    });
    assert_eq!(round, Some(2));
}

#[test]
fn all_settled_gives_every_result() {
    let round = round_of(|rounds| {
        let inputs = [Promise::resolved(1), Promise::rejected(failed("no"))];
        drop(Promise::all_settled(inputs).then(move |results| {
            assert!(matches!(&results[..], [Ok(1), Err(_)]), "{results:?}");
            rounds.note();
        }));
    });
    assert_eq!(round, Some(2));
}

#[test]
fn any_gives_the_first_value_or_all_reasons() {
    let value = round_of(|rounds| {
        let inputs = [Promise::rejected(failed("no")), Promise::resolved(2), Promise::resolved(3)];
        drop(Promise::any(inputs).then(move |value| {
            assert_eq!(value, 2);
            rounds.note();
        }));
    });
    assert_eq!(value, Some(2));
    let reasons = round_of(|rounds| {
        let inputs = ["a", "b"].map(|text| Promise::<u32>::rejected(failed(text)));
        drop(Promise::any(inputs).then_or(
            |_| (),
            move |error| {
                let AggregateError::Reasons(reasons) = error else { panic!("{error}") };
                assert_eq!(reasons.iter().map(Error::to_string).collect::<String>(), "ab");
                rounds.note();
            },
        ));
    });
    assert_eq!(reasons, Some(2));
    let empty = round_of(|rounds| {
        let any = Promise::any_with([], |none: Vec<Error>| failed(&format!("{none:?}")));
        drop(any.then_or(|_: u32| (), move |_| rounds.note()));
    });
    assert_eq!(empty, Some(1));
}

#[test]
fn race_is_settled_as_the_first() {
    let round = round_of(|rounds| {
        let inputs = [Promise::with_resolver().0, Promise::resolved(2), Promise::resolved(3)];
        drop(Promise::race(inputs).then(move |value| {
            assert_eq!(value, 2);
            rounds.note();
        }));
    });
    assert_eq!(round, Some(2));
    let none = round_of(|rounds| drop(Promise::<u32>::race([]).then(move |_| rounds.note())));
    assert_eq!(none, None, "for ever pending");
}

#[test]
fn a_panic_where_a_combinator_makes_its_value_is_a_rejection() {
    run_virtual(|| {
        let is_panic = |error: Error| assert!(error.is_panic());
        let input = || [Promise::resolved(1)];
        Promise::all_with(input(), |_| panic!("all")).catch(is_panic);
        Promise::all_settled_with(input(), |_| panic!("settled")).catch(is_panic);
        let none: [Promise<()>; 0] = [];
        Promise::any_with(none, |_| -> Error { panic!("any") }).catch(is_panic);
    });
}

#[test]
fn exit_in_an_executor_or_a_handler_is_no_rejection() {
    let handlers: [fn(); 3] = [
        || drop(Promise::new(|_: Resolver<u32>| unspin::exit(3))),
        || drop(Promise::resolved(1).then(|_| -> u32 { unspin::exit(3) })),
        || drop(Promise::<u32>::all_with([], |_| -> u32 { unspin::exit(3) })),
    ];
    for handler in handlers {
        let after = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&after);
        let code = EventLoop::new().unwrap().run(move || {
            handler();
            unspin::queue_microtask(move || seen.borrow_mut().push("after"));
        });
        assert_eq!(code.unwrap(), 3);
        assert!(after.borrow().is_empty());
    }
}

#[cfg(feature = "async")]
mod with_futures {
    use super::*;
    use unspin::spawn;

    #[test]
    fn an_await_resumes_one_microtask_later() {
        let settled = round_of(|rounds| {
            drop(Promise::<()>::from_future(async move {
                Promise::resolved(1).await?;
                rounds.note();
                Ok(())
            }));
        });
        assert_eq!(settled, Some(1));
        let result = round_of(|rounds| {
            let outer = Promise::from_future(async { Promise::resolved(1).await });
            drop(outer.then(move |_| rounds.note()));
        });
        assert_eq!(result, Some(2));
        let returned = round_of(|rounds| {
            let outer = Promise::from_future(async { Promise::resolved(1) });
            drop(outer.then(move |_| rounds.note()));
        });
        assert_eq!(returned, Some(3), "a promise that is returned is followed");
    }

    #[test]
    fn an_await_has_its_place_among_the_reactions() {
        let log = Log::new();
        let said = log.clone();
        run_virtual(move || {
            let (promise, resolver) = Promise::<u32>::with_resolver();
            let [mut a, mut c] = [said.add("a"), said.add("c")];
            drop(promise.clone().then(move |_| a()));
            let (awaited, b) = (promise.clone(), said.clone());
            drop(Promise::<()>::from_future(async move {
                awaited.await?;
                b.say("b");
                Ok(())
            }));
            drop(promise.then(move |_| c()));
            resolver.resolve(1);
        });
        log.expect(&["a", "b", "c"]);
    }

    #[test]
    fn from_future_runs_at_once_and_spawn_in_a_microtask() {
        let log = Log::new();
        let said = log.clone();
        run_virtual(move || {
            unspin::queue_microtask(said.add("micro"));
            let [mut spawned, mut called] = [said.add("spawned"), said.add("called")];
            drop(spawn(async move { spawned() }));
            drop(Promise::<()>::from_future(async move {
                called();
                Ok(())
            }));
            said.say("main");
        });
        log.expect(&["called", "main", "micro", "spawned"]);
    }

    #[test]
    fn a_panic_in_a_future_is_a_rejection_of_its_promise() {
        run_virtual(|| {
            let at_once = Promise::<()>::from_future(async {
                if true {
                    panic!("before an await");
                }
                Ok(())
            });
            at_once.catch(|error| assert!(error.is_panic()));
            let later = Promise::<()>::from_future(async {
                if Promise::resolved(1).await? == 1 {
                    panic!("after an await");
                }
                Ok(())
            });
            later.catch(|error| assert!(error.is_panic()));
        });
    }

    #[test]
    fn exit_in_a_future_unwinds_whoever_called_it() {
        let log = Log::new();
        let said = log.clone();
        let code = EventLoop::new().unwrap().run(move || {
            let exits = async {
                if true {
                    unspin::exit(3);
                }
                Ok(())
            };
            drop(Promise::<()>::from_future(exits));
            said.say("went on");
        });
        assert_eq!(code.unwrap(), 3);
        log.expect(&[]);
    }
}
