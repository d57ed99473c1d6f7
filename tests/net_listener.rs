//! Listeners: options, failures to bind, pause and resume, and who owns one.

mod util;

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream as Socket};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use unspin::net::{ListenOptions, TcpListener};
use unspin::{Error, EventLoop, Remote};
use util::net::{beside, ending, listen, run, socket, watchdog, when};
use util::{Drops, Log, millis};

#[track_caller]
fn expect_failure(result: unspin::Result<TcpListener>) -> Error {
    result.map(|listener| listener.local_addr()).expect_err("it cannot be bound")
}

#[test]
fn port_zero_is_any_free_port() {
    run(|| {
        let one = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let [one, other] = [one, other].map(|it| it.local_addr().expect("it is open"));
        assert_ne!(one.port(), 0);
        assert_ne!(one, other);
    });
}

#[test]
fn an_address_that_is_taken_is_address_in_use() {
    run(|| {
        let (_listener, address) = listen();
        let error = expect_failure(TcpListener::bind(address));
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("listen on {address}: ")), "{error}");
    });
}

#[test]
fn an_address_of_another_host_is_not_available() {
    run(|| {
        // For documentation only, so nobody has it.
        let error = expect_failure(TcpListener::bind("192.0.2.1:0"));
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    });
}

#[test]
fn what_is_no_address_is_invalid_input_and_the_error_quotes_it() {
    run(|| {
        for text in ["localhost:7000", "127.0.0.1", "127.0.0.1:70000", ""] {
            let error = expect_failure(TcpListener::bind(text));
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let expected =
                format!("`{text}` is not an IP address with a port, such as 127.0.0.1:7000");
            assert_eq!(error.to_string(), expected);
        }
        let error = expect_failure(TcpListener::bind(("localhost", 7000)));
        assert!(error.to_string().starts_with("`localhost:7000` is not"), "{error}");
    });
}

#[test]
fn all_forms_of_an_address_are_taken() {
    run(|| {
        let ip = std::net::IpAddr::from(Ipv4Addr::LOCALHOST);
        let socket_address = SocketAddr::from((ip, 0));
        let by_reference: &SocketAddr = &socket_address;
        let bound = [
            TcpListener::bind("127.0.0.1:0"),
            TcpListener::bind(String::from("127.0.0.1:0")),
            TcpListener::bind(("127.0.0.1", 0)),
            TcpListener::bind((ip, 0)),
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)),
            TcpListener::bind(socket_address),
            TcpListener::bind(by_reference),
        ];
        for listener in bound {
            let address = listener.and_then(|it| it.local_addr()).expect("a port is free");
            assert_eq!(address.ip(), ip);
        }
    });
}

#[test]
fn an_address_can_be_bound_again_at_once() {
    run(|| {
        let (listener, address) = listen();
        let mut peer = socket(address);
        // Our side closes first, so the connection lingers here.
        listener.ref_().on_connection(|stream, _| stream.close());
        beside(move || assert_eq!(ending(&mut peer), Ok(())));
        let itself = listener.clone();
        unspin::set_timeout(millis(20), move || {
            itself.close();
            let again = TcpListener::bind(address).expect("it is free again");
            assert_eq!(again.local_addr().expect("it is open"), address);
        });
    });
}

#[test]
fn a_backlog_may_be_chosen() {
    run(|| {
        for backlog in [0, 1, 128, u32::MAX] {
            let listener = ListenOptions::new().backlog(backlog).bind("127.0.0.1:0");
            let address = listener.and_then(|it| it.local_addr()).expect("a port is free");
            assert!(address.ip().is_loopback());
        }
    });
}

/// A listener on all IPv6 addresses; `None` where the system has none.
fn any_v6(only: bool) -> Option<(TcpListener, SocketAddr)> {
    let bound = ListenOptions::new().v6_only(only).bind((Ipv6Addr::UNSPECIFIED, 0)).ok()?;
    let address = bound.local_addr().ok()?;
    Some((bound, address))
}

