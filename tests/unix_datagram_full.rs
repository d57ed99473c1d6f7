//! Datagrams through Unix sockets, to receivers that are full: their senders wait, and find room.

mod util;

use std::cell::Cell;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram as Blocking;
use std::path::PathBuf;
use std::rc::Rc;

use tempfile::TempDir;
use unspin::ResourceKind;
use unspin::net::UnixDatagram;
use util::net::{PATIENCE, run};
use util::{Log, millis};

fn place() -> (PathBuf, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    (directory.path().join("socket"), directory)
}

/// A socket that is bound, blocks, and does not wait for ever.
fn blocking(path: &PathBuf) -> Blocking {
    let socket = Blocking::bind(path).expect("the path is free");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    socket
}

/// What a receiver does not read waits at the senders: nothing is lost, in either case of whether
/// the system tells them when to go on.
fn slow_receiver(connected: bool) {
    const COUNT: u32 = 500;
    let (path, _directory) = place();
    run(|| {
        let receiver = UnixDatagram::bind(&path).expect("the path is free");
        let sender = UnixDatagram::unbound().expect("the system has descriptors left");
        if connected {
            sender.connect(&path).expect("somebody is there");
        }
        let drained = Rc::new(Cell::new(false));
        let seen = Rc::clone(&drained);
        sender.set_high_water_mark(100);
        sender.on_drain(move |_| seen.set(true));
        for n in 0..COUNT {
            let word = n.to_be_bytes();
            if connected {
                sender.write(&word)
            } else {
                sender.write_to(&word, &path)
            };
        }
        assert!(sender.writable_datagrams() > 100, "the receiver's queue has a limit");
        let full = sender.try_send_to(b"x", &path).expect_err("others wait");
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let mut next = 0_u32;
        receiver.on_message(move |receiver, datagram| {
            assert_eq!(*datagram, next.to_be_bytes());
            next += 1;
            if next == COUNT {
                receiver.close();
            }
        });
        unspin::before_exit(move |_| assert!(drained.get()));
    });
}

#[test]
fn a_full_receiver_makes_a_connected_sender_wait_and_nothing_is_lost() {
    slow_receiver(true);
}

#[test]
fn a_full_receiver_makes_a_sender_without_a_peer_wait_and_nothing_is_lost() {
    slow_receiver(false);
}

/// The system does not say so: only what was sent by the sender itself makes an event, and what
/// makes room at its peer.
fn room_is_made_by_others(has_another_peer: bool) {
    let log = Log::new();
    let said = log.clone();
    let ((path, _directory), (elsewhere, _there)) = (place(), place());
    run(|| {
        let receiver = blocking(&path);
        let other = Blocking::unbound().expect("the system has descriptors left");
        other.set_nonblocking(true).expect("it is open");
        while other.send_to(b"full", &path).is_ok() {}
        let sender = UnixDatagram::unbound().expect("the system has descriptors left");
        let peer = blocking(&elsewhere);
        if has_another_peer {
            sender.connect(&elsewhere).expect("somebody is there");
        }
        sender.send_to("at last", &path).callback(move |sent| {
            said.say("sent");
            sent
        });
        let before = unspin::metrics().turns;
        unspin::set_timeout(millis(100), move || {
            let turns = unspin::metrics().turns - before;
            assert!(turns < 50, "a try each 10 ms, and not {turns}");
            let mut buffer = [0; 16];
            receiver.recv(&mut buffer).expect("it is full");
            unspin::before_exit(move |_| {
                receiver.set_nonblocking(true).expect("it is open");
                let last = std::iter::from_fn(|| receiver.recv(&mut buffer).ok()).last();
                assert_eq!(last, Some(7));
                let _ = &peer;
            });
        });
    });
    log.expect(&["sent"]);
}

#[test]
fn room_that_others_make_is_found() {
    room_is_made_by_others(false);
}

#[test]
fn room_that_others_make_is_found_also_where_it_is_not_the_peers() {
    room_is_made_by_others(true);
}

/// The timer of the socket that was opened in this line: when it is due.
fn again(line: u32) -> Option<String> {
    let mut all = unspin::resources().into_iter();
    let timer = all.find(|it| it.kind == ResourceKind::Timer && it.at.line() == line)?;
    Some(timer.state.rsplit(" in ").next().expect("it is due some time").to_owned())
}

#[test]
fn a_receiver_that_stays_full_is_tried_less_and_less_often() {
    let log = Log::new();
    let said = log.clone();
    let (path, _directory) = place();
    run(|| {
        let full = blocking(&path);
        full.set_nonblocking(true).expect("it is open");
        let socket = UnixDatagram::unbound().expect("the system has descriptors left");
        let line = line!() - 1;
        unspin::set_interval(millis(1), move |timer| {
            if again(line).is_some() {
                return;
            }
            while socket.try_send_to(b"full", &path).is_ok() {}
            said.say(again(line).expect("it waits for room"));
            match said.words().len() {
                // What is sent then begins it anew.
                6 => drop(full.recv(&mut [0; 16]).expect("it is full")),
                7 => timer.clear(),
                _ => {}
            }
        });
    });
    log.expect(&["1.0 ms", "2.0 ms", "4.0 ms", "8.0 ms", "10.0 ms", "10.0 ms", "1.0 ms"]);
}

/// Else each message that comes meanwhile would begin a series of tries of its own.
#[test]
fn one_timer_waits_for_a_full_receiver_however_much_comes_meanwhile() {
    let ((path, _directory), (ours, _here)) = (place(), place());
    run(|| {
        let full = blocking(&path);
        let socket = UnixDatagram::bind(&ours).expect("the path is free");
        let line = line!() - 1;
        let timers = move || {
            let all = unspin::resources().into_iter();
            all.filter(|it| it.kind == ResourceKind::Timer && it.at.line() == line).count()
        };
        while socket.try_send_to(b"full", &path).is_ok() {}
        socket.write_to(b"waits", &path);
        let other = UnixDatagram::unbound().expect("the system has descriptors left");
        other.write_to(b"first", &ours);
        let mut left = 20;
        socket.on_message(move |socket, _| {
            assert_eq!((timers(), socket.writable_datagrams()), (1, 1));
            left -= 1;
            if left == 0 {
                let _ = &full;
                return socket.close();
            }
            other.write_to(b"more", &ours);
        });
    });
}
