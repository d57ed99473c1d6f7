//! The end of a loop that still has work: each callback is dropped once, and none is called.

mod util;

use std::cell::RefCell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;

use unspin::net::{TcpListener, TcpStream};
use unspin::{EventLoop, Hosted};
use util::{Drops, Log, OnDrop, in_child, is_child, millis, panic_text, stdout, virtual_loop};

/// A callback that owns a guard, and must not be called.
fn never(drops: &Drops) -> impl FnMut() + Send + 'static {
    let guard = drops.guard();
    move || {
        guard.keep();
        unreachable!("the loop is gone")
    }
}

/// The same for what gets an argument.
fn never_with<T: ?Sized>(drops: &Drops) -> impl FnMut(&T) + 'static {
    let mut never = never(drops);
    move |_| never()
}

/// Starts one of everything on the running loop. Returns how many guards there are.
fn start_everything(drops: &Drops) -> usize {
    // What is queued behind this stays in its queue.
    unspin::next_tick(|| unspin::exit(0));
    unspin::next_tick(never(drops));
    unspin::queue_microtask(never(drops));
    unspin::set_timeout(millis(5), never(drops));
    unspin::set_interval(millis(5), never_with(drops));
    unspin::set_timer(millis(5), never_with(drops)).unref();
    unspin::set_immediate(never(drops));
    unspin::set_immediate(never(drops)).unref();
    let mut frame = never(drops);
    unspin::request_frame(move |_| frame());
    unspin::on_prepare(never(drops));
    unspin::on_uncaught(never_with(drops));
    let mut before_exit = never(drops);
    unspin::before_exit(move |_| before_exit());
    let called = drops.guard();
    unspin::on_exit(move |_| called.keep());
    unspin::remote().post(never(drops)).expect("the loop is there");
    let callbacks = 13;
    // Some of the jobs run, others wait behind them. The job and the callback each have a guard.
    for _ in 0..6 {
        let (job, mut callback) = (drops.guard(), never(drops));
        unspin::spawn_blocking(move || job.keep()).callback(move |_| callback());
    }
    let (job, mut callback) = (drops.guard(), never(drops));
    unspin::spawn_blocking(move || job.keep()).callback(move |_| callback()).cancel();
    callbacks + 14
}

#[test]
fn each_callback_is_dropped_once_and_none_is_called() {
    for virtual_time in [false, true] {
        let drops = Drops::new();
        let event_loop = if virtual_time { Ok(virtual_loop()) } else { EventLoop::new() };
        let event_loop = event_loop.expect("a loop");
        let mut started = 0;
        let mut handle = None;
        let code = event_loop.run(|| {
            handle = Some(unspin::set_timeout(millis(1), || ()));
            started = start_everything(&drops);
        });
        assert_eq!(code.expect("exit is no failure"), 0);
        drop(event_loop);
        // Not later, with the last handle.
        assert_eq!(drops.count(), started);
        drop(handle);
    }
}

#[test]
fn a_loop_that_never_ran_drops_what_it_was_given() {
    let drops = Drops::new();
    let event_loop = EventLoop::new().expect("a loop");
    event_loop.enter(|| unspin::set_immediate(never(&drops))).expect("it is not busy");
    event_loop.remote().post(never(&drops)).expect("the loop is there");
    assert_eq!(drops.count(), 0);
    drop(event_loop);
    assert_eq!(drops.count(), 2);
}

#[test]
fn the_hook_of_a_hosted_engine_is_dropped() {
    let drops = Drops::new();
    let guard = drops.guard();
    let hook = move || {
        guard.keep();
        Hosted::Quiet
    };
    let event_loop = EventLoop::builder().checkpoint_hook(hook).build().expect("a loop");
    event_loop.run(|| ()).expect("nothing fails");
    assert_eq!(drops.count(), 0);
    drop(event_loop);
    assert_eq!(drops.count(), 1);
}

#[test]
fn what_ran_was_dropped_when_it_had_run() {
    let drops = Drops::new();
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            let guard = || drops.guard();
            let (a, b, c, d) = (guard(), guard(), guard(), guard());
            unspin::set_timeout(millis(1), move || a.keep());
            unspin::set_immediate(move || b.keep());
            unspin::next_tick(move || c.keep());
            unspin::request_frame(move |_| d.keep());
            let (a, b) = (guard(), guard());
            unspin::set_interval(millis(1), move |timer| {
                a.keep();
                timer.clear();
            });
            // Nobody has its handle any more, so nobody can refresh it.
            unspin::set_timer(millis(1), move |_| b.keep());
        })
        .expect("nothing fails");
    assert_eq!(drops.count(), 6);
}

