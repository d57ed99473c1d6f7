//! What callbacks of a stream may do: fail, close, replace themselves, let go of it.

mod util;

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::{Shutdown, TcpStream as Socket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use unspin::CallbackKind;
use unspin::net::TcpStream;
use util::net::{
    beside, echo_server, ending, pair, read_to_end, round_trip, run, says, spy, streams,
};
use util::{Drops, Log, OnDrop, panic_text};

/// Two connections whose peers sent a word each, so that one poll brings both.
fn two_with_data(with: impl FnOnce([TcpStream; 2], [Socket; 2]) + 'static) {
    pair(move |one, mut first| {
        pair(move |other, mut second| {
            first.write_all(b"one").expect("it fits into the buffers");
            second.write_all(b"two").expect("it fits into the buffers");
            with([one, other], [first, second]);
        });
    });
}

#[test]
fn a_stream_goes_on_after_a_panic_that_a_hook_took() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        unspin::on_uncaught(move |uncaught| {
            assert!(uncaught.error().is_panic());
            assert_eq!(uncaught.kind(), CallbackKind::Data);
            said.say(format!("{} at {}", uncaught.error(), uncaught.at().line()));
        });
        pair(|stream, mut socket| {
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
                if chunk == b"bad" {
                    panic!("no good");
                }
            });
            beside(move || {
                for word in [&b"good"[..], b"bad", b"good"] {
                    assert!(round_trip(&mut socket, word) == word);
                }
            });
        });
    });
    let line = line!() - 13;
    log.expect(&[&format!("a callback panicked: no good at {line}")]);
}

#[test]
fn a_panic_that_no_hook_takes_ends_the_loop_and_closes_its_streams() {
    let drops = Drops::new();
    let peers = Rc::new(RefCell::new(Vec::new()));
    let (guards, seen) = (drops.clone(), Rc::clone(&peers));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        run(|| {
            two_with_data(move |streams, sockets| {
                for mut socket in sockets {
                    // Threads that the loop knows nothing of.
                    seen.borrow_mut().push(thread::spawn(move || ending(&mut socket)));
                }
                for stream in streams {
                    let guard = guards.guard();
                    stream.on_data(move |_, _| {
                        guard.keep();
                        panic!("on purpose")
                    });
                }
            });
        });
    }));
    assert_eq!(panic_text(&*outcome.expect_err("it goes on")), "on purpose");
    assert_eq!(drops.count(), 2);
    for peer in peers.take() {
        // In order, or by a reset if there were bytes that nobody had read.
        let _ended = peer.join().expect("it does not panic");
    }
}

#[test]
fn a_stream_that_is_closed_in_its_data_handler_gets_nothing_more() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            spy(&stream, &said);
            stream.on_data(move |stream, _| {
                said.say("data");
                stream.close();
                assert!(stream.is_closed());
                assert!(!stream.write(b"too late"));
            });
            beside(move || {
                // More than one chunk, and an end; the peer may be gone before all is sent.
                let _sent = socket.write_all(&[0; 1 << 20]);
                let _ended = socket.shutdown(Shutdown::Write);
            });
        });
    });
    log.expect(&["data", "close"]);
}

#[test]
fn a_handler_may_write_to_another_stream() {
    run(|| {
        pair(|from, mut source| {
            pair(move |to, mut sink| {
                let other = to.clone();
                from.on_data(move |_, chunk| {
                    other.write(chunk);
                });
                from.on_end(move |_| to.end());
                source.write_all(b"passed on").expect("it fits into the buffers");
                drop(source);
                beside(move || assert_eq!(read_to_end(&mut sink), b"passed on"));
            });
        });
    });
}

#[test]
fn a_handler_may_replace_itself() {
    let (log, drops) = (Log::new(), Drops::new());
    let (said, guard, dropped) = (log.clone(), drops.guard(), drops.clone());
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_data(move |stream, chunk| {
                guard.keep();
                let said = said.clone();
                said.say("first");
                let dropped = dropped.clone();
                stream.on_data(move |stream, chunk| {
                    assert_eq!(dropped.count(), 1, "the first one is gone when it has returned");
                    said.say("second");
                    stream.write(chunk);
                });
                stream.write(chunk);
            });
            beside(move || {
                for _ in 0..3 {
                    assert!(round_trip(&mut socket, b"x") == b"x");
                }
            });
        });
    });
    log.expect(&["first", "second", "second"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_handler_may_let_go_of_the_last_handle() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_close(says(&said, "close"));
            let mut kept = Some(stream.clone());
            let heard = said.clone();
            // Nobody reads this stream, so its handles own it, and `drain` holds the last one.
            stream.on_drain(move |_| {
                heard.say("drain");
                drop(kept.take());
            });
            assert!(!stream.write_owned(vec![0; 8 << 20]));
            drop(stream);
            beside(move || assert_eq!(read_to_end(&mut socket).len(), 8 << 20));
        });
    });
    log.expect(&["drain", "close"]);
}

