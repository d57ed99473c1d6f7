//! Frames of streams: by handlers, and written.

mod util;

use std::cell::Cell;
use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::rc::Rc;

use unspin::codec::Framing;
use unspin::stream::{Framed, Readable, framed};
use util::Log;
use util::ends::Source;
use util::net::{
    beside, client, listen, pair, pattern, read_exactly, read_to_end, round_trip, run,
};

/// Says the frames, and what they end with.
fn tell<R: Readable>(log: &Log, frames: &Framed<R>) {
    let said = log.clone();
    frames.on_end(move |_| said.say("end"));
    let said = log.clone();
    frames.on_error(move |_, error| said.say(format!("{:?}: {error}", error.kind())));
    let said = log.clone();
    frames.on_frame(move |_, frame| said.say(String::from_utf8_lossy(frame)));
}

#[test]
fn frames_come_whole_and_in_order_however_they_were_cut() {
    let log = Log::new();
    run(|| {
        let chunks = [&b"\0\x03on"[..], b"e\0", b"\x03two\0\0\0\x01!"];
        let source = Source::new(&log, chunks.map(<[u8]>::to_vec));
        tell(&log, &framed(source, Framing::u16()));
    });
    log.expect(&["one", "two", "", "!", "end"]);
}

#[test]
fn a_stream_that_ends_within_a_frame_says_so() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, [b"\x03one\x05tw".to_vec()]);
        tell(&log, &framed(source, Framing::u8()));
    });
    log.expect(&["one", "UnexpectedEof: the stream ended within a frame, after 3 of 6 bytes"]);
}

#[test]
fn an_echo_of_frames_with_pipelining() {
    run(|| {
        let (listener, address) = listen();
        listener.on_connection(|stream, _| {
            framed(stream.clone(), Framing::u32()).on_frame(|frames, frame| {
                frames.write_frame(frame)?;
                Ok(())
            });
        });
        client(address, |socket| {
            let mut message = Vec::new();
            for length in [0, 1, 1000, 100_000, 3_000_000] {
                Framing::u32().encode(&pattern(length), &mut message).expect("it is not too long");
            }
            assert!(round_trip(socket, &message) == message);
            socket.shutdown(Shutdown::Write).expect("it is open");
            assert!(read_to_end(socket).is_empty());
        });
    });
}

#[test]
fn a_gigabyte_is_refused_and_the_peer_is_told() {
    run(|| {
        pair(|stream, mut socket| {
            let frames = framed(stream, Framing::u32().limit(1024));
            frames.on_error(|frames, error| {
                assert_eq!(error.kind(), ErrorKind::InvalidData);
                frames.source().write(error.to_string().as_bytes());
            });
            frames.on_frame(|_, _| unreachable!("there is none"));
            beside(move || {
                socket.write_all(&0x4000_0000_u32.to_be_bytes()).expect("it is open");
                let answer = read_to_end(&mut socket);
                let expected = "a frame of 1073741824 bytes is longer than the limit of 1024 bytes";
                assert_eq!(String::from_utf8_lossy(&answer), expected);
            });
        });
    });
}

#[test]
fn a_frame_that_cannot_be_written_leaves_the_stream_as_it_was() {
    run(|| {
        pair(|stream, mut socket| {
            let frames = framed(stream.clone(), Framing::delimited("\0"));
            let refused = frames.write_frame(b"a\0b").expect_err("it has the delimiter in it");
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(frames.write_frame(b"ab").expect("it has not"));
            stream.end();
            beside(move || assert_eq!(read_to_end(&mut socket), b"ab\0"));
        });
    });
}

#[test]
fn writing_frames_says_when_to_wait() {
    run(|| {
        pair(|stream, mut socket| {
            let frames = framed(stream.clone(), Framing::u32());
            let frame = pattern(10_000);
            let mut written = 0;
            let mut more = move || {
                while written < 1000 {
                    written += 1;
                    if !frames.write_frame(&frame).expect("it is short") {
                        return;
                    }
                }
                frames.source().end();
            };
            more();
            assert!(stream.writable_length() > 0);
            let most = Rc::new(Cell::new(0));
            stream.on_drain(move |stream| {
                more();
                most.set(most.get().max(stream.writable_length()));
                assert!(most.get() < 2 * 64 * 1024);
            });
            // Reading is what keeps it open until it is ended.
            stream.on_data(|_, _| ());
            beside(move || {
                assert_eq!(read_exactly(&mut socket, 4), 10_000_u32.to_be_bytes());
                assert_eq!(read_to_end(&mut socket).len(), 1000 * 10_004 - 4);
            });
        });
    });
}
