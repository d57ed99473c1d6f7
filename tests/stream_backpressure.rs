//! Backpressure: the high-water mark, `drain`, and a peer that stops reading.

mod util;

use std::cell::Cell;
use std::io::Write;
use std::net::{Shutdown, TcpStream as Socket};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use unspin::net::TcpStream;
use util::Log;
use util::net::{beside, pair, pattern, read_exactly, read_to_end, run, when};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The loop reads this much at once, and may do so when the queue is just at the mark.
const READ_BUFFER: usize = 64 * KIB + 256;

/// Writes until the system takes no more and the stream has to queue.
fn fill(stream: &TcpStream) {
    while stream.writable_length() == 0 {
        stream.write(&[0; 16 * KIB]);
    }
}

/// All that the stream was given to send.
fn accepted(stream: &TcpStream) -> usize {
    stream.bytes_written() as usize + stream.writable_length()
}

/// Reads to the end on another thread.
fn read_all(mut socket: Socket, check: impl FnOnce(Vec<u8>) + Send + 'static) {
    beside(move || check(read_to_end(&mut socket)));
}

#[test]
fn a_peer_that_stops_reading_cannot_drown_a_naive_echo_and_loses_no_byte() {
    const LENGTH: usize = 32 * MIB;
    let most = Rc::new(Cell::new(0));
    let seen = Rc::clone(&most);
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_data(move |stream, chunk| {
                stream.write(chunk);
                seen.set(seen.get().max(stream.writable_length()));
            });
            let reader = socket.try_clone().expect("the system has descriptors left");
            let sent = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&sent);
            beside(move || {
                for chunk in pattern(LENGTH).chunks(64 * KIB) {
                    socket.write_all(chunk).expect("the peer reads in the end");
                    counted.fetch_add(chunk.len(), Ordering::SeqCst);
                }
                socket.shutdown(Shutdown::Write).expect("it is open");
            });
            // All buffers between the two are full once nothing has moved for a while.
            let (mut quiet, mut before) = (0, (0, 0));
            let (counted, watched) = (Arc::clone(&sent), stream.clone());
            let stuck = move || {
                let now = (counted.load(Ordering::SeqCst), watched.bytes_read());
                quiet = if now == before { quiet + 1 } else { 0 };
                before = now;
                quiet >= 100 && watched.writable_length() > 0
            };
            when(stuck, move || {
                assert!(sent.load(Ordering::SeqCst) < LENGTH, "the buffers took all of it");
                assert!(!stream.is_closed());
                read_all(reader, |bytes| assert!(bytes == pattern(LENGTH)));
            });
        });
    });
    assert!(most.get() <= 64 * KIB + READ_BUFFER, "{} bytes were queued", most.get());
}

#[test]
fn a_write_returns_false_from_the_mark_on_and_its_bytes_are_accepted() {
    run(|| {
        pair(|stream, socket| {
            assert_eq!(stream.high_water_mark(), 64 * KIB);
            fill(&stream);
            let missing = stream.high_water_mark() - stream.writable_length();
            assert!(stream.write(&vec![0; missing - 1]), "one byte below the mark");
            assert!(!stream.write(&[0]), "at the mark");
            assert!(!stream.write(&[1, 2]), "above it");
            assert!(!stream.write_owned([3]), "above it");
            assert_eq!(stream.writable_length(), 64 * KIB + 3);
            let total = accepted(&stream);
            read_all(socket, move |bytes| {
                assert_eq!(bytes.len(), total);
                assert!(bytes.ends_with(&[0, 1, 2, 3]));
            });
        });
    });
}

#[test]
fn drain_comes_once_when_the_queue_is_empty() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            fill(&stream);
            for _ in 0..3 {
                assert!(!stream.write(&[0; 64 * KIB]));
            }
            let kept = stream.clone();
            stream.on_drain(move |stream| {
                assert_eq!(stream.writable_length(), 0);
                said.say("drain");
                // Small enough to be sent at once: nothing is owed for it.
                assert!(stream.write(b"more"));
                kept.end();
            });
            let total = accepted(&stream) + 4;
            beside(move || assert_eq!(read_exactly(&mut socket, total).len(), total));
        });
    });
    log.expect(&["drain"]);
}

