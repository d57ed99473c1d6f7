//! What sockets tell the log.
//!
//! Every test here captures events from its beginning on: a callsite that is met first by a thread
//! that does not listen may be switched off for those that do.

mod util;

use std::io::Write;
use std::net::Shutdown;

use tracing::Level;
use unspin::Handler;
use unspin::net::{TcpStream, UnixListener, UnixStream};
use util::events::{capture, named};
use util::net::{beside, client, listen, pair, read_exactly, read_to_end, reset, run, says, spy};
use util::udp::bound;
use util::{Log, millis};

/// Names only what it must.
struct Silent;

impl Handler<TcpStream> for Silent {
    fn data(&mut self, _: &TcpStream, _: &[u8]) {}
}

#[test]
fn opening_and_closing_are_in_the_log() {
    let events = capture(|| run(|| drop(listen())));
    let ops: Vec<_> = named(&events, "unspin::resource", "resource")
        .iter()
        .filter(|event| event.field("kind") == "tcp listener")
        .map(|event| (event.level, event.field("op").to_owned()))
        .collect();
    let expected = ["open", "unref", "close"].map(|op| (Level::TRACE, op.to_owned()));
    assert_eq!(ops, expected);
}

#[test]
fn an_error_that_nobody_handles_is_logged_and_closes_that_stream() {
    let log = Log::new();
    let said = log.clone();
    let events = capture(move || {
        run(|| {
            pair(move |stream, socket| {
                stream.on_data(|_, _| ());
                stream.on_close(says(&said, "close"));
                reset(socket);
            });
        });
    });
    log.expect(&["close"]);
    let failed = named(&events, "unspin::resource", "failed");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!((failed[0].level, failed[0].field("kind")), (Level::WARN, "tcp stream"));
    assert!(failed[0].field("error").starts_with("read: "), "{failed:?}");
}

#[test]
fn an_error_that_is_handled_is_not_logged() {
    let log = Log::new();
    let said = log.clone();
    let events = capture(move || {
        run(|| {
            pair(move |stream, socket| {
                spy(&stream, &said);
                reset(socket);
            });
        });
    });
    log.expect(&["error ConnectionReset", "close"]);
    assert!(named(&events, "unspin::resource", "failed").is_empty(), "{events:?}");
}

#[test]
fn the_methods_of_a_handler_may_be_left_out() {
    let events = capture(|| {
        run(|| {
            pair(|stream, socket| {
                stream.handle(Silent);
                socket.shutdown(Shutdown::Write).expect("it is open");
                beside(move || drop(read_to_end(&mut { socket })));
            });
        });
    });
    assert!(named(&events, "unspin::resource", "failed").is_empty(), "{events:?}");
}

#[test]
fn a_failure_is_logged_if_the_handler_does_not_say_otherwise() {
    let events = capture(|| {
        run(|| {
            pair(|stream, socket| {
                stream.handle(Silent);
                reset(socket);
            });
        });
    });
    assert_eq!(named(&events, "unspin::resource", "failed").len(), 1);
}

#[test]
fn an_error_of_a_handler_closes_that_stream_only_and_is_logged() {
    let log = Log::new();
    let said = log.clone();
    let events = capture(move || {
        run(|| {
            let (listener, address) = listen();
            listener.on_connection(move |stream, _| {
                stream.on_close(says(&said, "close"));
                stream.on_data(|stream, chunk| {
                    let number: u32 = std::str::from_utf8(chunk)?.parse()?;
                    stream.write(&number.to_le_bytes());
                    Ok(())
                });
            });
            client(address, move |good| {
                let mut bad = util::net::socket(address);
                bad.write_all(b"no number").expect("the peer reads");
                assert!(read_to_end(&mut bad).is_empty());
                good.write_all(b"7").expect("the peer reads");
                assert_eq!(read_exactly(good, 4), [7, 0, 0, 0]);
            });
        });
    });
    log.expect(&["close", "close"]);
    let failed = named(&events, "unspin::resource", "failed");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!((failed[0].level, failed[0].field("kind")), (Level::WARN, "tcp stream"));
    assert_eq!(failed[0].field("error"), "invalid digit found in string");
    assert!(failed[0].field("at").starts_with(file!()), "{failed:?}");
}