#[test]
fn a_v6_listener_takes_v4_unless_it_is_told_not_to() {
    run(|| {
        let (Some((only, only_at)), Some((both, both_at))) = (any_v6(true), any_v6(false)) else {
            return eprintln!("skipped: there is no IPv6 here");
        };
        let refused = Socket::connect((Ipv4Addr::LOCALHOST, only_at.port()));
        assert_eq!(refused.expect_err("v6 only").kind(), ErrorKind::ConnectionRefused);
        let log = Log::new();
        let (said, itself) = (log.clone(), both.clone());
        let peer = socket((Ipv4Addr::LOCALHOST, both_at.port()).into());
        both.on_connection(move |_, peer_address| {
            assert!(peer_address.is_ipv6(), "v4 in v6: {peer_address}");
            said.say("accepted");
            itself.close();
        });
        unspin::before_exit(move |_| {
            log.expect(&["accepted"]);
            drop((peer.peer_addr(), &only));
        });
    });
}

/// Listens with others on one port until the loop is stopped; returns how many it accepted.
fn share(address: SocketAddr, ready: mpsc::Sender<(SocketAddr, Remote)>) -> usize {
    let accepted = Rc::new(Cell::new(0));
    let counted = Rc::clone(&accepted);
    let event_loop = EventLoop::new().expect("a loop");
    let ran = event_loop.run(|| {
        watchdog();
        let listener = ListenOptions::new().reuse_port(true).bind(address)?;
        listener.on_connection(move |_, _| counted.set(counted.get() + 1));
        ready.send((listener.local_addr()?, unspin::remote())).expect("the test waits");
        Ok(())
    });
    ran.expect("nothing fails");
    accepted.get()
}

#[test]
fn two_loops_share_a_port_and_its_connections() {
    const COUNT: usize = 100;
    let (ready, is_ready) = mpsc::channel();
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (mut loops, mut remotes) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let ready = ready.clone();
        loops.push(thread::spawn(move || share(address, ready)));
        let (bound, remote) = is_ready.recv().expect("the loop tells");
        address = bound;
        remotes.push(remote);
    }
    // Each is closed by whichever loop has accepted it.
    for _ in 0..COUNT {
        assert_eq!(ending(&mut socket(address)), Ok(()));
    }
    remotes.iter().for_each(Remote::stop);
    let shares: Vec<_> = loops.into_iter().map(|it| it.join().expect("it ends well")).collect();
    assert_eq!(shares.iter().sum::<usize>(), COUNT);
    // The system spreads them by a hash: all on one side happens once in 2^99 times.
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
}

#[test]
fn a_port_that_is_shared_is_in_use_for_whoever_does_not_share() {
    run(|| {
        let share = |address: SocketAddr| ListenOptions::new().reuse_port(true).bind(address);
        let one = share((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
        let address = one.local_addr().expect("it is open");
        let _another = share(address).expect("it is shared");
        assert_eq!(expect_failure(TcpListener::bind(address)).kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn a_paused_listener_lets_connections_wait() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let mut peer = socket(address);
        let (itself, heard) = (listener.clone(), said.clone());
        listener.on_connection(move |_, _| {
            heard.say("connection");
            itself.close();
        });
        listener.pause();
        unspin::set_timeout(millis(20), move || {
            said.say("resume");
            listener.resume();
            said.say("resumed");
        });
        beside(move || assert_eq!(ending(&mut peer), Ok(())));
    });
    log.expect(&["resume", "resumed", "connection"]);
}

#[test]
fn a_pause_in_the_handler_holds_the_next_connection_up() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let peers = [socket(address), socket(address), socket(address)];
        let itself = listener.clone();
        let mut count = 0;
        listener.ref_().on_connection(move |_, _| {
            count += 1;
            said.say(format!("connection {count}"));
            itself.pause();
            let (itself, said) = (itself.clone(), said.clone());
            unspin::set_timeout(millis(5), move || {
                said.say("resume");
                if count == 3 { itself.close() } else { itself.resume() }
            });
        });
        unspin::on_exit(move |_| assert_eq!(peers.len(), 3));
    });
    log.expect(&["connection 1", "resume", "connection 2", "resume", "connection 3", "resume"]);
}

#[test]
fn a_handler_that_comes_late_finds_the_connections_that_wait() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let peer = socket(address);
        unspin::set_timeout(millis(20), move || {
            let itself = listener.clone();
            listener.ref_().on_connection(move |stream, _| {
                assert_eq!(stream.peer_addr().ok(), peer.local_addr().ok());
                said.say("connection");
                itself.close();
            });
        });
    });
    log.expect(&["connection"]);
}

