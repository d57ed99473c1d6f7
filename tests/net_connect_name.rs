//! Connecting by name, and to the first of several addresses that answers.

mod util;

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use unspin::net::{TcpListener, TcpStream};
use util::net::{echo_server, listen, run, unresponsive};
use util::{Drops, Log, millis};

/// How long one address is waited for before the next one is tried.
const ATTEMPT: Duration = Duration::from_millis(250);

/// An address at which nobody listens.
fn closed() -> SocketAddr {
    let (listener, address) = listen();
    drop(listener);
    address
}

/// Connects to the first of `addresses` that answers; says which one it was, or the error.
fn race(addresses: &[SocketAddr]) -> Result<SocketAddr, unspin::Error> {
    let place = Rc::new(Cell::new(None));
    let told = Rc::clone(&place);
    run(|| {
        TcpStream::connect(addresses).callback(move |stream| {
            told.set(Some(stream.map(|stream| stream.peer_addr().expect("it is connected"))));
        });
    });
    place.take().expect("it was called back")
}

#[test]
fn a_name_is_looked_up_and_connected_to() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let address = echo_server();
        TcpStream::connect(("localhost", address.port())).callback(move |stream| {
            let stream = stream.expect("somebody listens");
            assert_eq!(stream.peer_addr().expect("it is connected"), address);
            said.say("pair");
        });
        let (said, text) = (log.clone(), format!("localhost:{}", address.port()));
        TcpStream::connect(text).callback(move |stream| {
            stream.expect("somebody listens");
            said.say("text");
        });
        log.expect(&[]);
    });
    let mut words = log.words();
    words.sort();
    assert_eq!(words, ["pair", "text"]);
}

#[cfg(feature = "async")]
#[test]
fn a_name_can_be_awaited_and_promised() {
    util::futures::block_on(async {
        let address = echo_server();
        let name = ("localhost", address.port());
        let promised = TcpStream::connect(name).promise();
        let stream = TcpStream::connect(name).await?;
        assert_eq!(promised.await?.peer_addr()?, stream.peer_addr()?);
        Ok(())
    });
}

#[test]
fn a_name_that_is_none_fails_as_its_lookup_does() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        TcpStream::connect(("no such name.invalid", 80)).callback(move |stream| {
            let error = stream.expect_err("there is none");
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().starts_with("look up no such name.invalid: "), "{error}");
            said.say("not found");
        });
    });
    log.expect(&["not found"]);
}

#[test]
fn what_cannot_be_a_name_with_a_port_is_refused() {
    let log = Log::new();
    run(|| {
        for text in ["", ":80", "name", "name:", "name:66000", "a:b:80"] {
            let said = log.clone();
            TcpStream::connect(text).callback(move |stream| {
                let error = stream.expect_err("it is no address");
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                said.say("refused");
            });
        }
    });
    assert_eq!(log.words().len(), 6);
}

#[test]
fn a_listener_takes_no_name_and_not_several_addresses() {
    run(|| {
        let error = TcpListener::bind("localhost:0").expect_err("it is a name");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let error = TcpListener::bind(&[any, any][..]).expect_err("they are two");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        drop(TcpListener::bind(&[any][..]).expect("it is one"));
    });
}

#[test]
fn an_address_that_fails_is_followed_by_the_next_one_at_once() {
    run(|| {
        let (address, closed) = (echo_server(), closed());
        // Two failures that are waited out take as long.
        let late = unspin::set_timeout(2 * ATTEMPT, || panic!("they were waited out"));
        TcpStream::connect(&[closed, closed, address][..]).callback(move |stream| {
            let stream = stream.expect("the third one listens");
            assert_eq!(stream.peer_addr().expect("it is connected"), address);
            late.clear();
        });
    });
}

#[test]
fn an_address_that_does_not_answer_is_joined_by_the_next_one_after_250_ms() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let ((silent, sockets), address) = (unresponsive(), echo_server());
        let began = unspin::now();
        TcpStream::connect(&[silent, address][..]).callback(move |stream| {
            let stream = stream.expect("the second one answers");
            let waited = unspin::now() - began;
            assert!(waited >= ATTEMPT, "{waited:?}");
            assert_eq!(stream.peer_addr().expect("it is connected"), address);
            let connecting = |it: &unspin::Resource| it.state.contains("connecting");
            assert!(!unspin::resources().iter().any(connecting), "the first one is given up");
            said.say("connected");
            drop(sockets);
        });
        unspin::set_timeout(millis(50), move || {
            let alive = unspin::why_alive();
            assert_eq!(alive.len(), 1, "{alive:?}");
            assert_eq!(alive[0].state, format!("connecting to {silent}"));
        });
    });
    log.expect(&["connected"]);
}

#[test]
fn where_all_addresses_fail_the_error_names_each() {
    let (one, other) = (closed_outside(), closed_outside());
    let error = race(&[one, other]).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    for address in [one, other] {
        assert!(error.to_string().contains(&format!("connect to {address}: ")), "{error}");
    }
    let error = race(&[one]).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.raw_os_error().is_some(), "a single failure is told as it is");
    let error = race(&[]).expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

/// The same outside of a loop.
fn closed_outside() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound")
}

#[test]
fn a_race_can_be_cancelled_and_ends_all_its_attempts() {
    let (log, drops) = (Log::new(), Drops::new());
    let (said, guard) = (log.clone(), drops.guard());
    run(|| {
        let ((one, first), (other, second)) = (unresponsive(), unresponsive());
        let pending = TcpStream::connect(&[one, other][..]).callback(move |stream| {
            guard.keep();
            assert!(stream.expect_err("it was cancelled").is_cancelled());
            assert!(unspin::why_alive().is_empty(), "{:?}", unspin::why_alive());
            said.say("cancelled");
            drop((first, second));
        });
        unspin::set_timeout(ATTEMPT + millis(50), move || {
            assert_eq!(unspin::why_alive().len(), 2, "both are tried by now");
            assert!(pending.cancel());
            assert!(!pending.cancel());
        });
    });
    log.expect(&["cancelled"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_connect_by_name_can_be_cancelled_while_it_is_looked_up() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let port = echo_server().port();
        let pending = TcpStream::connect(("localhost", port)).callback(move |stream| {
            assert!(stream.expect_err("it was cancelled").is_cancelled());
            said.say("cancelled");
        });
        assert!(pending.cancel());
        assert!(!pending.cancel());
    });
    log.expect(&["cancelled"]);
}
