//! Pipes: streams of one direction, which do what other streams do.

mod util;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

use tempfile::TempDir;
use unspin::Handler;
use unspin::ResourceKind;
use unspin::net::UnixStream;
use unspin::pipes::{self, PipeReader, PipeWriter};
use util::Log;
use util::net::{beside, pattern, run};

const MIB: usize = 1024 * 1024;

/// Lets a reader collect what comes, and hand it over at the end.
fn collect(reader: &PipeReader, then: impl FnOnce(Vec<u8>) + 'static) {
    let bytes = Rc::new(RefCell::new(Vec::new()));
    let so_far = Rc::clone(&bytes);
    reader.on_data(move |_, chunk| so_far.borrow_mut().extend_from_slice(chunk));
    let mut then = Some(then);
    reader.on_end(move |_| then.take().expect("one end")(bytes.take()));
}

fn fifo() -> (PathBuf, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
    (path, directory)
}

#[test]
fn what_is_written_is_read_and_then_come_the_end_and_the_close() {
    let log = Log::new();
    run(|| {
        let (reader, writer) = pipes::pair().expect("descriptors are left");
        let (data, end, close) = (log.clone(), log.clone(), log.clone());
        reader.on_data(move |_, chunk| data.say(String::from_utf8_lossy(chunk)));
        reader.on_end(move |_| end.say("end"));
        reader.on_close(move |reader| {
            assert_eq!(reader.bytes_read(), 5);
            close.say("reader closed");
        });
        let close = log.clone();
        writer.on_close(move |writer| {
            assert_eq!(writer.bytes_written(), 5);
            close.say("writer closed");
        });
        assert!(writer.write(b"hello"));
        writer.end();
        assert!(writer.is_closed(), "it has no other side to wait for");
    });
    log.expect(&["hello", "end", "writer closed", "reader closed"]);
}

#[test]
fn a_handler_value_reads_a_pipe() {
    struct Count(Log, usize);
    impl Handler<PipeReader> for Count {
        fn data(&mut self, _: &PipeReader, chunk: &[u8]) {
            self.1 += chunk.len();
        }
        fn end(&mut self, _: &PipeReader) {
            self.0.say(format!("{} bytes", self.1));
        }
    }
    let log = Log::new();
    run(|| {
        let (reader, writer) = pipes::pair().expect("descriptors are left");
        reader.handle(Count(log.clone(), 0));
        writer.write(&pattern(3 * MIB));
    });
    log.expect(&[&format!("{} bytes", 3 * MIB)]);
}

#[test]
fn a_pipe_that_nobody_reads_pushes_back_and_loses_nothing() {
    let log = Log::new();
    run(|| {
        let (reader, writer) = pipes::pair().expect("descriptors are left");
        assert!(!writer.write(&pattern(MIB)), "it is far above the mark");
        assert!(writer.writable_length() > 0);
        let drained = log.clone();
        writer.on_drain(move |writer| {
            assert_eq!(writer.writable_length(), 0);
            drained.say("drain");
            writer.end();
        });
        let all = log.clone();
        unspin::set_immediate(move || {
            collect(&reader, move |bytes| {
                assert!(bytes == pattern(MIB) && writer.is_closed());
                all.say("all");
            });
        });
    });
    log.expect(&["drain", "all"]);
}

#[test]
fn dropping_the_last_writer_ends_the_pipe_when_all_is_sent() {
    let whole = Rc::new(Cell::new(false));
    let seen = Rc::clone(&whole);
    run(|| {
        let (reader, writer) = pipes::pair().expect("descriptors are left");
        collect(&reader, move |bytes| seen.set(bytes == pattern(MIB)));
        writer.write_owned(pattern(MIB));
    });
    assert!(whole.get());
}

#[test]
fn a_writer_learns_that_its_reader_is_gone() {
    let log = Log::new();
    run(|| {
        let (reader, writer) = pipes::pair().expect("descriptors are left");
        let (failed, close) = (log.clone(), log.clone());
        writer.on_error(move |_, error| failed.say(error.to_string()));
        // Nothing was to be written, so nothing is lost, and there is no error. Nor does a pipe
        // without work hold the loop: this does.
        let kept = Cell::new(Some((unspin::keep_alive(), writer.clone())));
        writer.on_close(move |_| {
            close.say("idle: closed");
            drop(kept.take());
        });
        unspin::set_immediate(move || reader.close());
    });
    log.expect(&["idle: closed"]);

    let log = Log::new();
    run(|| {
        let (reader, writer) = pipes::pair().expect("descriptors are left");
        let (failed, close) = (log.clone(), log.clone());
        writer.on_error(move |_, error| {
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            failed.say("queued: broken");
        });
        writer.on_close(move |_| close.say("queued: closed"));
        writer.write(&pattern(MIB));
        unspin::set_immediate(move || reader.close());
    });
    log.expect(&["queued: broken", "queued: closed"]);
}

