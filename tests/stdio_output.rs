//! The standard outputs: nothing that was accepted is lost, however the program ends.

mod util;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitStatus, Stdio};

use unspin::signal::Signal;
use unspin::stdio::{DescriptorKind, stderr, stdin, stdout};
use util::pty::Pty;
use util::{child, is_child, run_real};

const MUCH: usize = 10_000_000;

/// What the child begins with: behind it come its own bytes, and nothing of the harness's but at
/// the end.
fn write_much() {
    let stdout = stdout().expect("it is open");
    stdout.write(b"BEGIN");
    let has_room = stdout.write(&vec![b'x'; MUCH]);
    stdout.write(b"END");
    assert!(!has_room);
}

/// Runs a child and reads its output when it has filled the pipe: returns what it wrote.
fn slowly_read(command: &mut Command) -> (ExitStatus, String) {
    let mut running = command.stdout(Stdio::piped()).spawn().expect("it can be run");
    let mut output = running.stdout.take().expect("it is a pipe");
    let mut printed = vec![0; 1];
    output.read_exact(&mut printed).expect("something is written");
    while let Some(length) = read_some(&mut output, &mut printed) {
        // Small reads: it has to wait again and again.
        assert!(length <= 16 * 1024);
    }
    let status = running.wait().expect("it was not waited for");
    (status, String::from_utf8_lossy(&printed).into_owned())
}

fn read_some(output: &mut impl Read, printed: &mut Vec<u8>) -> Option<usize> {
    let mut buffer = [0; 16 * 1024];
    let length = output.read(&mut buffer).expect("it is open");
    printed.extend_from_slice(&buffer[..length]);
    (length > 0).then_some(length)
}

#[track_caller]
fn came_whole(printed: &str) {
    let begin = printed.find("BEGIN").expect("it was written");
    let rest = &printed[begin + 5..];
    let end = rest.find("END").expect("the tail is there");
    assert_eq!(end, MUCH);
    assert!(rest[..end].bytes().all(|byte| byte == b'x'));
}

#[test]
fn the_tail_comes_where_the_program_ends_by_itself() {
    if is_child() {
        return run_real(write_much);
    }
    let (_, printed) = slowly_read(&mut child("the_tail_comes_where_the_program_ends_by_itself"));
    came_whole(&printed);
}

#[test]
fn the_tail_comes_at_exit() {
    if is_child() {
        let ended: unspin::Result<()> = unspin::run(|| {
            write_much();
            unspin::exit(3);
        });
        unreachable!("{ended:?}");
    }
    let (status, printed) = slowly_read(&mut child("the_tail_comes_at_exit"));
    assert_eq!(status.code(), Some(3));
    came_whole(&printed);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "as a program does that has the code")]
fn the_tail_comes_where_the_loop_is_not_dropped_before_the_process_ends() {
    if is_child() {
        let event_loop = unspin::EventLoop::new().expect("there are descriptors left");
        let code = event_loop.run(|| {
            write_much();
            unspin::exit(4);
        });
        std::process::exit(code.expect("it is no failure"));
    }
    const TEST: &str = "the_tail_comes_where_the_loop_is_not_dropped_before_the_process_ends";
    let (status, printed) = slowly_read(&mut child(TEST));
    assert_eq!(status.code(), Some(4));
    came_whole(&printed);
}

#[test]
fn the_tail_comes_after_a_panic_and_from_a_drop() {
    if is_child() {
        struct Last;
        impl Drop for Last {
            fn drop(&mut self) {
                stdout().expect("it is open").write(b"LAST");
            }
        }
        return run_real(|| {
            let _last = Last;
            write_much();
            panic!("on purpose");
        });
    }
    let mut command = child("the_tail_comes_after_a_panic_and_from_a_drop");
    let (status, printed) = slowly_read(command.stderr(Stdio::null()));
    assert_eq!(status.code(), Some(101));
    came_whole(&printed);
    assert!(printed.contains("ENDLAST"));
}

#[test]
fn the_tail_comes_where_a_loop_that_was_stopped_is_dropped() {
    if is_child() {
        return run_real(|| {
            write_much();
            unspin::stop();
        });
    }
    const TEST: &str = "the_tail_comes_where_a_loop_that_was_stopped_is_dropped";
    came_whole(&slowly_read(&mut child(TEST)).1);
}

