//! Files read chunk by chunk, by callbacks: their order, their end, and what they hold meanwhile.

mod util;

use std::cell::{Cell, RefCell};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

use unspin::fs::{self, ReadOptions, ReadStream};
use unspin::{AbortController, EventLoop, Outcome, ResourceKind};
use util::{Drops, Log, run_real};

/// A file of that many bytes, each unlike its neighbours.
fn file(length: usize) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
    std::fs::write(&path, &bytes).expect("it is written");
    (dir, path, bytes)
}

/// Runs on a loop whose pool has one thread, which a reader that kept it would block.
#[track_caller]
fn run_with_one_thread<R: Outcome>(main: impl FnOnce() -> R) {
    let event_loop = EventLoop::builder().pool_threads(1).build().expect("a loop");
    assert_eq!(event_loop.run(main).expect("nothing fails"), 0);
}

#[derive(Clone, Default)]
struct Seen {
    bytes: Rc<RefCell<Vec<u8>>>,
    lengths: Rc<RefCell<Vec<usize>>>,
}

impl Seen {
    fn all_of(&self, stream: &ReadStream) {
        let seen = self.clone();
        stream.on_data(move |_, chunk| seen.add(chunk));
    }

    fn add(&self, chunk: &[u8]) {
        self.bytes.borrow_mut().extend_from_slice(chunk);
        self.lengths.borrow_mut().push(chunk.len());
    }
}

#[test]
fn the_chunks_are_the_file_and_then_come_end_and_close() {
    let (_dir, path, bytes) = file(1_000_000);
    let (seen, log) = (Seen::default(), Log::new());
    let (all, said) = (seen.clone(), log.clone());
    run_real(move || {
        let stream = fs::read_stream(&path);
        all.all_of(&stream);
        stream.on_error(|_, error| panic!("{error}"));
        let mut say = said.add("end");
        stream.on_end(move |stream| {
            assert!(!stream.is_closed());
            say();
        });
        let mut say = said.add("close");
        stream.on_close(move |stream| {
            assert!(stream.is_closed());
            say();
        });
    });
    assert!(*seen.bytes.borrow() == bytes);
    assert_eq!(seen.lengths.borrow()[..2], [65_536, 65_536]);
    log.expect(&["end", "close"]);
}

#[test]
fn a_range_is_read_in_chunks_of_the_size_that_was_set() {
    let (_dir, path, bytes) = file(100);
    for (options, expected) in [
        (ReadOptions::new().range(10..35), &bytes[10..35]),
        (ReadOptions::new().range(10..=35), &bytes[10..36]),
        (ReadOptions::new().range(..35), &bytes[..35]),
        (ReadOptions::new().range(90..), &bytes[90..]),
        (ReadOptions::new().range(90..200), &bytes[90..]),
        (ReadOptions::new().range(200..), &[]),
        (ReadOptions::new().range(35..35), &[]),
    ] {
        let (seen, log) = (Seen::default(), Log::new());
        let (all, said) = (seen.clone(), log.clone());
        run_real(|| {
            let stream = options.chunk_size(10).stream(&path);
            all.all_of(&stream);
            stream.on_end(said.add("end").then());
        });
        assert_eq!(*seen.bytes.borrow(), expected);
        let full = expected.len() / 10;
        assert!(seen.lengths.borrow().iter().take(full).all(|length| *length == 10));
        log.expect(&["end"]);
    }
}

/// Makes a handler of a closure that needs no stream.
trait Then {
    fn then(self) -> impl FnMut(&ReadStream) + 'static;
}

impl<F: FnMut() + 'static> Then for F {
    fn then(mut self) -> impl FnMut(&ReadStream) + 'static {
        move |_| self()
    }
}

