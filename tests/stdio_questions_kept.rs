//! What was read with the answer of a question is not lost: whoever reads next has it.

mod util;

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::process::{Command, Stdio};
use std::rc::Rc;

use unspin::stdio::{Stdin, stdin};
use unspin::{AbortController, Handler, Result, set_interval};
use util::input::{Source, fed};
use util::{child, is_child, millis, run_real};

#[track_caller]
fn expect(test: &str, text: &[u8], expected: &str) {
    for source in Source::ALL {
        let said = fed(test, source, text);
        assert!(said.contains(expected), "{source:?}: no `{expected}`: {said}");
    }
}

/// Asks for a line; then `next` reads.
fn after_a_line(next: impl FnOnce(Stdin) -> Result<()> + 'static) {
    run_real(|| {
        let stdin = stdin()?;
        let told = stdin.clone();
        stdin.read_line().callback(move |line| {
            println!("<{}>", line?.expect("there is one"));
            assert_eq!(told.bytes_read(), 4);
            next(told)
        });
        Result::Ok(())
    });
}

/// Collects what it is given, and prints it at the end.
fn collect(stdin: &Stdin) {
    let all = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&all);
    stdin.on_data(move |_, chunk| all.borrow_mut().extend_from_slice(chunk));
    stdin.on_end(move |stdin| {
        println!("{:?}", String::from_utf8_lossy(&told.borrow()));
        println!("{} bytes", stdin.bytes_read());
    });
}

const TEXT: &[u8] = b"one\ntwo\nthree";

#[test]
fn a_data_handler_has_it() {
    if is_child() {
        return after_a_line(|stdin| {
            collect(&stdin);
            Ok(())
        });
    }
    expect("a_data_handler_has_it", TEXT, "<one>\n\"two\\nthree\"\n13 bytes\n");
}

#[test]
fn a_handler_value_has_it() {
    struct Whole(Vec<u8>);

    impl Handler<Stdin> for Whole {
        fn data(&mut self, _: &Stdin, chunk: &[u8]) {
            self.0.extend_from_slice(chunk);
        }

        fn end(&mut self, _: &Stdin) {
            println!("{:?}", String::from_utf8_lossy(&self.0));
        }
    }

    if is_child() {
        return after_a_line(|stdin| {
            stdin.handle(Whole(Vec::new()));
            Ok(())
        });
    }
    expect("a_handler_value_has_it", TEXT, "<one>\n\"two\\nthree\"\n");
}

#[test]
fn lines_have_it() {
    if is_child() {
        return after_a_line(|stdin| {
            unspin::stream::lines(stdin).on_line(|_, line| println!("<{line}>"));
            Ok(())
        });
    }
    expect("lines_have_it", TEXT, "<one>\n<two>\n<three>\n");
}

#[test]
fn a_pipe_has_it() {
    if is_child() {
        return after_a_line(|stdin| {
            unspin::pipe(&stdin, &unspin::stdio::stdout()?);
            Ok(())
        });
    }
    expect("a_pipe_has_it", TEXT, "<one>\ntwo\nthree");
}

#[test]
fn the_question_for_all_has_it() {
    if is_child() {
        return after_a_line(|stdin| {
            stdin.read_all().callback(|all| {
                println!("{:?}", String::from_utf8_lossy(&all?));
                Ok(())
            });
            Ok(())
        });
    }
    expect("the_question_for_all_has_it", TEXT, "<one>\n\"two\\nthree\"\n");
}

#[cfg(feature = "async")]
#[test]
fn futures_have_it() {
    if is_child() {
        return unspin::block_on(async {
            use futures_lite::AsyncReadExt;

            let stdin = stdin()?;
            println!("<{}>", stdin.read_line().await?.expect("there is one"));
            let mut byte = [0];
            assert_eq!(stdin.read(&mut byte).await?, 1);
            println!("{}", char::from(byte[0]));
            let mut two = [0; 2];
            AsyncReadExt::read_exact(&mut &stdin, &mut two).await?;
            println!("{}", String::from_utf8_lossy(&two));
            let chunk = stdin.chunk().await?.expect("there is some");
            println!("{:?}", String::from_utf8_lossy(&chunk));
            Result::Ok(())
        })
        .expect("all can be read");
    }
    expect("futures_have_it", TEXT, "<one>\nt\nwo\n\"\\nthree\"\n");
}