#[test]
fn a_closed_listener_refuses_and_leaves_its_connections_open() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        listener.on_close(log.add("close"));
        let itself = listener.clone();
        listener.on_connection(move |stream, _| {
            said.say("connection");
            itself.close();
            itself.close();
            let refused = Socket::connect(address);
            assert_eq!(refused.expect_err("closed").kind(), ErrorKind::ConnectionRefused);
            let error = itself.local_addr().expect_err("closed");
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
        });
        let mut peer = socket(address);
        // Accepted or waiting, it keeps the loop busy.
        beside(move || assert!(util::net::round_trip(&mut peer, b"hello") == b"hello"));
    });
    log.expect(&["connection", "close"]);
}

#[test]
fn a_connection_that_waits_at_a_listener_that_closes_gets_nobody() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let mut peer = socket(address);
        listener.on_connection(move |_, _| said.say("connection"));
        listener.close();
        beside(move || {
            ending(&mut peer).expect_err("it is reset");
        });
    });
    log.expect(&[]);
}

#[test]
fn the_drop_of_the_last_handle_closes_a_listener_without_a_handler() {
    let log = Log::new();
    run(|| {
        let (listener, address) = listen();
        listener.on_close(log.add("close"));
        let another = listener.clone();
        drop(listener);
        drop(socket(address));
        drop(another);
        let refused = Socket::connect(address);
        assert_eq!(refused.expect_err("closed").kind(), ErrorKind::ConnectionRefused);
    });
    log.expect(&["close"]);
}

#[test]
fn a_handler_keeps_the_listener_without_handles() {
    let drops = Drops::new();
    let guard = drops.guard();
    run(|| {
        let (listener, address) = listen();
        listener.on_connection(move |stream, _| {
            guard.keep();
            stream.close();
        });
        drop(listener);
        beside(move || {
            for _ in 0..3 {
                assert_eq!(ending(&mut socket(address)), Ok(()));
            }
        });
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn handlers_go_when_the_listener_is_closed() {
    let drops = Drops::new();
    let guards = drops.clone();
    run(|| {
        let (listener, _) = listen();
        let hold = || (guards.guard(), listener.clone());
        let [connection, error, close] = [(); 3].map(|()| hold());
        listener.on_connection(move |_, _| connection.0.keep());
        listener.on_error(move |_, _| error.0.keep());
        listener.on_close(move || close.0.keep());
        listener.close();
        let (late, dropped) = (hold(), guards.clone());
        listener.on_connection(move |_, _| late.0.keep());
        assert_eq!(dropped.count(), 1, "a closed listener has no use for it");
        let dropped = guards.clone();
        when(move || dropped.count() == 4, || ());
    });
    assert_eq!(drops.count(), 4);
}

#[test]
fn the_connection_handler_may_replace_itself() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let itself = listener.clone();
        listener.on_connection(move |stream, _| {
            said.say("first");
            stream.close();
            let (said, again) = (said.clone(), itself.clone());
            itself.on_connection(move |stream, _| {
                said.say("second");
                stream.close();
                again.close();
            });
        });
        beside(move || {
            for _ in 0..2 {
                assert_eq!(ending(&mut socket(address)), Ok(()));
            }
        });
    });
    log.expect(&["first", "second"]);
}

#[test]
fn a_panic_in_the_connection_handler_is_uncaught_and_drops_the_connection() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        unspin::on_uncaught(move |uncaught| {
            said.say(format!("{}: {}", uncaught.kind(), uncaught.error()));
        });
        let (listener, address) = listen();
        let mut panicked = false;
        listener.on_connection(move |stream, _| {
            if !std::mem::replace(&mut panicked, true) {
                panic!("not this one");
            }
            stream.on_data(|_, _| ());
            stream.end();
        });
        beside(move || {
            for _ in 0..2 {
                assert_eq!(ending(&mut socket(address)), Ok(()));
            }
        });
    });
    log.expect(&["connection: a callback panicked: not this one"]);
}

#[test]
fn a_listener_says_where_it_is_when_it_is_printed() {
    run(|| {
        let (listener, address) = listen();
        assert_eq!(format!("{listener:?}"), format!("TcpListener({address})"));
        listener.pause();
        assert_eq!(format!("{listener:?}"), format!("TcpListener(paused on {address})"));
        listener.close();
        assert_eq!(format!("{listener:?}"), "TcpListener(closed)");
    });
}
