//! Datagrams, by callbacks: who gets what, how many at once, and what is told of them.

mod util;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use unspin::net::{Datagram, UdpOptions, UdpSocket};
use util::net::{beside, pattern, run, when};
use util::udp::{blocking, bound};
use util::{Drops, Log};

/// The text of a datagram.
fn text(datagram: Datagram<'_>) -> String {
    String::from_utf8(datagram.to_vec()).expect("the tests send text")
}

/// Receives `count` datagrams, says each, and closes.
fn says_until(log: &Log, count: usize) -> impl FnMut(&UdpSocket, Datagram<'_>) + 'static + use<> {
    let (log, mut left) = (log.clone(), count);
    move |socket, datagram| {
        log.say(text(datagram));
        left -= 1;
        if left == 0 {
            socket.close();
        }
    }
}

#[test]
fn a_datagram_comes_whole_and_with_its_sender() {
    for length in [0, 1, 1472, 65_507] {
        run(|| {
            let (socket, address) = bound();
            let peer = blocking();
            let from = peer.local_addr().expect("it is open");
            peer.send_to(&pattern(length), address).expect("it can be sent");
            socket.on_message(move |socket, datagram| {
                assert_eq!((datagram.bytes(), datagram.from()), (&*pattern(length), from));
                assert!(!datagram.is_truncated());
                socket.close();
            });
        });
    }
}

#[test]
fn an_echo_answers_the_one_who_asked() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (server, address) = bound();
        server.unref().on_message(|socket, datagram| {
            socket.write_to(&datagram, datagram.from());
        });
        for word in ["one", "two"] {
            let (client, _) = bound();
            client.connect(address).expect("loopback is there");
            client.on_message(says_until(&said, 1));
            client.write(word.as_bytes());
        }
    });
    let mut words = log.words();
    words.sort();
    assert_eq!(words, ["one", "two"]);
}

#[test]
fn a_client_that_blocks_gets_its_answers() {
    run(|| {
        let (server, address) = bound();
        server.unref().on_message(|socket, datagram| {
            socket.write_to(&datagram, datagram.from());
        });
        beside(move || {
            let peer = blocking();
            let mut buffer = [0; 2048];
            for round in 0..100_u32 {
                let message = pattern(round as usize * 10);
                peer.send_to(&message, address).expect("it can be sent");
                let (length, from) = peer.recv_from(&mut buffer).expect("an answer comes");
                assert_eq!((&buffer[..length], from), (&*message, address));
            }
        });
    });
}

#[test]
fn what_is_there_comes_before_the_check_phase_each_as_a_task() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, address) = bound();
        let peer = blocking();
        for message in ["a", "b", "", "d", "e"] {
            peer.send_to(message.as_bytes(), address).expect("it can be sent");
        }
        let mut left = 5;
        socket.on_message(move |socket, datagram| {
            said.say(format!("<{}>", text(datagram)));
            let log = said.clone();
            unspin::queue_microtask(move || log.say("micro"));
            if left == 5 {
                let log = said.clone();
                unspin::set_immediate(move || log.say("check"));
            }
            left -= 1;
            if left == 0 {
                socket.close();
            }
        });
    });
    let each = ["<a>", "micro", "<b>", "micro", "<>", "micro", "<d>", "micro", "<e>", "micro"];
    let mut expected = each.to_vec();
    expected.push("check");
    log.expect(&expected);
}

#[test]
fn a_flood_does_not_keep_the_others_waiting() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, address) = bound();
        let peer = blocking();
        for _ in 0..100 {
            peer.send_to(b"x", address).expect("it can be sent");
        }
        let (count, at_check) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        socket.on_message(move |socket, _| {
            count.set(count.get() + 1);
            if count.get() == 1 {
                let (count, at_check) = (count.clone(), at_check.clone());
                unspin::set_immediate(move || at_check.set(count.get()));
            }
            if count.get() == 100 {
                said.say(at_check.get().to_string());
                socket.close();
            }
        });
    });
    log.expect(&["64"]);
}

#[test]
fn a_pause_loses_nothing_that_was_received() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, address) = bound();
        let peer = blocking();
        for message in ["1", "2", "3", "4"] {
            peer.send_to(message.as_bytes(), address).expect("it can be sent");
        }
        let mut turns = 0;
        socket.on_message(move |socket, datagram| {
            turns += 1;
            said.say(text(datagram));
            if turns == 4 {
                return socket.close();
            }
            socket.pause();
            let (log, socket) = (said.clone(), socket.clone());
            unspin::set_immediate(move || {
                log.say("resume");
                socket.resume();
            });
        });
    });
    log.expect(&["1", "resume", "2", "resume", "3", "resume", "4"]);
}

