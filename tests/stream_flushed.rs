//! Being told when what was written has been handed to the system, in the three styles.

mod util;

use std::cell::Cell;
use std::io::Read;
use std::net::TcpStream as Socket;
use std::rc::Rc;

use unspin::Error;
use unspin::net::TcpStream;
use util::net::{beside, pair, pattern, read_exactly, reset, run, says, when};
use util::{Log, millis};

/// More than any system buffers for one connection.
const LARGE: usize = 16 << 20;

/// Says how each of the next flushes ended.
fn tell(stream: &TcpStream, log: &Log, word: &'static str) {
    let said = log.clone();
    stream.flushed().callback(move |flushed| match flushed {
        Ok(()) => said.say(word),
        Err(error) => said.say(format!("{word} {:?}", error.kind())),
    });
}

/// Reads so much, on a thread of its own, and gives the socket back to be kept.
fn reads(mut peer: Socket, length: usize) {
    beside(move || assert!(read_exactly(&mut peer, length) == pattern(length)));
}

#[test]
fn what_the_system_has_taken_already_is_told_in_a_later_task() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            stream.write(b"short");
            tell(&stream, &said, "flushed");
            unspin::next_tick({
                let said = said.clone();
                move || said.say("tick")
            });
            said.say("task");
            when(|| true, move || drop((stream, peer)));
        });
    });
    log.expect(&["task", "tick", "flushed"]);
}

#[test]
fn each_is_told_when_its_bytes_are_gone_in_the_order_of_writing() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            stream.write_owned(pattern(LARGE));
            let queued = stream.writable_length();
            tell(&stream, &said, "first");
            // A byte behind them grows the queue by one.
            stream.write(&pattern(LARGE + 1)[LARGE..]);
            assert_eq!(stream.writable_length(), queued + 1);
            let (kept, told) = (stream.clone(), said.clone());
            stream.flushed().promise().then(move |()| {
                assert_eq!(kept.writable_length(), 0);
                told.say("second");
            });
            reads(peer, LARGE + 1);
        });
    });
    log.expect(&["first", "second"]);
}

#[test]
fn a_write_an_end_and_the_close_are_told_in_this_order() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            stream.on_data(|_, _| ());
            stream.on_end(says(&said, "end")).on_close(says(&said, "close"));
            stream.write_owned(pattern(LARGE));
            tell(&stream, &said, "flushed");
            stream.end();
            stream.end();
            beside(move || {
                let mut bytes = Vec::new();
                peer.read_to_end(&mut bytes).expect("it ends in order");
                assert!(bytes == pattern(LARGE));
            });
        });
    });
    log.expect(&["flushed", "end", "close"]);
}

#[test]
fn a_close_fails_all_that_wait_each_before_the_close_handler() {
    const WRITES: usize = 32;
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            stream.on_close(says(&said, "close"));
            stream.write_owned(vec![0; LARGE]);
            for _ in 0..WRITES {
                stream.write(b"x");
                tell(&stream, &said, "write");
            }
            stream.close();
            said.say("closed");
            when(|| true, move || drop(peer));
        });
    });
    let mut expected = vec!["closed"];
    expected.extend([("write NotConnected"); WRITES]);
    expected.push("close");
    log.expect(&expected);
}

#[test]
fn a_reset_of_ones_own_fails_them_too() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            stream.on_close(says(&said, "close"));
            stream.write_owned(vec![0; LARGE]);
            for _ in 0..4 {
                tell(&stream, &said, "write");
            }
            stream.reset().expect("it is open");
            assert!(!stream.write(b"nobody"));
            beside(move || {
                util::net::ending(&mut peer).expect_err("it is reset");
            });
        });
    });
    let mut expected = vec!["write NotConnected"; 4];
    expected.push("close");
    log.expect(&expected);
}

#[test]
fn of_ten_thousand_writes_to_a_peer_that_stops_reading_some_are_sent_and_the_others_fail() {
    const WRITES: usize = 10_000;
    let (sent, failed) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let counts = (Rc::clone(&sent), Rc::clone(&failed));
    run(|| {
        pair(move |stream, peer| {
            stream.set_send_buffer(16 * 1024).expect("it is open");
            for _ in 0..WRITES {
                stream.write(&[7; 1024]);
                let (sent, failed) = (Rc::clone(&sent), Rc::clone(&failed));
                stream.flushed().callback(move |flushed| {
                    let count = if flushed.is_ok() { sent } else { failed };
                    count.set(count.get() + 1);
                });
            }
            // Once some are told, and the peer's buffers are full.
            let (told, kept) = (Rc::clone(&sent), stream.clone());
            let mut before = usize::MAX;
            let stuck = move || {
                let now = kept.writable_length();
                told.get() > 0 && std::mem::replace(&mut before, now) == now
            };
            when(stuck, move || {
                stream.close();
                drop(peer);
            });
        });
    });
    let (sent, failed) = (counts.0.get(), counts.1.get());
    assert!(sent > 0 && failed > 0, "{sent} and {failed}");
    assert_eq!(sent + failed, WRITES);
}

#[test]
fn a_failure_of_the_stream_is_theirs() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            let failed = said.clone();
            stream.on_error(move |_, error| failed.say(format!("error {:?}", error.kind())));
            stream.on_data(|_, _| ());
            stream.write_owned(vec![0; LARGE]);
            tell(&stream, &said, "write");
            reset(peer);
        });
    });
    log.expect(&["error ConnectionReset", "write ConnectionReset"]);
}

