//! Writes that queue nothing, writes of several slices, and looking at bytes without taking them.

mod util;

use std::io::{ErrorKind, IoSlice, Write};

use unspin::net::TcpStream;
use util::Log;
use util::net::{beside, pair, pattern, read_exactly, run, streams, when};

/// Tries to write until the system takes no more; returns how much it took.
fn fill(stream: &TcpStream, bytes: &[u8]) -> usize {
    let mut sent = 0;
    loop {
        match stream.try_write(&bytes[sent..]) {
            Ok(count) => {
                assert!(count > 0);
                sent += count;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return sent;
            }
        }
    }
}

#[test]
fn a_try_sends_what_the_system_takes_and_queues_nothing() {
    const LENGTH: usize = 64 << 20;
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            let bytes = pattern(LENGTH);
            let sent = fill(&stream, &bytes);
            assert!(sent < LENGTH, "the system buffers that much");
            assert_eq!((stream.writable_length(), stream.bytes_written()), (0, sent as u64));
            assert_eq!(stream.try_write(b"").expect("nothing is to be sent"), 0);
            beside(move || assert!(read_exactly(&mut peer, LENGTH) == pattern(LENGTH)));
            // The rest follows behind, by the queue.
            stream.write(&bytes[sent..]);
            let error = stream.try_write(b"overtakes").expect_err("others wait in front");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            stream.flushed().callback(move |flushed| {
                said.say("flushed");
                drop(stream);
                flushed
            });
        });
    });
    log.expect(&["flushed"]);
}

#[test]
fn a_try_says_why_it_cannot() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            let kind = |stream: &TcpStream| stream.try_write(b"x").expect_err("it cannot").kind();
            stream.cork();
            stream.write(b"held back");
            assert_eq!(kind(&stream), ErrorKind::WouldBlock);
            stream.uncork();
            stream.end();
            assert_eq!(kind(&stream), ErrorKind::BrokenPipe);
            stream.close();
            assert_eq!(kind(&stream), ErrorKind::NotConnected);
            said.say("checked");
            drop(peer);
        });
    });
    log.expect(&["checked"]);
}

#[test]
fn a_try_to_a_peer_that_has_closed_fails_and_leaves_nothing_queued() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            drop(peer);
            let kept = stream.clone();
            // The first may still be taken: the answer to it is the reset.
            let failed = move || match kept.try_write(b"x") {
                Ok(_) => false,
                Err(error) => {
                    let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
                    assert!(kinds.contains(&error.kind()), "{error}");
                    assert!(error.to_string().starts_with("write: "), "{error}");
                    assert_eq!(kept.writable_length(), 0);
                    assert!(!kept.is_closed());
                    true
                }
            };
            when(failed, move || {
                said.say("failed");
                stream.close();
            });
        });
    });
    log.expect(&["failed"]);
}

#[test]
fn a_write_to_a_peer_that_has_closed_is_taken_and_then_answered_by_a_reset_or_an_end() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, peer| {
            drop(peer);
            stream.write(b"into the half-open connection");
            stream.flushed().callback(move |flushed| {
                flushed.expect("the system took it");
                stream.on_error(|_, error| assert_eq!(error.kind(), ErrorKind::ConnectionReset));
                stream.on_data(|_, _| unreachable!("the peer is gone"));
                stream.on_close(util::net::says(&said, "close"));
            });
        });
    });
    log.expect(&["close"]);
}

#[test]
fn slices_are_written_as_if_they_were_one() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            let slices = [&b"one "[..], b"", b"two ", b"three"].map(IoSlice::new);
            assert!(stream.write_vectored(&slices));
            assert!(stream.write_vectored(&[]));
            assert_eq!(stream.try_write_vectored(&slices).expect("there is room"), 13);
            assert_eq!(stream.bytes_written(), 26);
            assert_eq!(read_exactly(&mut peer, 26), b"one two threeone two three");
            stream.end();
            assert!(!stream.write_vectored(&slices));
            let failed = said.clone();
            stream.on_error(move |_, error| failed.say(format!("{:?}", error.kind())));
        });
    });
    log.expect(&["BrokenPipe"]);
}

