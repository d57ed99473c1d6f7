//! Structured concurrency: no child outlives its scope, and the first error ends them all.
#![cfg(feature = "async")]

mod util;

use std::time::Duration;

use unspin::{Error, EventLoop, Result, Scope, scope, sleep, spawn, yield_now};
use util::{Drops, Log, OnDrop, millis, virtual_loop};

const HOUR: Duration = Duration::from_secs(3600);

/// Runs a future on the virtual clock, to an end without failure.
#[track_caller]
fn run<T: 'static>(future: impl Future<Output = Result<T>> + 'static) {
    let event_loop: EventLoop = virtual_loop();
    event_loop
        .run(|| {
            let future = async move { future.await.map(drop) };
            spawn(future).or_uncaught();
        })
        .expect("nothing in it fails");
}

#[test]
fn a_scope_ends_when_all_its_children_have_ended() {
    let log = Log::default();
    let words = log.clone();
    run(async move {
        let inner = words.clone();
        scope(move |scope| async move {
            for (delay, word) in [(30, "slow"), (10, "quick")] {
                let words = inner.clone();
                scope.spawn(async move {
                    sleep(millis(delay)).await;
                    words.say(word);
                    Ok(())
                });
            }
            inner.say("body");
            Ok(())
        })
        .await?;
        words.say("after");
        Ok(())
    });
    log.expect(&["body", "quick", "slow", "after"]);
}

#[test]
fn a_child_may_start_children() {
    fn start(scope: &Scope, depth: u32, log: Log) {
        let own = scope.clone();
        scope.spawn(async move {
            yield_now().await;
            log.say(format!("depth {depth}"));
            if depth < 3 {
                start(&own, depth + 1, log);
            }
            Ok(())
        });
    }
    let log = Log::default();
    let words = log.clone();
    run(async move {
        scope(move |scope| async move {
            start(&scope, 1, words);
            Ok(())
        })
        .await
    });
    log.expect(&["depth 1", "depth 2", "depth 3"]);
}

#[test]
fn the_first_error_of_a_child_drops_the_others_and_is_the_scopes() {
    let (log, drops) = (Log::default(), Drops::default());
    let (words, guards) = (log.clone(), drops.clone());
    run(async move {
        let result = scope(move |scope| async move {
            for _ in 0..3 {
                let guard = guards.guard();
                scope.spawn(async move {
                    let _guard = guard;
                    sleep(HOUR).await;
                    unreachable!("it is dropped long before");
                });
            }
            scope.spawn(async {
                sleep(millis(5)).await;
                Err(Error::new("the first"))
            });
            let _guard = guards.guard();
            sleep(HOUR).await;
            Ok(())
        })
        .await;
        words.say(result.expect_err("a child has failed").to_string());
        assert!(unspin::now() < HOUR);
        Ok(())
    });
    log.expect(&["the first"]);
    assert_eq!(drops.count(), 4);
}

#[test]
fn an_error_of_the_body_drops_the_children() {
    let drops = Drops::default();
    let guards = drops.clone();
    run(async move {
        let counted = guards.clone();
        let result: Result<()> = scope(move |scope| async move {
            let guard = guards.guard();
            scope.spawn(async move {
                let _guard = guard;
                sleep(HOUR).await;
                Ok(())
            });
            yield_now().await;
            Err(Error::new("the body's"))
        })
        .await;
        assert_eq!(result.expect_err("the body has failed").to_string(), "the body's");
        assert_eq!(counted.count(), 1, "no child is left when the scope has ended");
        Ok(())
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_panic_of_a_child_is_the_scopes_error() {
    run(async {
        let result = scope(|scope| async move {
            scope.spawn(async { panic!("in a child") });
            Ok(())
        })
        .await;
        assert!(result.expect_err("a child has panicked").is_panic());
        Ok(())
    });
}

#[test]
fn dropping_a_scope_drops_its_children() {
    let drops = Drops::default();
    let guards = drops.clone();
    run(async move {
        let counted = guards.clone();
        let mut handle = spawn(scope(move |scope| async move {
            let guard = guards.guard();
            scope.spawn(async move {
                let _guard = guard;
                sleep(HOUR).await;
                Ok(())
            });
            sleep(HOUR).await;
            Ok(())
        }));
        sleep(millis(1)).await;
        handle.abort();
        assert!((&mut handle).await.expect_err("it was aborted").is_cancelled());
        yield_now().await;
        yield_now().await;
        assert_eq!(counted.count(), 1);
        Ok(())
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn what_is_started_after_the_first_error_is_dropped() {
    let drops = Drops::default();
    let guards = drops.clone();
    run(async move {
        let result: Result<()> = scope(move |scope| async move {
            let late = scope.clone();
            // The drop of a child starts another one.
            let on_drop = OnDrop(move || {
                let guard = guards.guard();
                late.spawn(async move {
                    guard.keep();
                    unreachable!("the scope is over");
                });
            });
            scope.spawn(async move {
                on_drop.keep();
                sleep(HOUR).await;
                Ok(())
            });
            scope.spawn(async { Err(Error::new("over")) });
            sleep(HOUR).await;
            Ok(())
        })
        .await;
        assert_eq!(result.expect_err("a child has failed").to_string(), "over");
        Ok(())
    });
    assert_eq!(drops.count(), 1);
}
