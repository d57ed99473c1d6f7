//! From a source, through transforms, into a sink: results, failures, and who is closed by them.

mod util;

use std::io::{ErrorKind, Write};
use std::net::Shutdown;

use unspin::stream::{Output, Transform, pipeline, tee};
use unspin::{AbortController, Error, Request, Result, fs};
use util::ends::{Sink, Source};
use util::net::{beside, pair, pattern, read_to_end, reset, run};
use util::{Log, millis};

const MIB: usize = 1024 * 1024;

fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// Says what a request came to.
fn tell(log: &Log, request: Request<()>) {
    let log = log.clone();
    request.callback(move |result| log.say(format!("{result:?}")));
}

/// Holds a byte back from each chunk, until the next one or the end.
#[derive(Default)]
struct Late(Option<u8>);

impl Transform for Late {
    fn chunk(&mut self, chunk: &[u8], out: &mut Output<'_>) -> Result<()> {
        out.write(self.0.as_slice());
        let (last, rest) = chunk.split_last().expect("a chunk has bytes");
        out.write(rest);
        self.0 = Some(*last);
        Ok(())
    }

    fn end(&mut self, out: &mut Output<'_>) -> Result<()> {
        out.write(self.0.as_slice());
        out.write(b"!");
        Ok(())
    }
}

#[test]
fn bytes_go_through_the_transforms_in_order_and_their_ends_as_well() {
    let log = Log::new();
    let sink = run(|| {
        let sink = Sink::new(&log, 100);
        let request = pipeline(Source::new(&log, words(&["one", "two"])))
            .transform(Late::default())
            .through(|chunk, out| {
                out.write(&chunk.to_ascii_uppercase());
            })
            .transform(Late::default())
            .to(sink.clone());
        tell(&log, request);
        sink
    });
    assert_eq!(sink.bytes(), b"ONETWO!!");
    log.expect(&["sink ended", "Ok(())"]);
}

#[test]
fn nothing_flows_until_the_request_is_used() {
    let log = Log::new();
    run(|| {
        let request = pipeline(Source::new(&log, words(&["one"]))).to(Sink::new(&log, 100));
        drop(request);
    });
    log.expect(&[]);
}

#[test]
fn a_pipeline_in_each_style() {
    let log = Log::new();
    let make = |log: &Log| pipeline(Source::new(log, words(&["one"]))).to(Sink::new(log, 100));
    run(|| {
        tell(&log, make(&log));
        let said = log.clone();
        make(&log).promise().then(move |()| said.say("promised"));
    });
    log.expect(&["sink ended", "sink ended", "Ok(())", "promised"]);
}

#[cfg(feature = "async")]
#[test]
fn a_pipeline_is_awaited_and_dropping_its_future_closes_both_ends() {
    let log = Log::new();
    let said = log.clone();
    unspin::block_on(async move {
        pipeline(Source::new(&said, words(&["one"]))).to(Sink::new(&said, 100)).await?;
        said.say("awaited");
        let endless = Source::new(&said, words(&["one", "two", "three"]));
        let copying = pipeline(endless).to(Sink::new(&said, 100));
        let first = futures_lite::future::poll_once(copying.into_future()).await;
        assert!(first.is_none());
        Ok(())
    })
    .expect("nothing fails");
    log.expect(&["sink ended", "awaited", "source closed", "sink closed"]);
}

#[test]
fn a_failing_source_closes_the_sink() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, words(&["one"])).failing(Error::new("no more"));
        tell(&log, pipeline(source).to(Sink::new(&log, 100)));
    });
    log.expect(&["sink closed", "Err(no more)"]);
}

#[test]
fn a_failing_sink_closes_the_source() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, words(&["one", "two", "three", "four", "five"]));
        tell(&log, pipeline(source).to(Sink::new(&log, 100).failing_after(5)));
    });
    log.expect(&["source closed", "Err(the sink is full)"]);
}

#[test]
fn a_failing_transform_closes_both() {
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, words(&["one", "two"]));
        let failing = pipeline(source).transform(Late::default()).through(|chunk, out| {
            out.write(chunk);
            if chunk == b"tw" { Err(Error::new("a bad word")) } else { Ok(()) }
        });
        tell(&log, failing.to(Sink::new(&log, 100)));
    });
    log.expect(&["source closed", "sink closed", "Err(a bad word)"]);
}

