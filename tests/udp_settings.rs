//! Multicast, broadcast, how far datagrams go, and buffers.

mod util;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};

use unspin::net::{UdpOptions, UdpSocket};
use util::Log;
use util::net::run;
use util::udp::bound;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 70, 71);
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A socket that hears groups: it is not bound to one address.
fn hearing() -> (UdpSocket, u16) {
    let socket = UdpOptions::new().reuse_address(true).bind("0.0.0.0:0").expect("a port is free");
    let port = socket.local_addr().expect("it is open").port();
    socket.set_multicast_interface_v4(LOOPBACK).expect("loopback is there");
    (socket, port)
}

#[test]
fn a_group_is_heard_from_joining_to_leaving() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, port) = hearing();
        socket.join_multicast_v4(GROUP, LOOPBACK).expect("it is a group");
        let again = socket.join_multicast_v4(GROUP, LOOPBACK).expect_err("it was joined");
        assert_eq!(again.kind(), ErrorKind::AddrInUse);
        assert!(again.to_string().starts_with("join 239.255.70.71: "), "{again}");
        let (sender, _) = hearing();
        sender.try_send_to(b"to all", (GROUP, port)).expect("it can be sent");
        let mut joined = true;
        socket.on_message(move |socket, datagram| {
            said.say(String::from_utf8_lossy(&datagram));
            if !std::mem::take(&mut joined) {
                return socket.close();
            }
            socket.leave_multicast_v4(GROUP, LOOPBACK).expect("it was joined");
            let twice = socket.leave_multicast_v4(GROUP, LOOPBACK).expect_err("it was left");
            assert_eq!(twice.kind(), ErrorKind::AddrNotAvailable);
            sender.try_send_to(b"to nobody", (GROUP, port)).expect("it can be sent");
            sender.try_send_to(b"to one", (LOOPBACK, port)).expect("it can be sent");
        });
    });
    log.expect(&["to all", "to one"]);
}

#[test]
fn a_source_is_heard_alone() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, port) = hearing();
        let group = Ipv4Addr::new(232, 1, 1, 1);
        let (friend, stranger) = (Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2));
        socket.join_source_v4(friend, group, LOOPBACK).expect("it is a group");
        let again = socket.join_source_v4(friend, group, LOOPBACK).expect_err("it was joined");
        assert_eq!(again.kind(), ErrorKind::AddrNotAvailable);
        for from in [stranger, friend] {
            let sender = UdpSocket::bind((from, 0)).expect("a port is free");
            sender.set_multicast_interface_v4(LOOPBACK).expect("loopback is there");
            sender.try_send_to(from.to_string().as_bytes(), (group, port)).expect("it is sent");
        }
        socket.on_message(move |socket, datagram| {
            said.say(String::from_utf8_lossy(&datagram));
            socket.leave_source_v4(friend, group, LOOPBACK).expect("it was joined");
            socket.close();
        });
    });
    log.expect(&["127.0.0.1"]);
}

/// Whether it is heard cannot be shown: the loopback interface has no route to groups of IPv6.
#[test]
fn a_group_of_ipv6_is_joined_and_left_once() {
    run(|| {
        let group: Ipv6Addr = "ff02::7071".parse().expect("it is an address");
        let socket = UdpSocket::bind("[::]:0").expect("IPv6 is there");
        // The loopback interface is the first of every Linux.
        socket.set_multicast_interface_v6(1).expect("loopback is there");
        socket.join_multicast_v6(group, 1).expect("it is a group");
        let again = socket.join_multicast_v6(group, 1).expect_err("it was joined");
        assert_eq!(again.kind(), ErrorKind::AddrInUse);
        socket.leave_multicast_v6(group, 1).expect("it was joined");
        let twice = socket.leave_multicast_v6(group, 1).expect_err("it was left");
        assert_eq!(twice.kind(), ErrorKind::AddrNotAvailable);
        let none = socket.join_multicast_v6(Ipv6Addr::LOCALHOST, 1).expect_err("it is no group");
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
    });
}

/// What the system lets through of an IPv6 group: its sources, in the form in which it lists them.
fn sources_of(group: Ipv6Addr) -> Vec<String> {
    let hex = format!("{:032x}", group.to_bits());
    let list = std::fs::read_to_string("/proc/net/mcfilter6").expect("the system lists them");
    let of_group = list.lines().filter(|line| line.contains(&hex));
    of_group.filter_map(|line| Some(line.split_whitespace().nth(3)?.to_owned())).collect()
}

