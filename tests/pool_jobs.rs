//! Blocking work on the pool: its lanes, cancelling it, and what an end leaves of it.

mod util;

use std::collections::HashSet;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use unspin::{EventLoop, Outcome, fs};
use util::{Drops, Log, in_child, is_child, run_real, stderr};

/// Runs on a loop whose pool has that many threads.
#[track_caller]
fn run_with_threads<R: Outcome>(threads: usize, main: impl FnOnce() -> R) {
    let event_loop = EventLoop::builder().pool_threads(threads).build().expect("a loop");
    assert_eq!(event_loop.run(main).expect("nothing fails"), 0);
}

/// A job that lasts until its sender is used or dropped, and says when it runs.
fn blocked_job() -> (Sender<()>, Receiver<()>, impl FnOnce() + Send + 'static) {
    let (unblock, blocked) = mpsc::channel();
    let (start, started) = mpsc::channel();
    let job = move || {
        let _ = start.send(());
        let _ = blocked.recv();
    };
    (unblock, started, job)
}

#[test]
fn the_result_comes_back_to_the_loops_thread() {
    let log = Log::new();
    run_real(|| {
        let (home, said) = (thread::current().id(), log.clone());
        unspin::spawn_blocking(move || {
            assert_ne!(thread::current().id(), home);
            6 * 7
        })
        .callback(move |answer| {
            assert_eq!(thread::current().id(), home);
            said.say(answer?.to_string());
            Ok(())
        });
        log.say("main");
    });
    log.expect(&["main", "42"]);
}

#[test]
fn the_callback_is_never_called_from_inside_of_the_call_that_starts_it() {
    let log = Log::new();
    run_real(|| {
        unspin::spawn_blocking(|| ()).callback({
            let mut say = log.add("callback");
            move |_| say()
        });
        unspin::next_tick(log.add("tick"));
        unspin::queue_microtask(log.add("micro"));
    });
    log.expect(&["tick", "micro", "callback"]);
}

#[test]
fn one_thread_does_all_jobs_in_their_order() {
    let log = Log::new();
    run_with_threads(1, || {
        for number in 0..20 {
            let said = log.clone();
            unspin::spawn_blocking(move || number).callback(move |number| {
                said.say(number?.to_string());
                Ok(())
            });
        }
    });
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(log.words(), expected);
}

#[test]
fn completions_come_in_the_order_of_their_ends() {
    let log = Log::new();
    run_with_threads(4, || {
        let (unblock, _, slow) = blocked_job();
        let said = log.clone();
        unspin::spawn_blocking(slow).callback(move |_| said.say("slow"));
        let said = log.clone();
        unspin::spawn_blocking(|| ()).callback(move |_| {
            said.say("quick");
            drop(unblock);
        });
    });
    log.expect(&["quick", "slow"]);
}

#[test]
fn blocking_work_leaves_half_of_the_threads_to_files() {
    let log = Log::new();
    run_with_threads(2, || {
        let (unblock, started, job) = blocked_job();
        let said = log.clone();
        unspin::spawn_blocking(job).callback(move |_| said.say("first blocking job"));
        let said = log.clone();
        // Its lane is full, although a thread is free.
        unspin::spawn_blocking(|| ()).callback(move |_| said.say("second blocking job"));
        started.recv().expect("the first job runs");
        let said = log.clone();
        fs::read("Cargo.toml").callback(move |bytes| {
            assert!(!bytes?.is_empty());
            said.say("file");
            drop(unblock);
            Ok(())
        });
    });
    log.expect(&["file", "first blocking job", "second blocking job"]);
}

#[test]
fn half_of_the_threads_work_at_the_same_time() {
    run_with_threads(4, || {
        // Each waits for the other: with one thread for both, this would never end.
        let pair = Arc::new((Mutex::new(0), Condvar::new()));
        for _ in 0..2 {
            let pair = Arc::clone(&pair);
            let meet = move || {
                let (count, changed) = &*pair;
                let mut here = count.lock().expect("nothing panics while it is locked");
                *here += 1;
                changed.notify_all();
                while *here < 2 {
                    here = changed.wait(here).expect("nothing panics while it is locked");
                }
            };
            unspin::spawn_blocking(meet).callback(|_| ());
        }
    });
}

