//! Connections that break off, from either side.

mod util;

use std::io::{ErrorKind, Write};
use std::net::TcpStream as Socket;

use unspin::net::TcpStream;
use util::Log;
use util::net::{beside, ending, pair, read_exactly, reset, run, spy, when};

/// What a stream says when `with` is done to it and its peer.
#[track_caller]
fn words(with: impl FnOnce(&TcpStream, Socket) + 'static) -> Vec<String> {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            spy(&stream, &said);
            with(&stream, socket);
        });
    });
    log.words()
}

#[test]
fn a_peer_that_resets_is_an_error_and_no_end() {
    assert_eq!(words(|_, socket| reset(socket)), ["error ConnectionReset", "close"]);
}

#[test]
fn data_before_a_reset_is_followed_by_no_end() {
    let words = words(|stream, mut socket| {
        stream.on_data(|_, _| ());
        socket.write_all(b"abrupt").expect("it fits into the buffers");
        reset(socket);
    });
    assert_eq!(words, ["error ConnectionReset", "close"]);
}

#[test]
fn a_peer_that_closes_with_unread_bytes_resets() {
    let words = words(|stream, socket| {
        stream.write(b"nobody reads this");
        drop(socket);
    });
    assert_eq!(words, ["error ConnectionReset", "close"]);
}

#[test]
fn our_reset_is_an_error_at_the_peer_and_only_a_close_here() {
    let words = words(|stream, mut socket| {
        stream.reset().expect("the system knows how");
        assert!(stream.is_closed());
        stream.reset().expect("a closed stream has nothing to reset");
        beside(move || assert_eq!(ending(&mut socket), Err(ErrorKind::ConnectionReset)));
    });
    assert_eq!(words, ["close"]);
}

#[test]
fn our_reset_drops_what_is_queued() {
    let words = words(|stream, mut socket| {
        stream.write_owned(vec![0; 64 * 1024 * 1024]);
        stream.reset().expect("the system knows how");
        assert_eq!(stream.writable_length(), 0);
        beside(move || assert_eq!(ending(&mut socket), Err(ErrorKind::ConnectionReset)));
    });
    assert_eq!(words, ["close"]);
}

#[test]
fn a_close_is_an_end_at_the_peer_and_no_reset() {
    let words = words(|stream, mut socket| {
        stream.close();
        beside(move || assert_eq!(ending(&mut socket), Ok(())));
    });
    assert_eq!(words, ["close"]);
}

#[test]
fn a_reset_in_the_data_handler_is_the_last_but_close() {
    let words = words(|stream, mut socket| {
        stream.on_data(|stream, _| stream.reset());
        beside(move || {
            socket.write_all(&[0; 300_000]).ok();
            ending(&mut socket).expect_err("it was reset");
        });
    });
    assert_eq!(words, ["close"]);
}

#[test]
fn a_paused_stream_learns_of_a_reset_when_it_is_resumed() {
    let words = words(|stream, socket| {
        stream.pause();
        reset(socket);
        let (stream, gone) = (stream.clone(), stream.clone());
        when(
            move || gone.peer_addr().is_err(),
            move || {
                assert!(!stream.is_closed());
                stream.resume();
            },
        );
    });
    assert_eq!(words, ["error ConnectionReset", "close"]);
}

#[test]
fn a_stream_that_only_writes_learns_of_a_reset_by_writing() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let heard = said.clone();
            stream.on_error(move |_, error| {
                heard.say(format!("{:?} {error}", error.kind()));
            });
            stream.on_close(util::net::says(&said, "close"));
            stream.write_owned(vec![0; 64 * 1024 * 1024]);
            let closed = stream.clone();
            when(move || closed.is_closed(), || ());
            beside(move || {
                read_exactly(&mut socket, 100);
                reset(socket);
            });
        });
    });
    let words = log.words();
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(words[0].starts_with("ConnectionReset write: "), "{words:?}");
    assert_eq!(words[1], "close");
}

#[test]
fn the_stream_is_still_open_in_its_error_handler() {
    run(|| {
        pair(|stream, socket| {
            stream.on_data(|_, _| ());
            stream.on_error(|stream, error| {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                assert!(error.to_string().starts_with("read: "), "{error}");
                assert!(!stream.is_closed());
                assert!(!stream.write(b"but takes no more"));
            });
            stream.on_close(|stream| assert!(stream.is_closed()));
            reset(socket);
        });
    });
}
