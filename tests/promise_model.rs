//! Random families of promises against a model: each callback runs once if the model says so, is
//! dropped once in any case, and sees what the model says.
#![cfg(feature = "async")]

mod util;

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use unspin::{Error, Promise};
use util::{Drops, virtual_loop};

/// A promise made of nothing, or of ones that were made before it (counted back from it).
#[derive(Clone, Debug)]
enum Made {
    Resolved,
    Rejected,
    ForEver,
    Then(usize),
    Fails(usize),
    Catch(usize),
    /// Follows the second when the first is fulfilled.
    AndThen(usize, usize),
    Finally(usize),
    /// The result of an `await` of it.
    Await(usize),
}

/// `Ok` and `Err` carry the number of the promise that they come from.
type State = Option<Result<usize, usize>>;

fn made() -> impl Strategy<Value = Made> {
    let back = 1..6usize;
    prop_oneof![
        2 => Just(Made::Resolved),
        1 => Just(Made::Rejected),
        1 => Just(Made::ForEver),
        3 => back.clone().prop_map(Made::Then),
        1 => back.clone().prop_map(Made::Fails),
        2 => back.clone().prop_map(Made::Catch),
        2 => (back.clone(), back.clone()).prop_map(|(of, to)| Made::AndThen(of, to)),
        1 => back.clone().prop_map(Made::Finally),
        2 => back.prop_map(Made::Await),
    ]
}

/// What becomes of each promise, and whether its callback runs.
fn model(family: &[Made]) -> (Vec<State>, Vec<bool>) {
    let (mut states, mut runs): (Vec<State>, Vec<bool>) = (Vec::new(), Vec::new());
    for (own, made) in family.iter().enumerate() {
        let of = |back: usize| own.checked_sub(back).and_then(|index| states[index]);
        let (state, run) = match *made {
            Made::Resolved => (Some(Ok(own)), false),
            Made::Rejected => (Some(Err(own)), false),
            Made::ForEver => (None, false),
            Made::Then(back) => match of(back) {
                Some(Ok(_)) => (Some(Ok(own)), true),
                other => (other, false),
            },
            Made::Fails(back) => match of(back) {
                Some(Ok(_)) => (Some(Err(own)), true),
                other => (other, false),
            },
            Made::Catch(back) => match of(back) {
                Some(Err(_)) => (Some(Ok(own)), true),
                other => (other, false),
            },
            Made::AndThen(back, to) => match of(back) {
                Some(Ok(_)) => (of(to), true),
                other => (other, false),
            },
            Made::Finally(back) => (of(back), of(back).is_some()),
            Made::Await(back) => (of(back), of(back).is_some()),
        };
        states.push(state);
        runs.push(run);
    }
    (states, runs)
}

#[derive(Default)]
struct Seen {
    runs: Vec<usize>,
    states: Vec<State>,
}

fn number(error: &Error) -> usize {
    error.to_string().parse().expect("the reason is a number")
}

/// Makes the family for real. A promise that is asked for before the first is one for ever pending.
fn build(family: &[Made], seen: &Rc<RefCell<Seen>>, drops: &Drops) {
    let mut promises: Vec<Promise<usize>> = Vec::new();
    for (own, made) in family.iter().enumerate() {
        let of = |back: usize| match own.checked_sub(back) {
            Some(index) => promises[index].clone(),
            None => Promise::new(drop),
        };
        let (guard, ran) = (drops.guard(), seen.clone());
        let run = move || {
            guard.keep();
            ran.borrow_mut().runs[own] += 1;
        };
        promises.push(match *made {
            Made::Resolved => Promise::resolved(own),
            Made::Rejected => Promise::rejected(Error::new(own.to_string())),
            Made::ForEver => Promise::new(drop),
            Made::Then(back) => of(back).then(move |_| {
                run();
                own
            }),
            Made::Fails(back) => of(back).try_then(move |_| {
                run();
                Err(Error::new(own.to_string()))
            }),
            Made::Catch(back) => of(back).catch(move |_| {
                run();
                own
            }),
            Made::AndThen(back, to) => {
                let target = of(to);
                of(back).and_then(move |_| {
                    run();
                    target
                })
            }
            Made::Finally(back) => of(back).finally(run),
            Made::Await(back) => {
                let promise = of(back);
                Promise::from_future(async move {
                    let result = promise.await;
                    run();
                    result
                })
            }
        });
    }
    for (own, promise) in promises.into_iter().enumerate() {
        let seen = seen.clone();
        promise.then_or(
            {
                let seen = seen.clone();
                move |value| seen.borrow_mut().states[own] = Some(Ok(value))
            },
            move |reason| seen.borrow_mut().states[own] = Some(Err(number(&reason))),
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn promises_do_what_the_model_says(family in prop::collection::vec(made(), 1..40)) {
        let (states, runs) = model(&family);
        let (drops, seen) = (Drops::new(), Rc::new(RefCell::new(Seen::default())));
        seen.borrow_mut().runs = vec![0; family.len()];
        seen.borrow_mut().states = vec![None; family.len()];
        let event_loop = virtual_loop();
        event_loop.run(|| build(&family, &seen, &drops)).expect("every rejection is handled");
        drop(event_loop);
        let ran: Vec<usize> = runs.iter().map(|run| usize::from(*run)).collect();
        prop_assert_eq!(&seen.borrow().runs, &ran);
        prop_assert_eq!(&seen.borrow().states, &states);
        // One guard per promise, used or not.
        prop_assert_eq!(drops.count(), family.len());
    }
}
