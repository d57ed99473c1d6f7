//! What keeps a loop alive, and that it says so with the line that started it.

mod util;

use std::sync::mpsc;
use std::thread;

use unspin::{EventLoop, Request, Resource, ResourceKind, fs};
use util::{Drops, Log, millis, run_real, run_virtual, virtual_loop};

/// The only thing that keeps the loop alive.
#[track_caller]
fn only_reason() -> Resource {
    let mut reasons = unspin::why_alive();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    reasons.remove(0)
}

#[track_caller]
fn expect_reason(kind: ResourceKind, line: u32) {
    let reason = only_reason();
    assert_eq!((reason.kind, reason.at.file(), reason.at.line()), (kind, file!(), line));
    assert!(reason.holds);
}

#[track_caller]
fn expect_resource(kind: ResourceKind, line: u32, holds: bool) {
    let found: Vec<Resource> =
        unspin::resources().into_iter().filter(|resource| resource.at.line() == line).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].kind, found[0].at.file()), (kind, file!()));
    assert_eq!(found[0].holds, holds);
}

#[test]
fn a_new_loop_is_dead_and_runs_only_its_main() {
    let event_loop = EventLoop::new().expect("a loop");
    assert!(!event_loop.is_alive());
    assert!(event_loop.why_alive().is_empty());
    assert!(event_loop.resources().is_empty());
    let log = Log::new();
    assert_eq!(event_loop.run(log.add("main")).expect("it ends well"), 0);
    log.expect(&["main"]);
    assert_eq!(event_loop.metrics().turns, 0);
}

#[test]
fn a_timeout_says_its_line() {
    run_virtual(|| {
        unspin::set_timeout(millis(5), || ());
        expect_reason(ResourceKind::Timer, line!() - 1);
    });
}

#[test]
fn an_interval_says_its_line() {
    run_virtual(|| {
        unspin::set_interval(millis(5), |timer| timer.clear());
        expect_reason(ResourceKind::Timer, line!() - 1);
    });
}

#[test]
fn a_refreshable_timer_says_its_line() {
    run_virtual(|| {
        unspin::set_timer(millis(5), |_| ());
        expect_reason(ResourceKind::Timer, line!() - 1);
    });
}

#[test]
fn an_immediate_says_its_line() {
    run_virtual(|| {
        unspin::set_immediate(|| ());
        expect_reason(ResourceKind::Immediate, line!() - 1);
    });
}

#[test]
fn a_frame_says_its_line() {
    run_virtual(|| {
        unspin::request_frame(|_| ());
        expect_reason(ResourceKind::Frame, line!() - 1);
    });
}

#[test]
fn ticks_and_microtasks_say_their_lines() {
    run_virtual(|| {
        unspin::next_tick(|| ());
        expect_resource(ResourceKind::Tick, line!() - 1, true);
        unspin::queue_microtask(|| ());
        expect_resource(ResourceKind::Microtask, line!() - 1, true);
    });
}

#[test]
fn a_keep_alive_says_its_line() {
    run_virtual(|| {
        let kept = unspin::keep_alive();
        expect_reason(ResourceKind::KeepAlive, line!() - 1);
        drop(kept);
        assert!(unspin::why_alive().is_empty());
    });
}

#[test]
fn a_keep_alive_of_a_remote_says_its_line() {
    run_virtual(|| {
        let remote = unspin::remote();
        let kept = remote.keep_alive();
        expect_reason(ResourceKind::KeepAlive, line!() - 1);
        drop(kept);
    });
}

#[test]
fn a_posted_closure_keeps_the_loop_alive() {
    let log = Log::new();
    run_virtual(|| {
        let remote = unspin::remote();
        remote.post(|| ()).expect("the loop is there");
        remote.post(|| ()).expect("the loop is there");
        let reason = only_reason();
        assert_eq!((reason.kind, &*reason.state), (ResourceKind::Inbox, "2 posted"));
        log.say("main");
    });
    log.expect(&["main"]);
}

#[test]
fn hooks_say_their_lines_and_keep_no_loop_alive() {
    run_virtual(|| {
        unspin::on_prepare(|| ());
        expect_resource(ResourceKind::Hook, line!() - 1, false);
        unspin::on_uncaught(|_| ());
        expect_resource(ResourceKind::Hook, line!() - 1, false);
        unspin::before_exit(|_| ());
        expect_resource(ResourceKind::Hook, line!() - 1, false);
        unspin::on_exit(|_| ());
        expect_resource(ResourceKind::Hook, line!() - 1, false);
        assert!(unspin::why_alive().is_empty());
    });
}

#[test]
fn blocking_work_says_its_line() {
    run_real(|| {
        unspin::spawn_blocking(|| ()).callback(|_| ());
        expect_reason(ResourceKind::Request, line!() - 1);
    });
}

#[test]
fn a_request_says_the_line_that_made_it_and_not_the_one_that_started_it() {
    run_real(|| {
        let request = unspin::spawn_blocking(|| ());
        let line = line!() - 1;
        assert!(unspin::why_alive().is_empty(), "a request does nothing until it is used");
        request.callback(|_| ());
        expect_reason(ResourceKind::Request, line);
    });
}

#[test]
fn a_request_that_is_not_used_does_nothing() {
    let (work, log) = (Drops::new(), Log::new());
    run_real(|| {
        let guard = work.guard();
        drop(unspin::spawn_blocking(move || guard.keep()));
        assert_eq!(work.count(), 1);
        log.say("main");
    });
    log.expect(&["main"]);
}

