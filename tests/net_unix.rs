//! Unix streams and listeners: they do what TCP's do, in each style.

mod util;

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream as Socket;
use std::path::PathBuf;
use std::rc::Rc;

use tempfile::TempDir;
use unspin::Handler;
use unspin::net::{UnixListener, UnixStream};
use unspin::{Resource, ResourceKind};
use util::Log;
use util::net::{PATIENCE, beside, pattern, run, when};

/// A listener at a path of its own; it keeps no loop alive.
fn listen() -> (UnixListener, PathBuf, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).expect("the path is free");
    listener.unref();
    (listener, path, directory)
}

/// The same, with connections that get back what they send.
fn echo_server() -> (PathBuf, TempDir) {
    let (listener, path, directory) = listen();
    listener.on_connection(|stream, _| {
        stream.on_data(|stream, chunk| {
            stream.write(chunk);
        });
    });
    (path, directory)
}

/// A blocking socket that does not wait for ever.
fn socket(path: PathBuf) -> Socket {
    let socket = Socket::connect(path).expect("somebody listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    socket.set_write_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    socket
}

/// The resource that was opened at this line of this file.
#[track_caller]
fn at(line: u32) -> Resource {
    let here = |it: &Resource| it.at.file() == file!() && it.at.line() == line;
    let mut found: Vec<Resource> = unspin::resources().into_iter().filter(here).collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn callbacks_carry_bytes_both_ways_and_the_end() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (path, directory) = echo_server();
        UnixStream::connect(&path).callback(move |stream| {
            let stream = stream.expect("somebody listens");
            let (data, end, close) = (said.clone(), said.clone(), said.clone());
            stream.on_data(move |stream, chunk| {
                data.say(String::from_utf8_lossy(chunk));
                stream.end();
            });
            stream.on_end(move |_| end.say("end"));
            stream.on_close(move |_| {
                close.say("close");
                let _kept = &directory;
            });
            stream.write(b"hello");
        });
        log.expect(&[]);
    });
    log.expect(&["hello", "end", "close"]);
}

#[test]
fn promises_and_handler_values_do_too() {
    struct Shout;
    impl Handler<UnixStream> for Shout {
        fn data(&mut self, stream: &UnixStream, chunk: &[u8]) {
            stream.write(&chunk.to_ascii_uppercase());
        }
    }
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, path, directory) = listen();
        listener.serve(|_| Shout);
        UnixStream::connect(path).promise().then(move |stream| {
            stream.on_data(move |stream, chunk| {
                said.say(String::from_utf8_lossy(chunk));
                stream.close();
                let _kept = &directory;
            });
            stream.write(b"hello");
        });
    });
    log.expect(&["HELLO"]);
}

#[test]
fn many_megabytes_come_back_as_they_were_sent() {
    run(|| {
        let (path, directory) = echo_server();
        beside(move || {
            let sent = pattern(8 << 20);
            let mut reader = socket(path);
            let mut writer = reader.try_clone().expect("the system has descriptors left");
            let mut received = vec![0; sent.len()];
            std::thread::scope(|scope| {
                scope.spawn(|| writer.write_all(&sent).expect("the peer reads"));
                reader.read_exact(&mut received).expect("as much comes back");
            });
            assert!(received == sent, "the bytes are in order");
            drop(directory);
        });
    });
}

#[test]
fn a_peer_that_never_reads_cannot_drown_an_echo() {
    let queued = Rc::new(Cell::new(0));
    let seen = Rc::clone(&queued);
    run(|| {
        let (listener, path, directory) = listen();
        let stuck = Rc::new(Cell::new(false));
        let told = Rc::clone(&stuck);
        let itself = listener.clone();
        let open = Rc::new(Cell::new(None));
        let kept = Rc::clone(&open);
        listener.on_connection(move |stream, _| {
            itself.close();
            kept.set(Some(stream.clone()));
            let (told, seen) = (Rc::clone(&told), Rc::clone(&seen));
            stream.on_data(move |stream, chunk| {
                if !stream.write(chunk) {
                    told.set(true);
                }
                seen.set(stream.writable_length());
            });
        });
        let peer = Socket::connect(path).expect("somebody listens");
        peer.set_nonblocking(true).expect("a socket can be non-blocking");
        let chunk = pattern(64 << 10);
        // It sends until nothing more is taken, and that for a while.
        let refused = Cell::new(0);
        let full = move || {
            let sent = (&peer).write(&chunk).is_ok();
            refused.set(if sent { 0 } else { refused.get() + 1 });
            refused.get() > 5
        };
        when(full, move || {
            assert!(stuck.get(), "write has said that the queue is full");
            open.take().expect("it was accepted").close();
            drop(directory);
        });
    });
    assert!((64 << 10..1 << 20).contains(&queued.get()), "{} bytes were queued", queued.get());
}

