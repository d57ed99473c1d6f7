//! Descriptors of somebody else's: levels, in three styles, on the loop's terms.

#![allow(unsafe_code, reason = "only the system's own call puts a descriptor in another's place")]

mod util;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use unspin::{FdWatcher, Interest, ResourceKind, watch_fd};
use util::net::{beside, pattern, run};
use util::{Drops, Log};

/// Both ends of a connection that does not block.
fn pair() -> (Rc<UnixStream>, UnixStream) {
    let (one, other) = UnixStream::pair().expect("the system has descriptors left");
    one.set_nonblocking(true).expect("it is open");
    other.set_nonblocking(true).expect("it is open");
    (Rc::new(one), other)
}

#[track_caller]
fn watch(socket: &Rc<UnixStream>, interest: Interest) -> FdWatcher {
    watch_fd(Rc::clone(socket), interest).expect("it can be watched")
}

fn read_byte(socket: &UnixStream) -> Option<u8> {
    let mut byte = [0];
    let read = (&*socket).read(&mut byte).expect("it is ready");
    (read == 1).then_some(byte[0])
}

#[test]
fn what_is_left_unread_is_told_again() {
    let log = Log::new();
    run(|| {
        let (socket, mut peer) = pair();
        let said = log.clone();
        watch(&socket, Interest::READABLE).on_ready(move |watcher, ready| {
            assert!(ready.is_readable() && !ready.is_writable());
            match read_byte(&socket) {
                Some(byte) => said.say(char::from(byte)),
                None => {
                    assert!(ready.is_closed());
                    said.say("end");
                    watcher.close();
                }
            }
        });
        peer.write_all(b"abc").expect("there is room");
    });
    log.expect(&["a", "b", "c", "end"]);
}

#[test]
fn it_is_told_once_a_turn() {
    let log = Log::new();
    run(|| {
        let (socket, peer) = pair();
        let said = log.clone();
        watch(&socket, Interest::WRITABLE).on_ready(move |watcher, _| {
            said.say("ready");
            unspin::set_immediate(said.add("immediate"));
            if said.words().len() > 3 {
                watcher.close();
            }
        });
        unspin::on_exit(move |_| drop(peer.try_clone()));
    });
    log.expect(&["ready", "immediate", "ready", "immediate", "ready", "immediate"]);
}

