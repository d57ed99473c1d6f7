//! Signals by callbacks: counted, in order, for every loop and watcher, until the last one goes.

mod util;

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use unspin::signal::{self, Signal};
use unspin::{EventLoop, ResourceKind};
use util::net::{beside, run};
use util::signals::{alone, is_caught, send};
use util::{Log, in_child, is_child, millis};

#[test]
fn every_signal_is_told_to_every_watcher_as_often_as_it_came() {
    let _alone = alone();
    let counts: [Rc<Cell<u32>>; 4] = Default::default();
    run(|| {
        for (index, count) in counts.iter().enumerate() {
            let signal = if index < 2 { Signal::USER_1 } else { Signal::USER_2 };
            let count = Rc::clone(count);
            let watcher = signal::watch(signal).expect("it can be watched");
            watcher.on_signal(move |watcher, told| {
                assert_eq!(told, signal);
                count.set(count.get() + 1);
                if count.get() == 10 {
                    watcher.close();
                }
            });
        }
        // The loop is busy with this: nothing is lost meanwhile.
        send(Signal::USER_1, 10);
        send(Signal::USER_2, 10);
    });
    assert_eq!(counts.map(|count| count.get()), [10; 4]);
}

#[test]
fn signals_of_a_loop_that_sleeps_wake_it() {
    let _alone = alone();
    let count = Rc::new(Cell::new(0));
    run(|| {
        let (seen, again) = (Rc::clone(&count), Arc::new(Barrier::new(2)));
        let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
        let told = Arc::clone(&again);
        watcher.on_signal(move |watcher, _| {
            seen.set(seen.get() + 1);
            if seen.get() == 10 {
                watcher.close();
            }
            told.wait();
        });
        beside(move || {
            for _ in 0..10 {
                send(Signal::USER_1, 1);
                again.wait();
            }
        });
    });
    assert_eq!(count.get(), 10);
}

#[test]
fn a_one_shot_gets_one_whatever_other_watchers_do() {
    let _alone = alone();
    let (once, many) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    run(|| {
        let told = Rc::clone(&once);
        signal::once(Signal::USER_1).callback(move |signal| {
            assert_eq!(signal.expect("it can be watched"), Signal::USER_1);
            told.set(told.get() + 1);
        });
        let told = Rc::clone(&many);
        let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
        watcher.on_signal(move |watcher, _| {
            told.set(told.get() + 1);
            if told.get() == 3 {
                watcher.close();
            }
        });
        let removed = signal::watch(Signal::USER_1).expect("it can be watched");
        removed.on_signal(|watcher, _| watcher.close());
        send(Signal::USER_1, 3);
    });
    assert_eq!((once.get(), many.get()), (1, 3));
}

#[test]
fn watchers_are_called_in_the_order_in_which_they_were_made_each_in_its_task() {
    let _alone = alone();
    let log = Log::new();
    run(|| {
        for name in ["first", "second", "third"] {
            let log = log.clone();
            let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
            watcher.on_signal(move |watcher, _| {
                log.say(name);
                unspin::next_tick(log.add("tick"));
                watcher.close();
            });
        }
        send(Signal::USER_1, 1);
    });
    log.expect(&["first", "tick", "second", "tick", "third", "tick"]);
}

#[test]
fn signals_come_last_in_poll() {
    let _alone = alone();
    let log = Log::new();
    run(|| {
        let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
        let said = log.clone();
        watcher.on_signal(move |watcher, _| {
            said.say("signal");
            watcher.close();
        });
        send(Signal::USER_1, 1);
        let (here, there) = unspin::MessageChannel::new();
        let said = log.clone();
        there.on_message(move |word: &str| said.say(word));
        here.post("message");
        here.close();
    });
    log.expect(&["message", "signal"]);
}

#[test]
fn a_closed_watcher_gets_nothing_and_its_close_is_told() {
    let _alone = alone();
    let log = Log::new();
    run(|| {
        let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
        watcher.on_signal(|_, _| panic!("it is closed")).on_close(log.add("closed"));
        send(Signal::USER_1, 1);
        watcher.close();
        assert!(watcher.is_closed());
        log.say("main");
    });
    log.expect(&["main", "closed"]);
}

#[test]
fn a_watcher_that_another_closes_meanwhile_gets_nothing() {
    let _alone = alone();
    run(|| {
        let second = Rc::new(RefCell::new(None));
        let other = Rc::clone(&second);
        let first = signal::watch(Signal::USER_1).expect("it can be watched");
        first.on_signal(move |first, _| {
            first.close();
            let second: Option<signal::SignalWatcher> = other.take();
            second.expect("it is called once").close();
        });
        let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
        watcher.on_signal(|_, _| panic!("it is closed"));
        second.replace(Some(watcher));
        send(Signal::USER_1, 2);
    });
}

