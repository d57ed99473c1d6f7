//! The standard input, whatever it is connected to: it comes whole, it ends, and it holds nobody up.

mod util;

use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};
use std::rc::Rc;

use unspin::stdio::{DescriptorKind, kind_of, stdin};
use util::pty::Pty;
use util::{child, is_child, run_real, stdout};

/// Reads the input to its end, and prints what it was and how many bytes came.
fn count() {
    run_real(|| {
        let stdin = stdin()?;
        let kind = stdin.kind().expect("it is open");
        let bytes = Rc::new(Cell::new(0));
        let told = Rc::clone(&bytes);
        stdin.on_data(move |_, chunk| bytes.set(bytes.get() + chunk.len()));
        stdin.on_end(move |_| println!("{kind:?}: {} bytes", told.get()));
        stdin.on_close(|_| println!("closed"));
        unspin::Result::Ok(())
    });
}

/// A child that counts, with this input; `feed` runs while it does.
fn counted(test: &str, input: impl Into<Stdio>, feed: impl FnOnce()) -> String {
    let mut command = child(test);
    let running = command.stdin(input).stdout(Stdio::piped()).spawn().expect("it can be run");
    drop(command);
    feed();
    let output: Output = running.wait_with_output().expect("it was not waited for");
    assert!(output.status.success(), "{}", stdout(&output));
    stdout(&output)
}

#[track_caller]
fn says(printed: &str, expected: &str) {
    assert!(printed.contains(expected), "no `{expected}`: {printed}");
}

#[test]
fn a_pipe_is_read_to_its_end() {
    if is_child() {
        return count();
    }
    let mut command = child("a_pipe_is_read_to_its_end");
    let mut running =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be run");
    let mut input = running.stdin.take().expect("it is a pipe");
    input.write_all(&[b'x'; 1_000_000]).expect("it is read");
    drop(input);
    let printed = stdout(&running.wait_with_output().expect("it was not waited for"));
    says(&printed, "Pipe: 1000000 bytes\nclosed");
}

#[test]
fn a_file_is_read_to_its_end_and_nothing_of_it_twice() {
    if is_child() {
        return count();
    }
    let mut file = tempfile::tempfile().expect("there is room");
    file.write_all(&[b'x'; 1_000_000]).expect("there is room");
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(10)).expect("it is a file");
    let printed = counted("a_file_is_read_to_its_end_and_nothing_of_it_twice", file, || {});
    says(&printed, "File: 999990 bytes\nclosed");
}

#[test]
fn an_empty_input_ends_at_once() {
    if is_child() {
        return count();
    }
    const TEST: &str = "an_empty_input_ends_at_once";
    says(&counted(TEST, Stdio::null(), || {}), "Device: 0 bytes\nclosed");
    let empty = tempfile::tempfile().expect("there is room");
    says(&counted(TEST, empty, || {}), "File: 0 bytes\nclosed");
}

#[test]
fn a_socket_is_read_to_its_end_and_blocks_as_before() {
    if is_child() {
        return count();
    }
    const TEST: &str = "a_socket_is_read_to_its_end_and_blocks_as_before";
    let (ours, theirs) = UnixStream::pair().expect("there are descriptors left");
    let shared = theirs.try_clone().expect("there are descriptors left");
    let printed = counted(TEST, OwnedFd::from(theirs), move || {
        (&ours).write_all(&[b'x'; 500_000]).expect("it is read");
    });
    says(&printed, "Socket: 500000 bytes\nclosed");
    assert!(!does_not_block(&shared));
}

/// As the system has it, in octal: that is shared with the child.
fn does_not_block(fd: &impl std::os::fd::AsRawFd) -> bool {
    let path = format!("/proc/self/fdinfo/{}", fd.as_raw_fd());
    let info = std::fs::read_to_string(path).expect("it is open");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("it is told");
    i32::from_str_radix(flags.trim(), 8).expect("it is octal") & libc::O_NONBLOCK != 0
}