#[test]
fn a_transform_may_fail_at_the_end() {
    struct Never;
    impl Transform for Never {
        fn chunk(&mut self, _: &[u8], _: &mut Output<'_>) -> Result<()> {
            Ok(())
        }

        fn end(&mut self, _: &mut Output<'_>) -> Result<()> {
            Err(Error::from(ErrorKind::UnexpectedEof))
        }
    }
    let log = Log::new();
    run(|| {
        let source = Source::new(&log, words(&["one"]));
        tell(&log, pipeline(source).transform(Never).to(Sink::new(&log, 100)));
    });
    log.expect(&["sink closed", "Err(unexpected end of file)"]);
}

#[test]
fn aborting_and_cancelling_close_both() {
    let log = Log::new();
    run(|| {
        let controller = AbortController::new();
        let source = Source::new(&log, words(&["one", "two"]));
        let copying = pipeline(source).to(Sink::new(&log, 100)).abort_on(controller.signal());
        let said = log.clone();
        copying.callback(move |result| {
            assert!(result.is_err_and(|error| error.is_abort()));
            said.say("aborted");
        });
        unspin::set_immediate(move || controller.abort());
    });
    log.expect(&["source closed", "sink closed", "aborted"]);

    let log = Log::new();
    run(|| {
        let source = Source::new(&log, words(&["one", "two"]));
        let said = log.clone();
        let pending = pipeline(source).to(Sink::new(&log, 100)).callback(move |result| {
            assert!(result.is_err_and(|error| error.is_cancelled()));
            said.say("cancelled");
        });
        unspin::set_immediate(move || {
            assert!(pending.cancel());
            assert!(!pending.cancel());
        });
    });
    log.expect(&["source closed", "sink closed", "cancelled"]);
}

/// Makes a thousand bytes of each, no more at a time than are welcome.
struct Blow(usize);

impl Transform for Blow {
    fn chunk(&mut self, chunk: &[u8], out: &mut Output<'_>) -> Result<()> {
        self.0 += chunk.len() * 1000;
        self.drain(out)
    }

    fn drain(&mut self, out: &mut Output<'_>) -> Result<()> {
        while self.0 > 0 {
            self.0 -= 1;
            if !out.write(b"x") {
                break;
            }
        }
        Ok(())
    }
}

#[test]
fn a_transform_that_makes_much_of_little_is_bounded_too() {
    let log = Log::new();
    let sink = run(|| {
        let sink = Sink::new(&log, 64);
        let source = Source::new(&log, words(&["ab", "c"]));
        tell(&log, pipeline(source).transform(Blow(0)).to(sink.clone()));
        sink
    });
    assert_eq!(sink.bytes().len(), 3000);
    assert_eq!(sink.most(), 64);
    assert_eq!(log.words().last().map(String::as_str), Some("Ok(())"));
}

#[test]
fn a_file_through_a_transform_into_a_socket_whose_peer_is_slow() {
    let file = tempfile::NamedTempFile::new().expect("a directory to write to");
    std::fs::write(file.path(), pattern(16 * MIB)).expect("it can be written");
    let path = file.path().to_owned();
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let queued = stream.clone();
            unspin::on_prepare(move || assert!(queued.writable_length() <= 4 * 64 * 1024));
            let flipped = pipeline(fs::read_stream(&path)).through(|chunk, out| {
                out.write(&chunk.iter().map(|byte| !byte).collect::<Vec<_>>());
            });
            tell(&said, flipped.to(stream.clone()));
            beside(move || {
                std::thread::yield_now();
                let expected: Vec<_> = pattern(16 * MIB).iter().map(|byte| !byte).collect();
                assert!(read_to_end(&mut socket) == expected);
            });
        });
    });
    log.expect(&["Ok(())"]);
}