#[test]
fn a_socket_that_is_closed_in_a_batch_gets_no_more() {
    let (log, drops) = (Log::new(), Drops::new());
    let (said, guard) = (log.clone(), drops.guard());
    run(move || {
        let (socket, address) = bound();
        let peer = blocking();
        for message in ["1", "2", "3"] {
            peer.send_to(message.as_bytes(), address).expect("it can be sent");
        }
        let closed = said.clone();
        socket.on_close(move |socket| {
            assert!(socket.is_closed());
            closed.say("close");
        });
        socket.on_message(move |socket, datagram| {
            guard.keep();
            said.say(text(datagram));
            socket.close();
            socket.close();
            assert!(!socket.write_to(b"late", address));
        });
    });
    log.expect(&["1", "close"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_handler_may_put_another_in_its_place() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, address) = bound();
        let peer = blocking();
        for message in ["1", "2"] {
            peer.send_to(message.as_bytes(), address).expect("it can be sent");
        }
        socket.on_message(move |socket, datagram| {
            said.say(format!("first {}", text(datagram)));
            let log = said.clone();
            socket.on_message(move |socket, datagram| {
                log.say(format!("second {}", text(datagram)));
                socket.close();
            });
        });
    });
    log.expect(&["first 1", "second 2"]);
}

#[test]
fn a_connected_socket_hears_its_peer_only_until_it_is_disconnected() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, address) = bound();
        let (friend, stranger) = (blocking(), blocking());
        let peer = friend.local_addr().expect("it is open");
        assert!(socket.peer_addr().is_err());
        socket.connect(peer).expect("loopback is there");
        assert_eq!(socket.peer_addr().expect("it is connected"), peer);
        stranger.send_to(b"stranger", address).expect("it can be sent");
        friend.send_to(b"friend", address).expect("it can be sent");
        socket.on_message(move |socket, datagram| {
            said.say(text(datagram));
            if said.words().len() == 1 {
                socket.disconnect().expect("it is connected");
                let error = socket.disconnect().expect_err("it was disconnected");
                assert_eq!(error.kind(), std::io::ErrorKind::NotConnected);
                stranger.send_to(b"stranger again", address).expect("it can be sent");
            } else {
                socket.close();
            }
        });
    });
    log.expect(&["friend", "stranger again"]);
}

#[test]
fn a_socket_of_both_families_hears_ipv4_and_one_of_ipv6_alone_does_not() {
    run(|| {
        let socket = UdpOptions::new().v6_only(false).bind("[::]:0").expect("IPv6 is there");
        let port = socket.local_addr().expect("it is open").port();
        let peer = blocking();
        peer.send_to(b"mapped", ("127.0.0.1", port)).expect("it can be sent");
        socket.on_message(move |socket, datagram| {
            let SocketAddr::V6(from) = datagram.from() else { panic!("{datagram:?}") };
            assert!(from.ip().to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()));
            // The answer finds its way back.
            assert!(socket.try_send_to(b"back", datagram.from()).is_ok());
            let mut buffer = [0; 8];
            assert_eq!(peer.recv(&mut buffer).expect("an answer comes"), 4);
            socket.close();
        });

        let alone = UdpOptions::new().v6_only(true).bind("[::]:0").expect("IPv6 is there");
        let port = alone.local_addr().expect("it is open").port();
        let other = blocking();
        other.connect(("127.0.0.1", port)).expect("loopback is there");
        other.send(b"nobody hears it").expect("it can be sent");
        let refused = other.recv(&mut [0; 8]).expect_err("nobody receives there");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn two_sockets_share_a_port_if_both_say_so() {
    run(|| {
        let shared = UdpOptions::new().reuse_port(true);
        let one = shared.bind("127.0.0.1:0").expect("a port is free");
        let address = one.local_addr().expect("it is open");
        let two = shared.bind(address).expect("both said so");
        let count = Rc::new(RefCell::new(0));
        for socket in [&one, &two] {
            let count = count.clone();
            socket.on_message(move |_, _| *count.borrow_mut() += 1);
        }
        for _ in 0..20 {
            blocking().send_to(b"x", address).expect("it can be sent");
        }
        when(
            move || *count.borrow() == 20,
            move || {
                one.close();
                two.close();
            },
        );
    });
}

#[test]
fn an_address_that_is_used_again_is_the_latest_sockets() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let options = UdpOptions::new().reuse_address(true);
        let first = options.bind("127.0.0.1:0").expect("a port is free");
        let address = first.local_addr().expect("it is open");
        first.unref().on_message(|_, datagram| panic!("{datagram:?}"));
        let last = options.bind(address).expect("both said so");
        last.on_message(says_until(&said, 1));
        blocking().send_to(b"x", address).expect("it can be sent");
    });
    log.expect(&["x"]);
}

#[test]
fn a_socket_of_std_is_taken_over_with_its_peer() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (theirs, ours) = (blocking(), blocking());
        let peer = theirs.local_addr().expect("it is open");
        ours.connect(peer).expect("loopback is there");
        let socket = UdpSocket::from_std(ours).expect("it can be watched");
        assert_eq!(socket.peer_addr().expect("it is connected"), peer);
        socket.try_send(b"ping").expect("it can be sent");
        let (length, from) = theirs.recv_from(&mut [0; 8]).expect("it comes");
        assert_eq!(length, 4);
        theirs.send_to(b"pong", from).expect("it can be sent");
        socket.on_message(says_until(&said, 1));
    });
    log.expect(&["pong"]);
}

#[test]
fn an_error_of_a_handler_closes_nothing() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, address) = bound();
        let peer = blocking();
        for message in ["no number", "7"] {
            peer.send_to(message.as_bytes(), address).expect("it can be sent");
        }
        socket.on_message(move |socket, datagram| {
            let number: u32 = text(datagram).parse()?;
            said.say(number.to_string());
            socket.close();
            Ok(())
        });
    });
    log.expect(&["7"]);
}