#[test]
fn an_unreferenced_output_holds_no_loop_and_still_loses_nothing() {
    if is_child() {
        return run_real(|| {
            write_much();
            assert_eq!(unspin::why_alive().len(), 1);
            stdout()?.unref();
            assert!(unspin::why_alive().is_empty());
            unspin::Result::Ok(())
        });
    }
    const TEST: &str = "an_unreferenced_output_holds_no_loop_and_still_loses_nothing";
    came_whole(&slowly_read(&mut child(TEST)).1);
}

#[test]
fn a_pipe_that_somebody_set_not_to_block_is_no_trouble() {
    if is_child() {
        return run_real(|| {
            write_much();
            unspin::exit(0);
        });
    }
    let (writer, mut reader) = mio::unix::pipe::new().expect("there are descriptors left");
    reader.set_nonblocking(false).expect("it is open");
    let mut command = child("a_pipe_that_somebody_set_not_to_block_is_no_trouble");
    // Not set to block again, as a child's end of a pipe is.
    let mut running = command.stdout(OwnedFd::from(writer)).spawn().expect("it can be run");
    drop(command);
    let mut printed = Vec::new();
    while read_some(&mut reader, &mut printed).is_some() {}
    came_whole(&String::from_utf8_lossy(&printed));
    running.wait().expect("it was not waited for");
}

#[test]
fn a_socket_gets_all_and_blocks_as_before() {
    if is_child() {
        return run_real(|| {
            let kind = stdout().expect("it is open").kind();
            assert_eq!(kind, Some(DescriptorKind::Socket));
            write_much();
            unspin::exit(0);
        });
    }
    let (mut ours, theirs) = UnixStream::pair().expect("there are descriptors left");
    let mut command = child("a_socket_gets_all_and_blocks_as_before");
    let mut running = command.stdout(OwnedFd::from(theirs)).spawn().expect("it can be run");
    drop(command);
    let mut printed = Vec::new();
    while read_some(&mut ours, &mut printed).is_some() {}
    came_whole(&String::from_utf8_lossy(&printed));
    running.wait().expect("it was not waited for");
}

#[test]
fn a_file_gets_all_in_the_order_of_the_calls() {
    if is_child() {
        return run_real(|| {
            let stdout = stdout()?;
            assert_eq!(stdout.kind(), Some(DescriptorKind::File));
            println!("ONE");
            stdout.write(b"TWO\n");
            println!("THREE");
            stdout.write(b"FOUR\n");
            unspin::Result::Ok(())
        });
    }
    let mut file = tempfile::tempfile().expect("there is room");
    let shared = file.try_clone().expect("there are descriptors left");
    let mut command = child("a_file_gets_all_in_the_order_of_the_calls");
    command.stdout(shared).status().expect("it can be run");
    let mut printed = String::new();
    std::io::Seek::rewind(&mut file).expect("it is a file");
    file.read_to_string(&mut printed).expect("it is text");
    assert!(printed.contains("ONE\nTWO\nTHREE\nFOUR\n"), "{printed}");
}

#[test]
fn a_full_device_is_an_error() {
    if is_child() {
        return run_real(|| {
            let stderr = stderr()?;
            stderr.on_error(|_, error| println!("told: {error}"));
            stderr.write(b"hello");
            unspin::Result::Ok(())
        });
    }
    let full = File::options().write(true).open("/dev/full").expect("it is there");
    let output = child("a_full_device_is_an_error").stderr(full).output().expect("it can be run");
    let printed = util::stdout(&output);
    assert!(printed.contains("told: write: No space left on device"), "{printed}");
}

/// `program | head`
#[test]
fn a_reader_that_goes_away_is_an_error_and_no_panic() {
    if is_child() {
        let ended = unspin::run(|| {
            let stdout = stdout()?;
            stdout.on_error(|_, error| {
                eprintln!("told: {:?}", error.kind());
                unspin::exit(0);
            });
            write_much();
            Ok(())
        });
        unreachable!("{ended:?}");
    }
    let mut command = child("a_reader_that_goes_away_is_an_error_and_no_panic");
    let mut running =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run");
    let mut output = running.stdout.take().expect("it is a pipe");
    let mut first = Vec::new();
    // Not before: the harness prints, too.
    while !first.ends_with(b"BEGIN") {
        let mut byte = [0];
        output.read_exact(&mut byte).expect("something is written");
        first.extend(byte);
    }
    drop(output);
    let mut told = String::new();
    let mut errors = running.stderr.take().expect("it is a pipe");
    errors.read_to_string(&mut told).expect("it is text");
    assert!(told.contains("told: BrokenPipe"), "{told}");
    assert!(running.wait().expect("it was not waited for").success());
}

