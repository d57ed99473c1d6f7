//! Datagrams that are sent: written, requested in three styles, or tried.

mod util;

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;

use unspin::net::UdpSocket;
use util::net::run;
use util::udp::{blocking, bound, narrow};
use util::{Drops, Log};

fn receive(peer: &std::net::UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let length = peer.recv(&mut buffer).expect("a datagram comes");
    buffer.truncate(length);
    buffer
}

/// Datagrams that a peer of `narrow` has in its queue.
fn queued_at(peer: &std::os::unix::net::UnixDatagram) -> usize {
    peer.set_nonblocking(true).expect("it is open");
    std::iter::from_fn(|| peer.recv(&mut [0; 8]).ok()).count()
}

/// Writes until the system takes no more, and returns how many datagrams it took.
fn fill(socket: &UdpSocket) -> usize {
    let sent = (0..100_000).take_while(|_| socket.try_send(b"full").is_ok()).count();
    assert_eq!(socket.try_send(b"full").expect_err("no room").kind(), ErrorKind::WouldBlock);
    sent
}

#[test]
fn what_is_written_in_one_task_waits_for_the_others_and_a_batch_goes_at_once() {
    run(|| {
        let (socket, _) = bound();
        let peer = blocking();
        let to = peer.local_addr().expect("it is open");
        for n in 1..16_u8 {
            assert!(socket.write_to(&[n], to));
            assert_eq!(socket.writable_datagrams(), usize::from(n));
        }
        assert_eq!(socket.writable_length(), 15);
        assert!(socket.write_to(&[16], to));
        assert_eq!((socket.writable_datagrams(), socket.writable_length()), (0, 0));
        for n in 1..=16 {
            assert_eq!(receive(&peer), [n]);
        }
        socket.write_to(b"rest", to);
        let asked = socket.clone();
        unspin::next_tick(move || assert_eq!(asked.writable_datagrams(), 1));
        // Pending, which comes before, has sent it.
        unspin::set_immediate(move || {
            assert_eq!(socket.writable_datagrams(), 0);
            assert_eq!(receive(&peer), b"rest");
        });
    });
}

#[test]
fn a_request_tells_when_it_is_sent_in_three_styles() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (socket, _) = bound();
        let peer = blocking();
        let to = peer.local_addr().expect("it is open");
        let log = said.clone();
        socket.send_to("callback", to).callback(move |sent| {
            log.say("callback");
            sent
        });
        let log = said.clone();
        socket.send_to("promise", to).promise().then(move |()| log.say("promise"));
        log_and_await(&socket, to, &said);
        // Nothing is called on the caller's stack.
        said.say("asked");
        unspin::before_exit(move |_| {
            assert_eq!(receive(&peer), b"callback");
            assert_eq!(receive(&peer), b"promise");
            #[cfg(feature = "async")]
            assert_eq!(receive(&peer), b"await");
        });
    });
    #[cfg(feature = "async")]
    log.expect(&["asked", "callback", "promise", "await"]);
    #[cfg(not(feature = "async"))]
    log.expect(&["asked", "callback", "promise"]);
}

#[cfg(feature = "async")]
fn log_and_await(socket: &UdpSocket, to: SocketAddr, log: &Log) {
    let (socket, log) = (socket.clone(), log.clone());
    unspin::spawn(async move {
        socket.send_to("await", to).await?;
        log.say("await");
        Ok(())
    })
    .log_err();
}

#[cfg(not(feature = "async"))]
fn log_and_await(_: &UdpSocket, _: SocketAddr, _: &Log) {}

#[test]
fn a_request_that_is_not_used_sends_nothing() {
    run(|| {
        let (socket, _) = bound();
        drop(socket.send_to("never", socket.local_addr().expect("it is open")));
        assert_eq!(socket.writable_datagrams(), 0);
    });
}

#[test]
fn an_unreferenced_socket_still_sends_what_it_accepted() {
    let log = Log::new();
    let said = log.clone();
    let peer = blocking();
    let to = peer.local_addr().expect("it is open");
    run(move || {
        let (socket, _) = bound();
        socket.unref();
        socket.write_to(b"written", to);
        socket.send_to("requested", to).callback(move |sent| {
            sent?;
            said.say("sent");
            Ok(())
        });
    });
    log.expect(&["sent"]);
    assert_eq!((receive(&peer), receive(&peer)), (b"written".to_vec(), b"requested".to_vec()));
}

#[test]
fn what_was_written_before_close_or_exit_or_the_last_handle_is_sent() {
    let peer = blocking();
    let to = peer.local_addr().expect("it is open");
    run(|| {
        let (closed, _) = bound();
        closed.write_to(b"close", to);
        closed.close();
        let (dropped, _) = bound();
        dropped.write_to(b"drop", to);
    });
    assert_eq!((receive(&peer), receive(&peer)), (b"close".to_vec(), b"drop".to_vec()));

    let event_loop = unspin::EventLoop::new().expect("the system has descriptors left");
    let code = event_loop.run(move || {
        let (socket, _) = bound();
        socket.on_message(|_, _| ());
        socket.write_to(b"exit", to);
        unspin::exit(3);
    });
    assert_eq!(code.expect("exit is no failure"), 3);
    drop(event_loop);
    assert_eq!(receive(&peer), b"exit");
}