#[test]
fn a_file_that_is_not_there_is_the_result_and_closes_the_socket() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let said = said.clone();
            pipeline(fs::read_stream("no such file")).to(stream).callback(move |result| {
                let error = result.expect_err("it is not there");
                said.say(format!("{:?}", error.kind()));
            });
            beside(move || assert!(read_to_end(&mut socket).is_empty()));
        });
    });
    log.expect(&["NotFound"]);
}

#[test]
fn a_peer_that_resets_is_the_result() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            let source = Source::new(&said, vec![pattern(MIB); 1000]);
            let said = said.clone();
            pipeline(source).to(stream).callback(move |result| {
                let error = result.expect_err("its peer has gone");
                let kind = error.kind();
                assert!(
                    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
                    "{error}"
                );
                said.say("told");
            });
            reset(socket);
        });
    });
    let words = log.words();
    assert!(words.ends_with(&["source closed".to_owned(), "told".to_owned()]), "{words:?}");
}

#[test]
fn an_echo_that_half_closes_has_a_result() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let closing = said.clone();
            stream.on_close(move |_| closing.say("close"));
            tell(&said, pipeline(stream.clone()).to(stream));
            beside(move || {
                socket.write_all(b"hello").expect("it fits into the buffers");
                socket.shutdown(Shutdown::Write).expect("it is open");
                assert_eq!(read_to_end(&mut socket), b"hello");
            });
        });
    });
    let mut words = log.words();
    words.sort();
    assert_eq!(words, ["Ok(())", "close"]);
}

#[test]
fn a_sink_that_somebody_else_ends_is_a_failure() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let source = Source::new(&said, vec![b"x".to_vec(); 1_000_000]);
            let (other, said) = (stream.clone(), said.clone());
            pipeline(source).to(stream).callback(move |result| {
                said.say(format!("{:?}", result.expect_err("it was ended").kind()));
            });
            unspin::set_timeout(millis(1), move || other.end());
            beside(move || drop(read_to_end(&mut socket)));
        });
    });
    assert!(log.words().ends_with(&["source closed".to_owned(), "BrokenPipe".to_owned()]));
}

#[test]
fn a_tee_gives_all_bytes_to_both_and_waits_for_the_slower() {
    let log = Log::new();
    let (first, second) = run(|| {
        let (first, second) = (Sink::new(&log, 4), Sink::new(&log, 1000));
        let source = Source::new(&log, words(&["one", "two", "three"]));
        tell(&log, pipeline(source).to(tee(first.clone(), second.clone())));
        (first, second)
    });
    assert_eq!(first.bytes(), b"onetwothree");
    assert_eq!(second.bytes(), b"onetwothree");
    let ends = |word: &String| word == "sink ended" || word.starts_with("Ok");
    let words: Vec<_> = log.words().into_iter().filter(ends).collect();
    assert_eq!(words, ["sink ended", "sink ended", "Ok(())"]);
    assert!(log.words().contains(&"source paused".to_owned()));
}

#[test]
fn one_side_of_a_tee_that_fails_fails_the_whole() {
    for failing in [0, 1] {
        let log = Log::new();
        run(|| {
            let mut sinks = [Sink::new(&log, 100), Sink::new(&log, 100)];
            sinks[failing] = Sink::new(&log, 100).failing_after(2);
            let [first, second] = sinks;
            let source = Source::new(&log, words(&["one", "two", "three"]));
            tell(&log, pipeline(source).to(tee(first, second)));
        });
        let mut words = log.words();
        words.sort();
        assert_eq!(words, ["Err(the sink is full)", "sink closed", "source closed"]);
    }
}

#[test]
fn a_transform_that_panics_is_uncaught_and_closes_both_ends() {
    let log = Log::new();
    run(|| {
        let said = log.clone();
        unspin::on_uncaught(move |uncaught| {
            said.say(uncaught.error().to_string());
            Ok(())
        });
        let source = Source::new(&log, words(&["one", "two"]));
        let panicking = pipeline(source).through(|chunk, out| {
            assert!(chunk != b"one", "not this one");
            out.write(chunk);
        });
        tell(&log, panicking.to(Sink::new(&log, 100)));
    });
    log.expect(&[
        "source closed",
        "sink closed",
        "a callback panicked: not this one",
        "Err(a transform panicked)",
    ]);
}
