//! Questions to the standard input: a line, or all of it, asked for once, whatever it is.

mod util;

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::process::Stdio;

use unspin::stdio::stdin;
use util::input::{Source, fed};
use util::pty::Pty;
use util::{child, is_child, run_real, stdout};

fn show(line: Option<&str>) {
    match line {
        Some(line) => println!("<{line}>"),
        None => println!("no more"),
    }
}

/// Asks for line after line, and tells of each.
fn by_callbacks() {
    fn ask() -> unspin::Result<()> {
        stdin()?.read_line().callback(|line| {
            let line = line?;
            show(line.as_deref());
            if line.is_some() && !is_one_enough() { ask() } else { Ok(()) }
        });
        Ok(())
    }
    println!("ready");
    run_real(ask);
}

fn by_promises() {
    fn ask() -> unspin::Result<()> {
        let told = stdin()?.read_line().promise().try_then(|line| {
            show(line.as_deref());
            if line.is_some() && !is_one_enough() { ask() } else { Ok(()) }
        });
        drop(told);
        Ok(())
    }
    println!("ready");
    run_real(ask);
}

#[cfg(feature = "async")]
fn by_futures() {
    println!("ready");
    unspin::block_on(async {
        let stdin = stdin()?;
        loop {
            let line = stdin.read_line().await?;
            show(line.as_deref());
            if line.is_none() || is_one_enough() {
                return unspin::Result::Ok(());
            }
        }
    })
    .expect("all can be read");
}

#[track_caller]
fn expect(test: &str, text: &[u8], expected: &str) {
    for source in Source::ALL {
        let said = fed(test, source, text);
        assert!(said.contains(expected), "{source:?}: no `{expected}`: {said}");
    }
}

/// Each line, and the end, from each source; and of an input without any.
#[track_caller]
fn expect_lines(test: &str) {
    expect(test, b"one\r\n\ntwo\nthree", "<one>\n<>\n<two>\n<three>\nno more\n");
    let output = child(test).stdin(Stdio::null()).output().expect("it can be run");
    assert!(output.status.success() && stdout(&output).contains("\nno more\n"));
}

/// A terminal gives one line, and then is hung up by nobody, and typed at by nobody.
#[track_caller]
fn expect_no_further_key(test: &str) {
    let mut session = Pty::open().run_with(test, |command| {
        command.env("UNSPIN_TEST_ONE", "1");
    });
    session.expect("ready");
    session.type_("zwei é\n".as_bytes());
    session.expect("<zwei é>");
    assert_eq!(session.end().0.code(), Some(0));
}

fn is_one_enough() -> bool {
    std::env::var_os("UNSPIN_TEST_ONE").is_some()
}

#[test]
fn lines_by_callbacks() {
    if is_child() {
        return by_callbacks();
    }
    expect_lines("lines_by_callbacks");
    expect_no_further_key("lines_by_callbacks");
}

#[test]
fn lines_by_promises() {
    if is_child() {
        return by_promises();
    }
    expect_lines("lines_by_promises");
    expect_no_further_key("lines_by_promises");
}

#[cfg(feature = "async")]
#[test]
fn lines_by_futures() {
    if is_child() {
        return by_futures();
    }
    expect_lines("lines_by_futures");
    expect_no_further_key("lines_by_futures");
}

#[test]
fn a_terminal_has_no_more_after_ctrl_d() {
    if is_child() {
        return by_callbacks();
    }
    let mut session = Pty::open().run("a_terminal_has_no_more_after_ctrl_d");
    session.expect("ready");
    // The second ends a line that has no end.
    session.type_(b"one\ntwo\x04");
    session.expect("<one>");
    session.type_(b"\x04");
    session.expect("<two>");
    session.expect("no more");
    assert_eq!(session.end().0.code(), Some(0));
}

#[test]
fn a_line_may_come_in_pieces() {
    if is_child() {
        return by_callbacks();
    }
    let mut command = child("a_line_may_come_in_pieces");
    let mut running =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be run");
    let mut input = running.stdin.take().expect("it is a pipe");
    for byte in "zwei é\r\nthree\n".bytes() {
        input.write_all(&[byte]).expect("it is read");
    }
    drop(input);
    let output = running.wait_with_output().expect("it was not waited for");
    assert!(stdout(&output).contains("<zwei é>\n<three>\nno more\n"), "{}", stdout(&output));
}

/// All of it by a callback and a promise, the one after the other, which has nothing left.
fn all_by_callback() {
    run_real(|| {
        stdin()?.read_all().callback(|all| {
            println!("{} bytes", all?.len());
            stdin()?.read_all().promise().then(|rest| println!("then {}", rest.len()));
            unspin::Result::Ok(())
        });
        unspin::Result::Ok(())
    });
}