#[test]
fn another_loop_has_it() {
    if is_child() {
        run_real(|| {
            stdin()?.read_line().callback(|line| {
                println!("<{}>", line?.expect("a line"));
                Ok(())
            });
            Result::Ok(())
        });
        return run_real(|| {
            stdin()?.read_all().callback(|all| {
                println!("{} bytes", all?.len());
                Ok(())
            });
            Result::Ok(())
        });
    }
    let mut text = b"one\n".to_vec();
    text.extend_from_slice(&[b'x'; 200_000]);
    expect("another_loop_has_it", &text, "<one>\n200000 bytes\n");
}

#[test]
fn a_closed_input_that_is_asked_for_again_has_it() {
    if is_child() {
        return after_a_line(|closed| {
            closed.close();
            let question = closed.read_line();
            question.callback(|line| {
                let error = line.expect_err("it is closed");
                assert_eq!(error.kind(), ErrorKind::NotConnected);
                println!("{error}");
                collect(&stdin()?);
                Result::Ok(())
            });
            Ok(())
        });
    }
    const SAID: &str = "read a line of the standard input: it is closed";
    let expected = format!("<one>\n{SAID}\n\"two\\nthree\"\n9 bytes\n");
    expect("a_closed_input_that_is_asked_for_again_has_it", TEXT, &expected);
}

/// A child whose input gets the first half of a line, and the second when it says so.
#[track_caller]
fn expect_of_halves(test: &str, expected: &str) {
    let mut command: Command = child(test);
    let mut running =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be run");
    let mut input = running.stdin.take().expect("it is a pipe");
    let mut printed = BufReader::new(running.stdout.take().expect("it is a pipe"));
    input.write_all(b"hal").expect("it is read");
    let mut said = String::new();
    while !said.contains("more\n") {
        let length = printed.read_line(&mut said).expect("it prints text");
        assert_ne!(length, 0, "it does not want more: {said}");
    }
    input.write_all(b"ves\n").expect("it is read");
    drop(input);
    while printed.read_line(&mut said).expect("it prints text") > 0 {}
    assert!(said.contains(expected), "no `{expected}`: {said}");
    assert!(running.wait().expect("it was not waited for").success());
}

/// Calls `then` when the question under way has read the first half.
fn when_half_is_read(stdin: &Stdin, then: impl FnOnce() + 'static) {
    let (stdin, then) = (stdin.clone(), Cell::new(Some(then)));
    set_interval(millis(1), move |interval: &unspin::Timer| {
        if stdin.bytes_read() == 3 {
            interval.clear();
            then.take().into_iter().for_each(|then| then());
        }
    });
}

/// Says that more is wanted, and collects all.
fn collect_more(stdin: &Stdin) {
    collect(stdin);
    assert_eq!(stdin.bytes_read(), 0);
    println!("more");
}

#[test]
fn a_question_that_is_aborted_has_taken_nothing() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            let user = AbortController::new();
            let next = stdin.clone();
            stdin.read_line().abort_on(user.signal()).callback(move |line| {
                assert!(line.expect_err("it is aborted").is_abort());
                collect_more(&next);
            });
            when_half_is_read(&stdin, move || user.abort());
            Result::Ok(())
        });
    }
    const TEST: &str = "a_question_that_is_aborted_has_taken_nothing";
    expect_of_halves(TEST, "\"halves\\n\"\n7 bytes\n");
}

#[test]
fn a_question_for_all_that_is_cancelled_has_taken_nothing() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            let next = stdin.clone();
            let pending = stdin.read_all().callback(move |all| {
                assert!(all.expect_err("it is cancelled").is_cancelled());
                collect_more(&next);
            });
            when_half_is_read(&stdin, move || {
                assert!(pending.cancel());
                assert!(!pending.cancel());
            });
            Result::Ok(())
        });
    }
    const TEST: &str = "a_question_for_all_that_is_cancelled_has_taken_nothing";
    expect_of_halves(TEST, "\"halves\\n\"\n7 bytes\n");
}

