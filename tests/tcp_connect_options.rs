//! How a connection is made: its time limit, where it comes from, what is set before.

mod util;

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use unspin::net::{ConnectOptions, Keepalive, TcpListener, TcpStream};
use unspin::{Error, Promise, Result};
use util::net::{echo_server, listen, run, unresponsive};
use util::{Log, millis};

fn limited() -> ConnectOptions {
    ConnectOptions::new().timeout(millis(20))
}

#[track_caller]
fn expect_time_out(address: SocketAddr, result: Result<TcpStream>) {
    let error = result.map(drop).expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let expected = format!("connect to {address}: nobody has answered within 20ms");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_time_limit_ends_a_connect_and_says_what_and_how_long() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (address, sockets) = unresponsive();
        limited().connect(address).callback(move |result| {
            expect_time_out(address, result);
            said.say("over");
            drop(sockets);
        });
        assert_eq!(unspin::why_alive()[0].state, format!("connecting to {address}"));
        log.expect(&[]);
    });
    log.expect(&["over"]);
}

#[test]
fn a_limit_rejects_a_promise() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (address, sockets) = unresponsive();
        limited().connect(address).promise().then(|_| ()).catch(move |error: Error| {
            said.say(format!("{:?}", error.kind()));
            drop(sockets);
        });
    });
    log.expect(&["TimedOut"]);
}

#[cfg(feature = "async")]
#[test]
fn a_limit_is_the_error_of_an_await_and_counts_for_all_attempts() {
    util::futures::block_on(async {
        let (address, _sockets) = unresponsive();
        expect_time_out(address, limited().connect(address).await);
        let both = [address, address];
        let error = limited().connect(&both[..]).await.expect_err("neither answers");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains(&format!("[{address}, {address}]")), "{error}");
        Ok(())
    });
}

#[test]
fn a_connection_that_is_made_in_time_has_no_limit_and_leaves_no_timer() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let options = ConnectOptions::new().timeout(millis(60_000));
        options.connect(echo_server()).callback(move |stream| {
            let stream = stream.expect("somebody listens");
            let timers = unspin::resources().into_iter().filter(|it| it.state.contains("60"));
            assert_eq!(timers.count(), 0);
            stream.on_data(move |stream, chunk| {
                assert_eq!(chunk, b"hello");
                said.say("echo");
                stream.end();
            });
            stream.write(b"hello");
        });
    });
    log.expect(&["echo"]);
}

#[test]
fn a_limited_connect_that_is_refused_is_refused() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        drop(listener);
        ConnectOptions::new().timeout(millis(60_000)).connect(address).callback(move |stream| {
            let error = stream.map(drop).expect_err("nobody listens");
            assert!(error.to_string().starts_with(&format!("connect to {address}: ")), "{error}");
            said.say(format!("{:?}", error.kind()));
        });
        log.expect(&[]);
    });
    log.expect(&["ConnectionRefused"]);
}

#[test]
fn a_limited_connect_can_be_cancelled() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (address, sockets) = unresponsive();
        let options = ConnectOptions::new().timeout(millis(60_000));
        let pending = options.connect(address).callback(move |stream| {
            assert!(stream.map(drop).expect_err("it was cancelled").is_cancelled());
            said.say("cancelled");
            drop(sockets);
        });
        assert!(pending.cancel());
        assert!(!pending.cancel());
    });
    log.expect(&["cancelled"]);
}

#[test]
fn a_limit_tells_also_who_has_refused() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let ((silent, sockets), refuses) = (unresponsive(), free_port());
        limited().connect(&[refuses, silent][..]).callback(move |stream| {
            let error = stream.map(drop).expect_err("nobody takes it");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            let refused = format!("; connect to {refuses}: ");
            assert!(error.to_string().contains(&refused), "{error}");
            said.say("told");
            drop(sockets);
        });
    });
    log.expect(&["told"]);
}

#[test]
fn addresses_that_the_local_one_cannot_reach_are_passed_over() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let refuses = free_port();
        let other_family = SocketAddr::from((Ipv6Addr::LOCALHOST, refuses.port()));
        let options = ConnectOptions::new().local_address((Ipv4Addr::LOCALHOST, 0));
        let both = [other_family, refuses];
        options.connect(&both[..]).callback(move |stream| {
            let error = stream.map(drop).expect_err("nobody listens");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
            said.say("refused");
        });
        let said = log.clone();
        options.connect(&[other_family, other_family][..]).callback(move |stream| {
            let error = stream.map(drop).expect_err("it is of another family");
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            said.say("told");
        });
    });
    let mut words = log.words();
    words.sort();
    assert_eq!(words, ["refused", "told"]);
}