/// Nor can this be heard; but the system lists whom it lets through.
#[test]
fn a_source_of_an_ipv6_group_is_let_through_alone_until_it_is_left() {
    run(|| {
        let group: Ipv6Addr = "ff32::7072".parse().expect("it is an address");
        let [one, other]: [Ipv6Addr; 2] = ["fe80::1", "fe80::2"].map(|it| it.parse().expect("one"));
        let socket = UdpSocket::bind("[::]:0").expect("IPv6 is there");
        for source in [one, other] {
            socket.join_source_v6(source, group, 1).expect("it is a group");
        }
        let listed = |address: Ipv6Addr| format!("{:032x}", address.to_bits());
        assert_eq!(sources_of(group), [listed(one), listed(other)]);
        let again = socket.join_source_v6(one, group, 1).expect_err("it was joined");
        assert_eq!(again.kind(), ErrorKind::AddrNotAvailable);
        assert!(again.to_string().starts_with("join ff32::7072 from fe80::1: "), "{again}");
        socket.leave_source_v6(one, group, 1).expect("it was joined");
        assert_eq!(sources_of(group), [listed(other)]);
        let twice = socket.leave_source_v6(one, group, 1).expect_err("it was left");
        assert_eq!(twice.kind(), ErrorKind::AddrNotAvailable);
        socket.leave_source_v6(other, group, 1).expect("it was joined");
        let all = socket.leave_source_v6(other, group, 1).expect_err("it was the last");
        assert_eq!(all.kind(), ErrorKind::InvalidInput);
        let none = socket.join_source_v6(one, Ipv6Addr::LOCALHOST, 1).expect_err("it is no group");
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
        socket.close();
        let closed = socket.join_source_v6(one, group, 1).expect_err("it is closed");
        assert_eq!(closed.kind(), ErrorKind::NotConnected);
    });
}

/// On the loopback interface itself, all comes back whatever is set: so the system is asked.
#[test]
fn whether_this_machine_hears_itself_can_be_set() {
    run(|| {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let socket = UdpSocket::bind(address).expect("a port is free");
            for on in [false, true] {
                socket.set_multicast_loop(on).expect("it can be set");
                assert_eq!(socket.multicast_loop().expect("it is open"), on);
            }
            assert_eq!(socket.multicast_ttl().expect("it is open"), 1);
            socket.set_multicast_ttl(7).expect("it is in the range");
            assert_eq!(socket.multicast_ttl().expect("it is open"), 7);
        }
    });
}

#[test]
fn an_address_that_is_no_group_cannot_be_joined() {
    run(|| {
        let (socket, _) = bound();
        let error = socket.join_multicast_v4(LOOPBACK, LOOPBACK).expect_err("it is no group");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_broadcast_needs_the_option() {
    run(|| {
        let (socket, _) = bound();
        let to = "127.255.255.255:9";
        let error = socket.try_send_to(b"x", to).expect_err("it was not asked for");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        socket.set_broadcast(true).expect("it can be set");
        socket.try_send_to(b"x", to).expect("it is allowed");
        let other = UdpOptions::new().broadcast(true).bind("127.0.0.1:0").expect("a port is free");
        other.try_send_to(b"x", to).expect("it is allowed");
    });
}

#[test]
fn hops_are_between_one_and_255() {
    run(|| {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let socket = UdpSocket::bind(address).expect("a port is free");
            socket.set_ttl(37).expect("it is in the range");
            assert_eq!(socket.ttl().expect("it is open"), 37);
            let error = socket.set_ttl(256).expect_err("it is not in the range");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            socket.set_multicast_ttl(255).expect("it is in the range");
            let error = socket.set_multicast_ttl(256).expect_err("it is not in the range");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        let (socket, _) = bound();
        let error = socket.set_ttl(0).expect_err("it would not get anywhere");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn buffers_have_the_size_that_was_asked_for_twice() {
    run(|| {
        let options = UdpOptions::new().receive_buffer(20_000).send_buffer(30_000);
        let socket = options.bind("127.0.0.1:0").expect("a port is free");
        // Linux counts its own overhead as well.
        assert_eq!(socket.receive_buffer().expect("it is open"), 40_000);
        assert_eq!(socket.send_buffer().expect("it is open"), 60_000);
    });
}