/// Cancelled where its answer is there already, and not told yet.
#[test]
fn an_answer_that_is_cancelled_before_it_is_told_is_kept() {
    if is_child() {
        return after_a_line(|stdin| {
            let next = stdin.clone();
            let pending = stdin.read_line().callback(move |line| {
                assert!(line.expect_err("it is cancelled").is_cancelled());
                collect(&next);
            });
            assert!(pending.cancel());
            Ok(())
        });
    }
    const TEST: &str = "an_answer_that_is_cancelled_before_it_is_told_is_kept";
    expect(TEST, TEXT, "<one>\n\"two\\nthree\"\n13 bytes\n");
}

#[cfg(feature = "async")]
#[test]
fn a_future_that_is_dropped_has_taken_nothing() {
    if is_child() {
        return unspin::block_on(async {
            let stdin = stdin()?;
            let half = async {
                while stdin.bytes_read() < 3 {
                    unspin::sleep(millis(1)).await;
                }
                Ok(None)
            };
            let question = async { stdin.read_line().await };
            assert_eq!(futures_lite::future::or(question, half).await?, None);
            assert_eq!(stdin.bytes_read(), 0);
            println!("more");
            println!("<{}>", stdin.read_line().await?.expect("there is one"));
            Result::Ok(())
        })
        .expect("all can be read");
    }
    expect_of_halves("a_future_that_is_dropped_has_taken_nothing", "<halves>\n");
}

/// It is woken, and dropped before it is polled.
#[cfg(feature = "async")]
#[test]
fn an_answer_that_a_future_has_and_nobody_takes_is_kept() {
    use std::future::{Future, IntoFuture};
    use std::task::{Context, Poll, Waker};

    if is_child() {
        return unspin::block_on(async {
            let stdin = stdin()?;
            let limit = unspin::AbortSignal::timeout(millis(60_000));
            for question in [stdin.read_line(), stdin.read_line().abort_on(&limit)] {
                let mut question = Box::pin(question.into_future());
                let polled = question.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(matches!(polled, Poll::Pending));
                while stdin.bytes_read() < 4 {
                    unspin::sleep(millis(1)).await;
                }
                // It was read in this turn, or an earlier one; told in the next.
                unspin::sleep(millis(1)).await;
                unspin::sleep(millis(1)).await;
                drop(question);
                assert_eq!(stdin.bytes_read(), 0);
            }
            println!("<{}>", stdin.read_line().await?.expect("there is one"));
            println!("{:?}", String::from_utf8_lossy(&stdin.read_all().await?));
            Result::Ok(())
        })
        .expect("all can be read");
    }
    const TEST: &str = "an_answer_that_a_future_has_and_nobody_takes_is_kept";
    expect(TEST, TEXT, "<one>\n\"two\\nthree\"\n");
}

/// Puts somebody in the place of a question that has read the first half.
fn displaced_by(by: impl FnOnce(&Stdin) + 'static) {
    run_real(|| {
        let stdin = stdin()?;
        stdin.read_line().callback(|line| {
            let error = line.expect_err("somebody else has it");
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            println!("{error}");
        });
        let reader = stdin.clone();
        when_half_is_read(&stdin, move || by(&reader));
        Result::Ok(())
    });
}

const DISPLACED: &str = "somebody else reads this stream now: a stream has one reader at a time\n\
    \"halves\\n\"\n7 bytes\n";

#[test]
fn a_data_handler_that_takes_the_place_of_a_question_has_all() {
    if is_child() {
        return displaced_by(collect_more);
    }
    const TEST: &str = "a_data_handler_that_takes_the_place_of_a_question_has_all";
    expect_of_halves(TEST, DISPLACED);
}

#[test]
fn a_handler_value_that_takes_the_place_of_a_question_has_all() {
    struct Whole(Vec<u8>);

    impl Handler<Stdin> for Whole {
        fn data(&mut self, _: &Stdin, chunk: &[u8]) {
            self.0.extend_from_slice(chunk);
        }

        fn end(&mut self, stdin: &Stdin) {
            println!("{:?}\n{} bytes", String::from_utf8_lossy(&self.0), stdin.bytes_read());
        }
    }

    if is_child() {
        return displaced_by(|stdin| {
            stdin.handle(Whole(Vec::new()));
            println!("more");
        });
    }
    const TEST: &str = "a_handler_value_that_takes_the_place_of_a_question_has_all";
    expect_of_halves(TEST, DISPLACED);
}