/// A port of this host that nobody has right now.
fn free_port() -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound")
}

#[test]
fn a_connection_comes_from_the_address_it_was_told() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let local = free_port();
        let itself = listener.clone();
        listener.ref_().on_connection(move |stream, peer| {
            itself.close();
            stream.end();
            assert_eq!(peer, local);
            said.say("seen");
        });
        let options = ConnectOptions::new().local_address(local);
        options.connect(address).callback(move |stream| {
            assert_eq!(stream?.local_addr()?, local);
            Result::Ok(())
        });
    });
    log.expect(&["seen"]);
}

#[test]
fn a_local_address_that_cannot_be_had_is_told_in_the_callback() {
    let log = Log::new();
    run(|| {
        let (listener, address) = listen();
        let (taken, held) = listen();
        let attempts = [
            (held.to_string(), ErrorKind::AddrInUse),
            // For documentation only, so nobody has it.
            ("192.0.2.1:0".to_owned(), ErrorKind::AddrNotAvailable),
            ("[::1]:0".to_owned(), ErrorKind::InvalidInput),
            ("nowhere".to_owned(), ErrorKind::InvalidInput),
        ];
        for (local, kind) in attempts {
            let said = log.clone();
            let kept = (listener.clone(), taken.clone());
            let request = ConnectOptions::new().local_address(&local).connect(address);
            request.callback(move |stream| {
                let error = stream.map(drop).expect_err("it cannot be bound");
                assert_eq!(error.kind(), kind, "{local}");
                assert!(error.to_string().contains(&local), "{error}");
                said.say("told");
                drop(kept);
            });
        }
        log.expect(&[]);
    });
    log.expect(&["told"; 4]);
}

#[test]
fn a_socket_that_connects_to_its_own_port_talks_to_itself() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let own = free_port();
        ConnectOptions::new().local_address(own).connect(own).callback(move |stream| {
            let stream = stream.expect("both sides call");
            assert_eq!(stream.peer_addr().expect("it is open"), own);
            stream.on_data(move |stream, chunk| {
                assert_eq!(chunk, b"hello, me");
                said.say("heard");
                stream.close();
            });
            stream.write(b"hello, me");
        });
    });
    log.expect(&["heard"]);
}

#[test]
fn options_are_set_before_the_connection_is_made() {
    let checked = Rc::new(Cell::new(0));
    run(|| {
        let options = ConnectOptions::new()
            .nodelay(true)
            .keepalive(Keepalive::after(millis(60_000)))
            .ttl(9)
            .receive_buffer(8192)
            .send_buffer(8192)
            .reuse_address(true)
            .reuse_port(true);
        let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
        let six = six.and_then(|it| Ok((it.local_addr()?, it)));
        for address in [Some(echo_server()), six.as_ref().ok().map(|it| it.0)] {
            let Some(address) = address else {
                checked.set(checked.get() + 1);
                eprintln!("skipped: there is no IPv6 here");
                continue;
            };
            let checked = Rc::clone(&checked);
            let kept = six.as_ref().ok().map(|it| it.1.clone());
            options.connect(address).callback(move |stream| {
                let stream = stream?;
                assert!(stream.nodelay()? && stream.keepalive()?);
                assert_eq!(stream.ttl()?, 9);
                assert!(stream.receive_buffer()? <= 2 * 8192 && stream.send_buffer()? <= 2 * 8192);
                checked.set(checked.get() + 1);
                drop(kept);
                Result::Ok(())
            });
        }
    });
    assert_eq!(checked.get(), 2);
}

#[test]
fn an_option_that_the_system_does_not_take_is_told_in_the_callback() {
    let log = Log::new();
    run(|| {
        let wrong = [
            ConnectOptions::new().ttl(256),
            ConnectOptions::new().keepalive(Keepalive::after(millis(0))),
        ];
        for options in wrong {
            let said = log.clone();
            let promise: Promise<TcpStream> = options.connect(echo_server()).promise();
            promise.then(|_| ()).catch(move |error: Error| said.say(format!("{:?}", error.kind())));
        }
    });
    log.expect(&["InvalidInput"; 2]);
}
