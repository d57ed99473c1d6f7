//! Files sent into streams by the system.

mod util;

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream as StdStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread::{self, JoinHandle};

use unspin::fs::{self, File};
use unspin::net::{TcpListener, TcpStream};
use unspin::{AbortController, Result};
use util::files::place;
use util::{Log, child, is_child, run_real, stderr, stdout};

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

fn file(length: usize) -> (tempfile::TempDir, PathBuf) {
    let (dir, path) = place("file");
    std::fs::write(&path, bytes(length)).expect("it is written");
    (dir, path)
}

/// A peer that reads to the end.
fn reads(address: SocketAddr) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut read = Vec::new();
        let mut stream = StdStream::connect(address).expect("it listens");
        stream.read_to_end(&mut read).expect("it ends");
        read
    })
}

/// Runs `serve` with a file and the stream to a peer; what the peer has read.
#[track_caller]
fn serve(path: &Path, serve: impl FnOnce(File, TcpStream) + 'static) -> Vec<u8> {
    let peer = Rc::new(std::cell::RefCell::new(None));
    let (started, path) = (Rc::clone(&peer), path.to_owned());
    run_real(move || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        started.replace(Some(reads(listener.local_addr()?)));
        let serve = std::cell::Cell::new(Some(serve));
        let closing = listener.clone();
        listener.on_connection(move |stream, _| {
            closing.close();
            let serve = serve.take().expect("one connection");
            fs::open(&path).callback(move |file| {
                serve(file?, stream);
                Ok(())
            });
            Ok(())
        });
        Ok(())
    });
    let peer = peer.take().expect("it was started");
    peer.join().expect("it does not panic")
}

#[test]
fn a_large_file_comes_between_what_was_written_before_and_after() {
    const LENGTH: usize = 30_000_000;
    let (_dir, path) = file(LENGTH);
    let log = Log::new();
    let said = log.clone();
    let read = serve(&path, move |file, stream| {
        // More than the system takes at once: it waits in the queue.
        stream.write(&vec![1; 8_000_000]);
        let counted = stream.clone();
        fs::send_file(&file, .., &stream).callback(move |sent| {
            assert_eq!(sent?, LENGTH as u64);
            assert!(counted.bytes_written() >= 8_000_000 + LENGTH as u64);
            said.say("sent");
            Ok(())
        });
        stream.write(b"after");
        let last = stream.clone();
        fs::send_file(&file, ..3, &stream).callback(move |sent| {
            assert_eq!(sent?, 3);
            last.end();
            Ok(())
        });
    });
    log.expect(&["sent"]);
    let (before, rest) = read.split_at(8_000_000);
    assert!(before.iter().all(|byte| *byte == 1));
    assert!(rest[..LENGTH] == bytes(LENGTH));
    assert_eq!(&rest[LENGTH..], b"after\x00\x01\x02");
}

#[test]
fn a_part_of_a_file_as_far_as_there_is_one() {
    let (_dir, path) = file(1000);
    for (range, expected) in [(10..20, &bytes(1000)[10..20]), (990..2000, &bytes(1000)[990..])] {
        let length = expected.len() as u64;
        let read = serve(&path, move |file, stream| {
            fs::send_file(&file, range, &stream).promise().then(move |sent| {
                assert_eq!(sent, length);
                stream.end();
            });
        });
        assert_eq!(read, expected);
    }
    assert!(
        serve(&path, |file, stream| {
            fs::send_file(&file, 2000.., &stream).callback(move |sent| {
                assert_eq!(sent?, 0);
                stream.close();
                Ok(())
            });
        })
        .is_empty()
    );
}

#[test]
fn what_the_system_cannot_send_is_read_and_written() {
    let read = serve(Path::new("/proc/sys/kernel/pid_max"), |file, stream| {
        fs::send_file(&file, .., &stream).callback(move |sent| {
            assert!(sent? > 0);
            stream.end();
            Ok(())
        });
    });
    assert_eq!(read, std::fs::read("/proc/sys/kernel/pid_max").expect("every Linux has it"));
}

#[test]
fn a_stream_that_is_closed_or_ended_takes_no_file() {
    let (_dir, path) = file(1000);
    let log = Log::new();
    let said = log.clone();
    let tell = move |said: Log| {
        move |sent: Result<u64>| said.say(format!("{:?}", sent.expect_err("it cannot").kind()))
    };
    serve(&path, move |file, stream| {
        stream.end();
        fs::send_file(&file, .., &stream).callback(tell(said.clone()));
        stream.close();
        fs::send_file(&file, .., &stream).callback(tell(said));
    });
    log.expect(&["BrokenPipe", "NotConnected"]);
}

