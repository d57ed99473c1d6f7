//! The names of Unix sockets: who has a path, who may take it, and who removes it.

mod util;

use std::cell::Cell;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::{UnixListener as Blocking, UnixStream as Socket};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use socket2::{Domain, SockAddr, Type};
use tempfile::TempDir;
use unspin::net::{UnixListener, UnixStream};
use util::net::run;
use util::{Drops, Log, in_child, is_child, millis, stderr, stdout};

fn place() -> (PathBuf, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    (directory.path().join("socket"), directory)
}

/// The error of a connect that must fail.
fn refused(path: &Path, kind: ErrorKind) {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let context = format!("connect to {}: ", path.display());
        UnixStream::connect(path).callback(move |stream| {
            let error = stream.expect_err("nobody listens");
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().starts_with(&context), "{error}");
            said.say("refused");
        });
        // It is told later, also where the system has said so at once.
        log.expect(&[]);
    });
    log.expect(&["refused"]);
}

#[test]
fn binding_makes_the_path_and_closing_removes_it() {
    let (path, _directory) = place();
    run(|| {
        let listener = UnixListener::bind(&path).expect("the path is free");
        let address = listener.local_addr().expect("it is open");
        assert_eq!(address.as_pathname(), Some(&*path));
        assert!(path.exists());
        listener.close();
        assert!(!path.exists(), "it is removed at once, and not in the Close phase");
        assert_eq!(
            listener.local_addr().expect_err("it is closed").kind(),
            ErrorKind::NotConnected
        );

        drop(UnixListener::bind(&path).expect("the path is free again"));
        assert!(!path.exists(), "dropping the last handle closes it");
    });
}

#[test]
fn a_loop_that_goes_removes_the_paths_it_bound() {
    let (path, _directory) = place();
    run(|| {
        let listener = UnixListener::bind(&path).expect("the path is free");
        listener.unref().on_connection(|_, _| ());
        assert!(path.exists());
    });
    assert!(!path.exists());
}

#[test]
fn exit_removes_them_too() {
    const PLACE: &str = "exit_removes_them_too: ";
    if is_child() {
        let (path, directory) = place();
        // Nobody removes the directory behind it.
        let _kept = directory.keep();
        println!("{PLACE}{}", path.display());
        let _ended = unspin::run(|| {
            let listener = UnixListener::bind(&path).expect("the path is free");
            listener.on_connection(|_, _| ());
            unspin::set_immediate(|| -> () { unspin::exit(0) });
        });
        return;
    }
    let output = in_child("exit_removes_them_too");
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let (_, path) = text.split_once(PLACE).expect("it says its path");
    let path = Path::new(path.lines().next().expect("it is a line"));
    assert!(!path.exists());
    fs::remove_dir(path.parent().expect("it has one")).expect("nothing is left in it");
}

#[test]
fn a_path_in_use_is_not_stolen_and_the_error_says_what_to_do() {
    let (path, _directory) = place();
    let other = Blocking::bind(&path).expect("the path is free");
    run(|| {
        let error = UnixListener::bind(&path).expect_err("it is in use");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.raw_os_error().is_some());
        let start = format!("listen on {}: a file of this name exists; ", path.display());
        assert!(error.to_string().starts_with(&start), "{error}");
    });
    drop(Socket::connect(&path).expect("the other one listens as before"));
    drop(other);
    // What a program left that did not end in order is not removed either.
    run(|| {
        let error = UnixListener::bind(&path).expect_err("the path is there");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    });
    assert!(path.exists());
}

#[test]
fn a_path_that_is_anothers_by_now_is_not_removed() {
    let (path, _directory) = place();
    run(|| {
        let listener = UnixListener::bind(&path).expect("the path is free");
        fs::remove_file(&path).expect("it is there");
        let other = Blocking::bind(&path).expect("the path is free");
        listener.close();
        drop(Socket::connect(&path).expect("the other one can be reached"));
        drop(other);
    });
    assert!(path.exists());
}

#[test]
fn names_that_cannot_be_fail_with_the_right_kind() {
    let (path, directory) = place();
    run(|| {
        let fails = |path: &Path, kind: ErrorKind| {
            let error = UnixListener::bind(path).expect_err("it cannot be");
            assert_eq!(error.kind(), kind, "{error}");
        };
        fails(&directory.path().join("missing/socket"), ErrorKind::NotFound);
        fails(&directory.path().join("x".repeat(200)), ErrorKind::InvalidInput);
        fails(Path::new(""), ErrorKind::InvalidInput);
        fails(Path::new("/a\0b"), ErrorKind::InvalidInput);
    });
    drop(path);
}

