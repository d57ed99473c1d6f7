//! Files written chunk by chunk: order, backpressure, ends and failures.

mod util;

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream as StdStream};
use std::rc::Rc;
use std::thread;

use unspin::fs::{self, WriteOptions, WriteStream};
use unspin::net::TcpListener;
use unspin::stream::Done;
use unspin::{AbortController, pipe};
use util::files::{ok, place};
use util::{Log, run_real};

/// Has each event say its word.
fn tell_all(stream: &WriteStream, log: &Log) {
    let (mut drain, mut finish, mut close) =
        (log.add("drain"), log.add("finish"), log.add("close"));
    stream.on_drain(move |_| drain());
    stream.on_finish(move |_| finish());
    let said = log.clone();
    stream.on_error(move |_, error| said.say(format!("{:?}", error.kind())));
    stream.on_close(move |stream| {
        assert!(stream.is_closed());
        close();
    });
}

#[test]
fn chunks_are_written_in_order_and_then_come_finish_and_close() {
    let (_dir, path) = place("file");
    std::fs::write(&path, "what was there").expect("it is written");
    let log = Log::new();
    run_real(|| {
        let stream = fs::write_stream(&path);
        tell_all(&stream, &log);
        assert!(stream.write(b"one, "));
        assert!(stream.write_owned("two, "));
        assert!(stream.write(b""));
        assert_eq!(stream.queued(), 10);
        stream.write(b"three");
        stream.end();
        stream.end();
    });
    log.expect(&["finish", "close"]);
    assert_eq!(std::fs::read(&path).expect("it is there"), b"one, two, three");
}

#[test]
fn many_small_writes_are_few_jobs() {
    let (_dir, path) = place("file");
    let jobs = Rc::new(Cell::new(0));
    let counted = Rc::clone(&jobs);
    run_real(|| {
        let stream = fs::write_stream(&path);
        for number in 0..20_000_u32 {
            stream.write(&number.to_le_bytes());
        }
        stream.end();
        stream.on_close(move |_| counted.set(unspin::metrics().jobs));
    });
    let expected: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
    assert!(std::fs::read(&path).expect("it is there") == expected);
    assert_eq!(jobs.get(), 2, "the first write, and all that came meanwhile");
}

#[test]
fn above_the_mark_write_says_so_and_drain_follows() {
    let (_dir, path) = place("file");
    let log = Log::new();
    run_real(|| {
        let stream = WriteOptions::new().high_water_mark(10).stream(&path);
        tell_all(&stream, &log);
        let (said, left) = (log.clone(), Cell::new(2));
        stream.on_drain(move |stream| {
            said.say("drain");
            assert_eq!(stream.queued(), 0);
            left.set(left.get() - 1);
            match left.get() {
                0 => stream.end(),
                _ => assert!(!stream.write(&[2; 10])),
            }
        });
        assert!(stream.write(&[1; 9]));
        assert!(!stream.write(&[1; 1]));
    });
    log.expect(&["drain", "drain", "finish", "close"]);
    assert_eq!(std::fs::read(&path).expect("it is there").len(), 20);
}

#[test]
fn an_end_without_a_write_makes_an_empty_file_and_a_drop_without_a_write_makes_none() {
    let (dir, path) = place("file");
    let other = dir.path().join("other");
    let log = Log::new();
    run_real(|| {
        let stream = fs::write_stream(&path);
        tell_all(&stream, &log);
        stream.end();
        drop(fs::write_stream(&other));
    });
    log.expect(&["finish", "close"]);
    assert_eq!(std::fs::metadata(&path).expect("it is there").len(), 0);
    assert!(!other.exists());
}

#[test]
fn what_was_accepted_is_written_though_all_handles_are_gone() {
    let (_dir, path) = place("file");
    let log = Log::new();
    run_real(|| {
        let stream = WriteOptions::new().sync(true).stream(&path);
        tell_all(&stream, &log);
        stream.write(b"one");
        stream.write(&vec![2; 100_000]);
    });
    log.expect(&["finish", "close"]);
    assert_eq!(std::fs::read(&path).expect("it is there").len(), 100_003);
}

