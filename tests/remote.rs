//! A loop from other threads: closures posted, wakes, and reasons to stay.

mod util;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use unspin::{CallbackKind, EventLoop, KeepAlive, LoopGone, Remote};
use util::{Drops, Log, run_real, run_virtual};

/// Words said by closures that cross threads.
#[derive(Clone, Default)]
struct SharedLog(Arc<Mutex<Vec<String>>>);

impl SharedLog {
    fn add(&self, word: impl Into<String>) -> impl FnOnce() + Send + 'static {
        let (log, word) = (self.clone(), word.into());
        move || log.0.lock().expect("nothing panics while it is locked").push(word)
    }

    fn words(&self) -> Vec<String> {
        self.0.lock().expect("nothing panics while it is locked").clone()
    }
}

#[test]
fn remotes_and_keep_alives_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Remote>();
    crosses::<KeepAlive>();
    crosses::<LoopGone>();
}

#[test]
fn closures_run_on_the_loops_thread_in_the_order_they_were_posted() {
    let log = SharedLog::default();
    run_real(|| {
        let home = thread::current().id();
        let (remote, kept, log) = (unspin::remote(), unspin::keep_alive(), log.clone());
        thread::spawn(move || {
            for number in 0..100 {
                let say = log.add(number.to_string());
                let post = remote.post(move || {
                    assert_eq!(thread::current().id(), home);
                    say();
                });
                post.expect("the loop is kept alive");
            }
            drop(kept);
        });
    });
    let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(log.words(), expected);
}

#[test]
fn nothing_that_many_threads_post_is_lost_and_each_keeps_its_order() {
    const THREADS: usize = 8;
    const POSTS: usize = 500;
    thread_local!(static NEXT: [Cell<usize>; THREADS] = const { [const { Cell::new(0) }; THREADS] });
    run_real(|| {
        let barrier = Arc::new(Barrier::new(THREADS));
        for index in 0..THREADS {
            let (remote, kept) = (unspin::remote(), unspin::keep_alive());
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || {
                barrier.wait();
                for number in 0..POSTS {
                    let post = remote.post(move || {
                        let expected = NEXT.with(|next| next[index].replace(number + 1));
                        assert_eq!(number, expected);
                    });
                    post.expect("the loop is kept alive");
                }
                drop(kept);
            });
        }
    });
    NEXT.with(|next| next.iter().for_each(|next| assert_eq!(next.get(), POSTS)));
}

#[test]
fn what_was_posted_while_the_loop_was_busy_is_one_turns_work() {
    let event_loop = EventLoop::new().expect("a loop");
    event_loop
        .run(|| {
            let remote = unspin::remote();
            // The loop is in `main` until they are all there.
            let thread = thread::spawn(move || {
                for _ in 0..1000 {
                    remote.post(|| ()).expect("the loop is there");
                }
            });
            thread.join().expect("the thread ends well");
        })
        .expect("nothing fails");
    let metrics = event_loop.metrics();
    assert_eq!((metrics.turns, metrics.tasks), (1, 1001));
}

#[test]
fn one_posted_by_a_posted_one_waits_for_the_next_turn() {
    let log = SharedLog::default();
    let own = Log::new();
    run_virtual(|| {
        let (remote, inner) = (unspin::remote(), unspin::remote());
        let (first, second) = (log.add("first"), log.add("of the first"));
        remote
            .post(move || {
                first();
                inner.post(second).expect("the loop is there");
                unspin::set_immediate(|| assert_eq!(unspin::metrics().turns, 1));
            })
            .expect("the loop is there");
        remote.post(log.add("second")).expect("the loop is there");
        own.say("main");
    });
    assert_eq!(log.words(), ["first", "second", "of the first"]);
}

#[test]
fn a_closure_posted_before_its_keep_alive_is_dropped_runs() {
    // Again and again: the loop must not end between the two.
    for _ in 0..200 {
        let ran = Arc::new(Mutex::new(false));
        let runs = Arc::clone(&ran);
        run_real(|| {
            let (remote, kept) = (unspin::remote(), unspin::keep_alive());
            thread::spawn(move || {
                let post = remote.post(move || *runs.lock().expect("it is free") = true);
                post.expect("the loop is kept alive");
                drop(kept);
            });
        });
        assert!(*ran.lock().expect("it is free"));
    }
}

#[test]
fn a_posted_closure_keeps_the_loop_alive_without_a_keep_alive() {
    let log = SharedLog::default();
    run_real(|| unspin::remote().post(log.add("posted")).expect("the loop is there"));
    assert_eq!(log.words(), ["posted"]);
}

#[test]
fn a_posted_closure_says_its_line_and_kind() {
    run_virtual(|| {
        let post = unspin::remote().post(|| {
            let stack = unspin::stack();
            let running = stack.running().expect("a task runs");
            assert_eq!(running.kind(), CallbackKind::Posted);
            assert_eq!((running.at().file(), running.at().line()), (file!(), line!() - 4));
            assert_eq!(stack.depth(), 1, "its cause is outside of the loop");
        });
        post.expect("the loop is there");
    });
}

