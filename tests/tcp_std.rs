//! Sockets of std that are taken over, and streams and listeners that are given back as such.

mod util;

use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;

use unspin::Result;
use unspin::net::{TcpListener, TcpStream};
use util::Log;
use util::net::{beside, pair, pattern, read_exactly, round_trip, run, socket};

#[test]
fn a_connection_of_std_is_taken_over() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let mut peer = socket(listener.local_addr().expect("it is bound"));
        let (accepted, _) = listener.accept().expect("it waits in the backlog");
        peer.write_all(b"before").expect("it fits into the buffers");
        let stream = TcpStream::from_std(accepted).expect("the loop watches it");
        assert!(unspin::why_alive().is_empty(), "nobody reads it");
        stream.on_data(move |stream, chunk| {
            assert_eq!(chunk, b"before");
            stream.write(b"after");
            stream.end();
            said.say("data");
        });
        let reasons = unspin::why_alive();
        assert!(reasons.iter().any(|it| it.at.file().ends_with("tcp_std.rs")), "{reasons:?}");
        beside(move || {
            assert_eq!(read_exactly(&mut peer, 5), b"after");
        });
    });
    log.expect(&["data"]);
}

#[test]
fn a_stream_is_given_back_with_what_nobody_has_read() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            let (another, close) = (stream.clone(), said.clone());
            stream.on_close(move |_| close.say("close"));
            peer.write_all(b"unread").expect("it fits into the buffers");
            let mut socket = stream.into_std().expect("nothing is queued");
            assert!(another.is_closed() && !another.write(b"nobody"));
            said.say("given");
            beside(move || {
                // It blocks, as those of std do.
                let mut bytes = [0; 12];
                let rest = std::thread::spawn(move || peer.write_all(b" later").map(|()| peer));
                socket.read_exact(&mut bytes).expect("all of it comes");
                assert_eq!(&bytes, b"unread later");
                drop(rest.join());
            });
        });
    });
    log.expect(&["given", "close"]);
}

#[test]
fn a_stream_with_bytes_to_send_is_not_given_back_and_sends_them() {
    const LENGTH: usize = 16 << 20;
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            stream.write_owned(pattern(LENGTH));
            let error = stream.clone().into_std().expect_err("bytes wait to be sent");
            assert_eq!(error.kind(), ErrorKind::ResourceBusy);
            beside(move || assert!(read_exactly(&mut peer, LENGTH) == pattern(LENGTH)));
            let kept = stream.clone();
            stream.flushed().callback(move |flushed| {
                flushed?;
                let socket = kept.clone().into_std()?;
                said.say("given");
                drop(socket);
                let error = kept.clone().into_std().expect_err("once is enough");
                assert_eq!(error.kind(), ErrorKind::NotConnected);
                Result::Ok(())
            });
        });
    });
    log.expect(&["given"]);
}

#[test]
fn a_listener_goes_to_std_and_back_with_those_who_wait_at_it() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is open");
        let mut waits = socket(address);
        listener.on_connection(|_, _| unreachable!("it is given away"));
        listener.on_close(log.add("close"));
        let another = listener.clone();
        let given = listener.into_std().expect("it is open");
        assert!(another.is_closed());
        assert_eq!(another.into_std().expect_err("once").kind(), ErrorKind::NotConnected);
        let taken = TcpListener::from_std(given).expect("the loop watches it");
        assert_eq!(taken.local_addr().expect("it is open"), address);
        let itself = taken.clone();
        taken.on_connection(move |stream, _| {
            said.say("accepted");
            itself.close();
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
        });
        beside(move || assert_eq!(round_trip(&mut waits, b"hello"), b"hello"));
    });
    log.expect(&["accepted", "close"]);
}

#[test]
fn what_is_given_back_is_watched_no_more() {
    run(|| {
        pair(|stream, mut peer| {
            let given = stream.into_std().expect("nothing is queued");
            let turns = unspin::metrics().turns;
            // Its bytes wake nobody here.
            peer.write_all(b"hello").expect("it fits into the buffers");
            unspin::set_timeout(util::millis(20), move || {
                assert!(unspin::metrics().turns - turns <= 4);
                drop((given, peer));
            });
        });
    });
}
