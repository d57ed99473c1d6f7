//! The echo server on a Unix socket, run as a user runs it.

mod example;

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;

use example::{LIMIT, Server, binary};
use unspin::signal::Signal;

#[test]
fn it_echoes_at_its_path_and_takes_the_path_with_it() {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let path = directory.path().join("echo");
    let server = Server::of(Command::new(binary("unix_echo")).arg(&path));
    assert_eq!(server.address, path.display().to_string());
    let client = UnixStream::connect(&path).expect("it accepts");
    client.set_read_timeout(Some(LIMIT)).expect("a limit can be set");
    let sent: Vec<u8> = (0..2_000_000).map(|index| (index / 7) as u8).collect();
    let mut received = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            (&client).write_all(&sent).expect("the server reads");
            client.shutdown(Shutdown::Write).expect("it is connected");
        });
        (&client).read_to_end(&mut received).expect("the server writes");
    });
    assert!(received == sent, "{} of {} bytes, or others", received.len(), sent.len());
    server.signal(Signal::TERMINATE);
    server.has_ended();
    assert!(!path.exists(), "its path is left behind");
}

#[test]
fn it_leaves_alone_what_is_there_and_says_so() {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let path = directory.path().join("taken");
    fs::write(&path, "somebody's").expect("a file");
    let output = Command::new(binary("unix_echo")).arg(&path).output().expect("it can be run");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).expect("it prints text");
    assert!(told.contains("taken") && told.contains("in use"), "{told}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "somebody's");
}
