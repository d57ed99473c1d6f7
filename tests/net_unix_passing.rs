//! Descriptors that are passed through Unix streams.

mod util;

use std::cell::Cell;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;

use unspin::net::UnixStream;
use util::Log;
use util::net::{PATIENCE, pattern, run};

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("the system has descriptors left")
}

/// A file that says `text`.
fn file(text: &str) -> OwnedFd {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(text.as_bytes()).expect("it can be written");
    file.rewind().expect("it can be read from its start");
    file.into()
}

fn text(descriptor: OwnedFd) -> String {
    let mut text = String::new();
    File::from(descriptor).read_to_string(&mut text).expect("it can be read");
    text
}

#[test]
fn each_comes_with_the_chunk_of_its_byte_behind_what_was_queued() {
    // More than the system takes at once, so that descriptors wait in the queue with their bytes.
    const AHEAD: usize = 4 << 20;
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (one, other) = pair();
        let bytes = pattern(AHEAD);
        one.write(&bytes);
        one.pass_descriptor(file("first")).expect("it is open");
        one.pass_descriptor(file("second")).expect("it is open");
        one.write(b"a");
        one.write(&bytes);
        one.pass_descriptor(file("third")).expect("it is open");
        one.write(b"b");
        one.end();

        other.accept_descriptors(true).expect("it is open");
        let (count, end) = (Cell::new(0), said.clone());
        other.on_data(move |stream, chunk| {
            let before = count.replace(count.get() + chunk.len());
            while let Some(descriptor) = stream.take_descriptor() {
                let text = text(descriptor);
                let place = if text == "third" { 2 * AHEAD + 1 } else { AHEAD };
                assert!((before..count.get()).contains(&place), "{text} in {before}..");
                said.say(text);
            }
        });
        other.on_end(move |stream| end.say(format!("{} bytes", stream.bytes_read())));
    });
    let all = format!("{} bytes", 2 * AHEAD + 2);
    log.expect(&["first", "second", "third", &all]);
}

#[cfg(feature = "async")]
#[test]
fn futures_pass_and_take_them() {
    let text = util::futures::block_on(async {
        let (one, other) = pair();
        other.accept_descriptors(true)?;
        one.pass_descriptor(file("awaited"))?;
        one.write_all(b"x").await?;
        let chunk = other.chunk().await?.expect("it is open");
        assert_eq!(&*chunk, b"x");
        Ok(text(other.take_descriptor().expect("it came with the byte")))
    });
    assert_eq!(text, "awaited");
}

#[test]
fn many_messages_in_one_buffer_are_all_read() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (one, other) = pair();
        other.accept_descriptors(true).expect("it is open");
        // All are there before the first is read: no event tells of the later ones.
        for at in 0..20 {
            one.pass_descriptor(file(&at.to_string())).expect("it is open");
            one.write(b"x");
        }
        other.on_data(move |stream, _| {
            while let Some(descriptor) = stream.take_descriptor() {
                said.say(text(descriptor));
            }
            if stream.bytes_read() == 20 {
                stream.close();
            }
        });
    });
    let all: Vec<String> = (0..20).map(|at: i32| at.to_string()).collect();
    assert_eq!(log.words(), all);
}

#[test]
fn a_stream_that_accepts_none_leaves_none_open() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (one, other) = pair();
        let (mut kept, passed) = Socket::pair().expect("the system has descriptors left");
        kept.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
        one.pass_descriptor(passed).expect("it is open");
        one.write(b"x");
        other.on_data(move |stream, _| {
            assert!(stream.take_descriptor().is_none());
            // Both its ends are closed here: the one that was sent, and the one that came.
            assert_eq!(kept.read(&mut [0]).expect("it ends"), 0);
            said.say("closed");
            stream.close();
        });
    });
    log.expect(&["closed"]);
}

#[test]
fn a_peer_that_passes_more_than_anybody_takes_fails_the_stream() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (one, other) = pair();
        other.accept_descriptors(true).expect("it is open");
        let null = File::open("/dev/null").expect("every system has it");
        for _ in 0..254 {
            let another = null.try_clone().expect("the system has descriptors left");
            one.pass_descriptor(another).expect("it is open");
            one.write(b"x");
        }
        other.on_data(|_, _| ());
        other.on_error(move |_, error| {
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
            said.say("failed");
        });
    });
    log.expect(&["failed"]);
}

#[test]
fn a_stream_that_is_closed_takes_and_gives_none() {
    run(|| {
        let (one, _other) = pair();
        one.close();
        let error = one.pass_descriptor(file("")).expect_err("it is closed");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        assert_eq!(
            one.accept_descriptors(true).expect_err("it is closed").kind(),
            ErrorKind::NotConnected
        );
        assert!(one.take_descriptor().is_none());
    });
}
