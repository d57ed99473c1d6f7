//! Lines and frames, awaited.
#![cfg(feature = "async")]

mod util;

use std::io::{ErrorKind, Write};
use std::net::Shutdown;

use futures_lite::StreamExt;
use unspin::codec::{Framing, LineDecoder};
use unspin::net::TcpStream;
use unspin::stream::{framed, lines, lines_of};
use unspin::{Error, fs, spawn};
use util::Log;
use util::ends::Source;
use util::futures::block_on;
use util::net::{beside, pair, read_to_end, run, streams};

fn chunks(chunks: &[&str]) -> Vec<Vec<u8>> {
    chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect()
}

#[test]
fn lines_are_awaited_one_after_the_other() {
    block_on(async move {
        let all = lines(Source::new(&Log::new(), chunks(&["one\ntw", "o\n", "three"])));
        assert_eq!(all.next_line().await?.as_deref(), Some("one"));
        assert_eq!(all.next_line().await?.as_deref(), Some("two"));
        assert_eq!(all.next_line_bytes().await?.as_deref(), Some(&b"three"[..]));
        assert_eq!(all.next_line().await?, None);
        assert_eq!(all.next_line().await?, None);
        Ok(())
    });
}

#[test]
fn lines_are_a_stream() {
    block_on(async {
        let all: Vec<String> =
            lines(Source::new(&Log::new(), chunks(&["a\nb", "c\n\nd"]))).try_collect().await?;
        assert_eq!(all, ["a", "bc", "", "d"]);
        Ok(())
    });
}

#[test]
fn what_ends_them_is_told_once() {
    let log = Log::new();
    let said = log.clone();
    block_on(async move {
        let source = Source::new(&said, chunks(&["one\n"])).failing(Error::new("no more"));
        let all = lines(source);
        assert_eq!(all.next_line().await?.as_deref(), Some("one"));
        let error = all.next_line().await.expect_err("it fails");
        assert_eq!(error.to_string(), "no more");
        assert_eq!(all.next_line().await?, None);

        let long = lines_of(Source::new(&said, chunks(&["too long"])), LineDecoder::with_limit(3));
        let error = long.next_line().await.expect_err("it is too long");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(long.next_line().await?, None);
        Ok(())
    });
    let closed = log.words().into_iter().filter(|word| word == "source closed").count();
    assert_eq!(closed, 1);
}

#[test]
fn a_line_that_is_no_text_does_not_end_them() {
    block_on(async {
        let all = lines(Source::new(&Log::new(), vec![b"\xff\ntext\n".to_vec()]));
        let error = all.next_line().await.expect_err("it is no text");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(all.next_line().await?.as_deref(), Some("text"));
        Ok(())
    });
}

#[test]
fn nothing_is_read_before_it_is_asked_for_and_then_a_chunk_at_most() {
    let log = Log::new();
    let said = log.clone();
    block_on(async move {
        let all = lines(Source::new(&said, chunks(&["one\ntwo\n", "three\n"])));
        assert_eq!(all.next_line().await?.as_deref(), Some("one"));
        said.say("one");
        assert_eq!(all.next_line().await?.as_deref(), Some("two"));
        said.say("two");
        assert_eq!(all.next_line().await?.as_deref(), Some("three"));
        said.say("three");
        Ok(())
    });
    log.expect(&[
        "source paused",
        "one",
        "two",
        "source resumed",
        "source paused",
        "three",
        "source closed",
    ]);
}

#[test]
fn a_future_that_is_dropped_loses_no_byte() {
    run(|| {
        streams(|accepted, connected| {
            spawn(async move {
                let all = lines(accepted);
                let asked = futures_lite::future::poll_once(all.next_line()).await;
                assert!(asked.is_none());
                connected.write(b"one\ntwo\n");
                connected.end();
                assert_eq!(all.next_line().await?.as_deref(), Some("one"));
                assert_eq!(all.next_line().await?.as_deref(), Some("two"));
                assert_eq!(all.next_line().await?, None);
                Ok(())
            })
            .or_uncaught();
        });
    });
}

#[test]
fn dropping_the_last_handle_closes_what_was_read_from() {
    run(|| {
        pair(|stream, mut socket| {
            spawn(async move {
                let all = lines(stream);
                assert_eq!(all.next_line().await?.as_deref(), Some("one"));
                drop(all);
                Ok(())
            })
            .or_uncaught();
            beside(move || {
                socket.write_all(b"one\n").expect("it is open");
                assert!(read_to_end(&mut socket).is_empty());
            });
        });
    });
}

#[test]
fn a_handler_and_a_future_do_not_mix() {
    block_on(async {
        let all = lines(fs::read_stream("Cargo.toml"));
        all.on_line(|_, _| ());
        let error = all.next_line().await.expect_err("a handler gets them");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn a_source_that_is_closed_meanwhile_is_told() {
    run(|| {
        pair(|stream, socket| {
            let closing = stream.clone();
            spawn(async move {
                let error = lines(stream).next_line().await.expect_err("it is closed");
                assert_eq!(error.kind(), ErrorKind::NotConnected);
                drop(socket);
                Ok(())
            })
            .or_uncaught();
            unspin::set_timeout(util::millis(1), move || closing.close());
        });
    });
}

#[test]
fn frames_are_awaited_and_answered() {
    run(|| {
        streams(|accepted, connected| {
            spawn(async move {
                let frames = framed(accepted, Framing::varint());
                while let Some(frame) = frames.next_frame().await? {
                    frames.write_frame(&frame)?;
                }
                Ok(())
            })
            .or_uncaught();
            spawn(async move { ask(connected).await }).or_uncaught();
        });
    });
}

async fn ask(stream: TcpStream) -> unspin::Result<()> {
    let mut bytes = Vec::new();
    for length in [0, 1, 300, 100_000] {
        Framing::varint().encode(&vec![b'x'; length], &mut bytes)?;
    }
    let writer = stream.clone();
    spawn(async move {
        writer.write_all(&bytes).await?;
        writer.allow_half_open(true);
        writer.end();
        Ok(())
    })
    .or_uncaught();
    let lengths: Vec<usize> = framed(stream, Framing::varint())
        .map(|frame| frame.map(|frame| frame.len()))
        .try_collect()
        .await?;
    assert_eq!(lengths, [0, 1, 300, 100_000]);
    Ok(())
}

#[test]
fn a_frame_that_is_cut_off_is_told_once() {
    run(|| {
        pair(|stream, mut socket| {
            spawn(async move {
                let frames = framed(stream, Framing::u8());
                let error = frames.next_frame().await.expect_err("it is cut off");
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
                assert_eq!(frames.next_frame().await?, None);
                Ok(())
            })
            .or_uncaught();
            beside(move || {
                socket.write_all(b"\x05abc").expect("it is open");
                socket.shutdown(Shutdown::Write).expect("it is open");
                assert!(read_to_end(&mut socket).is_empty());
            });
        });
    });
}