/// Sends more than a peer that reads nothing takes, and calls `then` while that waits.
#[track_caller]
fn to_a_silent_peer(then: impl FnOnce(TcpStream, AbortController) + 'static) -> Vec<String> {
    let (_dir, path) = file(40_000_000);
    let log = Log::new();
    let said = log.clone();
    let silent = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = silent.local_addr().expect("it has one");
    run_real(move || {
        TcpStream::connect(address).callback(move |stream| {
            let stream = stream?;
            fs::open(&path).callback(move |file| {
                let controller = AbortController::new();
                let sending = fs::send_file(&file?, .., &stream).abort_on(controller.signal());
                sending.callback(move |sent| {
                    let error = sent.expect_err("nobody reads");
                    let kind = if error.is_abort() { "aborted" } else { "failed" };
                    said.say(format!("{kind} {:?}", error.kind()));
                });
                when_it_waits(move || then(stream, controller));
                Ok(())
            });
            Ok(())
        });
    });
    drop(silent);
    log.words()
}

/// Calls `then` when a file is being sent and the socket takes no more.
fn when_it_waits(then: impl FnOnce() + 'static) {
    let waits =
        |resource: &unspin::Resource| resource.state.starts_with("sending ") && resource.holds;
    if unspin::why_alive().iter().any(waits) {
        return then();
    }
    unspin::set_timeout(util::millis(1), move || when_it_waits(then));
}

#[test]
fn closing_the_stream_ends_it_and_the_loop() {
    assert_eq!(to_a_silent_peer(|stream, _| stream.close()), ["failed NotConnected"]);
}

#[test]
fn an_aborted_one_is_told_at_once_and_holds_no_thread() {
    let words = to_a_silent_peer(|stream, controller| {
        controller.abort();
        unspin::set_immediate(move || stream.close());
    });
    assert_eq!(words, ["aborted Other"]);
}

#[test]
fn an_aborted_one_leaves_the_stream_to_others_and_does_not_wait_for_its_peer() {
    let left = Rc::new(Cell::new(None));
    let seen = Rc::clone(&left);
    let words = to_a_silent_peer(|stream, controller| {
        controller.abort();
        unspin::set_immediate(move || {
            // Who sends a file, holds the loop: nobody does any more.
            let sending = |resource: &unspin::Resource| resource.state.starts_with("sending ");
            seen.set(Some(unspin::why_alive().iter().any(sending)));
            stream.close();
        });
    });
    assert_eq!(words, ["aborted Other"]);
    assert_eq!(left.get(), Some(false));
}

/// What was accepted before the file is none of its business.
#[test]
fn an_aborted_one_loses_nothing_of_what_was_written_before() {
    const BEFORE: usize = 20_000_000;
    let (_dir, path) = file(1000);
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("it has one");
    let (go, wait) = std::sync::mpsc::channel();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it connects");
        wait.recv().expect("it is told when to read");
        let mut read = Vec::new();
        stream.read_to_end(&mut read).expect("it ends");
        read
    });
    run_real(move || {
        TcpStream::connect(address).callback(move |stream| {
            let stream = stream?;
            stream.write(&bytes(BEFORE));
            fs::open(&path).callback(move |file| {
                let controller = AbortController::new();
                let sending = fs::send_file(&file?, .., &stream).abort_on(controller.signal());
                sending.callback(|sent| assert!(sent.expect_err("nobody reads").is_abort()));
                when_it_waits(move || {
                    stream.write(b"meanwhile");
                    controller.abort();
                    stream.write(b" and after");
                    stream.end();
                    go.send(()).expect("it waits");
                });
                Ok(())
            });
            Ok(())
        });
    });
    let read = peer.join().expect("it does not panic");
    assert_eq!(read.len(), BEFORE + 19);
    assert!(read[..BEFORE] == bytes(BEFORE) && &read[BEFORE..] == b"meanwhile and after");
}