/// The same command with SIGTERM ignored from the start: the last of many may come when the watcher
/// is gone already and what was there before it is there again.
fn deaf_to_sigterm(command: &Command) -> Command {
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' TERM; exec \"$0\" \"$@\""]);
    deaf.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        deaf.env(name, value.expect("nothing is removed"));
    }
    deaf
}

#[test]
fn a_request_to_end_ends_the_wait_for_a_reader_that_is_stuck() {
    if is_child() {
        let ended: unspin::Result<()> = unspin::run(|| {
            let watcher = unspin::signal::watch(Signal::TERMINATE).expect("it can be caught");
            watcher.on_signal(|_, _| ());
            write_much();
            eprintln!("ready");
            unspin::exit(3);
        });
        unreachable!("{ended:?}");
    }
    let command = child("a_request_to_end_ends_the_wait_for_a_reader_that_is_stuck");
    let mut command = deaf_to_sigterm(&command);
    let mut running =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run");
    let mut errors = running.stderr.take().expect("it is a pipe");
    let mut told = [0; 5];
    errors.read_exact(&mut told).expect("it is ready");
    let status = loop {
        unspin::signal::kill(running.id(), Signal::TERMINATE).expect("it is not waited for");
        if let Some(status) = running.try_wait().expect("it was not waited for") {
            break status;
        }
        std::thread::yield_now();
    };
    assert_eq!(status.code(), Some(3));
}

#[test]
fn a_terminal_gets_all() {
    if is_child() {
        return run_real(|| {
            let (stdout, mut stderr) =
                (stdout().expect("it is open"), stderr().expect("it is open"));
            assert_eq!(stdout.kind(), Some(DescriptorKind::Terminal));
            assert!(stdout.terminal().is_some());
            assert!(stdout.write(b""));
            stdout.write(&[b'x'; 100_000]);
            writeln!(stderr, "END").expect("it is open");
            stdout.write(b"OUT");
            unspin::exit(0);
        });
    }
    let (status, printed) = Pty::open().run("a_terminal_gets_all").end();
    assert!(status.success());
    assert_eq!(printed.matches('x').count(), 100_000);
    assert!(printed.contains("END") && printed.contains("OUT"));
}

#[test]
fn what_is_shared_with_the_shell_still_blocks() {
    if is_child() {
        return run_real(|| {
            stdin()?.on_data(|stdin, _| stdin.close());
            let output = stdout()?;
            output.write(b"ready\n");
            let shared = |fd: &dyn AsRawFd| does_not_block(fd.as_raw_fd());
            let (input, output) = (std::io::stdin(), std::io::stdout());
            assert!(!shared(&input) && !shared(&output));
            unspin::Result::Ok(())
        });
    }
    let mut session = Pty::open().run("what_is_shared_with_the_shell_still_blocks");
    session.expect("ready");
    session.type_(b"\n");
    assert!(session.end().0.success());
}

/// As the system has it, in octal.
fn does_not_block(fd: i32) -> bool {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).expect("it is open");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("it is told");
    i32::from_str_radix(flags.trim(), 8).expect("it is octal") & libc::O_NONBLOCK != 0
}

#[test]
fn an_idle_output_keeps_no_loop_alive_and_there_is_one_of_each() {
    if is_child() {
        return run_real(|| {
            let (one, errors) = (stdout()?, stderr()?);
            one.set_high_water_mark(7);
            assert_eq!(stdout()?.high_water_mark(), 7);
            assert_ne!(errors.high_water_mark(), 7);
            drop(one);
            assert_eq!(stdout()?.high_water_mark(), 7, "the loop has it");
            unspin::Result::Ok(())
        });
    }
    const TEST: &str = "an_idle_output_keeps_no_loop_alive_and_there_is_one_of_each";
    assert!(util::in_child(TEST).status.success());
}

#[cfg(feature = "async")]
#[test]
fn it_can_be_awaited() {
    if is_child() {
        return run_real(|| {
            unspin::spawn(async {
                let stdout = stdout()?;
                stdout.write_all(b"BEGIN").await?;
                stdout.write_all(&vec![b'x'; MUCH]).await?;
                assert_eq!(stdout.writable_length(), 0);
                stdout.write_all(b"END").await
            })
            .or_uncaught();
        });
    }
    came_whole(&slowly_read(&mut child("it_can_be_awaited")).1);
}