#[test]
fn a_thread_of_the_pool_has_a_name_and_there_are_no_more_than_allowed() {
    let names: Arc<Mutex<HashSet<String>>> = Arc::default();
    run_with_threads(3, || {
        for _ in 0..50 {
            let names = Arc::clone(&names);
            let job = move || {
                let name = thread::current().name().expect("it has a name").to_owned();
                names.lock().expect("nothing panics while it is locked").insert(name);
            };
            unspin::spawn_blocking(job).callback(|_| ());
        }
    });
    let names = names.lock().expect("nothing panics while it is locked");
    assert!(!names.is_empty() && names.len() <= 2, "half of three, rounded up: {names:?}");
    assert!(names.iter().all(|name| name.starts_with("unspin-pool-")), "{names:?}");
}

#[test]
fn a_cancelled_job_never_runs_and_its_callback_is_told_in_the_next_turn() {
    let (log, drops) = (Log::new(), Drops::new());
    run_with_threads(1, || {
        let (unblock, started, job) = blocked_job();
        let said = log.clone();
        unspin::spawn_blocking(job).callback(move |_| said.say("blocked"));
        started.recv().expect("the first job runs");
        let (said, guard) = (log.clone(), drops.guard());
        let work = move || {
            guard.keep();
            unreachable!("it was cancelled")
        };
        let pending = unspin::spawn_blocking(work).callback(move |result: unspin::Result<()>| {
            let error = result.expect_err("it was cancelled");
            assert!(error.is_cancelled());
            assert!(!error.is_panic());
            assert!(error.to_string().contains("cancelled"), "{error}");
            said.say("cancelled");
            drop(unblock);
        });
        assert!(pending.cancel());
        assert_eq!(drops.count(), 1, "its work is dropped at once");
        assert!(!pending.cancel(), "once is enough");
        unspin::next_tick(log.add("tick"));
    });
    log.expect(&["tick", "cancelled", "blocked"]);
}

#[test]
fn many_cancelled_jobs_get_their_callbacks_in_order() {
    let log = Log::new();
    run_with_threads(1, || {
        let (unblock, started, job) = blocked_job();
        unspin::spawn_blocking(job).callback(|_| ());
        started.recv().expect("the first job runs");
        let pending: Vec<_> = (0..16)
            .map(|number| {
                let said = log.clone();
                unspin::spawn_blocking(|| unreachable!()).callback(
                    move |result: unspin::Result<()>| {
                        assert!(result.expect_err("it was cancelled").is_cancelled());
                        said.say(number.to_string());
                    },
                )
            })
            .collect();
        unspin::set_immediate(move || {
            assert!(pending.iter().all(unspin::Pending::cancel));
            drop(unblock);
        });
    });
    let expected: Vec<String> = (0..16).map(|number| number.to_string()).collect();
    assert_eq!(log.words(), expected);
}

#[test]
fn a_running_job_is_not_cancelled_and_gives_its_result() {
    let log = Log::new();
    run_real(|| {
        let (unblock, started, job) = blocked_job();
        let said = log.clone();
        let pending = unspin::spawn_blocking(job).callback(move |result| {
            result?;
            said.say("done");
            Ok(())
        });
        started.recv().expect("the job runs");
        assert!(!pending.cancel());
        drop(unblock);
    });
    log.expect(&["done"]);
}

#[test]
fn a_job_that_is_done_is_not_cancelled() {
    let log = Log::new();
    run_real(|| {
        let pending = std::rc::Rc::new(std::cell::OnceCell::new());
        let (own, said) = (std::rc::Rc::clone(&pending), log.clone());
        let started = unspin::spawn_blocking(|| ()).callback(move |_| {
            let pending: &unspin::Pending = own.get().expect("it was started");
            assert!(!pending.cancel());
            said.say("done");
        });
        pending.set(started).expect("it is set once");
    });
    log.expect(&["done"]);
}

#[test]
fn dropping_the_pending_request_cancels_nothing() {
    let log = Log::new();
    run_real(|| {
        let said = log.clone();
        drop(unspin::spawn_blocking(|| ()).callback(move |_| said.say("done")));
    });
    log.expect(&["done"]);
}

