//! Files as readers, writers and seekers of the traits, by a position.
#![cfg(feature = "async")]

mod util;

use std::future::poll_fn;
use std::io::{ErrorKind, SeekFrom};
use std::task::Poll;

use futures_lite::{AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use unspin::fs;
use util::files::place;
use util::futures::block_on;
use util::poll::Polled;
use util::run_real;

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

#[test]
fn a_file_is_read_by_its_position_to_the_end_and_on_when_it_grows() {
    let (_dir, path) = place("file");
    std::fs::write(&path, bytes(1_000_000)).expect("it is written");
    block_on(async move {
        let mut file = fs::open(&path).await?;
        let mut part = [0; 7];
        assert_eq!(file.read(&mut part).await?, 7);
        assert_eq!((part.as_slice(), file.position()), (&bytes(7)[..], 7));
        let mut rest = Vec::new();
        assert_eq!(file.read_to_end(&mut rest).await?, 999_993);
        assert!(rest == bytes(1_000_000)[7..]);
        assert_eq!(file.read(&mut part).await?, 0);
        fs::append(&path, "more").await?;
        assert_eq!(file.read(&mut part).await?, 4);
        assert_eq!(&part[..4], b"more");
        Ok(())
    });
}

#[test]
fn what_was_written_is_read_and_a_seek_goes_anywhere() {
    let (_dir, path) = place("file");
    block_on(async move {
        let mut file = fs::create(&path).await?;
        file.write_all(b"hello world").await?;
        assert_eq!(file.position(), 11);
        assert_eq!(file.seek(SeekFrom::Start(6)).await?, 6);
        let mut text = Vec::new();
        file.read_to_end(&mut text).await?;
        assert_eq!(text, b"world");
        assert_eq!(file.seek(SeekFrom::End(-5)).await?, 6);
        file.write_all(b"there").await?;
        assert_eq!(file.seek(SeekFrom::Current(-11)).await?, 0);
        file.read_to_end(&mut text).await?;
        assert_eq!(text, b"worldhello there");
        assert_eq!(file.seek(SeekFrom::End(2)).await?, 13);
        file.write_all(b"!").await?;
        file.flush().await?;
        assert_eq!(std::fs::read(&path)?, b"hello there\0\0!");
        let error = file.seek(SeekFrom::Current(-15)).await.expect_err("before the start");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(file.position(), 14);
        Ok(())
    });
}

/// A caller of `poll_seek` may do something else before it asks again.
#[test]
fn a_seek_from_the_end_that_is_begun_again_sees_what_was_written_meanwhile() {
    let (_dir, path) = place("file");
    std::fs::write(&path, "12345").expect("it is written");
    block_on(async move {
        let file = fs::OpenOptions::new().read(true).write(true).open(&path).await?;
        let mut file = Box::pin(file);
        let to_end = SeekFrom::End(0);
        let begun = poll_fn(|cx| Poll::Ready(file.as_mut().poll_seek(cx, to_end))).await;
        assert!(begun.is_pending());
        poll_fn(|cx| file.as_mut().poll_seek(cx, SeekFrom::Start(5))).await?;
        let begun = poll_fn(|cx| Poll::Ready(file.as_mut().poll_seek(cx, to_end))).await;
        assert!(begun.is_pending());
        poll_fn(|cx| file.as_mut().poll_write(cx, b"678")).await?;
        poll_fn(|cx| file.as_mut().poll_flush(cx)).await?;
        assert_eq!(poll_fn(|cx| file.as_mut().poll_seek(cx, to_end)).await?, 8);
        Ok(())
    });
}

#[test]
fn it_has_the_traits() {
    let (_dir, path) = place("file");
    block_on(async move {
        let mut file = fs::create(&path).await?;
        AsyncWriteExt::write_all(&mut file, &bytes(500_000)).await?;
        AsyncWriteExt::flush(&mut file).await?;
        assert_eq!(std::fs::metadata(&path)?.len(), 500_000);
        AsyncSeekExt::seek(&mut file, SeekFrom::Start(1)).await?;
        let mut part = vec![0; 250_000];
        AsyncReadExt::read_exact(&mut file, &mut part).await?;
        assert!(part == bytes(500_000)[1..=250_000]);
        AsyncWriteExt::close(&mut file).await?;
        Ok(())
    });
}

#[test]
fn a_failed_write_comes_back_once() {
    block_on(async {
        let mut file = fs::OpenOptions::new().write(true).open("/dev/full").await?;
        file.write_all(b"accepted").await?;
        let error = file.flush().await.expect_err("the disk is full");
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        file.flush().await?;
        let mut file = fs::open("Cargo.toml").await?;
        file.write_all(b"it is open for reading").await?;
        let error = file.seek(SeekFrom::Start(0)).await.expect_err("it was not written");
        assert_eq!(error.raw_os_error(), Some(9), "EBADF");
        Ok(())
    });
}

#[test]
fn a_dropped_read_loses_nothing() {
    let (_dir, path) = place("file");
    std::fs::write(&path, bytes(300_000)).expect("it is written");
    block_on(async move {
        let mut file = fs::open(&path).await?;
        let (mut part, mut all) = ([0; 10_000], Vec::new());
        loop {
            drop(Polled::new(file.read(&mut [])));
            // One that must wait is dropped: it has moved nothing.
            let before = file.position();
            let waited = Polled::new(file.read(&mut part)).poll().is_pending();
            if waited {
                assert_eq!(file.position(), before);
            } else {
                file.seek(SeekFrom::Start(before)).await?;
            }
            let read = file.read(&mut part).await?;
            if read == 0 {
                break;
            }
            all.extend_from_slice(&part[..read]);
        }
        assert!(all == bytes(300_000));
        Ok(())
    });
}

#[test]
fn a_dropped_file_writes_what_it_took() {
    let (_dir, path) = place("file");
    run_real(|| {
        let path = path.clone();
        let write = async move {
            let mut file = fs::create(&path).await?;
            file.write_all(&bytes(100_000)).await?;
            file.write_all(&bytes(100_000)).await
        };
        unspin::spawn(write).log_err();
    });
    assert!(std::fs::read(&path).expect("it was created") == bytes(100_000).repeat(2));
}

#[test]
fn each_handle_has_a_position_of_its_own() {
    let (_dir, path) = place("file");
    std::fs::write(&path, "abcdef").expect("it is written");
    block_on(async move {
        let mut one = fs::open(&path).await?;
        let mut part = [0; 2];
        one.read(&mut part).await?;
        let mut other = one.clone();
        one.read(&mut part).await?;
        assert_eq!(&part, b"cd");
        other.read(&mut part).await?;
        assert_eq!(&part, b"cd");
        assert_eq!((one.position(), other.position()), (4, 4));
        Ok(())
    });
}