#[test]
fn an_open_file_is_read_from_its_start_and_stays_open() {
    let (_dir, path, bytes) = file(200_000);
    let seen = Seen::default();
    let (all, twice) = (seen.clone(), bytes.repeat(2));
    run_real(move || {
        fs::open(path).callback(move |file| {
            let file = file?;
            let again = all.clone();
            let stream = file.read_stream();
            all.all_of(&stream);
            stream.on_close(move |_| again.all_of(&file.read_stream()));
            Ok(())
        });
    });
    assert!(*seen.bytes.borrow() == twice);
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_with_its_path_and_the_loop_ends() {
    let log = Log::new();
    let said = log.clone();
    run_real(move || {
        let stream = fs::read_stream("no such file");
        stream.on_data(|_, _| panic!("there is nothing"));
        stream.on_end(|_| panic!("it does not end well"));
        let failed = said.clone();
        stream.on_error(move |_, error| {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            failed.say(error.to_string().split(": ").next().unwrap_or_default());
        });
        stream.on_close(said.add("close").then());
    });
    log.expect(&["open no such file", "close"]);
}

#[test]
fn a_read_that_fails_is_an_error_with_its_path() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, path) = (Log::new(), dir.path().to_owned());
    let said = log.clone();
    run_real(move || {
        let start = format!("read {}: ", path.display());
        let stream = fs::read_stream(&path);
        stream.on_data(|_, _| panic!("there is nothing"));
        stream.on_error(move |_, error| {
            assert_eq!(error.kind(), ErrorKind::IsADirectory);
            assert!(error.to_string().starts_with(&start), "{error}");
            said.say("error");
        });
    });
    log.expect(&["error"]);
}

#[test]
fn a_pipe_is_read_as_it_comes() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("pipe");
    let made = Command::new("mkfifo").arg(&path).status().expect("there is a mkfifo");
    assert!(made.success());
    let seen = Seen::default();
    // Open before it is read: a pipe that nobody writes to is at its end. Both ways, for who only
    // writes waits for a reader.
    let both_ways = OpenOptions::new().read(true).write(true).open(&path);
    let mut writer = both_ways.expect("it is there");
    writer.write_all(b"through a pipe").expect("there is room");
    let all = seen.clone();
    run_real(move || {
        let stream = fs::read_stream(path);
        let mut writer = Some(writer);
        stream.on_data(move |_, chunk| {
            all.add(chunk);
            drop(writer.take());
        });
    });
    assert_eq!(*seen.bytes.borrow(), b"through a pipe");
}

#[test]
fn a_paused_stream_reads_no_further_than_the_mark_and_holds_neither_thread_nor_loop() {
    let (_dir, path, _) = file(0);
    std::fs::write(&path, "a".repeat(40)).expect("it is written");
    let seen = Seen::default();
    let all = seen.clone();
    run_with_one_thread(move || {
        let options = ReadOptions::new().chunk_size(4).high_water_mark(8);
        let stream = options.stream(&path);
        let first = Cell::new(true);
        stream.on_data(move |stream, chunk| {
            all.add(chunk);
            if first.replace(false) {
                stream.pause();
                let (path, stream) = (path.clone(), stream.clone());
                // Runs on the only thread, so the reader has given it back.
                unspin::spawn_blocking(move || std::fs::write(path, "b".repeat(40))).callback(
                    move |written| {
                        written?.expect("it is written");
                        let by_now = unspin::why_alive();
                        assert!(by_now.is_empty(), "{by_now:?}");
                        stream.resume();
                        Ok(())
                    },
                );
            }
        });
    });
    let bytes = seen.bytes.borrow();
    let early = bytes.iter().filter(|byte| **byte == b'a').count();
    assert_eq!(bytes.len(), 40);
    // One was handed over, and two were in the queue, or were on their way to it.
    assert!((8..=12).contains(&early), "{early} bytes were read before the pause was over");
}

#[test]
fn a_stream_that_stays_paused_lets_the_loop_end() {
    let (_dir, path, _) = file(1_000_000);
    let (drops, log) = (Drops::new(), Log::new());
    let (guard, said) = (drops.guard(), log.clone());
    run_real(move || {
        fs::read_stream(&path).on_data(move |stream, _| {
            guard.keep();
            said.say("chunk");
            stream.pause();
        });
    });
    log.expect(&["chunk"]);
    assert_eq!(drops.count(), 1, "dropped with the loop");
}

#[test]
fn pausing_after_each_chunk_changes_no_byte() {
    let (_dir, path, bytes) = file(300_000);
    let (seen, ends) = (Seen::default(), Log::new());
    let (all, said) = (seen.clone(), ends.clone());
    run_real(move || {
        let stream = ReadOptions::new().chunk_size(10_000).stream(&path);
        stream.on_data(move |stream, chunk| {
            all.add(chunk);
            stream.pause();
            let stream = stream.clone();
            unspin::set_immediate(move || stream.resume());
        });
        stream.on_end(said.add("end").then());
    });
    assert!(*seen.bytes.borrow() == bytes);
    ends.expect(&["end"]);
}

