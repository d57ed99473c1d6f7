//! The idle timeout: never early, and no reason to stay alive.

mod util;

use std::cell::Cell;
use std::io::{ErrorKind, Write};
use std::rc::Rc;
use std::time::Duration;

use util::net::{beside, pair, read_to_end, run, says, spy};
use util::{Log, millis};

const SILENCE: Duration = Duration::from_millis(20);

#[test]
fn silence_fails_a_stream_without_an_idle_handler() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let began = unspin::now();
            stream.set_idle_timeout(Some(SILENCE));
            spy(&stream, &said);
            stream.on_error(move |_, error| {
                assert!(unspin::now() - began >= SILENCE);
                assert_eq!(error.kind(), ErrorKind::TimedOut);
                said.say(error.to_string());
            });
            beside(move || assert!(read_to_end(&mut socket).is_empty()));
        });
    });
    log.expect(&["idle: nothing was sent or received", "close"]);
}

#[test]
fn an_idle_handler_is_called_again_and_again_and_the_stream_stays_open() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            spy(&stream, &said);
            stream.set_idle_timeout(Some(SILENCE));
            let mut began = unspin::now();
            let mut times = 0;
            stream.on_idle(move |stream| {
                let now = unspin::now();
                assert!(now - began >= SILENCE, "{:?} is early", now - began);
                began = now;
                times += 1;
                said.say("idle");
                assert!(!stream.is_closed());
                if times == 3 {
                    stream.end();
                }
            });
            beside(move || assert!(read_to_end(&mut socket).is_empty()));
        });
    });
    log.expect(&["idle", "idle", "idle", "end", "close"]);
}

#[test]
fn bytes_from_the_peer_put_it_off() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            // When the bytes were written that came last.
            let (written, came) =
                (Rc::new(Cell::new(unspin::now())), Rc::new(Cell::new(unspin::now())));
            let (writes, seen) = (Rc::clone(&written), Rc::clone(&came));
            stream.set_idle_timeout(Some(SILENCE));
            stream.on_data(move |_, _| seen.set(written.get()));
            stream.on_idle(move |stream| {
                let quiet = unspin::now() - came.get();
                assert!(quiet >= SILENCE, "idle after {quiet:?}");
                said.say("idle");
                stream.close();
            });
            let mut times = 0;
            unspin::set_interval(millis(5), move |timer| {
                writes.set(unspin::now());
                times += 1;
                if stream.is_closed() {
                    timer.clear();
                } else if times <= 10 {
                    socket.write_all(b"still there").expect("it fits into the buffers");
                }
            });
        });
    });
    log.expect(&["idle"]);
}

#[test]
fn bytes_of_our_own_put_it_off() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let wrote = Rc::new(Cell::new(unspin::now()));
            let last = Rc::clone(&wrote);
            stream.set_idle_timeout(Some(SILENCE));
            stream.on_idle(move |stream| {
                let quiet = unspin::now() - last.get();
                assert!(quiet >= SILENCE, "idle after {quiet:?}");
                said.say("idle");
                stream.close();
            });
            let mut times = 0;
            unspin::set_interval(millis(5), move |timer| {
                times += 1;
                if stream.is_closed() {
                    timer.clear();
                } else if times <= 10 {
                    wrote.set(unspin::now());
                    stream.write(b"still here");
                }
            });
            beside(move || drop(read_to_end(&mut socket)));
        });
    });
    log.expect(&["idle"]);
}

#[test]
fn none_turns_it_off() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            spy(&stream, &said);
            stream.set_idle_timeout(Some(millis(2)));
            stream.set_idle_timeout(None);
            unspin::set_timeout(SILENCE, move || drop(socket));
        });
    });
    log.expect(&["end", "close"]);
}

#[test]
fn the_last_timeout_counts() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            spy(&stream, &said);
            stream.set_idle_timeout(Some(millis(2)));
            stream.set_idle_timeout(Some(util::net::PATIENCE));
            unspin::set_timeout(SILENCE, move || drop(socket));
        });
    });
    log.expect(&["end", "close"]);
}

#[test]
fn the_watch_keeps_neither_loop_nor_stream() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.on_close(says(&said, "close"));
            stream.on_idle(|_| unreachable!("the loop has ended by then"));
            stream.set_idle_timeout(Some(util::net::PATIENCE));
            assert!(unspin::resources().iter().any(|resource| resource.at.line() == line!() - 1));
            drop(stream);
            beside(move || assert!(read_to_end(&mut socket).is_empty()));
        });
    });
    log.expect(&["close"]);
}

#[test]
fn a_closed_stream_is_not_watched() {
    run(|| {
        pair(|stream, _socket| {
            stream.on_idle(|_| unreachable!("it is closed"));
            stream.set_idle_timeout(Some(millis(1)));
            stream.close();
            stream.set_idle_timeout(Some(millis(1)));
            unspin::set_timeout(SILENCE, || ());
        });
    });
}
