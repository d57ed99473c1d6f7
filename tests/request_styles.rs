//! Requests that end early, by a signal or by a limit: with a callback, as a promise, awaited.

mod util;

use std::cell::Cell;
use std::error::Error as _;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use unspin::{AbortController, AbortSignal, Error, EventLoop, Outcome, Request};
use util::{Drops, Log, millis};

/// Runs `main` on a loop with one pool thread.
#[track_caller]
fn run<R: Outcome>(main: impl FnOnce() -> R) {
    let event_loop = EventLoop::builder().pool_threads(1).build().expect("descriptors are left");
    assert_eq!(event_loop.run(main).expect("nothing in it fails"), 0);
}

/// Occupies the pool thread until what is returned is dropped or sent to.
fn occupy_the_pool() -> Sender<()> {
    let (free, wait) = channel();
    unspin::spawn_blocking(move || wait.recv().is_ok()).callback(drop);
    free
}

/// A request that does not begin as long as the pool is occupied, and must not.
fn never_begins(guard: util::DropGuard) -> Request<()> {
    unspin::spawn_blocking(move || {
        guard.keep();
        panic!("it must not begin");
    })
}

/// Says `word` and how a request ended.
fn says<T: 'static>(log: &Log, word: &str) -> impl FnOnce(unspin::Result<T>) + use<T> + 'static {
    let (log, word) = (log.clone(), word.to_owned());
    move |result| log.say(format!("{word}: {}", ending(&result)))
}

fn ending<T>(result: &unspin::Result<T>) -> String {
    match result {
        Ok(_) => "done".into(),
        Err(error) => error.to_string(),
    }
}

const ABORTED: &str = "the operation was aborted";

