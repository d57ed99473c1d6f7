//! What the network says of a datagram: to whom it is told, and that the socket lives on.

mod util;

use std::io::ErrorKind;

use unspin::net::UdpSocket;
use util::Log;
use util::net::run;
use util::udp::{bound, nobody};

#[test]
fn a_connected_socket_is_told_that_nobody_is_there_and_stays_open() {
    let log = Log::new();
    let said = log.clone();
    let peer = nobody();
    run(move || {
        let (socket, _) = bound();
        socket.connect(peer).expect("loopback is there");
        let mut left = 2;
        socket.on_error(move |socket, error| {
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            assert!(error.to_string().starts_with(&format!("receive from {peer}: ")), "{error}");
            assert!(!socket.is_closed());
            said.say("refused");
            left -= 1;
            if left == 0 {
                return socket.close();
            }
            socket.write(b"again");
        });
        socket.on_message(|_, datagram| panic!("{datagram:?}"));
        socket.write(b"anybody there?");
    });
    log.expect(&["refused", "refused"]);
}

#[test]
fn a_message_that_came_before_the_refusal_is_not_lost() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, address) = bound();
        let peer = util::udp::blocking();
        socket.connect(peer.local_addr().expect("it is open")).expect("loopback is there");
        peer.send_to(b"bye", address).expect("it can be sent");
        drop(peer);
        socket.try_send(b"still there?").expect("the refusal comes later");
        let log = said.clone();
        socket.on_error(move |_, error| log.say(format!("{:?}", error.kind())));
        socket.on_message(move |socket, datagram| {
            said.say(String::from_utf8_lossy(&datagram));
            socket.close();
        });
    });
    log.expect(&["ConnectionRefused", "bye"]);
}

#[test]
fn a_request_is_told_what_the_one_before_has_met() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, _) = bound();
        socket.connect(nobody()).expect("loopback is there");
        socket.try_send(b"first").expect("the refusal comes later");
        let kept = socket.clone();
        socket.send("second").callback(move |sent| {
            let error = sent.expect_err("the first was refused");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            said.say("refused");
            kept.close();
        });
    });
    log.expect(&["refused"]);
}

#[test]
fn a_socket_without_a_peer_is_told_nothing() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, address) = bound();
        socket.on_error(|_, error| panic!("{error}"));
        socket.on_message(move |socket, _| {
            said.say("message");
            socket.close();
        });
        socket.try_send_to(b"lost", nobody()).expect("it can be sent");
        socket.try_send_to(b"found", address).expect("it can be sent");
    });
    log.expect(&["message"]);
}

#[test]
fn a_socket_without_a_peer_that_asks_is_told_which_of_its_datagrams_did_not_arrive() {
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let log = Log::new();
        let said = log.clone();
        run(move || {
            let (gone, here) = (UdpSocket::bind(local), UdpSocket::bind(local));
            let (gone, here) = (gone.expect("a port is free"), here.expect("a port is free"));
            let nobody = gone.local_addr().expect("it is open");
            let address = here.local_addr().expect("it is open");
            gone.close();
            here.set_receive_errors(true).expect("it can be set");
            let log = said.clone();
            here.on_error(move |_, error| {
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                assert!(error.to_string().starts_with(&format!("send to {nobody}: ")), "{error}");
                log.say("refused");
            });
            here.try_send_to(b"lost", nobody).expect("it can be sent");
            // The error of the first does not keep the second back, however it is sent.
            here.try_send_to(b"tried", address).expect("it can be sent");
            here.try_send_to(b"lost", nobody).expect("it can be sent");
            here.write_to(b"written", address);
            let log = said.clone();
            here.on_message(move |socket, datagram| {
                log.say(String::from_utf8_lossy(&datagram));
                if &*datagram == b"written" {
                    // The refusals may be told behind it.
                    let socket = socket.clone();
                    unspin::set_immediate(move || socket.close());
                }
            });
        });
        let mut words = log.words();
        words.sort();
        assert_eq!(words, ["refused", "refused", "tried", "written"]);
    }
}

#[test]
fn a_port_that_is_taken_and_an_address_that_is_not_ours_are_told() {
    run(|| {
        let (_taken, address) = bound();
        let error = UdpSocket::bind(address).expect_err("it is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("bind udp to {address}: ")), "{error}");
        // Kept for documents: no machine has it.
        let error = UdpSocket::bind("192.0.2.1:0").expect_err("it is nobody's");
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    });
}

#[test]
fn a_closed_socket_says_not_connected() {
    run(|| {
        let (socket, address) = bound();
        socket.close();
        let closed = ErrorKind::NotConnected;
        assert_eq!(socket.local_addr().expect_err("closed").kind(), closed);
        assert_eq!(socket.connect(address).expect_err("closed").kind(), closed);
        assert_eq!(socket.try_send_to(b"x", address).expect_err("closed").kind(), closed);
        assert_eq!(socket.set_ttl(3).expect_err("closed").kind(), closed);
        assert_eq!(socket.set_broadcast(true).expect_err("closed").kind(), closed);
        assert!(!socket.write_to(b"x", address));
        socket.on_message(|_, _| panic!("it is closed"));
    });
}