#[test]
fn a_panic_takes_no_thread_away() {
    let log = Log::new();
    run_with_threads(1, || {
        for _ in 0..3 {
            let said = log.clone();
            unspin::spawn_blocking(|| panic!("in the job")).callback(
                move |result: unspin::Result<()>| {
                    assert!(result.expect_err("it panics").is_panic());
                    said.say("panic");
                },
            );
        }
        let said = log.clone();
        unspin::spawn_blocking(|| ()).callback(move |result| {
            result?;
            said.say("done");
            Ok(())
        });
    });
    log.expect(&["panic", "panic", "panic", "done"]);
}

#[test]
fn a_panic_in_the_drop_of_what_a_job_captured_is_its_panic() {
    let log = Log::new();
    run_real(|| {
        let value = util::OnDrop(|| panic!("in a drop"));
        let said = log.clone();
        unspin::spawn_blocking(move || value.keep()).callback(move |result| {
            assert!(result.expect_err("it panics").is_panic());
            said.say("told");
        });
    });
    log.expect(&["told"]);
}

#[test]
fn exit_while_a_job_runs_drops_its_callback() {
    let (drops, log) = (Drops::new(), Log::new());
    let event_loop = EventLoop::new().expect("a loop");
    let code = event_loop.run(|| {
        let (unblock, started, job) = blocked_job();
        let (guard, said) = (drops.guard(), log.clone());
        unspin::spawn_blocking(job).callback(move |_| {
            guard.keep();
            drop(unblock);
            said.say("never");
        });
        started.recv().expect("the job runs");
        unspin::set_immediate(|| unspin::exit(9));
    });
    assert_eq!(code.expect("exit is no failure"), 9);
    drop(event_loop);
    assert_eq!(drops.count(), 1);
    log.expect(&[]);
}

#[test]
fn exit_with_jobs_queued_runs_none_of_them() {
    let drops = Drops::new();
    let event_loop = EventLoop::builder().pool_threads(1).build().expect("a loop");
    let (unblock, started, job) = blocked_job();
    event_loop
        .run(|| {
            unspin::spawn_blocking(job).callback(move |_| drop(unblock));
            started.recv().expect("the first job runs");
            for _ in 0..8 {
                let guard = drops.guard();
                let work = move || {
                    guard.keep();
                    unreachable!("the loop has ended")
                };
                unspin::spawn_blocking(work).callback(|_: unspin::Result<()>| unreachable!());
            }
            unspin::set_immediate(|| unspin::exit(0));
        })
        .expect("exit is no failure");
    drop(event_loop);
    assert_eq!(drops.count(), 8);
}

#[test]
fn a_stuck_job_does_not_keep_the_process() {
    if is_child() {
        let _ = unspin::run(|| {
            let (unblock, started, job) = blocked_job();
            unspin::spawn_blocking(job).callback(|_| unreachable!());
            started.recv().expect("the job runs");
            std::mem::forget(unblock);
            unspin::exit(11)
        });
    }
    let output = in_child("a_stuck_job_does_not_keep_the_process");
    assert_eq!(output.status.code(), Some(11), "{}", stderr(&output));
}

#[test]
fn a_number_of_threads_out_of_range_is_refused_with_a_sentence() {
    for threads in [0, 1025, usize::MAX] {
        let error = EventLoop::builder().pool_threads(threads).build().expect_err("out of range");
        assert!(error.to_string().contains("from 1 to 1024 threads"), "{error}");
    }
    EventLoop::builder().pool_threads(1024).build().expect("threads start when they are needed");
}

#[test]
fn loops_in_many_threads_have_pools_of_their_own() {
    let threads: Vec<_> = (0..4_i32)
        .map(|code| {
            thread::spawn(move || {
                let event_loop = EventLoop::new().expect("a loop");
                event_loop.run(move || {
                    for _ in 0..10 {
                        unspin::spawn_blocking(move || code).callback(|code| {
                            unspin::set_exit_code(code?);
                            Ok(())
                        });
                    }
                })
            })
        })
        .collect();
    for (code, thread) in threads.into_iter().enumerate() {
        let result = thread.join().expect("the thread ends well");
        assert_eq!(result.expect("nothing fails"), code as i32);
    }
}