#[test]
fn each_chunk_is_a_task_of_its_own() {
    let (_dir, path, _) = file(30);
    let log = Log::new();
    let said = log.clone();
    run_real(move || {
        ReadOptions::new().chunk_size(10).stream(&path).on_data(move |_, _| {
            said.say("chunk");
            unspin::queue_microtask(said.add("micro"));
            unspin::next_tick(said.add("tick"));
        });
    });
    log.expect(&["chunk", "tick", "micro"].repeat(3));
}

#[test]
fn closing_ends_it_at_once_and_frees_everything() {
    let (_dir, path, _) = file(1_000_000);
    let (drops, log) = (Drops::new(), Log::new());
    let (guard, said, count) = (drops.guard(), log.clone(), drops.clone());
    run_real(move || {
        let stream = fs::read_stream(&path);
        let say = said.clone();
        stream.on_data(move |stream, _| {
            guard.keep();
            say.say("chunk");
            stream.close();
            stream.close();
        });
        stream.on_end(|_| panic!("it was not read to its end"));
        stream.on_close(said.add("close").then());
        drop(stream);
        unspin::before_exit(move |_| assert_eq!(count.count(), 1));
    });
    log.expect(&["chunk", "close"]);
}

#[test]
fn aborting_ends_it_with_an_error() {
    let (_dir, path, _) = file(10_000_000);
    let log = Log::new();
    let said = log.clone();
    run_with_one_thread(move || {
        let user = AbortController::new();
        let stream = fs::read_stream(&path);
        stream.abort_on(user.signal());
        let say = said.clone();
        stream.on_data(move |_, _| {
            say.say("chunk");
            user.abort();
        });
        let say = said.clone();
        stream.on_error(move |_, error| {
            assert!(error.is_abort());
            say.say("error");
        });
        stream.on_end(|_| panic!("it was not read to its end"));
        stream.on_close(said.add("close").then());
    });
    log.expect(&["chunk", "error", "close"]);
}

#[test]
fn a_signal_that_is_aborted_already_ends_it_before_anything_is_read() {
    let log = Log::new();
    let said = log.clone();
    run_real(move || {
        let user = AbortController::new();
        user.abort();
        let stream = fs::read_stream("no such file");
        stream.abort_on(user.signal()).on_data(|_, _| panic!("there is nothing"));
        stream.on_error(move |_, error| {
            assert!(error.is_abort());
            said.say("error");
        });
    });
    log.expect(&["error"]);
}

#[test]
fn it_keeps_the_loop_alive_by_its_line_while_it_reads() {
    let (_dir, path, _) = file(10);
    run_real(move || {
        let stream = fs::read_stream(&path);
        let line = line!() - 1;
        assert!(unspin::why_alive().is_empty());
        stream.on_data(|_, _| ());
        let holding = unspin::why_alive();
        assert_eq!(holding.len(), 1);
        assert_eq!((holding[0].kind, holding[0].at.line()), (ResourceKind::Request, line));
        let all = unspin::resources();
        assert!(all.iter().any(|resource| resource.state.starts_with("reading ")));
    });
}

#[test]
fn a_loop_that_ends_early_drops_the_handlers_of_a_stream_that_is_being_read() {
    let (_dir, path, _) = file(1_000_000);
    let drops = Drops::new();
    let guard = drops.guard();
    run_real(move || {
        fs::read_stream(&path).on_data(move |_, _| {
            guard.keep();
            unspin::exit(0);
        });
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn many_streams_at_once_share_the_pool() {
    let (_dir, path, bytes) = file(700_000);
    let seen: Vec<Seen> = (0..20).map(|_| Seen::default()).collect();
    let all = seen.clone();
    run_with_one_thread(move || {
        all.iter().for_each(|seen| seen.all_of(&fs::read_stream(&path)));
    });
    assert!(seen.iter().all(|seen| *seen.bytes.borrow() == bytes));
}