#[test]
fn a_signal_before_the_handler_waits_for_it_and_one_before_the_watcher_does_not() {
    let _alone = alone();
    let count = Rc::new(Cell::new(0));
    run(|| {
        let held = signal::watch(Signal::USER_1).expect("it can be watched");
        send(Signal::USER_1, 1);
        let late = signal::watch(Signal::USER_1).expect("it can be watched");
        late.on_signal(|_, _| panic!("nothing came since it watches")).unref();
        let told = Rc::clone(&count);
        unspin::set_timeout(millis(1), move || {
            held.on_signal(move |held, _| {
                told.set(told.get() + 1);
                held.close();
            });
        });
    });
    assert_eq!(count.get(), 1);
}

#[test]
fn it_keeps_the_loop_alive_unless_it_is_unreferenced_and_says_so() {
    let _alone = alone();
    run(|| {
        let watcher = signal::watch([Signal::USER_2, Signal::USER_1]).expect("it can be watched");
        let line = line!() - 1;
        assert!(unspin::why_alive().iter().all(|it| it.kind != ResourceKind::Signal));
        watcher.on_signal(|_, _| ());
        let alive = unspin::why_alive();
        let held: Vec<_> = alive.iter().filter(|it| it.kind == ResourceKind::Signal).collect();
        assert_eq!((held.len(), held[0].at.line()), (1, line));
        assert_eq!(held[0].state, "SIGUSR1, SIGUSR2");
        watcher.unref();
        assert!(!watcher.has_ref());
        assert!(unspin::why_alive().iter().all(|it| it.kind != ResourceKind::Signal));
        watcher.ref_();
        assert!(watcher.has_ref());
        assert!(unspin::why_alive().iter().any(|it| it.kind == ResourceKind::Signal));
        watcher.unref();
    });
    assert!(!is_caught(Signal::USER_1), "a loop that ends watches nothing any more");
}

#[test]
fn the_default_is_there_again_when_the_last_watcher_goes() {
    let _alone = alone();
    assert!(!is_caught(Signal::USER_2));
    run(|| {
        let first = signal::watch(Signal::USER_2).expect("it can be watched");
        let second = signal::watch(Signal::USER_2).expect("it can be watched");
        assert!(is_caught(Signal::USER_2));
        first.close();
        assert!(is_caught(Signal::USER_2));
        drop(second);
        assert!(!is_caught(Signal::USER_2));
    });
}

#[test]
fn a_one_shot_gives_the_default_back_before_it_is_told() {
    let _alone = alone();
    run(|| {
        signal::once(Signal::USER_2).callback(|_| assert!(!is_caught(Signal::USER_2)));
        assert!(is_caught(Signal::USER_2));
        send(Signal::USER_2, 1);
    });
}

#[test]
fn ctrl_c_is_told() {
    let _alone = alone();
    run(|| {
        signal::ctrl_c().callback(|signal| {
            assert_eq!(signal.expect("it can be watched"), Signal::INTERRUPT);
        });
        send(Signal::INTERRUPT, 1);
    });
}

/// Not of Ctrl-C: a test in the background of a shell ignores that by default.
#[test]
fn a_second_signal_ends_the_process() {
    if is_child() {
        run(|| {
            signal::once(Signal::TERMINATE).callback(|_| {
                println!("the first");
                send(Signal::TERMINATE, 1);
            });
            send(Signal::TERMINATE, 1);
        });
        return;
    }
    let output = in_child("a_second_signal_ends_the_process");
    assert!(util::stdout(&output).contains("the first"), "{output:?}");
    assert_eq!(output.status.signal(), Some(Signal::TERMINATE.as_raw()));
}

#[test]
fn a_request_that_is_cancelled_watches_no_more() {
    let _alone = alone();
    let log = Log::new();
    run(|| {
        let said = log.clone();
        let pending = signal::once(Signal::USER_1).callback(move |signal| {
            assert!(signal.expect_err("it was cancelled").is_cancelled());
            said.say("cancelled");
        });
        assert!(is_caught(Signal::USER_1));
        assert!(pending.cancel());
        assert!(!is_caught(Signal::USER_1));
        assert!(!pending.cancel());
    });
    log.expect(&["cancelled"]);
}