#[test]
fn a_request_that_has_not_begun_never_does_and_its_work_is_dropped_once() {
    let (log, drops) = (Log::new(), Drops::new());
    run(|| {
        let occupied = occupy_the_pool();
        let controller = AbortController::new();
        never_begins(drops.guard()).abort_on(controller.signal()).callback(says(&log, "callback"));
        let (said, drops) = (log.clone(), drops.clone());
        unspin::set_immediate(move || {
            controller.abort();
            said.say("aborted");
            assert_eq!(drops.count(), 1);
            drop(occupied);
        });
    });
    log.expect(&["aborted", &format!("callback: {ABORTED}")]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn an_aborted_signal_ends_a_request_before_it_begins_and_not_within_the_call() {
    let (log, drops) = (Log::new(), Drops::new());
    run(|| {
        let controller = AbortController::new();
        controller.abort_with(Error::new("enough"));
        never_begins(drops.guard()).abort_on(controller.signal()).callback(says(&log, "callback"));
        log.say("called");
        unspin::set_immediate(log.add("immediate"));
    });
    log.expect(&["called", "callback: the operation was aborted: enough", "immediate"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn the_reason_is_the_errors_source_and_what_is_in_it_is_found() {
    run(|| {
        let controller = AbortController::new();
        controller.abort_with(std::io::Error::from(ErrorKind::BrokenPipe));
        unspin::spawn_blocking(|| ()).abort_on(controller.signal()).callback(|result| {
            let error = result.expect_err("it was aborted");
            assert!(error.is_abort() && !error.is_cancelled());
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            assert!(error.downcast_ref::<std::io::Error>().is_some());
            let source = error.source().expect("an abort has a reason");
            assert!(source.downcast_ref::<Error>().is_some_and(|reason| !reason.is_abort()));
        });
    });
}

#[test]
fn the_result_of_one_that_runs_is_dropped_when_it_comes() {
    let (log, drops) = (Log::new(), Drops::new());
    run(|| {
        let (free, wait) = channel::<()>();
        let (running, runs) = channel();
        let guard = drops.guard();
        let controller = AbortController::new();
        unspin::spawn_blocking(move || {
            running.send(()).expect("the test waits");
            let _ = wait.recv();
            guard
        })
        .abort_on(controller.signal())
        .callback(says(&log, "callback"));
        runs.recv().expect("the job says that it runs");
        controller.abort();
        let said = log.clone();
        unspin::set_timeout(millis(5), move || {
            said.say("timer");
            drop(free);
        });
    });
    log.expect(&[&format!("callback: {ABORTED}"), "timer"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn an_abort_after_the_end_changes_nothing_and_nothing_waits_for_it() {
    let (log, drops) = (Log::new(), Drops::new());
    run(|| {
        let controller = AbortController::new();
        let (late, said, guard) = (controller.clone(), log.clone(), drops.guard());
        unspin::spawn_blocking(|| 1).abort_on(controller.signal()).callback(move |result| {
            says(&said, "callback")(result);
            guard.keep();
            late.abort();
        });
    });
    log.expect(&["callback: done"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_timeout_signal_works_without_its_handle_and_goes_with_the_request() {
    let log = Log::new();
    run(|| {
        let occupied = occupy_the_pool();
        let late = unspin::spawn_blocking(|| ()).abort_on(&AbortSignal::timeout(millis(2)));
        let said = log.clone();
        late.callback(move |result| {
            says(&said, "late")(result);
            drop(occupied);
            let in_time = AbortSignal::timeout(Duration::from_secs(60));
            unspin::spawn_blocking(|| ()).abort_on(&in_time).callback(move |result| {
                says(&said, "in time")(result);
            });
        });
        unspin::on_exit(|_| {
            let timers = unspin::resources();
            assert!(timers.iter().all(|r| r.kind != unspin::ResourceKind::Timer), "{timers:?}");
        });
    });
    log.expect(&["late: the operation was aborted: timed out after 2ms", "in time: done"]);
}

#[test]
fn listeners_and_requests_of_one_signal_are_told_in_their_order() {
    let log = Log::new();
    run(|| {
        let occupied = occupy_the_pool();
        let controller = AbortController::new();
        let drops = Drops::new();
        let signal = controller.signal();
        let count = drops.clone();
        signal.on_abort(move |_| assert_eq!(count.count(), 0));
        never_begins(drops.guard()).abort_on(signal).callback(says(&log, "one"));
        never_begins(drops.guard()).abort_on(signal).callback(says(&log, "two"));
        let said = log.clone();
        signal.on_abort(move |_| {
            assert_eq!(drops.count(), 2);
            said.say("listener");
        });
        controller.abort();
        drop(occupied);
    });
    log.expect(&["listener", &format!("one: {ABORTED}"), &format!("two: {ABORTED}")]);
}

#[test]
fn a_limit_ends_a_request_in_the_task_of_its_timer() {
    let (log, drops) = (Log::new(), Drops::new());
    run(|| {
        let occupied = occupy_the_pool();
        let said = log.clone();
        never_begins(drops.guard()).timeout(millis(2)).callback(move |result| {
            let error = result.expect_err("the pool is occupied");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            unspin::queue_microtask(said.add("microtask"));
            unspin::set_immediate(said.add("immediate"));
            said.say(error.to_string());
            drop(occupied);
        });
        unspin::set_timeout(millis(2), log.add("timer"));
    });
    log.expect(&["timed out after 2ms", "microtask", "timer", "immediate"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_limit_that_is_kept_leaves_no_timer() {
    run(|| {
        unspin::spawn_blocking(|| ()).timeout(Duration::from_secs(60)).callback(|result| {
            assert!(result.is_ok());
            assert!(unspin::resources().iter().all(|r| r.kind != unspin::ResourceKind::Timer));
        });
    });
}

#[test]
fn the_tighter_of_a_limit_and_a_signal_ends_a_request_once() {
    let log = Log::new();
    run(|| {
        let occupied = occupy_the_pool();
        let controller = AbortController::new();
        let drops = Drops::new();
        let day = Duration::from_secs(86_400);
        let limited = |limit| never_begins(drops.guard()).timeout(limit);
        limited(millis(2)).abort_on(controller.signal()).callback(says(&log, "limit"));
        limited(day).abort_on(controller.signal()).callback(says(&log, "signal outside"));
        never_begins(drops.guard())
            .abort_on(controller.signal())
            .timeout(day)
            .callback(says(&log, "signal inside"));
        let count = drops.clone();
        unspin::set_timeout(millis(20), move || {
            assert_eq!(count.count(), 1);
            controller.abort();
            assert_eq!(count.count(), 3);
            drop(occupied);
        });
    });
    let aborted = |word| format!("{word}: {ABORTED}");
    log.expect(&[
        "limit: timed out after 2ms",
        &aborted("signal outside"),
        &aborted("signal inside"),
    ]);
}

#[test]
fn a_request_with_an_end_in_wait_can_be_cancelled() {
    let log = Log::new();
    run(|| {
        let occupied = occupy_the_pool();
        let controller = AbortController::new();
        let drops = Drops::new();
        let pending = never_begins(drops.guard())
            .timeout(Duration::from_secs(60))
            .abort_on(controller.signal())
            .callback(says(&log, "callback"));
        assert!(pending.cancel());
        assert!(!pending.cancel(), "once is enough");
        assert_eq!(drops.count(), 1);
        controller.abort();
        drop(occupied);
    });
    log.expect(&["callback: blocking: the operation was cancelled"]);
}

#[test]
fn a_connect_is_given_up() {
    let log = Log::new();
    run(|| {
        let peer = TcpListener::bind("127.0.0.1:0")?;
        let controller = AbortController::new();
        let connect = unspin::net::TcpStream::connect(peer.local_addr()?);
        connect.abort_on(controller.signal()).callback(says(&log, "connect"));
        controller.abort();
        assert!(unspin::why_alive().iter().all(|r| r.kind != unspin::ResourceKind::Request));
        Ok(())
    });
    log.expect(&[&format!("connect: {ABORTED}")]);
}

#[test]
fn as_a_promise_it_is_rejected() {
    let log = Log::new();
    run(|| {
        let occupied = occupy_the_pool();
        let controller = AbortController::new();
        let drops = Drops::new();
        let aborted = never_begins(drops.guard()).abort_on(controller.signal()).promise();
        let late = never_begins(drops.guard()).timeout(millis(50)).promise();
        for (word, promise) in [("aborted", aborted), ("late", late)] {
            let said = log.clone();
            promise.catch(move |reason| said.say(format!("{word}: {reason}")));
        }
        controller.abort();
        log.say("sync");
        unspin::set_timeout(millis(60), move || drop(occupied));
    });
    log.expect(&["sync", &format!("aborted: {ABORTED}"), "late: timed out after 50ms"]);
}

/// Runs a request whose work panics when it is dropped unrun, which `end` sees to. The two ways are
/// two loops: a panic that is told takes longer than a timer on a slow machine.
fn with_work_that_panics_when_it_is_dropped(end: impl FnOnce(Request<()>, &Log)) -> Log {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }
    let log = Log::new();
    run(|| {
        let said = log.clone();
        unspin::on_uncaught(move |uncaught| said.say(uncaught.error().to_string()));
        let occupied = occupy_the_pool();
        let panics = Panics;
        end(unspin::spawn_blocking(move || std::mem::forget(panics)), &log);
        unspin::set_timeout(millis(60), move || drop(occupied));
    });
    log
}

#[test]
fn aborted_work_that_panics_when_it_is_dropped_harms_nobody_but_its_own() {
    let log = with_work_that_panics_when_it_is_dropped(|request, log| {
        let controller = AbortController::new();
        request.abort_on(controller.signal()).callback(says(log, "aborted"));
        controller.abort();
    });
    log.expect(&["a callback panicked: in a drop", &format!("aborted: {ABORTED}")]);
}

#[test]
fn late_work_that_panics_when_it_is_dropped_harms_nobody_but_its_own() {
    let log = with_work_that_panics_when_it_is_dropped(|request, log| {
        request.timeout(millis(50)).callback(says(log, "late"));
    });
    log.expect(&["a callback panicked: in a drop", "late: timed out after 50ms"]);
}

#[test]
fn the_line_is_that_of_the_request() {
    run(|| {
        let occupied = occupy_the_pool();
        let controller = AbortController::new();
        let drops = Drops::new();
        let line = line!() + 1;
        let request = unspin::spawn_blocking(|| ());
        request.abort_on(controller.signal()).timeout(millis(60_000)).callback(|_| ());
        let alive = unspin::why_alive();
        let holding = alive.iter().filter(|resource| resource.at.line() == line);
        assert_eq!(holding.count(), 1, "the job, and not the timer: {alive:?}");
        drop((occupied, drops));
    });
}

#[test]
fn a_loop_that_ends_drops_what_was_never_told() {
    let drops = Drops::new();
    let controller = AbortController::new();
    let event_loop = EventLoop::builder().pool_threads(1).build().expect("descriptors are left");
    let free = Rc::new(Cell::new(None));
    let (place, guard, work) = (Rc::clone(&free), drops.guard(), drops.guard());
    let signal = controller.signal().clone();
    let run = event_loop.run(move || {
        place.set(Some(occupy_the_pool()));
        never_begins(work)
            .timeout(millis(60_000))
            .abort_on(&signal)
            .callback(move |_| guard.keep());
        unspin::set_immediate(unspin::stop);
    });
    run.expect("nothing in it fails");
    free.take();
    drop(event_loop);
    assert_eq!(drops.count(), 2);
    controller.abort();
}

#[cfg(feature = "async")]
mod awaited {
    use super::*;

    #[test]
    fn it_gives_the_error_and_goes_on() {
        let log = Log::new();
        let said = log.clone();
        run(move || {
            let occupied = occupy_the_pool();
            let controller = AbortController::new();
            let signal = controller.signal().clone();
            unspin::spawn(async move {
                let drops = Drops::new();
                let late = never_begins(drops.guard()).timeout(millis(2)).await;
                said.say(ending(&late));
                let aborted = never_begins(drops.guard()).abort_on(&signal).await;
                said.say(ending(&aborted));
                let at_once = never_begins(drops.guard()).abort_on(&signal).await;
                said.say(ending(&at_once));
                assert_eq!(drops.count(), 3);
                drop(occupied);
            });
            unspin::set_timeout(millis(20), move || controller.abort());
        });
        log.expect(&["timed out after 2ms", ABORTED, ABORTED]);
    }

    #[test]
    fn dropped_it_cancels_and_leaves_no_timer_and_no_listener() {
        run(|| {
            let occupied = occupy_the_pool();
            let drops = Drops::new();
            let guard = drops.guard();
            let controller = AbortController::new();
            let signal = controller.signal().clone();
            let waiting = unspin::spawn(async move {
                let request = never_begins(guard).timeout(Duration::from_secs(60));
                request.abort_on(&signal).await
            });
            unspin::set_immediate(move || {
                waiting.abort();
                unspin::set_immediate(move || {
                    assert_eq!(drops.count(), 1);
                    unspin::set_immediate(move || {
                        let left = unspin::resources();
                        let timer = |r: &unspin::Resource| r.kind == unspin::ResourceKind::Timer;
                        assert!(!left.iter().any(timer), "{left:?}");
                        controller.abort();
                        drop(occupied);
                    });
                });
            });
        });
    }

    #[test]
    fn a_spawned_future_is_aborted_by_a_signal() {
        let (log, drops) = (Log::new(), Drops::new());
        let (said, guard) = (log.clone(), drops.guard());
        let count = drops.clone();
        util::run_virtual(move || {
            let controller = AbortController::new();
            let sleeping = unspin::spawn(async move {
                unspin::sleep(millis(1000)).await;
                guard.keep();
            })
            .abort_on(controller.signal());
            unspin::spawn(async move {
                let error = sleeping.await.expect_err("it was aborted");
                assert_eq!(count.count(), 1);
                said.say(error.to_string());
            });
            unspin::set_timeout(millis(5), move || controller.abort_with(Error::new("enough")));
        });
        log.expect(&["the operation was aborted: enough"]);
    }

    #[test]
    fn so_is_one_that_nobody_awaits_and_one_that_comes_too_late_never_starts() {
        let drops = Drops::new();
        let (first, second) = (drops.guard(), drops.guard());
        util::run_virtual(move || {
            let controller = AbortController::new();
            let asleep = unspin::spawn(async move {
                unspin::sleep(Duration::from_secs(60)).await;
                first.keep();
            });
            drop(asleep.abort_on(controller.signal()));
            unspin::set_timeout(millis(5), move || {
                controller.abort();
                let late = unspin::spawn(async move {
                    second.keep();
                    panic!("it must not be polled");
                });
                assert!(late.abort_on(controller.signal()).is_finished());
                unspin::set_immediate(|| assert_eq!(unspin::now(), millis(5)));
            });
        });
        assert_eq!(drops.count(), 2);
    }

    #[test]
    fn a_future_that_aborts_itself_is_aborted_whatever_it_returns_then() {
        util::run_virtual(|| {
            let controller = AbortController::new();
            let signal = controller.signal().clone();
            let itself = unspin::spawn(async move {
                controller.abort();
                7
            });
            let itself = itself.abort_on(&signal);
            unspin::spawn(async move {
                assert!(itself.await.is_err_and(|error| error.is_abort()));
                Ok(())
            })
            .or_uncaught();
        });
    }

    #[test]
    fn a_future_that_is_finished_leaves_no_listener_behind() {
        let drops = Drops::new();
        let guard = drops.guard();
        let controller = AbortController::new();
        let signal = controller.signal().clone();
        let log = Log::new();
        let said = log.clone();
        util::run_virtual(move || {
            let handle = unspin::spawn(async move { guard }).abort_on(&signal);
            unspin::spawn(async move {
                assert!(handle.await.is_ok());
                said.say("done");
            });
        });
        log.expect(&["done"]);
        assert_eq!(drops.count(), 1);
        controller.abort();
    }
}