#[test]
fn a_spent_timer_lives_as_long_as_somebody_could_refresh_it() {
    let drops = Drops::new();
    let event_loop = virtual_loop();
    let guard = drops.guard();
    let set = event_loop.enter(|| unspin::set_timer(millis(1), move |_| guard.keep()));
    let timer = set.expect("it is not busy").expect("it does not exit");
    event_loop.run(|| ()).expect("nothing fails");
    assert_eq!(drops.count(), 0);
    let other = timer.clone();
    drop(timer);
    assert_eq!(drops.count(), 0);
    drop(other);
    assert_eq!(drops.count(), 1);
}

#[test]
fn clearing_drops_the_callback_at_once() {
    let drops = Drops::new();
    let event_loop = virtual_loop();
    event_loop
        .run(|| {
            let guard = || drops.guard();
            let (a, b, c, d) = (guard(), guard(), guard(), guard());
            unspin::set_timeout(millis(1), move || a.keep()).clear();
            assert_eq!(drops.count(), 1);
            unspin::set_immediate(move || b.keep()).clear();
            assert_eq!(drops.count(), 2);
            unspin::request_frame(move |_| c.keep()).cancel();
            assert_eq!(drops.count(), 3);
            unspin::on_prepare(move || d.keep()).remove();
            assert_eq!(drops.count(), 4);
        })
        .expect("nothing fails");
}

#[test]
fn a_drop_that_queues_more_is_served_until_nothing_is_left() {
    let (drops, log) = (Drops::new(), Log::new());
    let event_loop = virtual_loop();
    let (inner, said) = (drops.clone(), log.clone());
    event_loop
        .enter(move || {
            let queues = OnDrop(move || {
                // The free functions mean the loop that is being torn down.
                unspin::set_timeout(millis(1), never(&inner));
                unspin::set_immediate(never(&inner));
                unspin::next_tick(never(&inner));
                unspin::queue_microtask(never(&inner));
                unspin::on_prepare(never(&inner));
                unspin::remote().post(never(&inner)).expect("it is not gone yet");
                let mut callback = never(&inner);
                unspin::spawn_blocking(|| ()).callback(move |_| callback());
                let deeper = (inner.clone(), said.clone());
                let deeper = OnDrop(move || {
                    unspin::set_immediate(never(&deeper.0));
                    deeper.1.say("twice");
                });
                unspin::set_immediate(move || deeper.keep());
                said.say("once");
            });
            unspin::set_timeout(millis(1), move || queues.keep());
        })
        .expect("it is not busy");
    drop(event_loop);
    log.expect(&["once", "twice"]);
    assert_eq!(drops.count(), 8);
}

#[test]
fn a_drop_that_panics_lets_the_others_drop_and_the_panic_goes_on() {
    let drops = Drops::new();
    let event_loop = virtual_loop();
    event_loop
        .enter(|| {
            for text in ["the first", "the second"] {
                unspin::set_immediate(never(&drops));
                let panics = OnDrop(move || panic!("{text}"));
                unspin::set_immediate(move || panics.keep());
            }
            unspin::set_immediate(never(&drops));
            unspin::set_timeout(millis(1), never(&drops));
        })
        .expect("it is not busy");
    let payload = catch_unwind(AssertUnwindSafe(|| drop(event_loop))).expect_err("a drop panics");
    assert_eq!(panic_text(&*payload), "the first");
    assert_eq!(drops.count(), 4);
}

