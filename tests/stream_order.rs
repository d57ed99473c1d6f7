//! The order in which a stream's callbacks run, among the loop's others.

mod util;

use std::io::{ErrorKind, Write};
use std::net::Shutdown;

use unspin::net::TcpStream;
use util::Log;
use util::net::{beside, listen, pair, read_to_end, reset, run, says, socket};

/// Queues one of each, and tells when they run.
fn queue_others(log: &Log) {
    unspin::set_immediate(log.add("immediate"));
    unspin::queue_microtask(log.add("microtask"));
    unspin::next_tick(log.add("tick"));
}

#[test]
fn each_data_callback_is_followed_by_its_ticks_and_microtasks() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |one, mut first| {
            pair(move |other, mut second| {
                for stream in [&one, &other] {
                    let said = said.clone();
                    stream.on_data(move |stream, _| {
                        said.say("data");
                        unspin::queue_microtask(said.add("microtask"));
                        unspin::next_tick(said.add("tick"));
                        stream.close();
                    });
                }
                first.write_all(b"one").expect("it fits into the buffers");
                second.write_all(b"two").expect("it fits into the buffers");
                unspin::before_exit(move |_| drop((first.shutdown(Shutdown::Both), &second)));
            });
        });
    });
    log.expect(&["data", "tick", "microtask", "data", "tick", "microtask"]);
}

#[test]
fn the_chunks_of_one_read_event_are_tasks_of_their_own() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let mut chunks = 0;
            stream.on_data(move |stream, _| {
                chunks += 1;
                said.say(format!("data {chunks}"));
                let heard = said.clone();
                unspin::next_tick(move || heard.say(format!("tick {chunks}")));
                if chunks == 5 {
                    stream.close();
                }
            });
            beside(move || drop(socket.write_all(&[0; 4 << 20])));
        });
    });
    let expected: Vec<_> =
        (1..=5).flat_map(|n| [format!("data {n}"), format!("tick {n}")]).collect();
    assert_eq!(log.words(), expected);
}

#[test]
fn the_close_callback_comes_after_the_immediates() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_close(says(&said, "close"));
            stream.on_data(move |stream, _| {
                said.say("data");
                stream.close();
                queue_others(&said);
            });
            socket.write_all(b"go").expect("it fits into the buffers");
            drop(socket);
        });
    });
    log.expect(&["data", "tick", "microtask", "immediate", "close"]);
}

#[test]
fn a_failure_is_error_then_ticks_then_immediates_then_close() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            stream.on_data(|_, _| ());
            stream.on_close(says(&said, "close"));
            stream.on_error(move |_, error| {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                said.say("error");
                queue_others(&said);
            });
            reset(socket);
        });
    });
    log.expect(&["error", "tick", "microtask", "immediate", "close"]);
}

#[test]
fn the_end_and_the_close_that_follows_are_two_tasks() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            stream.on_data(|_, _| ());
            let heard = said.clone();
            stream.on_end(move |_| {
                heard.say("end");
                queue_others(&heard);
            });
            stream.on_close(move |_| {
                said.say("close");
                queue_others(&said);
            });
            drop(socket);
        });
    });
    log.expect(&[
        "end",
        "tick",
        "microtask",
        "immediate",
        "close",
        "tick",
        "microtask",
        "immediate",
    ]);
}

#[test]
fn a_failed_write_is_told_in_the_next_turn() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let heard = said.clone();
            stream.on_error(move |_, _| heard.say("error"));
            stream.on_close(says(&said, "close"));
            stream.on_data(move |stream, _| {
                stream.end();
                stream.write(b"too late");
                said.say("written");
                queue_others(&said);
            });
            socket.write_all(b"go").expect("it fits into the buffers");
            beside(move || drop(read_to_end(&mut socket)));
        });
    });
    log.expect(&["written", "tick", "microtask", "immediate", "error", "close"]);
}

#[test]
fn connections_that_wait_together_are_tasks_of_their_own() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let waiting = [socket(address), socket(address)];
        let itself = listener.clone();
        let mut accepted = 0;
        listener.ref_().on_connection(move |_, _| {
            said.say("connection");
            unspin::queue_microtask(said.add("microtask"));
            unspin::next_tick(said.add("tick"));
            accepted += 1;
            if accepted == waiting.len() {
                itself.close();
            }
        });
    });
    log.expect(&["connection", "tick", "microtask", "connection", "tick", "microtask"]);
}

#[test]
fn the_listeners_close_callback_comes_after_the_immediates() {
    let log = Log::new();
    run(|| {
        let (listener, _) = listen();
        listener.on_close(log.add("close"));
        listener.close();
        queue_others(&log);
    });
    log.expect(&["tick", "microtask", "immediate", "close"]);
}

#[test]
fn a_connect_calls_back_in_a_later_turn_with_its_checkpoint() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let heard = said.clone();
        TcpStream::connect(address).callback(move |stream| {
            heard.say("connected");
            queue_others(&heard);
            drop(listener);
            stream.map(drop)
        });
        unspin::next_tick(said.add("tick of main"));
        said.say("main");
    });
    log.expect(&["main", "tick of main", "connected", "tick", "microtask", "immediate"]);
}

#[test]
fn a_refused_connect_calls_back_in_a_later_turn_too() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        drop(listener);
        let heard = said.clone();
        TcpStream::connect(address).callback(move |stream| {
            heard.say(format!("{:?}", stream.expect_err("nobody listens").kind()));
        });
        unspin::next_tick(said.add("tick of main"));
        said.say("main");
    });
    log.expect(&["main", "tick of main", "ConnectionRefused"]);
}