#[test]
fn an_input_that_is_closed_while_it_is_asked_keeps_what_was_read() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            stdin.read_line().callback(|line| {
                println!("{}", line.expect_err("it was closed"));
                collect_more(&unspin::stdio::stdin()?);
                Result::Ok(())
            });
            let closed = stdin.clone();
            when_half_is_read(&stdin, move || closed.close());
            Result::Ok(())
        });
    }
    const TEST: &str = "an_input_that_is_closed_while_it_is_asked_keeps_what_was_read";
    expect_of_halves(TEST, "the stream was closed before its end\nmore\n\"halves\\n\"\n7 bytes\n");
}

/// In the turn in which its place was taken: the new reader stays.
#[test]
fn a_question_that_is_cancelled_where_another_reads_already_disturbs_nobody() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            let pending = stdin.read_line().callback(|line| {
                assert!(line.expect_err("it is cancelled").is_cancelled());
            });
            collect_more(&stdin);
            assert!(pending.cancel());
            Result::Ok(())
        });
    }
    const TEST: &str = "a_question_that_is_cancelled_where_another_reads_already_disturbs_nobody";
    expect_of_halves(TEST, "\"halves\\n\"\n7 bytes\n");
}

/// Who comes second is told so, and disturbs nobody.
#[test]
fn a_question_beside_another_reader_is_an_error() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            stdin.read_line().callback(|line| {
                println!("<{}>", line?.expect("a line"));
                Ok(())
            });
            let next = stdin.clone();
            stdin.read_line().callback(move |line| {
                refused(line);
                when_answered(&next, beside_a_handler);
            });
            Result::Ok(())
        });
    }
    const SAID: &str = "read a line of the standard input: somebody reads it already: a handler, a \
        future, or another question\n";
    let said = fed("a_question_beside_another_reader_is_an_error", Source::Pipe, TEXT);
    let expected = format!("{SAID}<one>\n{SAID}\"two\\nthree\"\n");
    assert!(said.contains(&expected), "{said}");
}

fn refused(line: Result<Option<String>>) {
    let error = line.expect_err("somebody reads already");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    println!("{error}");
}

fn when_answered(stdin: &Stdin, then: fn(&Stdin)) {
    let stdin = stdin.clone();
    set_interval(millis(1), move |interval: &unspin::Timer| {
        if stdin.bytes_read() == 4 {
            interval.clear();
            then(&stdin);
        }
    });
}

fn beside_a_handler(stdin: &Stdin) {
    collect(stdin);
    stdin.pause();
    let paused = stdin.clone();
    stdin.read_line().callback(move |line| {
        refused(line);
        paused.resume();
    });
}

#[cfg(feature = "async")]
#[test]
fn a_question_beside_a_future_that_reads_is_an_error() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            let reads = stdin.clone();
            unspin::spawn(async move {
                let chunk = reads.chunk().await?.expect("there is some");
                println!("{:?}", String::from_utf8_lossy(&chunk));
                Result::Ok(())
            })
            .or_uncaught();
            unspin::queue_microtask(move || {
                stdin.read_line().callback(|line| {
                    refused(line);
                    println!("more");
                });
            });
            Result::Ok(())
        });
    }
    let mut running = child("a_question_beside_a_future_that_reads_is_an_error")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be run");
    let mut input = running.stdin.take().expect("it is a pipe");
    let mut printed = BufReader::new(running.stdout.take().expect("it is a pipe"));
    let mut said = String::new();
    while !said.ends_with("more\n") {
        assert_ne!(printed.read_line(&mut said).expect("it prints text"), 0, "{said}");
    }
    input.write_all(b"one\n").expect("it is read");
    drop(input);
    while printed.read_line(&mut said).expect("it prints text") > 0 {}
    assert!(said.contains("more\n\"one\\n\"\n"), "{said}");
    running.wait().expect("it was not waited for");
}