#[test]
fn all_of_it_by_a_callback_and_a_promise() {
    if is_child() {
        return all_by_callback();
    }
    const TEST: &str = "all_of_it_by_a_callback_and_a_promise";
    expect(TEST, &[b'x'; 300_000], "300000 bytes\nthen 0\n");
    let output = child(TEST).stdin(Stdio::null()).output().expect("it can be run");
    assert!(stdout(&output).contains("0 bytes\nthen 0\n"), "{}", stdout(&output));
}

#[cfg(feature = "async")]
#[test]
fn all_of_it_by_a_future() {
    if is_child() {
        let all = unspin::block_on(async { stdin()?.read_all().await });
        return println!("{} bytes", all.expect("it can be read").len());
    }
    expect("all_of_it_by_a_future", &[b'x'; 300_000], "300000 bytes\n");
}

#[test]
fn a_line_of_64_kib_is_the_longest_and_what_is_longer_is_not_lost() {
    if is_child() {
        return run_real(|| {
            stdin()?.read_line().callback(|line| {
                println!("{} bytes", line?.expect("it is there").len());
                stdin()?.read_line().callback(|line| {
                    let error = line.expect_err("it is too long");
                    println!("{:?}: {error}", error.kind());
                    stdin()?.read_all().callback(|all| {
                        println!("{} more", all?.len());
                        Ok(())
                    });
                    unspin::Result::Ok(())
                });
                unspin::Result::Ok(())
            });
            unspin::Result::Ok(())
        });
    }
    let mut text = vec![b'x'; 65_536];
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&[b'y'; 65_537]);
    text.extend_from_slice(b"\nlast");
    expect(
        "a_line_of_64_kib_is_the_longest_and_what_is_longer_is_not_lost",
        &text,
        "65536 bytes\nInvalidData: a line is longer than the limit of 65536 bytes\n65542 more\n",
    );
}

#[test]
fn a_line_that_is_no_text_is_an_error_and_the_next_one_none() {
    if is_child() {
        return run_real(|| {
            stdin()?.read_line().callback(|line| {
                let error = line.expect_err("it is no text");
                assert_eq!(error.kind(), ErrorKind::InvalidData);
                println!("{error}");
                by_line()
            });
            unspin::Result::Ok(())
        });
    }
    expect(
        "a_line_that_is_no_text_is_an_error_and_the_next_one_none",
        b"\xff\xfe\nok\n",
        "a line of the standard input: invalid utf-8 sequence of 1 bytes from index 0\n<ok>\n",
    );
}

fn by_line() -> unspin::Result<()> {
    stdin()?.read_line().callback(|line| {
        show(line?.as_deref());
        Ok(())
    });
    Ok(())
}

#[test]
fn a_directory_is_an_error() {
    if is_child() {
        return run_real(|| {
            stdin()?.read_line().callback(|line| println!("{}", line.expect_err("it is none")));
            unspin::Result::Ok(())
        });
    }
    let directory = File::open("src").expect("it is there");
    let output = child("a_directory_is_an_error").stdin(directory).output();
    let output = output.expect("it can be run");
    assert!(stdout(&output).contains("read: Is a directory"), "{}", stdout(&output));
    assert!(output.status.success());
}

/// Its own line says what the loop waits for, whether the input holds the loop or not.
#[test]
fn it_keeps_the_loop_alive_until_its_answer() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            stdin.unref();
            let question = stdin.read_line();
            assert!(unspin::why_alive().is_empty());
            question.callback(|line| {
                show(line?.as_deref());
                assert!(unspin::why_alive().is_empty());
                unspin::Result::Ok(())
            });
            unspin::why_alive().iter().for_each(|reason| println!("{reason}"));
            println!("ready");
            unspin::Result::Ok(())
        });
    }
    let mut session = Pty::open().run("it_keeps_the_loop_alive_until_its_answer");
    let reasons = session.text_before("ready");
    assert!(reasons.contains("tests/stdio_questions.rs:"), "{reasons}");
    session.type_(b"yes\n");
    session.expect("<yes>");
    assert_eq!(session.end().0.code(), Some(0));
}

/// With what it holds, whichever way it was to end.
#[test]
fn a_question_without_an_answer_goes_with_its_loop() {
    const TEST: &str = "a_question_without_an_answer_goes_with_its_loop";
    if is_child() {
        for is_limited in [false, true] {
            let (drops, user) = (util::Drops::new(), unspin::AbortController::new());
            let (guard, signal) = (drops.guard(), user.signal().clone());
            run_real(move || {
                let question = stdin()?.read_line();
                let question = if is_limited { question.abort_on(&signal) } else { question };
                question.callback(move |_| guard.keep());
                unspin::set_immediate(unspin::stop);
                unspin::Result::Ok(())
            });
            assert_eq!(drops.count(), 1);
        }
        return println!("nothing is left");
    }
    let mut session = Pty::open().run(TEST);
    session.expect("nothing is left");
    assert_eq!(session.end().0.code(), Some(0));
}