#[test]
fn a_datagram_that_is_too_long_is_told_and_the_next_one_goes() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, _) = bound();
        let peer = blocking();
        let to = peer.local_addr().expect("it is open");
        const EMSGSIZE: i32 = 90;
        let log = said.clone();
        socket.on_error(move |socket, error| {
            assert_eq!(error.raw_os_error(), Some(EMSGSIZE));
            assert!(error.to_string().starts_with(&format!("send to {to}: ")), "{error}");
            assert!(!socket.is_closed());
            log.say("error");
        });
        let log = said.clone();
        socket.write_to(&[0; 70_000], to);
        socket.send_to(vec![0; 70_000], to).callback(move |sent| {
            let error = sent.expect_err("no datagram is so long");
            assert_eq!(error.raw_os_error(), Some(EMSGSIZE));
            log.say("request");
        });
        let open = socket.clone();
        socket.send_to("short", to).callback(move |sent| {
            sent?;
            assert!(!open.is_closed());
            assert_eq!(receive(&peer), b"short");
            said.say("sent");
            Ok(())
        });
        assert!(socket.try_send_to(&[0; 70_000], to).is_err());
    });
    log.expect(&["error", "request", "sent"]);
}

#[test]
fn sending_to_nobody_in_particular_needs_a_peer() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, _) = bound();
        assert_eq!(socket.try_send(b"x").expect_err("no peer").kind(), ErrorKind::NotConnected);
        let log = said.clone();
        socket.on_error(move |_, error| log.say(format!("error {:?}", error.kind())));
        socket.write(b"x");
        let told = socket.clone();
        socket.send("x").callback(move |sent| {
            said.say(format!("request {:?}", sent.expect_err("no peer").kind()));
            drop(told);
        });
    });
    log.expect(&["error NotConnected", "request NotConnected"]);
}

#[test]
fn an_address_that_is_none_is_invalid_input() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, _) = bound();
        let invalid = ErrorKind::InvalidInput;
        assert_eq!(UdpSocket::bind("nowhere").expect_err("no address").kind(), invalid);
        assert_eq!(socket.connect("nowhere").expect_err("no address").kind(), invalid);
        assert_eq!(socket.try_send_to(b"x", "nowhere").expect_err("no address").kind(), invalid);
        let log = said.clone();
        socket.on_error(move |_, error| log.say(format!("error {:?}", error.kind())));
        socket.write_to(b"x", "nowhere");
        let told = socket.clone();
        socket.send_to("x", "nowhere").callback(move |sent| {
            said.say(format!("request {:?}", sent.expect_err("no address").kind()));
            drop(told);
        });
    });
    log.expect(&["error InvalidInput", "request InvalidInput"]);
}

#[test]
fn many_can_be_tried_at_once() {
    run(|| {
        let (socket, _) = bound();
        let peer = blocking();
        let to = peer.local_addr().expect("it is open");
        let bytes: Vec<[u8; 1]> = (0..40).map(|n| [n]).collect();
        let mut datagrams: Vec<(&[u8], Option<SocketAddr>)> =
            bytes.iter().map(|bytes| (&bytes[..], Some(to))).collect();
        assert_eq!(socket.try_send_many(&datagrams).expect("it can be sent"), 40);
        for n in 0..40 {
            assert_eq!(receive(&peer), [n]);
        }
        // The first that fails ends it, and is told only if it is the first of all.
        datagrams[2].1 = None;
        assert_eq!(socket.try_send_many(&datagrams).expect("two are sent"), 2);
        let error = socket.try_send_many(&datagrams[2..]).expect_err("no peer");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        assert_eq!(socket.try_send_many(&[]).expect("nothing to do"), 0);
    });
}

#[test]
fn a_full_system_makes_the_queue_grow_until_there_is_room() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, peer) = narrow();
        socket.set_high_water_mark(8);
        let full = fill(&socket);
        assert!(socket.write(b"1234"));
        assert!(!socket.write(b"5678"), "the mark is reached");
        assert_eq!(socket.try_send(b"x").expect_err("others wait").kind(), ErrorKind::WouldBlock);
        let log = said.clone();
        socket.on_drain(move |socket| {
            assert_eq!((socket.writable_datagrams(), socket.writable_length()), (0, 0));
            log.say("drain");
        });
        let sent = Rc::new(Cell::new(false));
        let done = sent.clone();
        socket.send("9").callback(move |result| {
            done.set(true);
            said.say("sent");
            result
        });
        // Nothing has moved by the next turn: it waits for room, and does not spin.
        unspin::set_immediate(move || {
            assert!(!sent.get());
            assert_eq!(socket.writable_datagrams(), 3);
            assert!(unspin::why_alive().iter().any(|it| it.state.starts_with("sending on")));
            assert_eq!(queued_at(&peer), full);
            unspin::before_exit(move |_| {
                assert_eq!(queued_at(&peer), 3);
                assert!(!socket.is_closed());
            });
        });
    });
    log.expect(&["sent", "drain"]);
}