#[test]
fn an_error_of_an_end_handler_closes_the_stream_too() {
    let events = capture(|| {
        run(|| {
            pair(|stream, socket| {
                stream.allow_half_open(true);
                stream.on_data(|_, _| ());
                stream.on_end(|_| Err(unspin::Error::new("not so soon")));
                socket.shutdown(Shutdown::Write).expect("it is open");
                beside(move || drop(read_to_end(&mut { socket })));
            });
        });
    });
    let failed = named(&events, "unspin::resource", "failed");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].field("error"), "not so soon");
}

#[test]
fn an_error_of_the_idle_handler_closes_the_stream() {
    let log = Log::new();
    let said = log.clone();
    let events = capture(move || {
        run(|| {
            pair(move |stream, mut socket| {
                stream.set_idle_timeout(Some(millis(2)));
                stream.on_data(|_, _| ());
                stream.on_idle(|_| Err(unspin::Error::new("too quiet")));
                stream.on_close(says(&said, "close"));
                beside(move || assert!(read_to_end(&mut socket).is_empty()));
            });
        });
    });
    log.expect(&["close"]);
    let failed = named(&events, "unspin::resource", "failed");
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].level, failed[0].field("error")), (Level::WARN, "too quiet"));
}

#[test]
fn what_nobody_handles_of_a_udp_socket_is_logged() {
    let events = capture(|| {
        run(|| {
            let (socket, address) = bound();
            socket.write_to(b"no broadcast", "255.255.255.255:9");
            socket.write_to(b"one that fails", address);
            socket.on_message(|socket, _| {
                socket.close();
                Err(unspin::Error::new("not so"))
            });
        });
    });
    let failed = named(&events, "unspin::resource", "failed");
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed.iter().all(|event| event.level == Level::WARN));
    assert!(failed.iter().all(|event| event.field("kind") == "udp socket"));
    assert!(failed[0].field("error").starts_with("send to 255.255.255.255:9: "), "{failed:?}");
    assert_eq!(failed[1].field("error"), "not so");
    assert!(failed[1].field("at").starts_with(file!()), "{failed:?}");
}

#[test]
fn opening_and_closing_a_udp_socket_are_in_the_log() {
    let events = capture(|| {
        run(|| {
            bound().0.unref().ref_();
        });
    });
    let ops: Vec<_> = named(&events, "unspin::resource", "resource")
        .iter()
        .filter(|event| event.field("kind") == "udp socket")
        .map(|event| (event.level, event.field("op").to_owned()))
        .collect();
    assert_eq!(ops, ["open", "unref", "ref", "close"].map(|op| (Level::TRACE, op.to_owned())));
}

#[test]
fn opening_and_closing_unix_sockets_are_in_the_log() {
    let events = capture(|| {
        run(|| {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("socket");
            let listener = UnixListener::bind(&path).expect("the path is free");
            listener.unref();
            let itself = listener.clone();
            listener.ref_().on_connection(move |_, _| itself.close());
            UnixStream::connect(path).callback(move |stream| {
                stream.expect("somebody listens").close();
                drop(directory);
            });
        });
    });
    let ops = |kind: &str| -> Vec<String> {
        let events = named(&events, "unspin::resource", "resource").into_iter();
        let ops = events.filter(|event| event.field("kind") == kind);
        ops.map(|event| event.field("op").to_owned()).collect()
    };
    assert_eq!(ops("unix listener"), ["open", "unref", "ref", "close"]);
    let mut streams = ops("unix stream");
    streams.sort();
    assert_eq!(streams, ["close", "close", "open", "open"]);
}
