//! Connecting: success, failure, cancelling, and a loop that ends meanwhile.

mod util;

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::Ipv6Addr;
use std::rc::Rc;

use unspin::EventLoop;
use unspin::net::{TcpListener, TcpStream};
use util::net::{echo_server, listen, run, streams, unresponsive, watchdog};
use util::{Drops, Log, millis};

#[test]
fn a_connection_carries_bytes_both_ways() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        streams(move |server, client| {
            server.on_data(|stream, chunk| {
                assert_eq!(chunk, b"question");
                stream.write(b"answer");
                stream.end();
            });
            client.on_data(move |stream, chunk| {
                assert_eq!(chunk, b"answer");
                said.say("answered");
                stream.end();
            });
            client.write(b"question");
        });
    });
    log.expect(&["answered"]);
}

#[test]
fn a_refused_connect_says_so_and_where() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        drop(listener);
        TcpStream::connect(address).callback(move |stream| {
            let error = stream.expect_err("nobody listens");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            assert!(error.to_string().starts_with(&format!("connect to {address}: ")), "{error}");
            said.say("refused");
        });
        said_nothing_yet(&log);
    });
    log.expect(&["refused"]);
}

#[track_caller]
fn said_nothing_yet(log: &Log) {
    log.expect(&[]);
}

#[test]
fn what_is_no_address_fails_in_the_callback() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        TcpStream::connect("localhost").callback(move |stream| {
            let error = stream.expect_err("it has no port");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with("`localhost` is not"), "{error}");
            said.say("failed");
        });
        said_nothing_yet(&log);
    });
    log.expect(&["failed"]);
}

#[test]
fn a_connect_that_nobody_uses_does_not_begin() {
    run(|| {
        let (listener, address) = listen();
        listener.on_connection(|_, _| unreachable!("nobody connects"));
        drop(TcpStream::connect(address));
        assert!(unspin::why_alive().is_empty());
        // Some turns.
        unspin::set_timeout(millis(10), || ());
    });
}

#[test]
fn a_connect_can_be_cancelled_once() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        // The system may have connected by then; the listener sees it come and go.
        listener.on_connection(|stream, _| {
            stream.on_data(|_, _| unreachable!("nobody writes"));
        });
        let pending = TcpStream::connect(address).callback(move |stream| {
            let error = stream.expect_err("it was cancelled");
            assert!(error.is_cancelled());
            let told = format!("connect to {address}: the operation was cancelled");
            assert_eq!(error.to_string(), told);
            said.say("cancelled");
        });
        assert!(pending.cancel());
        assert!(!pending.cancel());
        said_nothing_yet(&log);
        let wait = unspin::set_timeout(millis(10), || ());
        drop((pending, wait));
    });
    log.expect(&["cancelled"]);
}

#[test]
fn a_connect_that_is_done_cannot_be_cancelled() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let place = Rc::new(RefCell::new(None));
        let pending = Rc::clone(&place);
        let connect = TcpStream::connect(echo_server()).callback(move |stream| {
            stream.expect("somebody listens");
            let pending: Option<unspin::Pending> = pending.borrow_mut().take();
            assert!(!pending.expect("it is there").cancel());
            said.say("connected");
        });
        *place.borrow_mut() = Some(connect);
    });
    log.expect(&["connected"]);
}

#[test]
fn a_connect_goes_on_without_its_handle() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        drop(TcpStream::connect(echo_server()).callback(move |stream| {
            stream.expect("somebody listens");
            said.say("connected");
        }));
    });
    log.expect(&["connected"]);
}

#[test]
fn a_connect_that_nobody_answers_keeps_the_loop_until_it_is_cancelled() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (address, sockets) = unresponsive();
        let pending = TcpStream::connect(address).callback(move |stream| {
            assert!(stream.expect_err("it was cancelled").is_cancelled());
            said.say("cancelled");
            drop(sockets);
        });
        unspin::set_timeout(millis(20), move || {
            let reasons = unspin::why_alive();
            assert_eq!(reasons.len(), 1, "{reasons:?}");
            assert_eq!(reasons[0].state, format!("connecting to {address}"));
            assert!(pending.cancel());
        });
    });
    log.expect(&["cancelled"]);
}

#[test]
fn a_connect_goes_on_when_a_stopped_loop_is_run_again() {
    let (log, drops) = (Log::new(), Drops::new());
    let (said, guard) = (log.clone(), drops.guard());
    let event_loop = EventLoop::new().expect("a loop");
    event_loop
        .run(|| {
            watchdog();
            let (listener, address) = listen();
            TcpStream::connect(address).callback(move |stream| {
                guard.keep();
                stream.expect("somebody listens");
                said.say("connected");
                drop(listener);
            });
            unspin::stop();
        })
        .expect("nothing fails");
    said_nothing_yet(&log);
    assert_eq!(drops.count(), 0);
    assert!(event_loop.is_alive());
    event_loop.run(|| ()).expect("nothing fails");
    log.expect(&["connected"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_connect_under_way_is_dropped_uncalled_with_its_loop() {
    let drops = Drops::new();
    let guard = drops.guard();
    let event_loop = EventLoop::new().expect("a loop");
    let mut pending = None;
    event_loop
        .run(|| {
            let (address, _sockets) = unresponsive();
            let connect = TcpStream::connect(address).callback(move |_| {
                guard.keep();
                unreachable!("nobody answers");
            });
            pending = Some(connect);
            unspin::stop();
        })
        .expect("nothing fails");
    drop(event_loop);
    assert_eq!(drops.count(), 1);
    assert!(!pending.expect("main has run").cancel(), "the loop is gone");
}

#[test]
fn a_stream_that_the_callback_does_not_keep_is_closed() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let itself = listener.clone();
        listener.ref_().on_connection(move |stream, _| {
            itself.close();
            stream.on_data(|_, _| ());
            stream.on_end(util::net::says(&said, "end"));
        });
        TcpStream::connect(address).callback(|stream| stream.map(drop));
    });
    log.expect(&["end"]);
}

#[test]
fn an_error_of_the_callback_is_uncaught() {
    let event_loop = EventLoop::new().expect("a loop");
    let failed = event_loop.run(|| {
        let (listener, address) = listen();
        drop(listener);
        TcpStream::connect(address).callback(|stream| stream.map(drop));
    });
    let error = failed.expect_err("the callback passed it on");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn hundreds_of_connects_at_once_all_arrive() {
    const COUNT: usize = 300;
    let (connected, accepted) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (ours, theirs) = (Rc::clone(&connected), Rc::clone(&accepted));
    run(|| {
        let (listener, address) = listen();
        let itself = listener.clone();
        listener.ref_().on_connection(move |stream, _| {
            theirs.set(theirs.get() + 1);
            if theirs.get() == COUNT {
                itself.close();
            }
            stream.on_data(|_, _| ());
        });
        for _ in 0..COUNT {
            let ours = Rc::clone(&ours);
            TcpStream::connect(address).callback(move |stream| {
                ours.set(ours.get() + 1);
                stream.map(drop)
            });
        }
    });
    assert_eq!((connected.get(), accepted.get()), (COUNT, COUNT));
}

#[test]
fn six_is_as_good_as_four() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
            said.say("connected");
            return eprintln!("skipped: there is no IPv6 here");
        };
        let address = listener.local_addr().expect("it is open");
        TcpStream::connect(address).callback(move |stream| {
            let stream = stream?;
            assert_eq!(stream.peer_addr()?, address);
            said.say("connected");
            drop(listener);
            Ok(())
        });
    });
    log.expect(&["connected"]);
}