#[test]
fn every_loop_of_the_process_hears_every_signal() {
    const LOOPS: usize = 8;
    const SIGNALS: usize = 16;
    let _alone = alone();
    let told = Arc::new(AtomicUsize::new(0));
    let watching = Arc::new(Barrier::new(LOOPS + 1));
    let threads: Vec<_> = (0..LOOPS)
        .map(|_| {
            let (told, watching) = (Arc::clone(&told), Arc::clone(&watching));
            thread::spawn(move || {
                run(|| {
                    let left = Cell::new(SIGNALS);
                    let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
                    watcher.on_signal(move |watcher, _| {
                        told.fetch_add(1, Ordering::SeqCst);
                        left.set(left.get() - 1);
                        if left.get() == 0 {
                            watcher.close();
                        }
                    });
                    watching.wait();
                });
            })
        })
        .collect();
    // Loops that come and go meanwhile disturb nobody.
    let fleeting = thread::spawn(|| {
        for _ in 0..50 {
            run(|| drop(signal::watch(Signal::USER_1).expect("it can be watched")));
        }
    });
    watching.wait();
    send(Signal::USER_1, SIGNALS);
    threads.into_iter().for_each(|thread| thread.join().expect("its loop ends"));
    fleeting.join().expect("its loops end");
    assert_eq!(told.load(Ordering::SeqCst), LOOPS * SIGNALS);
}

#[test]
fn two_loops_of_one_thread_hear_for_themselves() {
    let _alone = alone();
    let (one, other) = (EventLoop::new().expect("a loop"), EventLoop::new().expect("a loop"));
    let log = Log::new();
    let watch = |name: &'static str| {
        let log = log.clone();
        move || {
            let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
            watcher.on_signal(move |watcher, _| {
                log.say(name);
                watcher.close();
            });
        }
    };
    one.enter(watch("one")).expect("it has not ended");
    other.enter(watch("other")).expect("it has not ended");
    send(Signal::USER_1, 1);
    one.run(|| ()).expect("nothing fails");
    other.run(|| ()).expect("nothing fails");
    log.expect(&["one", "other"]);
}

#[test]
fn what_cannot_be_watched_is_refused() {
    run(|| {
        let kill = Signal::KILL.as_raw();
        for number in [-1, 0, kill, libc::SIGSTOP, libc::SIGSEGV, libc::SIGFPE, 65, i32::MAX] {
            let refused = signal::watch(Signal::from_raw(number)).expect_err("it is no use");
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{number}");
        }
        let refused = signal::watch(Signal::KILL).expect_err("it is no use").to_string();
        assert!(refused.starts_with("watch SIGKILL: "), "{refused}");
        signal::once(Signal::KILL).callback(|signal| {
            assert_eq!(signal.expect_err("it is no use").kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn a_signal_can_be_sent_and_a_process_asked_for() {
    let _alone = alone();
    run(|| {
        let own = std::process::id();
        signal::kill(own, Signal::from_raw(0)).expect("it is alive");
        signal::once(Signal::USER_1).callback(|signal| assert!(signal.is_ok()));
        signal::kill(own, Signal::USER_1).expect("it is alive");
        let unsent = signal::kill(0, Signal::USER_1).expect_err("it is a group");
        assert_eq!(unsent.kind(), ErrorKind::InvalidInput);
        let most = signal::kill(i32::MAX as u32, Signal::USER_1).expect_err("nobody has it");
        assert_eq!(most.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn an_error_of_a_handler_is_uncaught() {
    let _alone = alone();
    let event_loop = EventLoop::new().expect("a loop");
    let ended = event_loop.run(|| {
        let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
        watcher.on_signal(|_, _| -> unspin::Result<()> { Err(unspin::Error::new("too much")) });
        send(Signal::USER_1, 1);
    });
    assert_eq!(ended.expect_err("nobody catches it").to_string(), "too much");
    drop(event_loop);
    assert!(!is_caught(Signal::USER_1));
}

#[test]
fn a_virtual_clock_does_not_wait_for_signals() {
    let _alone = alone();
    util::run_virtual(|| {
        let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
        watcher.on_signal(|_, _| ());
        // An hour that would not pass in a test.
        unspin::set_timeout(millis(3_600_000), move || watcher.close());
    });
}

#[test]
fn a_loop_that_ends_drops_a_handler_that_holds_its_own_watcher() {
    let _alone = alone();
    let drops = util::Drops::new();
    for closed in [false, true] {
        let event_loop = EventLoop::new().expect("a loop");
        let guard = drops.guard();
        let code = event_loop.run(move || {
            let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
            let own = watcher.clone();
            watcher.on_signal(move |_, _| {
                guard.keep();
                own.close();
            });
            if closed {
                watcher.close();
            }
            unspin::stop();
        });
        assert_eq!(code.expect("nothing fails"), 0);
        drop(event_loop);
    }
    assert_eq!(drops.count(), 2);
    assert!(!is_caught(Signal::USER_1));
}
