//! Sources and sinks of a program's own, joined with the streams of the crate.

mod util;

use std::io::Write;
use std::net::Shutdown;

use unspin::Error;
use util::Log;
use util::ends::{Sink, Source};
use util::net::{beside, pair, pattern, read_to_end, run};

const MIB: usize = 1024 * 1024;

#[test]
fn a_file_is_piped_into_a_socket() {
    let file = tempfile::NamedTempFile::new().expect("a directory to write to");
    std::fs::write(file.path(), pattern(8 * MIB)).expect("it can be written");
    let path = file.path().to_owned();
    run(|| {
        pair(move |stream, mut socket| {
            unspin::pipe(&unspin::fs::read_stream(&path), &stream);
            beside(move || assert!(read_to_end(&mut socket) == pattern(8 * MIB)));
        });
    });
}

#[test]
fn a_file_that_is_not_there_closes_what_it_was_piped_into() {
    run(|| {
        pair(|stream, mut socket| {
            unspin::pipe(&unspin::fs::read_stream("no such file"), &stream);
            beside(move || assert!(read_to_end(&mut socket).is_empty()));
        });
    });
}

#[test]
fn a_socket_is_piped_into_a_sink_of_the_programs() {
    let log = Log::new();
    let said = log.clone();
    let bytes = run(|| {
        let sink = Sink::new(&said, 100_000);
        let kept = sink.clone();
        pair(move |stream, mut socket| {
            unspin::pipe(&stream, &sink);
            beside(move || {
                socket.write_all(&pattern(MIB)).expect("the pipe reads");
                socket.shutdown(Shutdown::Write).expect("it is open");
                read_to_end(&mut socket);
            });
        });
        kept
    });
    assert!(bytes.bytes() == pattern(MIB));
    // Never more than the mark and what one read adds to it.
    assert!(bytes.most() <= 100_000 + 65 * 1024, "{} bytes waited", bytes.most());
    log.expect(&["sink ended"]);
}

#[test]
fn a_source_of_the_programs_is_paused_by_a_slow_sink() {
    let log = Log::new();
    let sink = run(|| {
        let source = Source::new(&log, [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        let sink = Sink::new(&log, 3);
        unspin::pipe(&source, &sink);
        sink
    });
    log.expect(&[
        "source paused",
        "source resumed",
        "source paused",
        "source resumed",
        "source paused",
        "source resumed",
        "sink ended",
    ]);
    assert_eq!(sink.bytes(), b"onetwothree");
    assert_eq!(sink.most(), 5);
}

#[test]
fn a_source_that_fails_closes_the_sink_and_the_other_way_round() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, [b"one".to_vec()]).failing(Error::new("no more"));
        unspin::pipe(&source, &Sink::new(&log, 100));
    });
    log.expect(&["sink closed"]);

    let log = Log::new();
    run(|| {
        let source = Source::new(&log, [b"one".to_vec(), b"two".to_vec()]);
        unspin::pipe(&source, &Sink::new(&log, 100).failing_after(2));
    });
    log.expect(&["source closed"]);
}