#[test]
fn a_write_to_a_pipe_without_a_reader_fails_in_the_next_turn() {
    let log = Log::new();
    run(|| {
        let (reader, writer) = pipes::pair().expect("descriptors are left");
        drop(reader);
        let failed = log.clone();
        writer.on_error(move |_, error| failed.say(error.to_string()));
        assert!(!writer.write(b"nobody reads this"));
        log.say("written");
    });
    log.expect(&["written", "write: Broken pipe (os error 32)"]);
}

#[test]
fn pipes_and_sockets_are_joined() {
    let whole = Rc::new(Cell::new(false));
    let seen = Rc::clone(&whole);
    run(|| {
        let (first, source) = pipes::pair().expect("descriptors are left");
        let (near, far) = UnixStream::pair().expect("descriptors are left");
        let (last, sink) = pipes::pair().expect("descriptors are left");
        unspin::pipe(&first, &near);
        unspin::pipe(&far, &sink);
        collect(&last, move |bytes| seen.set(bytes == pattern(4 * MIB)));
        source.write_owned(pattern(4 * MIB));
    });
    assert!(whole.get());
}

#[test]
fn a_fifo_is_opened_without_waiting_and_read_to_the_last_writers_end() {
    let (path, _directory) = fifo();
    let log = Log::new();
    run(|| {
        let early = log.clone();
        let refused = PipeWriter::open(&path);
        let (path, log) = (path.clone(), log.clone());
        refused.callback(move |refused| {
            let error = refused.expect_err("nobody reads it");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            assert!(error.to_string().ends_with("fifo: nobody has it open for reading"), "{error}");
            early.say("refused");
            PipeReader::open(&path).promise().then(move |reader| {
                collect(&reader, move |bytes| log.say(String::from_utf8_lossy(&bytes)));
                beside(move || {
                    let mut fifo = File::options().write(true).open(path).expect("it has a reader");
                    fifo.write_all(b"an order").expect("it is read");
                });
            });
        });
    });
    log.expect(&["refused", "an order"]);
}

#[test]
fn what_is_no_fifo_is_refused() {
    run(|| {
        PipeReader::open("Cargo.toml").callback(|opened| {
            let error = opened.expect_err("it is a file");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), "open Cargo.toml: it is no FIFO");
        });
        PipeWriter::open("no/such/fifo").callback(|opened| {
            assert_eq!(opened.expect_err("there is none").kind(), ErrorKind::NotFound);
        });
        let file = File::open("Cargo.toml").expect("it is here");
        let error = PipeReader::from_fd(file).expect_err("a file has no readiness");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    });
}

#[test]
fn a_descriptor_is_taken_over_and_given_back_blocking() {
    let (ours, mut theirs) = Socket::pair().expect("descriptors are left");
    run(move || {
        let reader = PipeReader::from_fd(ours).expect("a socket has readiness");
        theirs.write_all(b"not yet read").expect("there is room");
        let fd: OwnedFd = reader.into_fd().expect("it is open");
        let mut back = Socket::from(fd);
        let mut bytes = [0; 12];
        back.read_exact(&mut bytes).expect("nothing was lost");
        beside(move || {
            // Waits: the byte comes when this thread does.
            let mut byte = [0];
            back.read_exact(&mut byte).expect("it blocks until there is one");
        });
        theirs.write_all(b"!").expect("there is room");
    });
}

#[test]
fn a_writer_is_not_given_away_with_bytes_in_its_queue() {
    run(|| {
        let (reader, writer) = pipes::pair().expect("descriptors are left");
        writer.write(&pattern(MIB));
        let error = writer.clone().into_fd().expect_err("bytes would be lost");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        reader.close();
        writer.on_error(|_, _| ());
        drop(writer);
    });
}

#[test]
fn only_a_pipe_at_work_keeps_the_loop_alive_and_says_which_line_opened_it() {
    run(|| {
        let line = line!() + 1;
        let (reader, writer) = pipes::pair().expect("descriptors are left");
        assert!(unspin::why_alive().is_empty());
        reader.on_data(|_, _| ());
        let why = unspin::why_alive();
        assert_eq!((why.len(), why[0].kind, why[0].at.line()), (1, ResourceKind::Stream, line));
        assert_eq!(why[0].state, "reading a pipe");
        assert!(!reader.unref().has_ref() && unspin::why_alive().is_empty());
        reader.ref_();
        writer.write(&pattern(MIB));
        assert_eq!(unspin::why_alive().len(), 2);
        reader.close();
        writer.close();
    });
}