#[test]
fn an_inherited_pipe_blocks_as_before() {
    if is_child() {
        return count();
    }
    let mut command = child("an_inherited_pipe_blocks_as_before");
    let (mut writer, reader) = mio::unix::pipe::new().expect("there are descriptors left");
    reader.set_nonblocking(false).expect("it is open");
    let shared = OwnedFd::from(reader);
    command.stdin(shared.try_clone().expect("there are descriptors left"));
    let mut running = command.stdout(Stdio::piped()).spawn().expect("it can be run");
    writer.write_all(b"hello").expect("there is room");
    let mut told = std::io::BufReader::new(running.stdout.take().expect("it is a pipe"));
    drop(writer);
    let mut printed = String::new();
    std::io::Read::read_to_string(&mut told, &mut printed).expect("it is text");
    says(&printed, "Pipe: 5 bytes");
    running.wait().expect("it was not waited for");
    assert!(!does_not_block(&shared));
}

#[test]
fn a_directory_is_an_error_and_no_crash() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            stdin.on_data(|_, _| unreachable!("there is nothing to read"));
            stdin.on_error(|_, error| println!("{error}"));
            unspin::Result::Ok(())
        });
    }
    let directory = File::open("src").expect("it is there");
    let printed = counted("a_directory_is_an_error_and_no_crash", directory, || {});
    says(&printed, "read: Is a directory");
}

/// Rust opens /dev/null in its place before anything of ours runs.
#[test]
fn an_input_that_is_closed_at_the_start_is_at_its_end() {
    if is_child() {
        return count();
    }
    let binary = std::env::current_exe().expect("a test knows its binary");
    let output = Command::new("/bin/sh")
        .args(["-c", "exec \"$0\" --exact \"$1\" --nocapture <&-"])
        .arg(binary)
        .arg("an_input_that_is_closed_at_the_start_is_at_its_end")
        .env("UNSPIN_TEST_CHILD", "1")
        .output()
        .expect("there is a shell");
    says(&stdout(&output), "Device: 0 bytes\nclosed");
}

#[test]
fn an_input_that_was_closed_is_an_error() {
    if is_child() {
        return run_real(|| {
            close_0();
            println!("{}", stdin().expect_err("it is closed"));
        });
    }
    let output = util::in_child("an_input_that_was_closed_is_an_error");
    says(&stdout(&output), "open the standard input: Bad file descriptor");
}

#[allow(unsafe_code, reason = "nothing in std closes what it does not own")]
fn close_0() {
    // SAFETY: the call takes no pointer, and nobody here uses the descriptor.
    unsafe { libc::close(0) };
}

#[test]
fn a_terminal_gives_each_line_and_ends_by_ctrl_d() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            stdin.on_data(|_, chunk| println!("<{}>", String::from_utf8_lossy(chunk).trim_end()));
            stdin.on_end(|_| println!("the end"));
            println!("ready");
            unspin::Result::Ok(())
        });
    }
    let mut session = Pty::open().run("a_terminal_gives_each_line_and_ends_by_ctrl_d");
    session.expect("ready");
    // Two lines at once: there is one event for both.
    session.type_(b"one\ntwo\n");
    session.expect("<one>");
    session.expect("<two>");
    session.type_(b"three\n\x04");
    session.expect("<three>");
    session.expect("the end");
    assert!(session.end().0.success());
}

#[test]
fn a_terminal_that_is_hung_up_is_at_its_end() {
    const TEST: &str = "a_terminal_that_is_hung_up_is_at_its_end";
    if is_child() {
        return run_real(|| {
            // What ends a program otherwise.
            let hang_up = unspin::signal::watch(unspin::signal::Signal::HANGUP)?;
            hang_up.on_signal(|_, _| ()).unref();
            let path = std::env::var_os("UNSPIN_TEST_PATH").expect("the parent says");
            let stdin = stdin()?;
            stdin.on_data(|_, _| ());
            stdin.on_end(move |_| Ok(std::fs::write(&path, "the end")?));
            println!("ready");
            unspin::Result::Ok(())
        });
    }
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("end");
    let mut session = Pty::open().run_with(TEST, |command| {
        command.env("UNSPIN_TEST_PATH", &path);
    });
    session.expect("ready");
    session.hang_up();
    session.end();
    assert_eq!(std::fs::read_to_string(path).expect("the end was told"), "the end");
}

