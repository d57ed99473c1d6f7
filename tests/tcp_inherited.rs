//! Listening sockets that a process is started with.

mod util;

use std::env;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream as UnixSocket};
use std::process::{Child, Command, Output, Stdio};

use unspin::net::{InheritedSocket, TcpListener, inherited_listeners};
use util::net::{run, socket};
use util::{is_child, stderr, stdout};

/// Starts the test that calls it in a process of its own, with a TCP listener as descriptor 3, a
/// Unix listener without a name as 4 and no listener as 5, for the process that `pid` names in the
/// shell.
fn start(test: &str, pid: &str, tcp: impl Into<OwnedFd>, unix: UnixListener) -> Child {
    let script = format!(
        "exec 3<&0 4>&1 5</dev/null 0</dev/null 1>&2; export LISTEN_PID={pid} LISTEN_FDS=3 \
         LISTEN_FDNAMES=web::null; exec \"$0\" --exact {test} --nocapture --test-threads=1"
    );
    Command::new("sh")
        .args(["-c", &script])
        .arg(env::current_exe().expect("a test knows its binary"))
        .env("UNSPIN_TEST_CHILD", "1")
        .stdin(Stdio::from(tcp.into()))
        .stdout(Stdio::from(OwnedFd::from(unix)))
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh runs")
}

#[track_caller]
fn expect_success(output: &Output) {
    assert!(output.status.success(), "{}\n{}", stdout(output), stderr(output));
    assert!(stderr(output).contains("1 passed"), "{}", stderr(output));
}

#[test]
fn listeners_that_were_left_to_this_process_are_taken_over_once() {
    if is_child() {
        return serve_what_was_inherited();
    }
    let directory = tempfile::tempdir().expect("a temporary folder");
    let path = directory.path().join("control");
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = tcp.local_addr().expect("it is bound");
    let unix = UnixListener::bind(&path).expect("the path is free");
    const THIS: &str = "listeners_that_were_left_to_this_process_are_taken_over_once";
    let child = start(THIS, "$$", tcp, unix);
    // Whoever connects before the process is there waits.
    let mut answer = String::new();
    socket(address).read_to_string(&mut answer).expect("it answers");
    assert_eq!(answer, "from web");
    let mut control = UnixSocket::connect(&path).expect("it listens");
    control.write_all(b"x").expect("it reads");
    answer.clear();
    control.read_to_string(&mut answer).expect("it answers");
    assert_eq!(answer, "from unknown");
    drop(control);
    expect_success(&child.wait_with_output().expect("it is our child"));
    assert!(path.exists(), "the path is its maker's");
}

fn serve_what_was_inherited() {
    run(|| {
        let inherited = inherited_listeners().expect("they can be watched");
        assert!(inherited_listeners().expect("there is nothing to fail").is_empty());
        let names: Vec<_> = inherited.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["web", "unknown", "null"]);
        assert!(closed_on_exec(), "{}", open_in_a_child());
        for it in inherited {
            match it.socket {
                InheritedSocket::Tcp(listener) => {
                    let itself = listener.clone();
                    listener.on_connection(move |stream, _| {
                        itself.close();
                        stream.write(format!("from {}", it.name).as_bytes());
                        stream.end();
                    });
                }
                InheritedSocket::Unix(listener) => {
                    let itself = listener.clone();
                    listener.on_connection(move |stream, _| {
                        itself.close();
                        let answer = format!("from {}", it.name);
                        stream.on_data(move |stream, _| {
                            stream.write(answer.as_bytes());
                            stream.end();
                        });
                    });
                }
                other => assert!(matches!(other, InheritedSocket::Other(_)), "{other:?}"),
            }
        }
    });
}

/// Whether a program that this one starts has none of the three.
fn closed_on_exec() -> bool {
    !open_in_a_child().contains("open")
}

fn open_in_a_child() -> String {
    let script = "for fd in 3 4 5; do [ -e /proc/self/fd/$fd ] && echo $fd is open; done; true";
    let output = Command::new("sh").args(["-c", script]).output().expect("sh runs");
    stdout(&output)
}

#[test]
fn what_is_meant_for_another_process_is_left_alone() {
    if is_child() {
        return run(|| {
            assert!(inherited_listeners().expect("there is nothing to fail").is_empty());
            // They are still there, and whoever they are meant for may take them.
            assert!(std::path::Path::new("/proc/self/fd/3").exists());
        });
    }
    let directory = tempfile::tempdir().expect("a temporary folder");
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let unix = UnixListener::bind(directory.path().join("it")).expect("the path is free");
    let child = start("what_is_meant_for_another_process_is_left_alone", "1", tcp, unix);
    expect_success(&child.wait_with_output().expect("it is our child"));
}

#[test]
fn without_the_variables_there_is_nothing() {
    run(|| {
        assert!(inherited_listeners().expect("there is nothing to fail").is_empty());
        TcpListener::bind("127.0.0.1:0").expect("a program binds itself then");
    });
}