#[test]
fn the_last_handle_takes_the_socket_with_it_once_all_is_sent() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, peer) = narrow();
        let full = fill(&socket);
        let log = said.clone();
        socket.on_close(move |_| log.say("close"));
        socket.send("last").callback(move |sent| {
            sent?;
            said.say("sent");
            Ok(())
        });
        drop(socket);
        unspin::set_immediate(move || {
            assert_eq!(queued_at(&peer), full);
            unspin::before_exit(move |_| assert_eq!(queued_at(&peer), 1));
        });
    });
    log.expect(&["sent", "close"]);
}

#[test]
fn a_socket_whose_queue_is_full_receives_nothing_until_it_drains() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, peer) = narrow();
        fill(&socket);
        socket.set_high_water_mark(3);
        peer.send(b"asks").expect("there is room this way");
        socket.write(b"full");
        let log = said.clone();
        socket.on_message(move |socket, _| {
            log.say("message");
            socket.close();
        });
        unspin::set_immediate(move || {
            unspin::set_immediate(move || {
                said.say("read");
                queued_at(&peer);
                unspin::before_exit(move |_| drop(peer.local_addr()));
            });
        });
    });
    log.expect(&["read", "message"]);
}

#[test]
fn closing_tells_the_requests_that_wait_and_then_that_it_is_closed() {
    let (log, drops) = (Log::new(), Drops::new());
    let (said, guards) = (log.clone(), drops.clone());
    run(move || {
        let (socket, _peer) = narrow();
        fill(&socket);
        let log = said.clone();
        socket.on_close(move |_| log.say("close"));
        for _ in 0..2 {
            let (log, guard) = (said.clone(), guards.guard());
            socket.send("late").callback(move |sent| {
                guard.keep();
                assert!(sent.expect_err("it was closed").is_cancelled());
                log.say("cancelled");
            });
        }
        socket.close();
        let log = said.clone();
        socket.send("later").callback(move |sent| {
            log.say(format!("{:?}", sent.expect_err("it is closed").kind()));
        });
        said.say("asked");
    });
    log.expect(&["asked", "NotConnected", "cancelled", "cancelled", "close"]);
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_request_that_waits_can_be_cancelled() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, peer) = narrow();
        let full = fill(&socket);
        socket.send("before").callback(|sent| sent);
        let log = said.clone();
        let pending = socket.send("never").callback(move |sent| {
            assert!(sent.expect_err("it was cancelled").is_cancelled());
            log.say("cancelled");
        });
        let log = said.clone();
        let after = socket.send("after").callback(move |sent| {
            sent?;
            log.say("after");
            Ok(())
        });
        assert!(pending.cancel());
        assert!(!pending.cancel(), "it was cancelled before");
        let read = [full, 2];
        unspin::set_immediate(move || {
            assert_eq!(queued_at(&peer), read[0]);
            unspin::before_exit(move |_| {
                assert_eq!(queued_at(&peer), read[1]);
                assert!(!after.cancel(), "it is sent");
            });
        });
    });
    log.expect(&["cancelled", "after"]);
}

#[test]
fn a_thousand_sends_that_fail_stall_nothing() {
    let log = Log::new();
    let said = log.clone();
    run(move || {
        let (socket, _) = bound();
        let (failures, turns) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let counted = turns.clone();
        let hook = unspin::on_prepare(move || counted.set(counted.get() + 1));
        again(socket, failures, move |failures| {
            assert!(turns.get() > 1, "the loop went on turning");
            hook.remove();
            said.say(failures.to_string());
        });
    });
    log.expect(&["1000"]);

    /// A broadcast address is refused by the system as long as the socket does not ask for it.
    fn again(socket: UdpSocket, failures: Rc<Cell<u32>>, end: impl FnOnce(u32) + 'static) {
        socket.clone().send_to("x", "255.255.255.255:9").callback(move |sent| {
            assert_eq!(sent.expect_err("no broadcast").kind(), ErrorKind::PermissionDenied);
            failures.set(failures.get() + 1);
            if failures.get() < 1000 {
                again(socket, failures, end);
            } else {
                end(failures.get());
            }
        });
    }
}

#[test]
fn hundreds_of_sockets_are_closed_with_their_datagrams_under_way() {
    let (sent, closed) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let counts = (sent.clone(), closed.clone());
    run(move || {
        let (sink, to) = bound();
        let mut sockets = Vec::new();
        // As many as a process may have descriptors, by default, and then some left.
        for _ in 0..800 {
            let (socket, _) = bound();
            let (sent, closed) = (counts.0.clone(), counts.1.clone());
            socket.on_message(|_, _| ());
            socket.on_close(move |_| closed.set(closed.get() + 1));
            socket.send_to("x", to).callback(move |_| sent.set(sent.get() + 1));
            sockets.push(socket);
        }
        unspin::set_immediate(move || {
            sockets.iter().for_each(UdpSocket::close);
            sink.close();
        });
    });
    assert_eq!((sent.get(), closed.get()), (800, 800));
}