#[test]
fn a_loop_is_dropped_inside_a_callback_of_another() {
    let (drops, log) = (Drops::new(), Log::new());
    let inner = virtual_loop();
    let said = log.clone();
    let inner_drops = drops.clone();
    inner
        .enter(|| {
            let queues = OnDrop(move || {
                // This belongs to the inner loop, and goes with it.
                unspin::set_immediate(never(&inner_drops));
                said.say("inner");
            });
            unspin::set_immediate(move || queues.keep());
        })
        .expect("it is not busy");
    let outer = virtual_loop();
    outer
        .run(|| {
            let log = log.clone();
            unspin::set_immediate(move || {
                drop(inner);
                unspin::set_immediate(log.add("outer"));
            });
        })
        .expect("nothing fails");
    log.expect(&["inner", "outer"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn handles_that_outlive_the_loop_do_nothing() {
    let event_loop = EventLoop::new().expect("a loop");
    let drops = Drops::new();
    let handles = event_loop.enter(|| {
        let mut frame = never(&drops);
        let mut callback = never(&drops);
        (
            unspin::set_timeout(millis(1), never(&drops)),
            unspin::set_interval(millis(1), never_with(&drops)),
            unspin::set_immediate(never(&drops)),
            unspin::request_frame(move |_| frame()),
            unspin::on_prepare(never(&drops)),
            unspin::spawn_blocking(|| ()).callback(move |_| callback()),
            (unspin::remote(), unspin::keep_alive()),
        )
    });
    let handles = handles.expect("it is not busy").expect("it does not exit");
    drop(event_loop);
    assert_eq!(drops.count(), 6);
    let (timeout, interval, immediate, frame, hook, pending, (remote, kept)) = handles;
    for timer in [timeout, interval] {
        assert!(!timer.is_pending());
        timer.unref().ref_();
        assert!(!timer.has_ref());
        timer.refresh();
        assert!(!timer.is_pending());
        timer.clone().clear();
    }
    immediate.unref().ref_();
    assert!(!immediate.has_ref());
    immediate.clear();
    frame.cancel();
    hook.remove();
    assert!(!pending.cancel());
    remote.wake();
    remote.stop();
    remote.post(never(&drops)).expect_err("the loop is gone");
    assert_eq!(drops.count(), 7);
    drop(remote.keep_alive());
    drop(kept);
}

#[test]
fn a_remote_cannot_post_to_a_loop_that_is_gone_although_handles_are_left() {
    let drops = Drops::new();
    let event_loop = virtual_loop();
    let timer = event_loop.enter(|| unspin::set_timeout(millis(1), || ()));
    let remote = event_loop.remote();
    drop(event_loop);
    remote.post(never(&drops)).expect_err("the loop is gone");
    assert_eq!(drops.count(), 1);
    drop(timer);
}

#[test]
fn a_handle_used_in_a_drop_of_the_teardown_does_nothing_harmful() {
    let log = Log::new();
    let event_loop = virtual_loop();
    let said = log.clone();
    event_loop
        .enter(|| {
            let timer = Rc::new(RefCell::new(None::<unspin::Timer>));
            let own = Rc::clone(&timer);
            let uses = OnDrop(move || {
                let timer = own.borrow_mut().take().expect("it was set");
                timer.refresh();
                timer.ref_();
                timer.clear();
                said.say(format!("{} {}", timer.is_pending(), unspin::why_alive().len()));
            });
            timer.replace(Some(unspin::set_timeout(millis(1), move || uses.keep())));
        })
        .expect("it is not busy");
    drop(event_loop);
    log.expect(&["false 0"]);
}

#[test]
fn a_running_job_is_waited_for_and_its_callback_is_not_called() {
    let drops = Drops::new();
    let event_loop = EventLoop::new().expect("a loop");
    let (started, has_started) = mpsc::channel();
    let (unblock, blocked) = mpsc::channel::<()>();
    let job = drops.guard();
    let mut callback = never(&drops);
    event_loop
        .enter(move || {
            unspin::spawn_blocking(move || {
                started.send(()).expect("the test waits");
                // Ends when the sender is dropped, with the callback.
                let _ = blocked.recv();
                job.keep();
            })
            .callback(move |_| {
                let _owned = &unblock;
                callback();
            });
        })
        .expect("it is not busy");
    has_started.recv().expect("the job starts");
    drop(event_loop);
    assert_eq!(drops.count(), 2);
}

/// The descriptors of this process.
fn descriptors() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").expect("Linux shows them");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("it is there").path();
    // The directory's own descriptor is gone when its link is read.
    let links = entries.filter_map(|entry| fs::read_link(name(entry)).ok());
    let mut links: Vec<String> =
        links.map(|link| link.display().to_string()).filter(|link| !link.contains("/fd")).collect();
    links.sort();
    links
}

#[test]
#[cfg(target_os = "linux")]
fn descriptors_are_closed_although_handles_and_remotes_are_left() {
    if !is_child() {
        // In a process where no other test opens anything.
        let name = "descriptors_are_closed_although_handles_and_remotes_are_left";
        let output = in_child(name);
        assert!(output.status.success(), "{}", stdout(&output));
        return;
    }
    let before = descriptors();
    let event_loop = EventLoop::new().expect("a loop");
    let timer = event_loop.enter(|| unspin::set_timeout(millis(1), || ()));
    let (remote, kept) = (event_loop.remote(), event_loop.remote().keep_alive());
    assert!(descriptors().len() > before.len());
    drop(event_loop);
    assert_eq!(descriptors(), before);
    drop((timer, remote, kept));
}

#[test]
fn what_was_closed_just_before_the_end_lets_go_of_the_handlers_that_hold_it() {
    let drops = Drops::new();
    let event_loop = EventLoop::new().expect("a loop");
    let outcome = event_loop.run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is open");
        let (itself, guard) = (listener.clone(), drops.guard());
        let seen = drops.clone();
        listener.on_connection(move |accepted, _| {
            guard.keep();
            let (itself_too, guard) = (accepted.clone(), seen.guard());
            accepted.on_data(move |_, _| {
                guard.keep();
                itself_too.close();
            });
            let (itself_too, guard) = (accepted.clone(), seen.guard());
            accepted.on_close(move |_| {
                guard.keep();
                itself_too.close();
            });
            accepted.close();
            itself.close();
            // The Close phase is not reached.
            unspin::exit(0);
        });
        TcpStream::connect(address).callback(|_| ());
    });
    assert_eq!(outcome.expect("nothing fails"), 0);
    drop(event_loop);
    assert_eq!(drops.count(), 3);
}
