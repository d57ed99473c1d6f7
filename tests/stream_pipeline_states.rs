//! Pipelines whose source or sink is not fresh: ended, paused, read by another, or panicking.

mod util;

use std::io::Write;
use std::net::Shutdown;

use unspin::stream::{Output, Transform, lines, pipeline, tee};
use unspin::{Request, Result, fs};
use util::Log;
use util::ends::{Sink, Source};
use util::net::{pair, run};

const DISPLACED: &str =
    "Err(somebody else reads this stream now: a stream has one reader at a time)";
const ENDED: &str = "Err(the sink was ended before the source)";

fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// Says what a request came to.
fn tell(log: &Log, request: Request<()>) {
    let log = log.clone();
    request.callback(move |result| log.say(format!("{result:?}")));
}

#[test]
fn a_source_that_has_ended_ends_the_sink() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            stream.allow_half_open(true);
            stream.on_data(|_, _| ());
            socket.shutdown(Shutdown::Write).expect("it is connected");
            stream.on_end(move |stream| {
                let (stream, said, _kept) = (stream.clone(), said.clone(), &socket);
                unspin::set_immediate(move || {
                    tell(&said, pipeline(stream).to(Sink::new(&said, 100)));
                });
            });
        });
    });
    log.expect(&["sink ended", "Ok(())"]);
}

#[test]
fn a_source_that_was_paused_goes_on() {
    let (log, other) = (Log::new(), Log::new());
    let said = other.clone();
    let sink = run(|| {
        let file = fs::read_stream("Cargo.toml");
        file.pause();
        let sink = Sink::new(&log, usize::MAX);
        tell(&log, pipeline(file).to(sink.clone()));
        pair(move |stream, mut socket| {
            stream.pause();
            socket.write_all(b"hello").expect("it is connected");
            drop(socket);
            tell(&said, pipeline(stream).to(Sink::new(&said, 100)));
        });
        sink
    });
    log.expect(&["sink ended", "Ok(())"]);
    other.expect(&["sink ended", "Ok(())"]);
    assert_eq!(sink.bytes(), std::fs::read("Cargo.toml").expect("it is there"));
}

#[test]
fn a_sink_that_was_ended_fails_it_also_when_there_is_nothing_to_write() {
    let silent = (vec![], vec![ENDED]);
    for (chunks, expected) in
        [silent, (words(&["one"]), vec!["source paused", "source closed", ENDED])]
    {
        let log = Log::new();
        let said = log.clone();
        run(|| {
            pair(move |stream, socket| {
                stream.on_data(|_, _| ());
                stream.end();
                let flushed = stream.flushed();
                flushed.callback(move |_| {
                    let _kept = &socket;
                    tell(&said, pipeline(Source::new(&said, chunks)).to(stream));
                });
            });
        });
        log.expect(&expected);
    }
}

#[test]
fn a_source_that_is_given_another_reader_tells_the_first() {
    let log = Log::new();
    let (one, two) = run(|| {
        let (one, two) = (Sink::new(&log, usize::MAX), Sink::new(&log, usize::MAX));
        let file = fs::read_stream("Cargo.toml");
        tell(&log, pipeline(file.clone()).to(one.clone()));
        tell(&log, pipeline(file).to(two.clone()));
        (one, two)
    });
    log.expect(&["sink closed", DISPLACED, "sink ended", "Ok(())"]);
    assert_eq!((one.bytes().len(), two.bytes().is_empty()), (0, false));
}

#[test]
fn so_does_a_stream_that_is_given_a_data_handler() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let ends = said.clone();
            lines(stream.clone())
                .on_line(|_, _| ())
                .on_error(move |_, error| ends.say(error.to_string()));
            let (told, sink) = (said.clone(), Sink::new(&said, 100));
            pipeline(stream.clone()).to(sink).callback(move |result| {
                told.say(format!("{result:?}"));
                socket.write_all(b"hello").expect("it is connected");
            });
            stream.on_data(move |_, chunk| said.say(format!("{} bytes", chunk.len())));
        });
    });
    let lines_are_told = &DISPLACED[4..DISPLACED.len() - 1];
    log.expect(&[lines_are_told, "sink closed", DISPLACED, "5 bytes"]);
}

#[test]
fn a_pipe_lets_go_of_both() {
    let log = Log::new();
    run(|| {
        let (one, two) = (Sink::new(&log, 100), Sink::new(&log, usize::MAX));
        let file = fs::read_stream("Cargo.toml");
        unspin::pipe(&file, &one);
        unspin::pipe(&file, &two);
    });
    log.expect(&["sink ended"]);
}

/// Panics at a word, or at the end.
struct Panicking(&'static [u8]);

impl Transform for Panicking {
    fn chunk(&mut self, chunk: &[u8], out: &mut Output<'_>) -> Result<()> {
        assert!(chunk != self.0, "not this one");
        out.write(chunk);
        Ok(())
    }

    fn end(&mut self, _: &mut Output<'_>) -> Result<()> {
        panic!("not at the end")
    }
}

#[test]
fn a_transform_that_panics_fails_it_where_the_panic_does_not_end_the_loop() {
    let early = vec!["source closed", "sink closed", "Err(a transform panicked)"];
    for (word, expected) in [(&b"one"[..], early.clone()), (b"none", early[1..].to_vec())] {
        let log = Log::new();
        run(|| {
            unspin::on_uncaught(|_| ());
            let source = Source::new(&log, words(&["one", "two"]));
            tell(&log, pipeline(source).transform(Panicking(word)).to(Sink::new(&log, 100)));
        });
        log.expect(&expected);
    }
}

#[test]
fn one_side_of_a_tee_that_somebody_else_ends_fails_it() {
    let log = Log::new();
    run(|| {
        let (one, two) = (Sink::new(&log, 100), Sink::new(&log, 100));
        let other = one.clone();
        let source = Source::new(&log, words(&["one", "two"]));
        let request = pipeline(source).through(move |chunk, out| {
            unspin::stream::Writable::end(&other);
            out.write(chunk);
        });
        tell(&log, request.to(tee(one, two)));
    });
    log.expect(&["sink ended", "sink closed", "source closed", ENDED]);
}