#[test]
fn thousands_of_slices_come_back_and_then_the_end() {
    const SLICES: usize = 4096;
    const LENGTH: usize = 1003;
    let log = Log::new();
    let said = log.clone();
    run(|| {
        streams(move |server, client| {
            server.on_data(|stream, chunk| {
                stream.write(chunk);
            });
            // Or it would read nothing before all is sent, and its echo would wait for that.
            client.set_high_water_mark(usize::MAX);
            let bytes = pattern(SLICES * LENGTH);
            let slices: Vec<IoSlice<'_>> = bytes.chunks(LENGTH).map(IoSlice::new).collect();
            for word in ["first", "second", "third"] {
                client.write_vectored(&slices);
                let said = said.clone();
                client.flushed().callback(move |flushed| {
                    said.say(word);
                    flushed
                });
            }
            client.end();
            let mut came = Vec::new();
            let ended = said.clone();
            client.on_end(move |stream| {
                assert_eq!(stream.writable_length(), 0);
                ended.say("end");
            });
            client.on_data(move |_, chunk| {
                came.extend_from_slice(chunk);
                if came.len() == 3 * bytes.len() {
                    assert!(came.chunks(bytes.len()).all(|round| round == bytes));
                    said.say("all");
                }
            });
        });
    });
    log.expect(&["first", "second", "third", "all", "end"]);
}

#[test]
fn bytes_are_looked_at_and_left() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut peer| {
            let mut buffer = [0; 16];
            let error = stream.peek(&mut buffer).expect_err("nothing came");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            peer.write_all(b"GET /").expect("it fits into the buffers");
            let kept = stream.clone();
            let came = move || kept.peek(&mut [0; 16]).is_ok_and(|length| length == 5);
            when(came, move || {
                let length = stream.peek(&mut buffer).expect("it is still there");
                assert_eq!(&buffer[..length], b"GET /");
                stream.on_data(move |stream, chunk| {
                    assert_eq!(chunk, b"GET /");
                    said.say("data");
                    stream.close();
                });
                drop(peer);
            });
        });
    });
    log.expect(&["data"]);
}

#[cfg(feature = "async")]
#[test]
fn the_traits_write_several_slices_by_one_call() {
    use std::io::Read;

    use futures_lite::AsyncWriteExt;
    use util::futures::{bind, block_on};

    const SLICES: usize = 3000;
    block_on(async {
        let (listener, address) = bind()?;
        let mut peer = util::net::socket(address);
        let (stream, _) = listener.accept().await?;
        let slices: Vec<IoSlice<'_>> = (0..SLICES).map(|_| IoSlice::new(b"abc")).collect();
        let sent = (&mut &stream).write_vectored(&slices).await?;
        // As many as one call takes, and more than one slice.
        assert!(sent > 3 && sent <= 3 * SLICES, "{sent}");
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            peer.read_to_end(&mut bytes).expect("it ends in order");
            bytes
        });
        // Until the system takes no more, and then until it does again.
        let large = pattern(4 << 20);
        let mut rest = &large[..];
        while !rest.is_empty() {
            let (one, other) = rest.split_at(rest.len() / 2);
            let slices = [one, other].map(IoSlice::new);
            rest = &rest[(&mut &stream).write_vectored(&slices).await?..];
        }
        stream.end();
        let error = (&mut &stream).write_vectored(&slices).await.expect_err("it has ended");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        unspin::sleep(util::millis(1)).await;
        drop(stream);
        let bytes = reader.join().expect("it reads");
        assert_eq!(bytes.len(), sent + large.len());
        assert!(bytes[sent..] == large);
        Ok(())
    });
}