#[test]
fn a_program_that_has_its_line_needs_no_other_to_end() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            stdin.on_data(|stdin, chunk| {
                println!("got {}", String::from_utf8_lossy(chunk).trim_end());
                stdin.close();
            });
            println!("ready");
            unspin::Result::Ok(())
        });
    }
    let mut session = Pty::open().run("a_program_that_has_its_line_needs_no_other_to_end");
    session.expect("ready");
    session.type_(b"hello\n");
    session.expect("got hello");
    assert!(session.end().0.success());
}

#[test]
fn an_unreferenced_or_paused_input_holds_nobody_up() {
    if is_child() {
        return run_real(|| {
            let stdin = stdin()?;
            stdin.on_data(|_, _| ());
            let alive = unspin::why_alive();
            assert_eq!(alive.len(), 1);
            println!("{}", alive[0]);
            stdin.pause();
            assert!(unspin::why_alive().is_empty());
            stdin.resume();
            stdin.unref();
            unspin::Result::Ok(())
        });
    }
    let mut session = Pty::open().run("an_unreferenced_or_paused_input_holds_nobody_up");
    session.expect("stream reading standard input, a terminal (tests/stdio_input.rs:");
    assert!(session.end().0.success());
}

#[test]
fn an_input_that_is_piped_on_comes_whole() {
    if is_child() {
        return run_real(|| {
            let (ours, theirs) = unspin::net::UnixStream::pair()?;
            unspin::pipe(&stdin()?, &ours);
            let mut bytes = 0;
            theirs.on_data(move |_, chunk| {
                bytes += chunk.len();
                if bytes == 300_000 {
                    println!("all of it");
                }
            });
            unspin::Result::Ok(())
        });
    }
    let mut file = tempfile::tempfile().expect("there is room");
    file.write_all(&[b'x'; 300_000]).expect("there is room");
    std::io::Seek::rewind(&mut file).expect("it is a file");
    says(&counted("an_input_that_is_piped_on_comes_whole", file, || {}), "all of it");
}

#[cfg(feature = "async")]
#[test]
fn it_can_be_awaited() {
    if is_child() {
        return run_real(|| {
            unspin::spawn(async {
                use futures_lite::AsyncReadExt;

                let stdin = stdin()?;
                let first = stdin.chunk().await?.expect("there is something").len();
                let mut rest = Vec::new();
                (&stdin).read_to_end(&mut rest).await?;
                println!("{} bytes", first + rest.len());
                unspin::Result::Ok(())
            })
            .or_uncaught();
        });
    }
    let mut file = tempfile::tempfile().expect("there is room");
    file.write_all(&[b'x'; 200_000]).expect("there is room");
    std::io::Seek::rewind(&mut file).expect("it is a file");
    says(&counted("it_can_be_awaited", file, || {}), "200000 bytes");
}

#[test]
fn there_is_one_for_a_loop() {
    if is_child() {
        return run_real(|| {
            let first = stdin()?;
            first.pause();
            let line = unspin::resources();
            drop(first);
            let _again = stdin()?;
            assert_eq!(unspin::resources().len(), line.len());
            unspin::Result::Ok(())
        });
    }
    counted("there_is_one_for_a_loop", Stdio::null(), || {});
}

/// `guess_handle`
#[test]
fn what_a_descriptor_is_of_can_be_found_out() {
    let pty = Pty::open();
    let (one, _other) = UnixStream::pair().expect("there are descriptors left");
    let (_writer, reader) = mio::unix::pipe::new().expect("there are descriptors left");
    let reader = OwnedFd::from(reader);
    let file = |path| File::open(path).expect("it is there");
    assert_eq!(kind_of(&pty.slave()).expect("it is open"), DescriptorKind::Terminal);
    assert_eq!(kind_of(&one).expect("it is open"), DescriptorKind::Socket);
    assert_eq!(kind_of(&reader).expect("it is open"), DescriptorKind::Pipe);
    assert_eq!(kind_of(&file("Cargo.toml")).expect("it is open"), DescriptorKind::File);
    assert_eq!(kind_of(&file("/dev/null")).expect("it is open"), DescriptorKind::Device);
}
