//! Standard streams that are closed, or cannot be used as what they are: an error or an end, and
//! nobody hangs or panics.

mod util;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use unspin::stdio::{stderr, stdin, stdout};
use util::{child, is_child, run_real};

/// One test of this binary, started by a shell with these redirections.
fn redirected(test: &str, redirections: &str) -> Output {
    let test = child(test);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$@\" {redirections}"), "sh"]);
    shell.arg(test.get_program()).args(test.get_args()).env("UNSPIN_TEST_CHILD", "1");
    shell.stdin(Stdio::null()).output().expect("there is a shell")
}

/// Ends with a status that nothing else ends with.
fn done() {
    unspin::exit(42);
}

#[track_caller]
fn is_done(output: &Output) {
    assert_eq!(output.status.code(), Some(42), "{}{}", util::stdout(output), util::stderr(output));
}

/// Rust opens /dev/null in its place before anything of ours runs: what is written there is gone.
#[test]
fn an_output_that_is_closed_at_the_start_takes_all_and_holds_nobody_up() {
    if is_child() {
        return run_to_the_end(|| {
            let stdout = stdout()?;
            eprintln!("{:?}", stdout.kind());
            stdout.write(&[b'x'; 1_000_000]);
            stdout.flushed().callback(|flushed| {
                flushed?;
                eprintln!("flushed");
                done();
                unspin::Result::Ok(())
            });
            unspin::Result::Ok(())
        });
    }
    const TEST: &str = "an_output_that_is_closed_at_the_start_takes_all_and_holds_nobody_up";
    let output = redirected(TEST, ">&-");
    is_done(&output);
    assert!(util::stderr(&output).contains("Some(Device)\nflushed\n"), "{}", util::stderr(&output));
}

fn run_to_the_end(main: impl FnOnce() -> unspin::Result<()>) {
    let status = unspin::EventLoop::new().and_then(|event_loop| event_loop.run(main));
    std::io::stdout().flush().expect("a closed one takes all");
    #[expect(clippy::disallowed_methods, reason = "the loop is over")]
    std::process::exit(status.expect("nothing in it fails"));
}

#[test]
fn with_all_three_closed_a_program_runs_to_its_end() {
    if is_child() {
        return run_to_the_end(|| {
            stdin()?.read_line().callback(|line| {
                stderr()?.write(b"to nobody\n");
                println!("to nobody");
                if line?.is_none() {
                    done();
                }
                unspin::Result::Ok(())
            });
            unspin::Result::Ok(())
        });
    }
    let test = "with_all_three_closed_a_program_runs_to_its_end";
    is_done(&redirected(test, "<&- >&- 2>&-"));
}

#[test]
fn an_output_that_was_closed_is_an_error() {
    if is_child() {
        return run_real(|| {
            close(1);
            eprintln!("{}", stdout().expect_err("it is closed"));
        });
    }
    let output = util::in_child("an_output_that_was_closed_is_an_error");
    let said = util::stderr(&output);
    assert!(said.contains("open the standard output: Bad file descriptor"), "{said}");
}

#[allow(unsafe_code, reason = "nothing in std closes what it does not own")]
fn close(fd: i32) {
    // SAFETY: the call takes no pointer, and nobody here uses the descriptor.
    unsafe { libc::close(fd) };
}

#[test]
fn an_output_that_can_only_be_read_is_an_error() {
    if is_child() {
        return run_to_the_end(|| {
            let stdout = stdout()?;
            stdout.on_error(|_, error| {
                eprintln!("{error}");
                done();
            });
            stdout.write(b"to nobody\n");
            unspin::Result::Ok(())
        });
    }
    let output = redirected("an_output_that_can_only_be_read_is_an_error", "1<Cargo.toml");
    is_done(&output);
    let said = util::stderr(&output);
    assert!(said.contains("write: Bad file descriptor"), "{said}");
}

#[test]
fn an_input_that_can_only_be_written_is_an_error() {
    if is_child() {
        return run_to_the_end(|| {
            stdin()?.read_line().callback(|line| {
                eprintln!("{}", line.expect_err("it cannot be read"));
                done();
            });
            unspin::Result::Ok(())
        });
    }
    let file = tempfile::NamedTempFile::new().expect("there is room");
    let redirection = format!("0>{}", file.path().display());
    let output = redirected("an_input_that_can_only_be_written_is_an_error", &redirection);
    is_done(&output);
    let said = util::stderr(&output);
    assert!(said.contains("read: Bad file descriptor"), "{said}");
}
