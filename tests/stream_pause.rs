//! Pause and resume: what is not read stays with the system.

mod util;

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::Shutdown;
use std::rc::Rc;

use util::net::{beside, pair, pattern, run, spy, streams, when};
use util::{Log, millis};

const MIB: usize = 1024 * 1024;

#[test]
fn resume_is_not_synchronous() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            spy(&stream, &said);
            stream.pause();
            socket.write_all(b"waits").expect("it fits into the buffers");
            drop(socket);
            unspin::set_timeout(millis(20), move || {
                said.say("before");
                stream.resume();
                said.say("after");
                unspin::next_tick(said.add("tick"));
                unspin::queue_microtask(said.add("microtask"));
            });
        });
    });
    log.expect(&["before", "after", "tick", "microtask", "data", "end", "close"]);
}

#[test]
fn a_pause_in_the_data_handler_stops_the_chunks_at_once() {
    let log = Log::new();
    let (said, length) = (log.clone(), Rc::new(Cell::new(0)));
    let received = Rc::clone(&length);
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_data(move |stream, chunk| {
                assert!(chunk == &pattern(4 * MIB)[received.get()..received.get() + chunk.len()]);
                received.set(received.get() + chunk.len());
                stream.pause();
                said.say("pause");
                let (stream, said) = (stream.clone(), said.clone());
                // Some turns later.
                let mut turns = 0;
                when(
                    move || {
                        turns += 1;
                        turns > 2
                    },
                    move || {
                        said.say("resume");
                        stream.resume();
                    },
                );
            });
            beside(move || socket.write_all(&pattern(4 * MIB)).expect("the peer reads"));
        });
    });
    assert_eq!(length.get(), 4 * MIB);
    for words in log.words().chunks(2) {
        assert_eq!(words, ["pause", "resume"]);
    }
}

#[test]
fn the_end_waits_for_a_resume_too() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            spy(&stream, &said);
            stream.pause();
            socket.shutdown(Shutdown::Write).expect("it is open");
            unspin::set_timeout(millis(20), move || {
                said.say("resume");
                stream.resume();
            });
        });
    });
    log.expect(&["resume", "end", "close"]);
}

#[test]
fn what_is_not_read_waits_in_the_system_and_stops_the_peer() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        streams(move |server, client| {
            server.on_data(|_, _| ());
            server.pause();
            client.write_owned(vec![0; 64 * MIB]);
            let (mut quiet, mut before) = (0, 0);
            let sent = client.clone();
            let stuck = move || {
                quiet = if sent.bytes_written() == before { quiet + 1 } else { 0 };
                before = sent.bytes_written();
                quiet > 50
            };
            when(stuck, move || {
                assert_eq!(server.bytes_read(), 0);
                assert!(client.writable_length() > 0);
                said.say("stuck");
                server.on_close(move |stream| {
                    assert_eq!(stream.bytes_read(), 64 * MIB as u64);
                    said.say("all of it");
                });
                server.resume();
                client.end();
            });
        });
    });
    log.expect(&["stuck", "all of it"]);
}

#[test]
fn a_stream_that_is_paused_by_an_earlier_task_of_the_batch_gets_no_data() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |one, mut first| {
            pair(move |other, mut second| {
                let streams = Rc::new(RefCell::new(vec![one, other]));
                let both: Vec<_> = streams.borrow().clone();
                for (number, stream) in both.iter().enumerate() {
                    let (streams, said) = (Rc::clone(&streams), said.clone());
                    stream.on_data(move |_, _| {
                        said.say("data");
                        // The first one that is called holds the other up.
                        if let [one, other] = &std::mem::take(&mut *streams.borrow_mut())[..] {
                            let held = if number == 0 { other } else { one }.clone();
                            held.pause();
                            let said = said.clone();
                            unspin::set_timeout(millis(20), move || {
                                said.say("resume");
                                held.resume();
                            });
                        }
                    });
                }
                first.write_all(b"one").expect("it fits into the buffers");
                second.write_all(b"two").expect("it fits into the buffers");
            });
        });
    });
    log.expect(&["data", "resume", "data"]);
}

#[test]
fn a_pause_takes_a_resume_back() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            spy(&stream, &said);
            stream.pause();
            socket.write_all(b"waits").expect("it fits into the buffers");
            unspin::set_timeout(millis(5), move || {
                stream.resume();
                stream.pause();
                unspin::set_timeout(millis(5), move || {
                    said.say("close it");
                    stream.close();
                    drop(socket);
                });
            });
        });
    });
    log.expect(&["close it", "close"]);
}

#[test]
fn a_paused_stream_still_writes() {
    run(|| {
        pair(|stream, mut socket| {
            stream.on_data(|_, _| ());
            stream.pause();
            stream.write_owned(pattern(8 * MIB));
            stream.end();
            beside(move || assert!(util::net::read_to_end(&mut socket) == pattern(8 * MIB)));
        });
    });
}

#[test]
fn bytes_that_nobody_reads_cost_a_turn_each_at_most_and_then_none() {
    const BYTES: u64 = 16;
    run(|| {
        pair(|stream, mut socket| {
            let log = Log::new();
            spy(&stream, &log);
            stream.pause();
            let before = unspin::metrics();
            socket.set_nodelay(true).expect("it is open");
            for _ in 0..BYTES {
                socket.write_all(b"x").expect("it fits into the buffers");
            }
            unspin::set_timeout(millis(100), move || {
                let turns = (unspin::metrics() - before).turns;
                assert!(turns <= BYTES + 4, "{turns} turns for {BYTES} bytes that nobody reads");
                log.expect(&[]);
                drop((stream, socket));
            });
        });
    });
}