#[test]
fn appended_started_at_an_offset_exclusive_and_open_before() {
    let (_dir, path) = place("file");
    let write = |options: WriteOptions, text: &'static str| {
        let log = Log::new();
        run_real(|| {
            let stream = options.stream(&path);
            tell_all(&stream, &log);
            stream.write(text.as_bytes());
        });
        log.words()[0].clone()
    };
    assert_eq!(write(WriteOptions::new().create_new(true), "12345678"), "finish");
    assert_eq!(write(WriteOptions::new().create_new(true), "no"), "AlreadyExists");
    assert_eq!(write(WriteOptions::new().append(true), "9"), "finish");
    assert_eq!(write(WriteOptions::new().start(2), "ab"), "finish");
    assert_eq!(std::fs::read(&path).expect("it is there"), b"12ab56789");
    let file = ok(|| fs::OpenOptions::new().write(true).open(&path));
    run_real(|| {
        file.write_stream().write(b"AB");
        WriteOptions::new().start(7).stream_to(&file).write(b"CD");
    });
    assert_eq!(std::fs::read(&path).expect("it is there"), b"ABab567CD");
}

#[test]
fn a_failure_is_told_once_and_what_waits_is_dropped() {
    let log = Log::new();
    run_real(|| {
        let stream = fs::write_stream("nowhere/file");
        tell_all(&stream, &log);
        stream.write(b"one");
        stream.write(b"two");
        stream.end();
    });
    log.expect(&["NotFound", "close"]);
    let log = Log::new();
    run_real(|| {
        let stream = fs::write_stream("/dev/full");
        let said = log.clone();
        stream.on_error(move |stream, error| {
            assert_eq!(error.kind(), ErrorKind::StorageFull);
            assert!(error.to_string().starts_with("write /dev/full: "), "{error}");
            assert!(!stream.write(b"more"));
            said.say("error");
        });
        stream.write(b"one");
    });
    log.expect(&["error"]);
}

#[test]
fn a_write_after_the_end_is_a_failure() {
    let (_dir, path) = place("file");
    let log = Log::new();
    run_real(|| {
        let stream = fs::write_stream(&path);
        tell_all(&stream, &log);
        stream.end();
        assert!(!stream.write(b"late"));
    });
    log.expect(&["BrokenPipe", "close"]);
}

#[test]
fn an_aborted_or_closed_one_writes_no_more() {
    let (_dir, path) = place("file");
    let log = Log::new();
    run_real(|| {
        let controller = AbortController::new();
        let stream = fs::write_stream(&path);
        tell_all(&stream, &log);
        stream.abort_on(controller.signal());
        let said = log.clone();
        stream.on_error(move |_, error| {
            assert!(error.is_abort());
            said.say("aborted");
        });
        controller.abort();
    });
    log.expect(&["aborted", "close"]);
    let log = Log::new();
    run_real(|| {
        let stream = fs::write_stream(&path);
        tell_all(&stream, &log);
        stream.write(b"one");
        stream.write(b"two");
        stream.close();
        assert!(!stream.write(b"three") && stream.is_closed());
    });
    log.expect(&["close"]);
    let written = std::fs::read(&path).unwrap_or_default();
    assert!(written.is_empty() || written == b"one", "{written:?}");
}

#[test]
fn it_keeps_the_loop_while_it_writes_unless_it_is_unreferenced() {
    let (_dir, path) = place("file");
    run_real(|| {
        let stream = fs::write_stream(&path);
        assert!(unspin::why_alive().is_empty(), "it has nothing to do");
        stream.write(b"one");
        let line = line!() - 3;
        assert!(unspin::why_alive().iter().all(|why| why.at.line() == line));
        assert!(!unspin::why_alive().is_empty() && stream.has_ref());
        stream.unref();
        assert!(unspin::why_alive().is_empty() && !stream.has_ref());
        stream.ref_();
        assert!(!unspin::why_alive().is_empty());
    });
    assert_eq!(std::fs::read(&path).expect("it is there"), b"one");
}

#[test]
fn a_file_is_piped_into_another_and_its_failure_into_the_reader() {
    let (dir, from) = place("from");
    let to = dir.path().join("to");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(&from, &bytes).expect("it is written");
    let log = Log::new();
    run_real(|| {
        let target = WriteOptions::new().high_water_mark(100_000).stream(&to);
        tell_all(&target, &log);
        target.on_drain(|_| ());
        pipe(&fs::read_stream(&from), &target);
    });
    log.expect(&["finish", "close"]);
    assert!(std::fs::read(&to).expect("it is there") == bytes);

    let log = Log::new();
    run_real(|| {
        let source = fs::read_stream(&from);
        let mut closed = log.add("source closed");
        source.on_close(move |_| closed());
        let target = fs::write_stream("/dev/full");
        let said = log.clone();
        unspin::stream::Writable::when_done(
            &target,
            Done::new(move |outcome| said.say(format!("{:?}", outcome.map_err(|e| e.kind())))),
        );
        pipe(&source, &target);
    });
    let words = log.words();
    assert!(words.contains(&"Err(StorageFull)".to_owned()), "{words:?}");
    assert!(words.contains(&"source closed".to_owned()), "{words:?}");
}