#[test]
fn only_what_was_asked_is_told_and_it_can_be_changed() {
    let log = Log::new();
    run(|| {
        let (socket, mut peer) = pair();
        let said = log.clone();
        watch(&socket, Interest::READABLE).on_ready(move |watcher, ready| {
            said.say(format!("{ready:?}"));
            match said.words().len() {
                // Nothing was read: it is readable all the time.
                1 => watcher.set_interest(Interest::WRITABLE),
                2 => watcher.set_interest(Interest::READABLE | Interest::WRITABLE),
                _ => {
                    watcher.close();
                    Ok(())
                }
            }
        });
        peer.write_all(b"x").expect("there is room");
        unspin::on_exit(move |_| drop(peer.try_clone()));
    });
    log.expect(&[r#"{"readable"}"#, r#"{"writable"}"#, r#"{"readable", "writable"}"#]);
}

#[test]
fn a_full_descriptor_is_told_when_it_has_room() {
    const LENGTH: usize = 4 << 20;
    run(|| {
        let (socket, mut peer) = pair();
        peer.set_nonblocking(false).expect("it is open");
        let (bytes, sent, calls) = (pattern(LENGTH), Cell::new(0), Cell::new(0));
        watch(&socket, Interest::WRITABLE).on_ready(move |watcher, ready| {
            assert!(ready.is_writable());
            calls.set(calls.get() + 1);
            match (&*socket).write(&bytes[sent.get()..]) {
                Ok(written) => sent.set(sent.get() + written),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            if sent.get() == LENGTH {
                assert!(calls.get() > 1, "it was never full");
                watcher.close();
            }
        });
        beside(move || {
            let mut bytes = vec![0; LENGTH];
            peer.read_exact(&mut bytes).expect("all comes");
            assert!(bytes == pattern(LENGTH), "other bytes");
        });
    });
}

#[test]
fn it_is_asked_once_by_a_request() {
    let log = Log::new();
    run(|| {
        let (socket, mut peer) = pair();
        let watcher = watch(&socket, Interest::READABLE);
        let said = log.clone();
        // The request is as good as a handle.
        watcher.ready().callback(move |ready| {
            assert!(ready.expect("it is open").is_readable());
            said.say("callback");
        });
        let said = log.clone();
        watcher.ready().promise().then(move |_| said.say("promise"));
        drop(watcher);
        assert_eq!(unspin::why_alive().iter().filter(|it| it.holds).count(), 1);
        peer.write_all(b"x").expect("there is room");
        unspin::on_exit(move |_| drop(peer.try_clone()));
    });
    log.expect(&["callback", "promise"]);
}

#[cfg(feature = "async")]
#[test]
fn it_can_be_awaited_and_given_up() {
    unspin::block_on(async {
        let (socket, mut peer) = pair();
        let watcher = watch(&socket, Interest::READABLE);
        assert!(unspin::timeout(util::millis(1), watcher.ready()).await.is_err());
        peer.write_all(b"ab").expect("there is room");
        for byte in *b"ab" {
            // Asked twice, it is as ready as before.
            watcher.ready().await?;
            assert!(watcher.ready().await?.is_readable());
            assert_eq!(read_byte(&socket), Some(byte));
        }
        assert!(unspin::timeout(util::millis(1), watcher.ready()).await.is_err());
        Ok(())
    })
    .expect("nothing in it fails");
}

#[test]
fn a_request_can_be_cancelled_and_ends_with_the_watcher() {
    let log = Log::new();
    run(|| {
        let (socket, peer) = pair();
        let watcher = watch(&socket, Interest::READABLE);
        let said = log.clone();
        let pending = watcher.ready().callback(move |ready| {
            assert!(ready.expect_err("nothing came").is_cancelled());
            said.say("cancelled");
        });
        assert!(pending.cancel() && !pending.cancel());
        let said = log.clone();
        watcher.ready().callback(move |ready| {
            said.say(format!("{:?}", ready.expect_err("nothing came").kind()));
        });
        watcher.on_close(log.add("closed")).close();
        let said = log.clone();
        watcher.ready().callback(move |ready| {
            said.say(format!("{:?}", ready.expect_err("it is closed").kind()));
        });
        let interest = watcher.set_interest(Interest::WRITABLE);
        assert_eq!(interest.expect_err("it is closed").kind(), ErrorKind::NotConnected);
        drop(peer);
    });
    log.expect(&["cancelled", "NotConnected", "NotConnected", "closed"]);
}

#[test]
fn closed_by_one_request_it_calls_no_handler_and_tells_the_other_requests() {
    let log = Log::new();
    run(|| {
        let (socket, mut peer) = pair();
        let watcher = watch(&socket, Interest::READABLE);
        let (said, closing) = (log.clone(), watcher.clone());
        watcher.ready().callback(move |ready| {
            said.say(format!("{}", ready.expect("it is open").is_readable()));
            closing.close();
        });
        let said = log.clone();
        watcher.ready().callback(move |ready| {
            said.say(format!("{:?}", ready.expect_err("it is closed").kind()));
        });
        watcher.on_ready(|_, _| unreachable!("it is closed"));
        peer.write_all(b"x").expect("there is room");
    });
    log.expect(&["true", "NotConnected"]);
}

#[test]
fn one_descriptor_is_watched_once_at_a_time() {
    run(|| {
        let (socket, _peer) = pair();
        let first = watch(&socket, Interest::READABLE);
        let second = watch_fd(Rc::clone(&socket), Interest::READABLE);
        assert_eq!(second.expect_err("the first one does").kind(), ErrorKind::AlreadyExists);
        first.close();
        watch(&socket, Interest::READABLE);
    });
}

#[test]
fn one_that_is_watched_and_not_asked_for_cannot_be_watched_twice_either() {
    let log = Log::new();
    run(|| {
        let (socket, mut peer) = pair();
        let first = watch(&socket, Interest::READABLE);
        let said = log.clone();
        peer.write_all(b"x").expect("there is room");
        // Nobody asks the first one: the kernel is told to forget it.
        unspin::set_immediate(move || {
            unspin::set_immediate(move || {
                let second = watch_fd(Rc::clone(&socket), Interest::READABLE);
                said.say(format!("{:?}", second.expect_err("the first one does").kind()));
                drop((first, peer));
            });
        });
    });
    log.expect(&["AlreadyExists"]);
}

/// A C library that closes a descriptor without a word, and opens another.
#[test]
fn a_number_that_is_used_again_under_its_watcher_is_the_new_ones() {
    let log = Log::new();
    run(|| {
        let (socket, _old_peer) = pair();
        let old = watch(&socket, Interest::READABLE);
        old.on_ready(|_, _| unreachable!("it is gone")).on_close(log.add("old closed"));
        let (new, mut peer) = pair();
        put_in_place(&new, &socket);
        let new = watch(&socket, Interest::READABLE);
        let said = log.clone();
        new.on_ready(move |watcher, _| {
            said.say("new ready");
            watcher.close();
        });
        assert!(old.is_closed());
        old.close();
        drop(old);
        peer.write_all(b"x").expect("there is room");
        unspin::on_exit(move |_| drop(peer.try_clone()));
    });
    log.expect(&["new ready", "old closed"]);
}

/// Has the number of `old` mean the socket `new`, as if the one had been closed and the other opened.
fn put_in_place(new: &UnixStream, old: &UnixStream) {
    // SAFETY: both are open; a dup2 is one system call, and harms no memory.
    let number = unsafe { libc::dup2(new.as_raw_fd(), old.as_raw_fd()) };
    assert_eq!(number, old.as_raw_fd());
}

#[test]
fn what_is_urgent_is_told_to_who_asks_for_it() {
    let log = Log::new();
    run(|| {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("it has one");
        let sender = std::net::TcpStream::connect(address).expect("it listens");
        let (socket, _) = listener.accept().expect("it is connected");
        socket.set_nonblocking(true).expect("it is open");
        let said = log.clone();
        watch_fd(socket, Interest::READABLE | Interest::PRIORITY)
            .expect("it can be watched")
            .on_ready(move |watcher, ready| match said.words().len() {
                0 => {
                    said.say(format!("{ready:?}"));
                    watcher.set_interest(Interest::WRITABLE)
                }
                _ => {
                    said.say(format!("{ready:?}"));
                    watcher.close();
                    Ok(())
                }
            });
        socket2::SockRef::from(&sender).send_out_of_band(b"!").expect("there is room");
        unspin::on_exit(move |_| drop(sender.try_clone()));
    });
    let words = log.words();
    assert!(words[0].contains("priority"), "{words:?}");
    assert_eq!(words[1], r#"{"writable"}"#);
}

#[test]
fn what_has_no_readiness_is_refused() {
    run(|| {
        let directory = File::open("/").expect("every system has it");
        let refused = watch_fd(directory, Interest::READABLE).expect_err("it is a directory");
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        let text = refused.to_string();
        assert!(text.starts_with("watch descriptor "), "{text}");
        assert!(text.contains("always ready"), "{text}");
    });
}

#[test]
fn many_can_be_closed_before_the_first_poll() {
    let log = Log::new();
    run(|| {
        for _ in 0..64 {
            let (socket, peer) = pair();
            drop(peer);
            let watcher = watch(&socket, Interest::READABLE);
            watcher.on_ready(|_, _| panic!("it is closed")).on_close(log.add("closed"));
            watcher.close();
        }
    });
    assert_eq!(log.words().len(), 64);
}

#[test]
fn one_that_another_closes_in_the_same_poll_is_not_called() {
    let calls = Rc::new(Cell::new(0));
    run(|| {
        let watchers: Rc<RefCell<Vec<FdWatcher>>> = Rc::default();
        for _ in 0..16 {
            let (socket, mut peer) = pair();
            peer.write_all(b"x").expect("there is room");
            let (all, calls) = (Rc::clone(&watchers), Rc::clone(&calls));
            let watcher = watch(&socket, Interest::READABLE);
            watcher.on_ready(move |_, _| {
                calls.set(calls.get() + 1);
                all.take().iter().for_each(FdWatcher::close);
                peer.flush().expect("it is open");
            });
            watchers.borrow_mut().push(watcher);
        }
    });
    assert_eq!(calls.get(), 1);
}

#[test]
fn it_is_given_back_when_the_watcher_is_closed_or_nobody_has_it() {
    run(|| {
        let (socket, _peer) = pair();
        let watcher = watch(&socket, Interest::READABLE);
        assert_eq!(Rc::strong_count(&socket), 2);
        let other = watcher.clone();
        drop(watcher);
        assert_eq!(Rc::strong_count(&socket), 2);
        drop(other);
        assert_eq!(Rc::strong_count(&socket), 1);
    });
}

#[test]
fn it_keeps_the_loop_alive_unless_it_is_unreferenced_and_says_so() {
    let drops = Drops::new();
    run(|| {
        let (socket, peer) = pair();
        let watcher = watch(&socket, Interest::READABLE);
        let line = line!() - 1;
        let held = || -> Vec<_> {
            let alive = unspin::why_alive().into_iter();
            alive.filter(|it| it.kind == ResourceKind::Descriptor).collect()
        };
        assert!(held().is_empty());
        let guard = (drops.guard(), peer);
        watcher.on_ready(move |_, _| guard.0.keep());
        assert_eq!((held().len(), held()[0].at.line()), (1, line));
        assert!(held()[0].state.ends_with(", for reading"), "{}", held()[0].state);
        assert!(!watcher.unref().has_ref());
        assert!(held().is_empty());
        assert!(watcher.ref_().has_ref());
        assert_eq!(held().len(), 1);
        watcher.unref();
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_loop_that_ends_drops_a_handler_that_holds_its_own_watcher() {
    let drops = Drops::new();
    for closed in [false, true] {
        let event_loop = unspin::EventLoop::new().expect("a loop");
        let guard = drops.guard();
        let (socket, _peer) = pair();
        let given = Rc::clone(&socket);
        let code = event_loop.run(move || {
            let watcher = watch(&given, Interest::READABLE);
            let own = watcher.clone();
            watcher.on_ready(move |_, _| {
                guard.keep();
                own.close();
            });
            if closed {
                watcher.close();
            }
            unspin::stop();
        });
        assert_eq!(code.expect("nothing fails"), 0);
        drop(event_loop);
        assert_eq!(Rc::strong_count(&socket), 1, "it was given back");
    }
    assert_eq!(drops.count(), 2);
}

/// Bytes go both ways in pieces, and what is asked changes in the callbacks.
#[test]
fn bytes_go_both_ways_while_the_interest_changes() {
    const LENGTH: usize = 256 * 1024;
    run(|| {
        for _ in 0..5 {
            let (socket, peer) = pair();
            peer.set_nonblocking(false).expect("it is open");
            let (sent, received, bytes) =
                (Cell::new(0), RefCell::new(Vec::<u8>::new()), pattern(LENGTH));
            let both = Interest::READABLE | Interest::WRITABLE;
            watch(&socket, both).on_ready(move |watcher, ready| {
                if ready.is_writable() {
                    let piece = &bytes[sent.get()..LENGTH.min(sent.get() + 7001)];
                    sent.set(sent.get() + (&*socket).write(piece)?);
                    if sent.get() == LENGTH {
                        socket.shutdown(std::net::Shutdown::Write)?;
                        watcher.set_interest(Interest::READABLE)?;
                    }
                }
                if ready.is_readable() {
                    let mut piece = [0; 5003];
                    match (&*socket).read(&mut piece) {
                        Ok(0) => {
                            assert!(sent.get() == LENGTH && *received.borrow() == bytes);
                            watcher.close();
                        }
                        Ok(length) => received.borrow_mut().extend(&piece[..length]),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                }
                Ok(())
            });
            beside(move || {
                std::io::copy(&mut &peer, &mut &peer).expect("it echoes");
                peer.shutdown(std::net::Shutdown::Write).expect("it is open");
            });
        }
    });
}