#[cfg(feature = "async")]
#[test]
fn futures_do_too_and_the_traits_are_there() {
    use futures_lite::{AsyncReadExt, AsyncWriteExt, StreamExt};

    let answer = util::futures::block_on(async {
        let (listener, path, _directory) = listen();
        unspin::spawn(async move {
            let mut incoming = listener.incoming();
            let (stream, peer) = incoming.next().await.expect("it is open")?;
            assert!(peer.is_unnamed());
            while let Some(chunk) = stream.chunk().await? {
                stream.write_all(&chunk).await?;
            }
            Ok(())
        })
        .log_err();
        let mut stream = UnixStream::connect(path).await?;
        AsyncWriteExt::write_all(&mut stream, b"hello").await?;
        AsyncWriteExt::close(&mut stream).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    });
    assert_eq!(answer, "hello");
}

#[cfg(feature = "async")]
#[test]
fn a_listener_that_is_awaited_gives_its_connections() {
    let read = util::futures::block_on(async {
        let (listener, path, _directory) = listen();
        let client = UnixStream::connect(path).promise();
        let (accepted, _) = listener.accept().await?;
        let client = client.await?;
        client.write(b"question");
        let mut buffer = [0; 8];
        accepted.read_exact(&mut buffer).await?;
        Ok(buffer)
    });
    assert_eq!(&read, b"question");
}

#[test]
fn a_pair_is_connected_to_itself_and_pipes() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (one, other) = UnixStream::pair().expect("the system has descriptors left");
        let (echo, far) = UnixStream::pair().expect("the system has descriptors left");
        unspin::pipe(&other, &echo);
        unspin::pipe(&echo, &other);
        far.on_data(|stream, chunk| {
            stream.write(chunk);
        });
        one.on_data(move |stream, chunk| {
            said.say(String::from_utf8_lossy(chunk));
            stream.end();
        });
        one.write(b"through");
    });
    log.expect(&["through"]);
}

#[test]
fn the_peer_is_this_process() {
    run(|| {
        let (one, _other) = UnixStream::pair().expect("the system has descriptors left");
        let peer = one.peer_credentials().expect("it is connected");
        assert_eq!(peer.pid.map(i32::unsigned_abs), Some(std::process::id()));
        let uid = std::fs::read_to_string("/proc/self/status").expect("the system tells");
        let uid = uid.lines().find_map(|line| line.strip_prefix("Uid:")).expect("it is there");
        assert_eq!(uid.split_whitespace().nth(1), Some(&*peer.uid.to_string()));
        one.close();
        let error = one.peer_credentials().expect_err("it is closed");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn what_holds_the_loop_is_listed_with_its_line_and_name() {
    run(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).expect("the path is free");
        let line = line!() - 1;
        let name = path.display().to_string();
        assert_eq!((at(line).kind, at(line).holds), (ResourceKind::Listener, false));
        assert_eq!(at(line).state, name);
        listener.on_connection(|_, _| ());
        assert!(at(line).holds);
        listener.unref();
        assert!(!at(line).holds && !listener.has_ref());
        listener.ref_().pause();
        assert_eq!(at(line).state, format!("paused on {name}"));
        assert_eq!(format!("{listener:?}"), format!("UnixListener(paused on {name})"));
        listener.resume();

        UnixStream::connect(&path).callback(move |stream| {
            let connected = line!() - 1;
            let stream = stream.expect("somebody listens");
            stream.on_data(|_, _| ());
            assert_eq!(at(connected).kind, ResourceKind::Stream);
            assert_eq!(at(connected).state, format!("reading {name}"));
            assert!(!stream.unref().has_ref());
            assert!(!at(connected).holds);
            listener.close();
            stream.close();
            let _kept = &directory;
        });
    });
}
