//! Cork: the small writes of one task go out together.

mod util;

use std::cell::Cell;
use std::io::Write;
use std::net::Shutdown;
use std::rc::Rc;

use unspin::net::TcpStream;
use util::Log;
use util::net::{beside, pair, pattern, read_exactly, read_to_end, run, says, streams};

const MIB: usize = 1024 * 1024;

/// Bytes sent and bytes held back.
fn progress(stream: &TcpStream) -> (u64, usize) {
    (stream.bytes_written(), stream.writable_length())
}

#[test]
fn corked_writes_wait_for_the_end_of_the_checkpoint() {
    run(|| {
        pair(|stream, mut socket| {
            stream.cork();
            stream.write(b"one ");
            stream.write_owned(*b"two ");
            assert_eq!(progress(&stream), (0, 8));
            let ticked = stream.clone();
            unspin::next_tick(move || {
                ticked.write(b"three ");
                assert_eq!(progress(&ticked), (0, 14));
            });
            let queued = stream.clone();
            unspin::queue_microtask(move || {
                queued.write(b"four");
                assert_eq!(progress(&queued), (0, 18));
            });
            unspin::set_immediate(move || {
                assert_eq!(progress(&stream), (18, 0));
                assert_eq!(read_exactly(&mut socket, 18), b"one two three four");
            });
        });
    });
}

#[test]
fn corked_writes_arrive_as_one_chunk() {
    let chunks = Rc::new(Cell::new(0));
    let seen = Rc::clone(&chunks);
    run(|| {
        streams(move |server, client| {
            server.on_data(move |stream, chunk| {
                seen.set(seen.get() + 1);
                assert_eq!(chunk, [b'x'; 1000]);
                stream.close();
            });
            client.cork();
            for _ in 0..1000 {
                client.write(b"x");
            }
        });
    });
    assert_eq!(chunks.get(), 1);
}

#[test]
fn the_cork_lasts_for_one_task() {
    run(|| {
        pair(|stream, mut socket| {
            stream.cork();
            stream.write(b"held");
            unspin::set_immediate(move || {
                stream.write(b" sent");
                assert_eq!(progress(&stream), (9, 0));
                assert_eq!(read_exactly(&mut socket, 9), b"held sent");
            });
        });
    });
}

#[test]
fn uncork_sends_at_once() {
    run(|| {
        pair(|stream, mut socket| {
            stream.uncork();
            stream.cork();
            stream.cork();
            stream.write(b"held");
            assert_eq!(progress(&stream), (0, 4));
            stream.uncork();
            assert_eq!(progress(&stream), (4, 0));
            stream.write(b" sent");
            assert_eq!(progress(&stream), (9, 0));
            stream.cork();
            stream.write(b" held again");
            assert_eq!(progress(&stream), (9, 11));
            unspin::set_immediate(move || {
                assert_eq!(progress(&stream), (20, 0));
                assert_eq!(read_exactly(&mut socket, 20), b"held sent held again");
            });
        });
    });
}

#[test]
fn an_end_behind_corked_writes_comes_after_them() {
    run(|| {
        pair(|stream, mut socket| {
            stream.on_data(|_, _| ());
            stream.cork();
            stream.write(b"all of it");
            stream.end();
            beside(move || assert_eq!(read_to_end(&mut socket), b"all of it"));
        });
    });
}

#[test]
fn a_close_drops_what_is_held_back() {
    run(|| {
        pair(|stream, mut socket| {
            stream.cork();
            stream.write(b"nothing of it");
            stream.close();
            beside(move || assert!(read_to_end(&mut socket).is_empty()));
        });
    });
}

#[test]
fn a_mark_that_was_passed_under_the_cork_has_its_drain_in_a_later_turn() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_drain(says(&said, "drain"));
            stream.set_high_water_mark(10);
            stream.cork();
            assert!(!stream.write(b"ten bytes."));
            stream.uncork();
            assert_eq!(progress(&stream), (10, 0));
            said.say("uncorked");
            unspin::set_immediate(move || {
                said.say("immediate");
                read_exactly(&mut socket, 10);
                // Held until here: an unread stream is its handles'.
                unspin::set_timeout(util::millis(1), move || drop(stream));
            });
        });
    });
    log.expect(&["uncorked", "immediate", "drain"]);
}

#[test]
fn a_reader_goes_on_after_a_corked_echo_above_the_mark() {
    run(|| {
        pair(|stream, mut socket| {
            stream.set_high_water_mark(10);
            stream.on_data(|stream, chunk| {
                stream.cork();
                for byte in chunk {
                    stream.write(&[*byte]);
                }
            });
            beside(move || {
                let message = pattern(200_000);
                assert!(util::net::round_trip(&mut socket, &message) == message);
            });
        });
    });
}

#[test]
fn a_reader_that_was_resumed_under_the_cork_goes_on_though_the_mark_was_below_it() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_data(move |stream, chunk| {
                said.say(String::from_utf8_lossy(chunk));
                stream.close();
            });
            stream.pause();
            socket.write_all(b"ping").expect("it fits into the buffers");
            let readable = stream.clone();
            // A paused stream keeps no loop; the Poll between the two has the event.
            unspin::set_immediate(move || {
                unspin::set_immediate(move || {
                    readable.cork();
                    assert!(readable.write(b"held back"), "the mark is far");
                    readable.set_high_water_mark(0);
                    readable.resume();
                    readable.on_close(move |_| drop(socket.shutdown(Shutdown::Both)));
                });
            });
        });
    });
    log.expect(&["ping"]);
}

#[test]
fn a_corked_stream_that_is_dropped_sends_all_of_it() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_close(says(&said, "close"));
            stream.cork();
            stream.write(b"small");
            drop(stream);
            beside(move || assert_eq!(read_to_end(&mut socket), b"small"));
        });
    });
    log.expect(&["close"]);
}

#[test]
fn a_corked_stream_that_is_dropped_with_more_than_the_system_takes_sends_all_of_it() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_close(says(&said, "close"));
            stream.cork();
            stream.write_owned(pattern(8 * MIB));
            drop(stream);
            beside(move || assert!(read_to_end(&mut socket) == pattern(8 * MIB)));
        });
    });
    log.expect(&["close"]);
}

#[test]
fn a_stream_that_is_dropped_while_a_drain_is_owed_is_closed() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_close(says(&said, "close"));
            stream.set_high_water_mark(1);
            stream.cork();
            stream.write(b"above the mark");
            stream.uncork();
            drop(stream);
            beside(move || assert_eq!(read_to_end(&mut socket), b"above the mark"));
        });
    });
    log.expect(&["close"]);
}