#[test]
fn a_connect_to_nobody_fails_in_its_callback() {
    let (path, _directory) = place();
    refused(&path, ErrorKind::NotFound);
    fs::write(&path, "no socket").expect("a file can be written");
    refused(&path, ErrorKind::ConnectionRefused);
    fs::remove_file(&path).expect("it is there");
    drop(Blocking::bind(&path).expect("the path is free"));
    refused(&path, ErrorKind::ConnectionRefused);
}

#[cfg(target_os = "linux")]
#[test]
fn an_abstract_name_leaves_no_file_and_is_free_when_nobody_uses_it() {
    let name = format!("\0unspin-{}", std::process::id());
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let listener = UnixListener::bind(&name).expect("the name is free");
        let error = UnixListener::bind(&name).expect_err("the name is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let shown = format!("@{}", &name[1..]);
        assert!(error.to_string().starts_with(&format!("listen on {shown}: ")), "{error}");
        assert_eq!(format!("{listener:?}"), format!("UnixListener({shown})"));
        let itself = listener.clone();
        listener.on_connection(move |stream, _| {
            stream.write(b"abstract");
            itself.close();
            drop(UnixListener::bind(&name).expect("the name is free again"));
        });
        let address = listener.local_addr().expect("it is open");
        UnixStream::connect(address).callback(move |stream| {
            let stream = stream.expect("somebody listens");
            stream.on_data(move |_, chunk| said.say(String::from_utf8_lossy(chunk)));
        });
    });
    log.expect(&["abstract"]);
}

/// A listener whose backlog is full, with what fills it.
fn full(path: &Path) -> (socket2::Socket, Vec<Socket>) {
    let listener = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    listener.bind(&SockAddr::unix(path).expect("a path")).expect("the path is free");
    listener.listen(0).expect("it listens");
    let waiting = Socket::connect(path).expect("one has room");
    (listener, vec![waiting])
}

#[test]
fn a_connect_to_a_full_backlog_waits_until_there_is_room() {
    let (path, _directory) = place();
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, waiting) = full(&path);
        let connected = Rc::new(Cell::new(false));
        let told = Rc::clone(&connected);
        UnixStream::connect(&path).callback(move |stream| {
            stream.expect("there is room");
            told.set(true);
            said.say("connected");
        });
        unspin::set_timeout(millis(30), move || {
            assert!(!connected.get(), "there was no room");
            assert_eq!(unspin::why_alive().len(), 1, "{:?}", unspin::why_alive());
            listener.accept().expect("one waits");
            drop(waiting);
            // It lives on, for the one that comes now.
            std::mem::forget(listener);
        });
    });
    log.expect(&["connected"]);
}

#[test]
fn a_connect_that_waits_for_room_can_be_cancelled() {
    let (path, _directory) = place();
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let kept = full(&path);
        let pending = UnixStream::connect(&path).callback(move |stream| {
            assert!(stream.expect_err("it was cancelled").is_cancelled());
            said.say("cancelled");
            drop(kept);
        });
        assert!(pending.cancel());
        assert!(!pending.cancel());
    });
    log.expect(&["cancelled"]);
}

#[test]
fn ten_connects_cancelled_at_once_are_told_once_each() {
    let (path, _directory) = place();
    let log = Log::new();
    let drops = Drops::new();
    run(|| {
        let listener = UnixListener::bind(&path).expect("the path is free");
        // The system has connected them all the same: they come, and go.
        listener.unref().on_connection(|stream, _| {
            stream.on_data(|_, _| unreachable!("nobody writes"));
        });
        for _ in 0..10 {
            let (said, guard) = (log.clone(), drops.guard());
            let pending = UnixStream::connect(&path).callback(move |stream| {
                guard.keep();
                assert!(stream.expect_err("it was cancelled").is_cancelled());
                said.say("cancelled");
            });
            assert!(pending.cancel());
        }
        log.expect(&[]);
    });
    assert_eq!((log.words().len(), drops.count()), (10, 10));
}