#[test]
fn handlers_that_hold_their_own_stream_are_dropped_when_it_is_closed() {
    let drops = Drops::new();
    let guards = drops.clone();
    run(|| {
        pair(move |stream, socket| {
            let hold = || (guards.guard(), stream.clone());
            let [data, end, drain, idle, error, close] = [(); 6].map(|()| hold());
            stream.on_data(move |_, _| data.0.keep());
            stream.on_end(move |_| end.0.keep());
            stream.on_drain(move |_| drain.0.keep());
            stream.on_idle(move |_| idle.0.keep());
            stream.on_error(move |_, _| error.0.keep());
            stream.on_close(move |_| close.0.keep());
            drop(socket);
        });
        unspin::before_exit({
            let drops = drops.clone();
            move |_| assert_eq!(drops.count(), 6)
        });
    });
    assert_eq!(drops.count(), 6);
}

#[test]
fn handlers_that_are_installed_in_the_close_callback_are_dropped_uncalled() {
    let (log, drops) = (Log::new(), Drops::new());
    let (said, guards) = (log.clone(), drops.clone());
    run(|| {
        pair(move |stream, socket| {
            stream.on_data(|_, _| ());
            stream.on_close(move |stream| {
                said.say("close");
                let hold = || (guards.guard(), stream.clone(), said.clone());
                let [data, end, close] = [(); 3].map(|()| hold());
                stream.on_data(move |_, _| data.2.say("data"));
                stream.on_end(move |_| end.2.say("end"));
                stream.on_close(move |_| close.2.say("close again"));
            });
            drop(socket);
        });
    });
    log.expect(&["close"]);
    assert_eq!(drops.count(), 3);
}

#[test]
fn a_handler_whose_drop_panics_is_an_uncaught_failure() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        unspin::on_uncaught(move |uncaught| said.say(uncaught.error().to_string()));
        pair(|stream, socket| {
            let bomb = OnDrop(|| panic!("dropped"));
            stream.on_data(move |_, _| bomb.keep());
            drop(socket);
        });
    });
    log.expect(&["a callback panicked: dropped"]);
}

#[test]
fn a_stream_that_an_earlier_task_of_the_batch_closed_is_only_told_of_that() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        two_with_data(move |streams, sockets| {
            let both = streams.clone();
            for (number, stream) in streams.iter().enumerate() {
                let (other, said) = (both[1 - number].clone(), said.clone());
                stream.on_close(says(&said, "close"));
                stream.on_data(move |stream, _| {
                    said.say("data");
                    other.close();
                    stream.close();
                });
            }
            drop(sockets);
        });
    });
    log.expect(&["data", "close", "close"]);
}

#[test]
fn an_event_of_a_closed_stream_does_not_reach_the_next_one_on_its_descriptor() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let echo = echo_server();
        two_with_data(move |streams, sockets| {
            let both = streams.clone();
            for (number, stream) in streams.iter().enumerate() {
                let (other, said) = (both[1 - number].clone(), said.clone());
                stream.on_data(move |stream, _| {
                    said.say("data");
                    // The lowest free descriptors are those of these two.
                    other.close();
                    stream.close();
                    let said = said.clone();
                    TcpStream::connect(echo).callback(move |fresh| {
                        let fresh = fresh?;
                        fresh.on_end(|_| unreachable!("the echo does not end"));
                        fresh.on_data(move |fresh, chunk| {
                            assert_eq!(chunk, b"fresh");
                            said.say("fresh data");
                            fresh.close();
                        });
                        fresh.write(b"fresh");
                        Ok(())
                    });
                });
            }
            drop(sockets);
        });
    });
    log.expect(&["data", "fresh data"]);
}

#[test]
fn callbacks_never_run_inside_the_call_that_causes_them() {
    let depth = Rc::new(Cell::new(0));
    let deepest = Rc::clone(&depth);
    run(|| {
        streams(move |server, client| {
            let enter = move |with: &dyn Fn()| {
                assert_eq!(deepest.replace(1), 0, "a callback inside a callback");
                with();
                deepest.set(0);
            };
            let [one, two, three, four, five] = [(); 5].map(|()| enter.clone());
            server.on_data(move |stream, chunk| one(&|| assert!(stream.write(chunk))));
            server.on_end(move |stream| two(&|| stream.end()));
            client.on_data(move |stream, _| three(&|| stream.end()));
            client.on_close(move |stream| four(&|| stream.close()));
            client.write(b"to and fro");
            server.set_high_water_mark(0);
            server.on_drain(move |_| five(&|| ()));
        });
    });
    assert_eq!(depth.get(), 0);
}

#[test]
fn a_handler_that_is_installed_after_the_close_is_dropped_at_once() {
    let drops = Drops::new();
    run(|| {
        let address = echo_server();
        let drops = drops.clone();
        TcpStream::connect(address).callback(move |stream| {
            let stream = stream?;
            let kept = stream.clone();
            stream.on_close(move |_| {
                let (kept, drops) = (kept.clone(), drops.clone());
                unspin::set_immediate(move || {
                    // One that holds its own stream would otherwise hold it for ever.
                    let (guard, own) = (drops.guard(), kept.clone());
                    kept.on_close(move |_| {
                        guard.keep();
                        own.close();
                    });
                    assert_eq!(drops.count(), 1);
                });
            });
            stream.close();
            Ok(())
        });
    });
    assert_eq!(drops.count(), 1);
}