#[test]
fn no_drain_comes_unless_a_write_returned_false() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            stream.set_high_water_mark(usize::MAX);
            fill(&stream);
            assert!(stream.write(&[0; 64 * KIB]));
            stream.on_drain(move |_| said.say("drain"));
            let kept = stream.clone();
            when(move || kept.writable_length() == 0, || ());
            let total = accepted(&stream);
            read_all(socket, move |bytes| assert_eq!(bytes.len(), total));
        });
    });
    log.expect(&[]);
}

#[test]
fn each_round_above_the_mark_has_its_drain() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            let mut rounds = 0;
            let kept = stream.clone();
            stream.on_drain(move |stream| {
                said.say("drain");
                rounds += 1;
                if rounds == 5 {
                    return kept.end();
                }
                // A peer that reads meanwhile might take all of it at once.
                stream.cork();
                assert!(!stream.write_owned(vec![0; 8 * MIB]));
            });
            assert!(!stream.write_owned(vec![0; 8 * MIB]));
            read_all(socket, |bytes| assert_eq!(bytes.len(), 5 * 8 * MIB));
        });
    });
    log.expect(&["drain"; 5]);
}

#[test]
fn an_ended_stream_owes_no_drain() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            assert!(!stream.write_owned(vec![0; 8 * MIB]));
            util::net::spy(&stream, &said);
            stream.end();
            read_all(socket, |bytes| assert_eq!(bytes.len(), 8 * MIB));
        });
    });
    log.expect(&["end", "close"]);
}

#[test]
fn the_mark_can_be_moved_while_the_stream_is_open() {
    run(|| {
        pair(|stream, socket| {
            fill(&stream);
            stream.set_high_water_mark(stream.writable_length() + 2);
            assert!(stream.write(&[1]));
            stream.set_high_water_mark(0);
            assert!(!stream.write(&[2]), "all that is queued is above a mark of zero");
            stream.set_high_water_mark(MIB);
            assert!(stream.write(&[3]));
            assert_eq!(stream.high_water_mark(), MIB);
            read_all(socket, |bytes| assert!(bytes.ends_with(&[1, 2, 3])));
        });
    });
}

#[test]
fn a_write_that_is_sent_at_once_has_room_even_with_a_mark_of_zero() {
    run(|| {
        pair(|stream, mut socket| {
            stream.set_high_water_mark(0);
            assert!(stream.write(b"hello"));
            assert_eq!((stream.writable_length(), stream.bytes_written()), (0, 5));
            assert!(stream.write(b""), "no bytes at all fit always");
            assert_eq!(read_exactly(&mut socket, 5), b"hello");
        });
    });
}

#[test]
fn nothing_is_read_while_the_own_queue_is_above_the_mark() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            assert!(!stream.write_owned(vec![0; 8 * MIB]));
            let heard = said.clone();
            stream.on_data(move |stream, chunk| {
                assert!(stream.writable_length() <= stream.high_water_mark());
                heard.say(String::from_utf8_lossy(chunk));
            });
            socket.write_all(b"ping").expect("it fits into the buffers");
            said.say("sent");
            beside(move || drop(read_exactly(&mut socket, 8 * MIB)));
        });
    });
    log.expect(&["sent", "ping"]);
}

#[test]
fn a_mark_that_is_raised_lets_reading_go_on_although_the_peer_takes_nothing() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            assert!(!stream.write_owned(vec![0; 8 * MIB]));
            let heard = said.clone();
            stream.on_data(move |stream, chunk| {
                heard.say(String::from_utf8_lossy(chunk));
                stream.close();
            });
            socket.write_all(b"ping").expect("it fits into the buffers");
            // The Poll between the two has the event.
            unspin::set_immediate(move || {
                unspin::set_immediate(move || {
                    said.say("raised");
                    stream.set_high_water_mark(16 * MIB);
                    // It is not read, and stays open as long as the stream.
                    stream.on_close(move |_| drop(socket.shutdown(Shutdown::Both)));
                });
            });
        });
    });
    log.expect(&["raised", "ping"]);
}

#[test]
fn many_small_and_large_writes_arrive_in_order() {
    run(|| {
        pair(|stream, socket| {
            let expected = pattern(4 * MIB);
            let (mut at, mut size) = (0, 1);
            while at < expected.len() {
                let chunk = &expected[at..expected.len().min(at + size)];
                if size % 2 == 0 {
                    stream.write(chunk)
                } else {
                    stream.write_owned(chunk)
                };
                at += chunk.len();
                size = size * 7 % 30_011;
            }
            read_all(socket, move |bytes| assert!(bytes == expected));
        });
    });
}
