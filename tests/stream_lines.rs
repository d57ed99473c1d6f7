//! Lines of streams and files: by handlers, with what ends them.

mod util;

use std::io::{ErrorKind, Write};
use std::net::Shutdown;

use unspin::codec::LineDecoder;
use unspin::stream::{Lines, Readable, lines, lines_of};
use unspin::{Error, fs};
use util::ends::Source;
use util::net::{beside, client, listen, pair, read_exactly, read_to_end, run};
use util::{Drops, Log};

fn chunks(chunks: &[&str]) -> Vec<Vec<u8>> {
    chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect()
}

/// Says the lines, and what they end with.
fn tell<R: Readable>(log: &Log, lines: &Lines<R>) {
    let said = log.clone();
    lines.on_end(move |_| said.say("end"));
    let said = log.clone();
    lines.on_error(move |_, error| said.say(format!("{:?}: {error}", error.kind())));
    let said = log.clone();
    lines.on_line(move |_, line| said.say(line));
}

#[test]
fn lines_come_whole_and_in_order_however_they_were_cut() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, chunks(&["one\ntw", "o\r", "\n\nthr", "ee", "é"]));
        tell(&log, &lines(source));
    });
    log.expect(&["one", "two", "", "threeé", "end"]);
}

#[test]
fn a_character_may_be_cut_in_two() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, vec![b"\xc3".to_vec(), b"\xa9\n".to_vec()]);
        tell(&log, &lines(source));
    });
    log.expect(&["é", "end"]);
}

#[test]
fn a_line_that_is_too_long_names_the_limit_and_closes_the_source() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, chunks(&["one\nlonger", "two\n"]));
        tell(&log, &lines_of(source, LineDecoder::with_limit(5)));
    });
    log.expect(&[
        "one",
        "InvalidData: a line is longer than the limit of 5 bytes",
        "source closed",
    ]);
}

#[test]
fn a_line_that_is_no_text_says_which() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, vec![b"one\n\xff\ntwo\n".to_vec()]);
        tell(&log, &lines(source));
    });
    log.expect(&[
        "one",
        "InvalidData: line 2: invalid utf-8 sequence of 1 bytes from index 0",
        "source closed",
    ]);
}

#[test]
fn bytes_need_not_be_text() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let source = Source::new(&log, vec![b"\xff\x00\n".to_vec()]);
        lines(source).on_line_bytes(move |_, line| said.say(format!("{line:?}")));
    });
    log.expect(&["[255, 0]"]);
}

#[test]
fn a_source_that_fails_tells_it_after_the_lines() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, chunks(&["one\ntw"])).failing(Error::new("no more"));
        tell(&log, &lines(source));
    });
    log.expect(&["one", "Other: no more"]);
}

/// Pauses at each line of this text, and goes on in the next turn.
fn pause_at_each(text: &str) -> Vec<String> {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, chunks(&[text]));
        let said = log.clone();
        let all = lines(source);
        let ending = log.clone();
        all.on_end(move |_| ending.say("end"));
        all.on_line(move |lines, line| {
            said.say(line);
            lines.pause();
            assert!(lines.is_paused());
            let (lines, said) = (lines.clone(), said.clone());
            unspin::set_immediate(move || {
                said.say("resume");
                lines.resume();
            });
        });
    });
    log.words().into_iter().filter(|word| !word.contains("source")).collect()
}

#[test]
fn pausing_holds_the_rest_of_a_chunk_back() {
    let words = pause_at_each("one\ntwo\nthree\n");
    assert_eq!(words, ["one", "resume", "two", "resume", "three", "resume", "end"]);
}

#[test]
fn pausing_in_a_last_line_without_a_newline_holds_the_end_back() {
    let words = pause_at_each("one\ntwo");
    assert_eq!(words, ["one", "resume", "two", "resume", "end"]);
}

#[test]
fn an_error_of_a_handler_closes_its_source() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, chunks(&["one\ntwo\n", "three\n"]));
        let said = log.clone();
        let all = lines(source);
        all.on_error(|_, _| unreachable!("it is the handler's own"));
        all.on_line(move |_, line| {
            said.say(line);
            if line == "two" { Err(Error::new("enough")) } else { Ok(()) }
        });
        let uncaught = log.clone();
        unspin::on_uncaught(move |error| {
            uncaught.say(error.error().to_string());
            Ok(())
        });
    });
    // A source of the program's own hands the error on to its own task.
    log.expect(&["one", "two", "enough"]);
}