#[test]
fn post_to_a_loop_that_is_gone_is_an_error_and_drops_the_closure() {
    let event_loop = EventLoop::new().expect("a loop");
    let remote = event_loop.remote();
    drop(event_loop);
    let drops = Drops::new();
    let guard = drops.guard();
    let error = remote.post(move || guard.keep()).expect_err("the loop is gone");
    assert!(error.to_string().starts_with("the loop is gone"), "{error}");
    assert_eq!(drops.count(), 1);
    let _: &dyn std::error::Error = &error;
}

#[test]
fn a_remote_outlives_its_loop_without_harm() {
    let event_loop = EventLoop::new().expect("a loop");
    let remote = event_loop.remote();
    let kept = remote.keep_alive();
    drop(event_loop);
    remote.wake();
    remote.stop();
    let thread = thread::spawn(move || {
        remote.wake();
        drop(remote.keep_alive());
        drop(kept);
        remote.post(|| ()).expect_err("the loop is gone");
    });
    thread.join().expect("the thread ends well");
}

#[test]
fn threads_that_post_while_the_loop_goes_lose_or_run_each_closure_once() {
    for _ in 0..50 {
        let (drops, barrier) = (Drops::new(), Arc::new(Barrier::new(2)));
        let event_loop = EventLoop::new().expect("a loop");
        let remote = event_loop.remote();
        let (guards, together) = (drops.clone(), Arc::clone(&barrier));
        let thread = thread::spawn(move || {
            together.wait();
            for _ in 0..50 {
                let guard = guards.guard();
                let _ = remote.post(move || guard.keep());
            }
        });
        barrier.wait();
        drop(event_loop);
        thread.join().expect("the thread ends well");
        assert_eq!(drops.count(), 50);
    }
}

#[test]
fn each_wake_of_a_sleeping_loop_is_a_turn() {
    const WAKES: u32 = 5;
    let prepared = Rc::new(Cell::new(0));
    let counted = Rc::clone(&prepared);
    run_real(|| {
        let (remote, kept) = (unspin::remote(), unspin::keep_alive());
        let (tell, told) = mpsc::channel();
        unspin::on_prepare(move || {
            counted.set(counted.get() + 1);
            // The thread may be gone in the last turn.
            let _ = tell.send(());
        });
        thread::spawn(move || {
            for _ in 0..WAKES {
                told.recv().expect("the loop makes a turn");
                remote.wake();
            }
            told.recv().expect("the loop makes a turn");
            drop(kept);
        });
    });
    assert!(prepared.get() > WAKES, "{}", prepared.get());
}

#[test]
fn many_wakes_of_a_busy_loop_are_one_turn() {
    let event_loop = EventLoop::new().expect("a loop");
    event_loop
        .run(|| {
            let remote = unspin::remote();
            for _ in 0..1000 {
                remote.wake();
            }
            unspin::set_immediate(|| ());
        })
        .expect("nothing fails");
    assert_eq!(event_loop.metrics().turns, 1);
}

#[test]
fn a_wake_keeps_no_loop_alive() {
    let event_loop = EventLoop::new().expect("a loop");
    event_loop.run(|| unspin::remote().wake()).expect("nothing fails");
    assert_eq!(event_loop.metrics().turns, 0);
}

#[test]
fn all_keep_alives_must_go() {
    let log = Log::new();
    run_real(|| {
        let (one, two) = (unspin::keep_alive(), unspin::remote().keep_alive());
        let said = log.clone();
        unspin::set_immediate(move || {
            drop(one);
            assert_eq!(unspin::why_alive().len(), 1);
            let said = said.clone();
            unspin::set_immediate(move || {
                drop(two);
                said.say("both");
            });
        });
    });
    log.expect(&["both"]);
}

#[test]
fn two_loops_post_to_each_other() {
    /// Posts itself to and fro between the first loop and the second. Both live until it is done.
    fn serve(loops: [Remote; 2], left: u32, kept: [KeepAlive; 2]) {
        if left == 0 {
            return drop(kept);
        }
        let [here, there] = loops;
        let next = [there.clone(), here];
        let post = there.post(move || serve(next, left - 1, kept));
        post.expect("both loops are kept alive");
    }
    let (give, take) = mpsc::channel();
    let other = thread::spawn(move || {
        let event_loop = EventLoop::new().expect("a loop");
        let code = event_loop.run(|| {
            give.send((unspin::remote(), unspin::keep_alive())).expect("the test waits");
        });
        (code, event_loop.metrics().tasks)
    });
    let event_loop = EventLoop::new().expect("a loop");
    event_loop
        .run(|| {
            let (there, kept) = take.recv().expect("the other loop runs");
            serve([unspin::remote(), there], 100, [kept, unspin::keep_alive()]);
        })
        .expect("nothing fails");
    let (code, tasks) = other.join().expect("the thread ends well");
    assert_eq!(code.expect("nothing fails"), 0);
    assert_eq!((event_loop.metrics().tasks, tasks), (1 + 50, 1 + 50));
}
