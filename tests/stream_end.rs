//! How a stream ends: `end`, half-open streams, `close`, and the drop of the last handle.

mod util;

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream as Socket};

use unspin::net::TcpStream;
use util::Log;
use util::net::{
    beside, client, listen, pair, pattern, read_exactly, read_to_end, run, spy, streams, when,
};

const MIB: usize = 1024 * 1024;

/// What a stream says when its peer does `with`.
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
fn a_peer_that_ends_ends_both_sides() {
    let words = words(|_, mut socket| {
        socket.write_all(b"hello").expect("it fits into the buffers");
        socket.shutdown(Shutdown::Write).expect("it is open");
        beside(move || assert!(read_to_end(&mut socket).is_empty()));
    });
    assert_eq!(words, ["data", "end", "close"]);
}

#[test]
fn a_peer_that_closes_ends_both_sides() {
    assert_eq!(words(|_, socket| drop(socket)), ["end", "close"]);
}

#[test]
fn our_end_leaves_the_other_side_open_until_the_peer_ends_it() {
    let words = words(|stream, mut socket| {
        stream.write(b"request");
        stream.end();
        assert!(!stream.is_closed());
        beside(move || {
            assert_eq!(read_to_end(&mut socket), b"request");
            socket.write_all(b"response").expect("this side is open");
        });
    });
    assert_eq!(words, ["data", "end", "close"]);
}

#[test]
fn end_twice_is_end_once() {
    let words = words(|stream, mut socket| {
        stream.end();
        stream.end();
        beside(move || assert!(read_to_end(&mut socket).is_empty()));
    });
    assert_eq!(words, ["end", "close"]);
}

#[test]
fn both_ends_may_end_at_once() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        streams(move |accepted, connected| {
            spy(&accepted, &said);
            spy(&connected, &said);
            accepted.end();
            connected.end();
        });
    });
    let mut words = log.words();
    words.sort();
    assert_eq!(words, ["close", "close", "end", "end"]);
}

#[test]
fn what_is_queued_is_sent_before_the_end() {
    let words = words(|stream, mut socket| {
        stream.write_owned(pattern(8 * MIB));
        stream.end();
        assert!(stream.writable_length() > 0, "the buffers took all of it");
        beside(move || assert!(read_to_end(&mut socket) == pattern(8 * MIB)));
    });
    assert_eq!(words, ["end", "close"]);
}

#[test]
fn pending_writes_still_arrive_at_a_peer_that_has_ended_its_side() {
    let words = words(|stream, mut socket| {
        stream.write_owned(pattern(8 * MIB));
        socket.shutdown(Shutdown::Write).expect("it is open");
        beside(move || assert!(read_to_end(&mut socket) == pattern(8 * MIB)));
    });
    // The end is read when the queue is below the mark; if it is empty by then, `drain` was told.
    assert_eq!(words[words.len() - 2..], ["end", "close"]);
}

#[test]
fn the_end_handler_may_write_last_words() {
    run(|| {
        pair(|stream, mut socket| {
            stream.on_data(|_, _| ());
            stream.on_end(|stream| {
                stream.write(b"last words");
            });
            socket.shutdown(Shutdown::Write).expect("it is open");
            beside(move || assert_eq!(read_to_end(&mut socket), b"last words"));
        });
    });
}

#[test]
fn a_half_open_stream_writes_until_it_ends_itself() {
    let words = words(|stream, mut socket| {
        stream.allow_half_open(true);
        socket.shutdown(Shutdown::Write).expect("it is open");
        let kept = stream.clone();
        beside(move || assert_eq!(read_to_end(&mut socket), b"long after"));
        let ended = stream.clone();
        // Some turns after the peer's end.
        stream.on_end(move |_| {
            let ended = ended.clone();
            unspin::set_timeout(util::millis(20), move || {
                assert!(!ended.is_closed());
                ended.write(b"long ");
                ended.write(b"after");
                ended.end();
            });
        });
        drop(kept);
    });
    assert_eq!(words, ["close"]);
}

#[test]
fn a_half_open_stream_that_ended_first_is_closed_by_the_peers_end() {
    let words = words(|stream, mut socket| {
        stream.allow_half_open(true);
        stream.end();
        beside(move || assert!(read_to_end(&mut socket).is_empty()));
    });
    assert_eq!(words, ["end", "close"]);
}

#[test]
fn a_write_after_end_fails_the_stream() {
    let words = words(|stream, socket| {
        stream.end();
        assert!(!stream.write(b"too late"));
        assert!(!stream.write(b"told once"));
        assert!(!stream.is_closed(), "it is told in the next turn");
        beside(move || drop(read_to_end(&mut { socket })));
    });
    assert_eq!(words, ["error BrokenPipe", "close"]);
}

