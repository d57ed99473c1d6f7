//! What is set on an open stream, and read back.

mod util;

use std::io::{ErrorKind, Write};
use std::net::Ipv6Addr;
use std::time::Duration;

use unspin::Result;
use unspin::net::{Keepalive, ListenOptions, TcpListener, TcpStream};
use util::net::{pair, reset, run, when};
use util::{Log, millis};

/// Runs `check` with an open stream and its peer.
fn with_stream(check: impl FnOnce(&TcpStream) -> Result<()> + 'static) {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, _socket| {
            check(&stream).expect("the system takes it");
            said.say("checked");
        });
    });
    log.expect(&["checked"]);
}

#[test]
fn small_segments_wait_or_do_not() {
    with_stream(|stream| {
        assert!(!stream.nodelay()?);
        stream.set_nodelay(true)?;
        assert!(stream.nodelay()?);
        stream.set_nodelay(false)?;
        assert!(!stream.nodelay()?);
        Ok(())
    });
}

#[test]
fn a_keepalive_is_set_whole_or_not_at_all() {
    with_stream(|stream| {
        let whole = Keepalive::after(millis(1)).every(millis(1500)).probes(3);
        stream.set_keepalive(Some(whole))?;
        assert!(stream.keepalive()?);
        stream.set_keepalive(None)?;
        let minute = Keepalive::after(millis(60_000));
        let wrong = [
            Keepalive::after(Duration::ZERO),
            minute.every(Duration::ZERO),
            minute.probes(0),
            minute.probes(1 << 20),
            Keepalive::after(Duration::MAX),
        ];
        for keepalive in wrong {
            let error = stream.set_keepalive(Some(keepalive)).expect_err("it is out of range");
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{keepalive:?}");
            assert!(error.to_string().starts_with("set keepalive: "), "{error}");
        }
        Ok(())
    });
}

#[test]
fn hops_are_between_one_and_255() {
    with_stream(|stream| {
        stream.set_ttl(1)?;
        assert_eq!(stream.ttl()?, 1);
        stream.set_ttl(255)?;
        assert_eq!(stream.ttl()?, 255);
        for hops in [0, 256] {
            let error = stream.set_ttl(hops).expect_err("it is out of range");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        Ok(())
    });
}

#[test]
fn hops_of_ipv6_are_set_too() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
            said.say("checked");
            return eprintln!("skipped: there is no IPv6 here");
        };
        let address = listener.local_addr().expect("it is open");
        TcpStream::connect(address).callback(move |stream| {
            let stream = stream?;
            stream.set_ttl(7)?;
            assert_eq!(stream.ttl()?, 7);
            said.say("checked");
            drop(listener);
            Result::Ok(())
        });
    });
    log.expect(&["checked"]);
}

#[test]
fn how_long_a_close_lingers_can_be_read_back() {
    with_stream(|stream| {
        assert_eq!(stream.linger()?, None);
        stream.set_linger(Some(Duration::from_secs(2)))?;
        assert_eq!(stream.linger()?, Some(Duration::from_secs(2)));
        stream.set_linger(None)?;
        assert_eq!(stream.linger()?, None);
        Ok(())
    });
}

#[test]
fn only_a_linger_of_zero_is_one_of_zero() {
    with_stream(|stream| {
        stream.set_linger(Some(Duration::from_millis(1)))?;
        assert_eq!(stream.linger()?, Some(Duration::from_secs(1)));
        for long in [Duration::from_secs(1 << 32), Duration::MAX] {
            stream.set_linger(Some(long))?;
            assert!(stream.linger()? > Some(Duration::from_secs(1 << 30)));
        }
        // Not to wait for it when this is closed.
        stream.set_linger(None)
    });
}

#[test]
fn a_linger_of_zero_makes_a_close_a_reset() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.set_linger(Some(Duration::ZERO)).expect("it is open");
            stream.close();
            let ended = util::net::ending(&mut socket);
            said.say(format!("{ended:?}"));
        });
    });
    log.expect(&["Err(ConnectionReset)"]);
}

#[test]
fn buffers_have_the_size_that_was_asked_for_twice() {
    with_stream(|stream| {
        stream.set_receive_buffer(16 * 1024)?;
        stream.set_send_buffer(16 * 1024)?;
        assert_eq!((stream.receive_buffer()?, stream.send_buffer()?), (32 * 1024, 32 * 1024));
        Ok(())
    });
}

#[test]
fn connections_have_the_buffers_of_their_listener() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let options = ListenOptions::new().receive_buffer(8192).send_buffer(8192);
        let listener = options.bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is open");
        let mut socket = util::net::socket(address);
        let itself = listener.clone();
        listener.on_connection(move |stream, _| {
            itself.close();
            assert_eq!((stream.receive_buffer()?, stream.send_buffer()?), (16_384, 16_384));
            said.say("checked");
            Result::Ok(())
        });
        socket.write_all(b"x").expect("it fits into the buffers");
    });
    log.expect(&["checked"]);
}

#[test]
fn an_error_that_the_system_kept_is_taken_once() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            assert!(stream.take_error().expect("it is open").is_none());
            reset(socket);
            let kept = stream.clone();
            let look = move || match kept.take_error().expect("it is open") {
                Some(error) => {
                    said.say(format!("{:?}", error.kind()));
                    assert!(kept.take_error().expect("it is open").is_none());
                    true
                }
                None => false,
            };
            when(look, move || drop(stream));
        });
    });
    log.expect(&["ConnectionReset"]);
}

#[test]
fn a_closed_stream_has_no_settings() {
    with_stream(|stream| {
        stream.close();
        let results = [
            stream.nodelay().map(drop),
            stream.set_keepalive(None),
            stream.keepalive().map(drop),
            stream.set_ttl(1),
            stream.ttl().map(drop),
            stream.set_linger(None),
            stream.linger().map(drop),
            stream.set_receive_buffer(1),
            stream.receive_buffer().map(drop),
            stream.set_send_buffer(1),
            stream.send_buffer().map(drop),
            stream.take_error().map(drop),
            stream.peek(&mut [0]).map(drop),
        ];
        for result in results {
            assert_eq!(result.expect_err("it is closed").kind(), ErrorKind::NotConnected);
        }
        Ok(())
    });
}