#[test]
fn a_stream_that_is_closed_before_says_so() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, _peer| {
            stream.close();
            tell(&stream, &said, "write");
        });
    });
    log.expect(&["write NotConnected"]);
}

#[test]
fn it_holds_the_loop_although_the_stream_is_unreferenced() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            stream.unref();
            stream.write_owned(pattern(LARGE));
            tell(&stream, &said, "flushed");
            // This thread holds nothing: the request alone does.
            std::thread::spawn(move || {
                read_exactly(&mut peer, LARGE);
                peer
            });
            unspin::set_timeout(millis(60_000), move || drop(stream)).unref();
        });
    });
    log.expect(&["flushed"]);
}

#[test]
fn it_can_be_cancelled_and_takes_nothing_back() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            stream.write_owned(pattern(LARGE));
            let told = said.clone();
            let pending = stream.flushed().callback(move |flushed: Result<(), Error>| {
                assert!(flushed.expect_err("it is cancelled").is_cancelled());
                told.say("cancelled");
            });
            assert!(pending.cancel());
            assert!(!pending.cancel());
            reads(peer, LARGE);
        });
    });
    log.expect(&["cancelled"]);
}

#[test]
fn corked_writes_are_told_when_they_are_sent() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            stream.cork();
            stream.write(b"held back");
            tell(&stream, &said, "flushed");
            said.say("corked");
            stream.uncork();
            said.say("uncorked");
            beside(move || assert_eq!(read_exactly(&mut peer, 9), b"held back"));
            when(|| true, move || drop(stream));
        });
    });
    log.expect(&["corked", "uncorked", "flushed"]);
}

#[test]
fn what_is_sent_before_a_close_in_the_same_task_is_told_as_sent() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            stream.on_close(says(&said, "close"));
            stream.cork();
            stream.write(b"all of it");
            tell(&stream, &said, "flushed");
            stream.uncork();
            stream.close();
            drop(peer);
        });
    });
    log.expect(&["flushed", "close"]);
}

#[test]
fn writes_that_never_waited_are_told_as_sent_before_the_close_of_the_same_task() {
    const WRITES: usize = 32;
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            stream.on_close(says(&said, "close"));
            for _ in 0..WRITES {
                assert!(stream.write(b"PING"));
                tell(&stream, &said, "write");
            }
            stream.close();
            said.say("task");
            beside(move || {
                let mut bytes = Vec::new();
                peer.read_to_end(&mut bytes).expect("it ends in order");
                assert_eq!(bytes, b"PING".repeat(WRITES));
            });
        });
    });
    let mut expected = vec!["task"];
    expected.extend(["write"; WRITES]);
    expected.push("close");
    log.expect(&expected);
}

#[test]
fn ones_own_end_is_told_before_the_close_of_the_same_task() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            stream.on_close(says(&said, "close"));
            stream.end();
            tell(&stream, &said, "ended");
            stream.close();
            tell(&stream, &said, "too late");
            drop(peer);
        });
    });
    log.expect(&["ended", "too late NotConnected", "close"]);
}

#[test]
fn a_write_and_ones_own_end_are_told_in_this_order_and_then_the_close() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            stream.on_close(says(&said, "close"));
            stream.write_owned(pattern(LARGE));
            tell(&stream, &said, "write");
            stream.end();
            let (kept, told) = (stream.clone(), said.clone());
            stream.flushed().callback(move |ended: Result<(), Error>| {
                ended.expect("the peer reads all");
                told.say("end");
                kept.close();
            });
            beside(move || {
                let mut bytes = Vec::new();
                peer.read_to_end(&mut bytes).expect("it ends in order");
                assert!(bytes == pattern(LARGE));
            });
        });
    });
    log.expect(&["write", "end", "close"]);
}

#[test]
fn a_stream_whose_last_handle_goes_is_closed_after_it_is_told() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            stream.on_close(says(&said, "close"));
            stream.cork();
            stream.write(b"corked");
            tell(&stream, &said, "first");
            stream.uncork();
            tell(&stream, &said, "second");
            drop(stream);
            beside(move || {
                let mut bytes = Vec::new();
                peer.read_to_end(&mut bytes).expect("it ends in order");
                assert_eq!(bytes, b"corked");
            });
        });
    });
    log.expect(&["first", "second", "close"]);
}

#[test]
fn of_a_stream_that_fails_in_the_same_task_the_failure_is_told() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            let failed = said.clone();
            stream.on_error(move |_, error| failed.say(format!("error {:?}", error.kind())));
            stream.on_close(says(&said, "close"));
            stream.write(b"before");
            tell(&stream, &said, "sent");
            stream.end();
            assert!(!stream.write(b"after"));
            tell(&stream, &said, "refused");
            drop(peer);
        });
    });
    log.expect(&["sent", "error BrokenPipe", "refused BrokenPipe", "close"]);
}

#[cfg(feature = "async")]
#[test]
fn it_is_awaited() {
    use std::io::ErrorKind;

    use util::futures::{bind, block_on};

    block_on(async {
        let (listener, address) = bind()?;
        let mut peer = util::net::socket(address);
        let (stream, _) = listener.accept().await?;
        stream.write_owned(pattern(LARGE));
        let reader = std::thread::spawn(move || read_exactly(&mut peer, LARGE) == pattern(LARGE));
        stream.flushed().await?;
        assert_eq!(stream.writable_length(), 0);
        stream.close();
        let error = stream.flushed().await.expect_err("it is closed");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        assert!(reader.join().expect("it reads"));
        Ok(())
    });
}
