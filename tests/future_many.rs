//! Ten thousand futures at once that sleep, race and are aborted: each ends once, and is gone.
#![cfg(feature = "async")]

mod util;

use std::cell::Cell;
use std::rc::Rc;

use unspin::{AbortController, Promise, Result, sleep, spawn, timeout};
use util::{Drops, millis, virtual_loop};

const MANY: u64 = 10_000;

/// Runs a future on the virtual clock, to an end without failure.
#[track_caller]
fn run(future: impl Future<Output = Result<()>> + 'static) {
    let ran = virtual_loop().run(|| spawn(future).or_uncaught());
    ran.expect("nothing in it fails");
}

#[test]
fn all_sleep_and_wake_in_the_order_of_their_deadlines() {
    let (drops, last) = (Drops::new(), Rc::new(Cell::new(0)));
    let (guards, latest) = (drops.clone(), last.clone());
    run(async move {
        let mut handles = Vec::new();
        for number in 0..MANY {
            let (guard, latest) = (guards.guard(), latest.clone());
            // All residues once, in an order that is not that of time.
            let delay = number * 7919 % MANY + 1;
            handles.push(spawn(async move {
                let _guard = guard;
                sleep(millis(delay)).await;
                assert!(latest.replace(delay) < delay, "a later one has woken before {delay}");
                delay
            }));
        }
        let mut sum = 0;
        for handle in handles {
            sum += handle.await?;
        }
        assert_eq!(sum, MANY * (MANY + 1) / 2);
        Ok(())
    });
    assert_eq!((drops.count() as u64, last.get()), (MANY, MANY));
}

#[test]
fn half_are_aborted_while_they_sleep() {
    let drops = Drops::new();
    let (guards, slept) = (drops.clone(), Rc::new(Cell::new(0)));
    let count = slept.clone();
    run(async move {
        let controller = AbortController::new();
        for number in 0..MANY {
            let (guard, slept) = (guards.guard(), slept.clone());
            let handle = spawn(async move {
                let _guard = guard;
                sleep(millis(10 + number % 100)).await;
                slept.set(slept.get() + 1);
                Ok(())
            });
            if number % 2 == 0 {
                handle.abort_on(controller.signal()).log_err();
            } else {
                handle.log_err();
            }
        }
        sleep(millis(5)).await;
        controller.abort();
        Ok(())
    });
    assert_eq!((drops.count() as u64, count.get()), (MANY, MANY / 2));
}

#[test]
fn all_race_against_a_limit_and_against_each_other() {
    let won = Rc::new(Cell::new((0, 0, 0)));
    let counts = won.clone();
    run(async move {
        let mut handles = Vec::new();
        for number in 0..MANY {
            let won = won.clone();
            handles.push(spawn(async move {
                // One in three is too late.
                let late = timeout(millis(20), sleep(millis(10 + number % 3 * 9))).await.is_err();
                let quick = Promise::<u64>::from_future(async move {
                    sleep(millis(1 + number % 2)).await;
                    Ok(1)
                });
                let slow = Promise::<u64>::from_future(async {
                    sleep(millis(5)).await;
                    Ok(2)
                });
                let first = Promise::race([slow, quick]).await?;
                let (in_time, too_late, sum) = won.get();
                let late = u64::from(late);
                won.set((in_time + 1 - late, too_late + late, sum + first));
                Result::<()>::Ok(())
            }));
        }
        for handle in handles {
            handle.await??;
        }
        Ok(())
    });
    let too_late = MANY / 3;
    assert_eq!(counts.get(), (MANY - too_late, too_late, MANY));
}