#[test]
fn a_handler_may_close_them_and_lets_go_of_what_it_holds() {
    let (log, drops) = (Log::new(), Drops::new());
    run(|| {
        let source = Source::new(&log, chunks(&["one\ntwo\n"]));
        let (said, guard) = (log.clone(), drops.guard());
        let all = lines(source);
        let itself = all.clone();
        all.on_line(move |lines, line| {
            guard.keep();
            assert!(!itself.is_paused());
            said.say(line);
            lines.close();
        });
    });
    log.expect(&["one", "source closed"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_handler_that_panics_gets_no_more() {
    let log = Log::new();
    run(|| {
        let said = log.clone();
        unspin::on_uncaught(move |uncaught| {
            said.say(uncaught.error().to_string());
            Ok(())
        });
        let source = Source::new(&log, chunks(&["one\ntwo\n", "three\n"]));
        lines(source).on_line(|_, line| assert!(line != "one", "not this one"));
    });
    log.expect(&["source closed", "a callback panicked: not this one"]);
}

/// What is said when handlers that `install` gives to these lines panic, and how many of them are
/// dropped. The loop goes on with an immediate.
fn panicking(text: &str, install: fn(&Lines<Source>)) -> (Vec<String>, usize) {
    let (log, drops) = (Log::new(), Drops::new());
    run(|| {
        let said = log.clone();
        unspin::on_uncaught(move |uncaught| {
            said.say(uncaught.error().to_string());
            Ok(())
        });
        let lines = lines_of(Source::new(&log, chunks(&[text])), LineDecoder::with_limit(5));
        let (guard, itself) = (drops.guard(), lines.clone());
        lines.on_line(move |_, _| {
            guard.keep();
            assert!(!itself.is_paused());
        });
        install(&lines);
    });
    (log.words(), drops.count())
}

#[test]
fn an_error_handler_that_panics_leaves_no_source_open() {
    let (words, dropped) = panicking("too long\n", |lines| {
        lines.on_error(|_, _| panic!("told"));
    });
    assert_eq!((words, dropped), (words_of(&["source closed", "a callback panicked: told"]), 1));
}

#[test]
fn an_end_handler_that_panics_lets_go_of_the_others() {
    let (words, dropped) = panicking("one\n", |lines| {
        lines.on_end(|_| panic!("ended"));
    });
    // The source has come to its end by itself.
    assert_eq!((words, dropped), (words_of(&["a callback panicked: ended"]), 1));
}

fn words_of(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn the_lines_of_a_file() {
    let log = Log::new();
    run(|| {
        let said = log.clone();
        lines(fs::read_stream("Cargo.toml")).on_line(move |lines, line| {
            said.say(line);
            lines.close();
        });
    });
    log.expect(&["[package]"]);
}

#[test]
fn a_server_of_lines_answers_each_and_keeps_none() {
    run(|| {
        let (listener, address) = listen();
        listener.on_connection(|stream, _| {
            lines(stream.clone()).on_line(|lines, line| {
                lines.source().write(format!("<{line}>").as_bytes());
                if line == "quit" {
                    lines.source().end();
                }
            });
        });
        client(address, |socket| {
            socket.write_all(b"one\ntw").expect("it fits into the buffers");
            assert_eq!(read_exactly(socket, 5), b"<one>");
            socket.write_all(b"o\nquit\n").expect("it fits into the buffers");
            assert_eq!(read_to_end(socket), b"<two><quit>");
        });
    });
}

#[test]
fn a_peer_that_sends_an_endless_line_is_told_and_harms_nothing() {
    run(|| {
        let (listener, address) = listen();
        listener.on_connection(|stream, _| {
            let all = lines(stream.clone());
            all.on_error(|lines, error| {
                assert_eq!(error.kind(), ErrorKind::InvalidData);
                lines.source().write(b"too long");
            });
            all.on_line(|_, _| unreachable!("no line ends"));
        });
        client(address, |socket| {
            let flood = vec![b'x'; 1024 * 1024];
            // It is cut off at some point: what was sent by then does not matter.
            while socket.write_all(&flood).is_ok() {}
        });
    });
}

#[test]
fn a_slow_reader_of_lines_slows_the_sender_down() {
    run(|| {
        pair(|stream, mut socket| {
            let all = lines(stream);
            let mut seen = 0;
            all.on_line(move |lines, line| {
                assert_eq!(line.len(), 1000);
                seen += 1;
                if seen % 1000 == 0 {
                    lines.pause();
                    let lines = lines.clone();
                    unspin::set_immediate(move || lines.resume());
                }
                if seen == 20_000 {
                    lines.source().write(b"all");
                }
            });
            beside(move || {
                let line = [&[b'x'; 1000][..], b"\n"].concat();
                for _ in 0..20_000 {
                    socket.write_all(&line).expect("they are read");
                }
                socket.shutdown(Shutdown::Write).expect("it is open");
                assert_eq!(read_to_end(&mut socket), b"all");
            });
        });
    });
}