/// Requests that were started, by their lines.
#[derive(Default)]
struct Started(Vec<u32>);

impl Started {
    fn start<T: 'static>(&mut self, line: u32, request: Request<T>) {
        request.callback(|_| ());
        self.0.push(line);
    }

    #[track_caller]
    fn expect(mut self) {
        let mut reasons = unspin::why_alive();
        reasons.sort_by_key(|reason| reason.at.line());
        self.0.sort_unstable();
        assert_eq!(reasons.iter().map(|reason| reason.at.line()).collect::<Vec<_>>(), self.0);
        for reason in &reasons {
            assert_eq!((reason.kind, reason.at.file()), (ResourceKind::Request, file!()));
        }
    }
}

#[test]
fn every_function_on_paths_says_its_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("nothing here");
    run_real(|| {
        let mut started = Started::default();
        started.start(line!(), fs::read(&path));
        started.start(line!(), fs::read_to_string(&path));
        started.start(line!(), fs::write(path.join("no"), "text"));
        started.start(line!(), fs::append(path.join("no"), "text"));
        started.start(line!(), fs::metadata(&path));
        started.start(line!(), fs::remove_file(&path));
        started.start(line!(), fs::rename(&path, path.join("no")));
        started.start(line!(), fs::copy(&path, path.join("no")));
        started.start(line!(), fs::read_dir_all(&path));
        started.start(line!(), fs::create_dir_all(dir.path()));
        started.start(line!(), fs::remove_dir_all(&path));
        started.start(line!(), fs::open(&path));
        started.start(line!(), fs::create(path.join("no")));
        started.start(line!(), fs::OpenOptions::new().read(true).open(&path));
        started.expect();
    });
}

#[test]
fn every_method_of_a_file_says_its_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = Log::new();
    let said = log.clone();
    run_real(|| {
        fs::create(dir.path().join("file")).callback(move |file| {
            let file = file?;
            let mut started = Started::default();
            started.start(line!(), file.read_at(0, 1));
            started.start(line!(), file.write_at(0, "a"));
            started.start(line!(), file.sync_all());
            started.start(line!(), file.set_len(1));
            started.start(line!(), file.metadata());
            started.start(line!(), file.close());
            started.expect();
            said.say("checked");
            Ok(())
        });
    });
    log.expect(&["checked"]);
}

#[test]
fn a_cancelled_request_still_says_why_the_loop_waits_for_its_callback() {
    let event_loop = EventLoop::builder().pool_threads(1).build().expect("a loop");
    let (unblock, blocked) = mpsc::channel::<()>();
    let log = Log::new();
    let said = log.clone();
    event_loop
        .run(move || {
            // The only thread is taken, so the second job cannot begin.
            unspin::spawn_blocking(move || blocked.recv()).callback(|_| ());
            let line = line!() + 1;
            let pending = unspin::spawn_blocking(|| ()).callback(|_| ());
            assert!(pending.cancel());
            let reasons = unspin::why_alive();
            assert!(reasons.iter().any(|reason| reason.at.line() == line), "{reasons:?}");
            said.say("checked");
            drop(unblock);
        })
        .expect("nothing fails");
    log.expect(&["checked"]);
}

#[test]
fn the_loop_is_dead_once_the_callback_has_run() {
    run_virtual(|| {
        unspin::set_timeout(millis(1), || assert!(unspin::why_alive().is_empty()));
        unspin::set_immediate(|| assert_eq!(unspin::why_alive().len(), 1));
    });
    run_real(|| {
        unspin::spawn_blocking(|| ()).callback(|_| assert!(unspin::why_alive().is_empty()));
    });
}

#[test]
fn a_reason_reads_as_a_sentence_with_its_line() {
    run_virtual(|| {
        let timer = unspin::set_timeout(millis(1500), || ());
        let line = line!() - 1;
        let text = only_reason().to_string();
        assert!(text.starts_with("timer timeout in 1500.0 ms"), "{text}");
        assert!(text.contains(&format!("{}:{line}", file!())), "{text}");
        timer.unref();
        let text = unspin::resources()[0].to_string();
        assert!(text.ends_with("does not hold the loop)"), "{text}");
    });
}

#[test]
fn a_resource_tells_the_size_of_its_closure() {
    run_virtual(|| {
        let kilobyte = [1_u8; 1024];
        unspin::set_timeout(millis(1), move || assert_eq!(kilobyte[0], 1));
        assert!(only_reason().bytes >= 1024);
    });
}

#[test]
fn a_keep_alive_on_another_thread_keeps_the_loop_until_it_is_dropped() {
    let log = Log::new();
    run_real(|| {
        let kept = unspin::keep_alive();
        let (go, may_go) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            may_go.recv().expect("the loop lets it go");
            drop(kept);
        });
        unspin::set_immediate(move || go.send(()).expect("the thread waits"));
        let said = log.clone();
        unspin::before_exit(move |_| said.say("before exit"));
        drop(thread);
    });
    log.expect(&["before exit"]);
}

#[test]
fn the_loop_itself_tells_what_it_holds_between_turns() {
    let event_loop = virtual_loop();
    event_loop
        .enter(|| {
            unspin::set_timeout(millis(1), || ());
        })
        .expect("it is not busy");
    let line = line!() - 3;
    assert!(event_loop.is_alive());
    assert_eq!(event_loop.why_alive()[0].at.line(), line);
    assert_eq!(event_loop.resources().len(), 1);
}