/// A process that may have no more threads: none with so large a stack can be made.
#[test]
fn where_no_thread_can_be_started_what_was_written_before_is_sent_all_the_same() {
    const TEST: &str =
        "where_no_thread_can_be_started_what_was_written_before_is_sent_all_the_same";
    if !is_child() {
        let output = child(TEST).env("RUST_MIN_STACK", (1_u64 << 60).to_string()).output();
        let output = output.expect("a test binary can be run");
        assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
        return;
    }
    let (_dir, path) = file(1000);
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("it has one");
    let from = std::fs::File::open(&path).expect("it opens");
    let ended = unspin::run(move || {
        TcpStream::connect(address).callback(move |stream| {
            let stream = stream?;
            let from = File::from_std(from, path);
            stream.cork();
            stream.write(b"before");
            fs::send_file(&from, .., &stream).callback(move |sent| {
                let error = sent.expect_err("no thread sends it").to_string();
                assert!(error.starts_with("start a pool thread: "), "{error}");
                stream.uncork();
                stream.write(b" and after");
                stream.end();
            });
            Ok(())
        });
    });
    ended.expect("nothing in it fails");
    let (mut peer, _) = listener.accept().expect("it is connected");
    let mut read = String::new();
    peer.read_to_string(&mut read).expect("it ends");
    assert_eq!(read, "before and after");
}

#[test]
fn what_was_sent_before_a_failure_is_counted() {
    let (dir, _) = file(0);
    let read = serve(dir.path(), |directory, stream| {
        stream.cork();
        stream.write(&bytes(1000));
        fs::send_file(&directory, .., &stream).callback(move |sent| {
            assert_eq!(sent.expect_err("it cannot be read").kind(), ErrorKind::IsADirectory);
            assert_eq!(stream.bytes_written(), 1000);
            stream.write(b"after");
            stream.end();
        });
    });
    assert_eq!(read, [&bytes(1000)[..], b"after"].concat());
}

#[test]
fn what_has_no_offsets_is_refused_with_what_to_do_instead() {
    let (_dir, path) = place("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("it runs").success());
    let read = serve(&path, |pipe, stream| {
        fs::send_file(&pipe, .., &stream).callback(move |sent| {
            let error = sent.expect_err("it is a pipe");
            assert_eq!(error.kind(), ErrorKind::NotSeekable);
            assert!(error.to_string().contains("/pipe: it has no offsets"), "{error}");
            stream.end();
        });
    });
    assert!(read.is_empty());
}

#[test]
fn a_peer_that_goes_away_is_an_error() {
    let (_dir, path) = file(40_000_000);
    let log = Log::new();
    let said = log.clone();
    run_real(move || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let closing = listener.clone();
        listener.on_connection(move |stream, _| {
            closing.close();
            let said = said.clone();
            fs::open(&path).callback(move |file| {
                fs::send_file(&file?, .., &stream).callback(move |sent| {
                    let kind = sent.expect_err("nobody is there").kind();
                    let gone = [
                        ErrorKind::BrokenPipe,
                        ErrorKind::ConnectionReset,
                        ErrorKind::NotConnected,
                    ];
                    assert!(gone.contains(&kind), "{kind:?}");
                    said.say("gone");
                });
                Ok(())
            });
            Ok(())
        });
        thread::spawn(move || {
            let mut stream = StdStream::connect(address).expect("it listens");
            stream.read_exact(&mut [0; 1000]).expect("it comes");
            stream.write_all(b"enough").expect("it is sent");
        });
        Ok(())
    });
    log.expect(&["gone"]);
}

#[cfg(feature = "async")]
#[test]
fn it_is_awaited_over_a_unix_socket() {
    use unspin::net::{UnixListener, UnixStream};

    let (dir, path) = file(3_000_000);
    let socket = dir.path().join("socket");
    util::futures::block_on(async move {
        let listener = UnixListener::bind(&socket)?;
        let client = UnixStream::connect(&socket).await?;
        let (server, _) = listener.accept().await?;
        let reading = unspin::spawn(async move {
            let mut read = Vec::new();
            while let Some(chunk) = client.chunk().await? {
                read.extend_from_slice(&chunk);
            }
            Ok::<_, unspin::Error>(read)
        });
        let file = fs::open(&path).await?;
        assert_eq!(fs::send_file(&file, .., &server).await?, 3_000_000);
        server.write_all(b"!").await?;
        drop(server);
        let read = reading.await??;
        assert!(read[..3_000_000] == bytes(3_000_000) && &read[3_000_000..] == b"!");
        Ok(())
    });
}