#[test]
fn the_error_of_a_write_after_end_says_so() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, _socket| {
            stream.on_error(move |_, error| {
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                said.say(error.to_string());
            });
            stream.end();
            stream.write_owned(*b"too late");
            // The failure waits for the next turn, with or without a handle.
        });
    });
    log.expect(&["write: `end` was called before"]);
}

#[test]
fn a_write_to_a_closed_stream_returns_false() {
    let words = words(|stream, socket| {
        stream.close();
        assert!(stream.is_closed());
        assert!(!stream.write(b"nobody"));
        assert!(!stream.write_owned(*b"nobody"));
        assert_eq!((stream.writable_length(), stream.bytes_written()), (0, 0));
        stream.end();
        stream.close();
        stream.pause();
        stream.resume();
        stream.cork();
        stream.uncork();
        drop(socket);
    });
    assert_eq!(words, ["close"]);
}

#[test]
fn close_drops_what_is_queued() {
    let words = words(|stream, mut socket| {
        stream.write_owned(vec![0; 64 * MIB]);
        assert!(stream.writable_length() > 0);
        stream.close();
        assert_eq!(stream.writable_length(), 0);
        beside(move || assert!(read_to_end(&mut socket).len() < 64 * MIB));
    });
    assert_eq!(words, ["close"]);
}

#[test]
fn the_drop_of_the_last_handle_closes_an_unread_stream() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_close(util::net::says(&said, "close"));
            let another = stream.clone();
            drop(stream);
            assert!(!another.is_closed());
            said.say("the last one");
            drop(another);
            said.say("dropped");
            beside(move || assert!(read_to_end(&mut socket).is_empty()));
        });
    });
    log.expect(&["the last one", "dropped", "close"]);
}

#[test]
fn the_drop_of_the_last_handle_closes_after_the_last_byte() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_close(util::net::says(&said, "close"));
            stream.write_owned(pattern(8 * MIB));
            assert!(stream.writable_length() > 0, "the buffers took all of it");
            drop(stream);
            said.say("dropped");
            beside(move || assert!(read_to_end(&mut socket) == pattern(8 * MIB)));
        });
    });
    log.expect(&["dropped", "close"]);
}

#[test]
fn the_drop_after_end_sends_all_bytes_too() {
    run(|| {
        pair(move |stream, mut socket| {
            stream.write_owned(pattern(8 * MIB));
            stream.end();
            drop(stream);
            beside(move || assert!(read_to_end(&mut socket) == pattern(8 * MIB)));
        });
    });
}

#[test]
fn a_data_handler_keeps_the_stream_without_handles() {
    run(|| {
        let (listener, address) = listen();
        listener.on_connection(|stream, _| {
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
        });
        client(address, |socket| {
            for _ in 0..3 {
                socket.write_all(b"still there").expect("the peer reads");
                assert_eq!(read_exactly(socket, 11), b"still there");
            }
        });
    });
}

#[test]
fn a_forgotten_stream_whose_peer_is_gone_ends() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            stream.on_error(move |_, error| said.say(format!("{:?}", error.kind())));
            stream.write_owned(vec![0; 64 * MIB]);
            drop(stream);
            // Unread bytes make the close a reset.
            drop(socket);
        });
    });
    assert_eq!(log.words().len(), 1);
    assert!(
        ["ConnectionReset", "BrokenPipe"].contains(&log.words()[0].as_str()),
        "{:?}",
        log.words()
    );
}

#[test]
fn two_streams_of_one_loop_end_in_order() {
    let log = Log::new();
    let (said, heard) = (log.clone(), log.clone());
    run(|| {
        streams(move |server, client| {
            server.on_data(|stream, chunk| {
                stream.write(chunk);
            });
            spy(&client, &said);
            client.on_close(move |stream| {
                heard.say(format!("close after {}", stream.bytes_read()));
            });
            client.write_owned(pattern(3 * MIB));
            client.end();
            when(move || client.is_closed() && server.is_closed(), || ());
        });
    });
    assert_eq!(log.words(), ["data", "end", &format!("close after {}", 3 * MIB)]);
}

#[test]
fn an_end_after_a_reset_that_nobody_has_read_is_no_failure_of_its_own() {
    let words = words(|stream, socket| {
        stream.pause();
        util::net::reset(socket);
        let stream = stream.clone();
        let gone = stream.clone();
        when(
            move || gone.peer_addr().is_err(),
            move || {
                stream.end();
                stream.resume();
            },
        );
    });
    assert_eq!(words, ["error ConnectionReset", "close"]);
}