#[test]
fn what_a_peer_sends_is_piped_into_a_file() {
    let (_dir, path) = place("file");
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = bytes.clone();
    let peer = Rc::new(RefCell::new(None));
    let started = Rc::clone(&peer);
    run_real(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let path = path.clone();
        let closing = listener.clone();
        listener.on_connection(move |stream, _| {
            closing.close();
            pipe(&stream, &fs::write_stream(&path));
        });
        let client = thread::spawn(move || {
            let mut stream = StdStream::connect(address)?;
            stream.write_all(&sent)?;
            stream.shutdown(std::net::Shutdown::Write)?;
            stream.read_to_end(&mut Vec::new())
        });
        started.replace(Some(client));
        Ok(())
    });
    let peer = peer.take().expect("it was started");
    peer.join().expect("no panic").expect("no error");
    assert!(std::fs::read(&path).expect("it is there") == bytes);
}

#[cfg(feature = "async")]
mod awaited {
    use super::*;
    use futures_lite::AsyncWriteExt;
    use util::futures::block_on;
    use util::poll::Polled;

    #[test]
    fn it_is_awaited_and_takes_no_more_than_its_mark() {
        let (_dir, path) = place("file");
        block_on(async move {
            let stream = WriteOptions::new().high_water_mark(1000).stream(&path);
            for _ in 0..50 {
                stream.write_all(&[1; 999]).await?;
                assert!(stream.queued() < 2000);
            }
            stream.flush().await?;
            assert_eq!(std::fs::metadata(&path)?.len(), 50 * 999);
            stream.write_all(&[2; 1]).await?;
            stream.finish().await?;
            assert!(stream.is_closed());
            assert_eq!(std::fs::metadata(&path)?.len(), 50 * 999 + 1);
            stream.finish().await?;
            let error = stream.write_all(&[3]).await.expect_err("it is closed");
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            let told = format!("write {}: the stream was closed", path.display());
            assert_eq!(error.to_string(), told);
            Ok(())
        });
    }

    #[test]
    fn it_is_a_writer_of_the_traits() {
        let (_dir, path) = place("file");
        block_on(async move {
            let mut stream = fs::write_stream(&path);
            AsyncWriteExt::write_all(&mut stream, b"one, ").await?;
            AsyncWriteExt::write_all(&mut &stream, b"two").await?;
            AsyncWriteExt::close(&mut stream).await?;
            assert_eq!(std::fs::read(&path)?, b"one, two");
            Ok(())
        });
    }

    #[test]
    fn a_failure_comes_back_from_the_next_call() {
        block_on(async {
            let stream = fs::write_stream("/dev/full");
            stream.write_all(b"accepted").await?;
            let error = stream.flush().await.expect_err("the disk is full");
            assert_eq!(error.kind(), ErrorKind::StorageFull);
            let again = stream.finish().await.expect_err("it stays so");
            assert_eq!(again.to_string(), error.to_string());
            Ok(())
        });
    }

    #[test]
    fn a_failure_that_comes_after_the_close_is_told_to_who_asks() {
        let log = Log::new();
        let said = log.clone();
        let event_loop = unspin::EventLoop::builder().pool_threads(1).build();
        let asked = move || {
            let asking = async move {
                let stream = fs::write_stream("/dev/full");
                stream.write(b"accepted");
                stream.close();
                assert_eq!(stream.queued(), 0);
                // The only thread of the pool has tried to write it then.
                unspin::spawn_blocking(|| ()).await?;
                let error = stream.flush().await.expect_err("the disk is full");
                said.say(format!("{:?}", error.kind()));
                unspin::Result::<()>::Ok(())
            };
            unspin::spawn(asking).log_err();
        };
        event_loop.and_then(|event_loop| event_loop.run(asked)).expect("nothing in it fails");
        log.expect(&["StorageFull"]);
    }

    #[test]
    fn a_write_after_the_end_is_told_what_it_was() {
        let (_dir, path) = place("file");
        block_on(async move {
            let stream = fs::write_stream(&path);
            stream.end();
            let error = stream.write_all(b"late").await.expect_err("it has ended");
            let told = format!("write {}: `end` was called before", path.display());
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::BrokenPipe, told));
            Ok(())
        });
    }

    #[test]
    fn a_write_that_is_dropped_while_it_waits_writes_nothing() {
        let (_dir, path) = place("file");
        block_on(async move {
            let stream = WriteOptions::new().high_water_mark(3).stream(&path);
            stream.write_all(b"one").await?;
            drop(Polled::waiting(stream.write_all(b"two")));
            stream.finish().await?;
            assert_eq!(std::fs::read(&path)?, b"one");
            Ok(())
        });
    }
}
