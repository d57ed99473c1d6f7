//! Files read chunk by chunk, awaited.
#![cfg(feature = "async")]

mod util;

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::rc::Rc;
use std::task::Poll;

use futures_lite::{AsyncReadExt, StreamExt};
use unspin::fs::{self, ReadOptions};
use unspin::{AbortController, Promise, Result, spawn};
use util::futures::block_on;
use util::poll::Polled;

fn file(length: usize) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
    std::fs::write(&path, &bytes).expect("it is written");
    (dir, path, bytes)
}

#[track_caller]
fn fails<T>(result: Result<T>, kind: ErrorKind) {
    match result {
        Ok(_) => panic!("{kind:?} was expected"),
        Err(error) => assert_eq!(error.kind(), kind, "{error}"),
    }
}

#[test]
fn the_chunks_are_the_file_and_then_comes_none_again_and_again() {
    let (_dir, path, bytes) = file(1_000_000);
    block_on(async move {
        let (stream, mut read) = (fs::read_stream(path), Vec::new());
        while let Some(chunk) = stream.chunk().await? {
            read.extend_from_slice(&chunk);
        }
        assert!(read == bytes && stream.is_closed());
        assert!(stream.chunk().await?.is_none());
        Ok(())
    });
}

#[test]
fn chunks_that_are_kept_do_not_hold_up_the_next_ones() {
    let (_dir, path, bytes) = file(1_000);
    block_on(async move {
        let stream = ReadOptions::new().chunk_size(10).high_water_mark(20).stream(path);
        let mut kept = Vec::new();
        while let Some(chunk) = stream.chunk().await? {
            kept.push(chunk);
        }
        assert_eq!(kept.len(), 100);
        assert!(kept.iter().flat_map(|chunk| chunk.iter()).eq(&bytes));
        Ok(())
    });
}

#[test]
fn it_is_a_stream_of_the_traits() {
    let (_dir, path, bytes) = file(500_000);
    block_on(async move {
        let chunks = fs::read_stream(&path).map(|chunk| chunk.expect("it reads").to_vec());
        assert!(chunks.collect::<Vec<_>>().await.concat() == bytes);
        let mut missing = fs::read_stream("no such file");
        fails(missing.next().await.expect("an error"), ErrorKind::NotFound);
        assert!(missing.next().await.is_none());
        Ok(())
    });
}

#[test]
fn it_is_a_reader_of_the_traits() {
    let (_dir, path, bytes) = file(500_000);
    block_on(async move {
        let (mut stream, mut read) = (fs::read_stream(&path), vec![0; 7]);
        stream.read_exact(&mut read).await?;
        // What was read by half is the next chunk.
        read.extend_from_slice(&stream.chunk().await?.expect("there is more"));
        assert_eq!(read.len(), 65_536);
        stream.read_to_end(&mut read).await?;
        assert!(read == bytes);
        Ok(())
    });
}

#[test]
fn what_was_read_by_half_comes_first_to_a_handler_also_one_that_pauses() {
    let (_dir, path, bytes) = file(100_000);
    for pauses in [false, true] {
        let (path, bytes) = (path.clone(), bytes.clone());
        block_on(async move {
            let mut stream = fs::read_stream(path);
            let mut part = [0; 3];
            stream.read_exact(&mut part).await?;
            let read = Rc::new(RefCell::new(part.to_vec()));
            let sum = Rc::clone(&read);
            if pauses {
                stream.pause();
            }
            stream.on_data(move |stream, chunk| {
                sum.borrow_mut().extend_from_slice(chunk);
                if pauses {
                    stream.pause();
                    let stream = stream.clone();
                    unspin::set_immediate(move || stream.resume());
                }
            });
            let ended = Promise::new(|resolver| {
                let resolver = Cell::new(Some(resolver));
                stream.on_end(move |_| {
                    let resolver = resolver.take().expect("it ends once");
                    resolver.resolve(());
                });
            });
            if pauses {
                util::futures::next_turn().await;
                assert_eq!(read.borrow().len(), 3);
                stream.resume();
            }
            ended.await?;
            assert!(*read.borrow() == bytes);
            Ok(())
        });
    }
}

#[test]
fn errors_come_once_and_name_the_path() {
    block_on(async {
        let stream = fs::read_stream("no such file");
        let error = stream.chunk().await.expect_err("it does not exist");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("open no such file: "), "{error}");
        let error = stream.chunk().await.expect_err("it is closed");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        assert_eq!(error.to_string(), "read no such file: the stream was closed");
        Ok(())
    });
}

#[test]
fn aborting_wakes_who_waits() {
    let (_dir, path, _) = file(10_000_000);
    block_on(async move {
        let user = AbortController::new();
        let stream = fs::read_stream(path);
        stream.abort_on(user.signal());
        let reader = {
            let stream = stream.clone();
            spawn(async move {
                while stream.chunk().await?.is_some() {}
                Result::<()>::Ok(())
            })
        };
        stream.chunk().await?;
        user.abort();
        let error = reader.await?.expect_err("it was aborted");
        assert!(error.is_abort(), "{error}");
        Ok(())
    });
}

#[test]
fn closing_wakes_who_waits() {
    let (_dir, path, _) = file(1_000);
    block_on(async move {
        let stream = fs::read_stream(path);
        let mut waiting = Polled::new(stream.chunk());
        assert!(waiting.poll().is_pending());
        stream.close();
        assert_eq!(waiting.wakes(), 1);
        fails(stream.chunk().await, ErrorKind::NotConnected);
        Ok(())
    });
}

#[test]
fn a_data_handler_and_a_future_do_not_mix() {
    let (_dir, path, _) = file(1_000);
    block_on(async move {
        let stream = fs::read_stream(path);
        stream.on_data(|_, _| ());
        fails(stream.chunk().await, ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn a_future_that_waits_learns_of_a_data_handler_although_the_stream_is_paused() {
    let (_dir, path, _) = file(1_000);
    block_on(async move {
        let stream = fs::read_stream(path);
        let mut waiting = Polled::new(stream.chunk());
        assert!(waiting.poll().is_pending());
        stream.pause();
        stream.on_data(|_, _| ());
        assert_eq!(waiting.wakes(), 1);
        fails(waiting.ready().map(drop), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn a_future_that_is_dropped_loses_no_chunk() {
    let (_dir, path, bytes) = file(100_000);
    block_on(async move {
        let stream = ReadOptions::new().chunk_size(1_000).stream(path);
        let mut read = Vec::new();
        loop {
            // It reads meanwhile, for nobody.
            let at_once = Polled::new(stream.chunk()).poll();
            util::futures::next_turn().await;
            let chunk = match at_once {
                Poll::Ready(chunk) => chunk?,
                Poll::Pending => stream.chunk().await?,
            };
            match chunk {
                Some(chunk) => read.extend_from_slice(&chunk),
                None => break,
            }
        }
        assert!(read == bytes);
        Ok(())
    });
}

#[test]
fn a_fast_file_leaves_room_for_the_rest_of_the_loop() {
    let (_dir, path, _) = file(1_000_000);
    block_on(async move {
        let stream = ReadOptions::new().chunk_size(1_000).high_water_mark(4_000).stream(path);
        let turns = unspin::metrics().turns;
        let mut chunks = 0;
        while stream.chunk().await?.is_some() {
            chunks += 1;
        }
        assert_eq!(chunks, 1_000);
        let turns = unspin::metrics().turns - turns;
        assert!(turns >= 1_000 / 5, "{turns} turns");
        Ok(())
    });
}
