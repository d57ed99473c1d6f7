//! The examples, run as a user runs them.

mod example;

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use example::{Client, LIMIT, Server, binary};
use tempfile::TempDir;
use unspin::signal::Signal;

/// Bytes that are nowhere the same for long.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index ^ (index >> 8) ^ (index >> 16)) as u8).collect()
}

#[test]
fn order_prints_the_order_with_its_reasons() {
    let output = Command::new(binary("order")).output().expect("it can be run");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let (words, reasons): (Vec<_>, Vec<_>) =
        text.lines().map(|line| line.split_at(22)).map(|(a, b)| (a.trim(), b.trim())).unzip();
    let expected = [
        "script",
        "tick",
        "microtask",
        "tick of a microtask",
        "file",
        "microtask of the file",
        "immediate",
        "its microtask",
        "second immediate",
        "timeout",
    ];
    assert_eq!(words, expected);
    assert!(reasons.iter().all(|reason| reason.len() > 10), "{text}");
}

#[test]
fn echo_sends_back_what_it_gets_and_ends_after_its_peer() {
    let server = Server::start("echo", &[]);
    let mut client = server.connect();
    let sent = pattern(4 << 20);
    let writer = client.writer();
    let received = thread::scope(|scope| {
        scope.spawn(|| {
            writer.send(&sent);
            writer.end();
        });
        client.rest()
    });
    assert!(received == sent, "{} of {} bytes, or others", received.len(), sent.len());
}

#[test]
fn servers_without_connections_end_at_a_signal() {
    let (_directory, folder) = folder();
    let folder = folder.to_str().expect("its name is text");
    for signal in [Signal::INTERRUPT, Signal::TERMINATE] {
        let servers: [(_, &[&str]); 4] =
            [("chat", &[]), ("echo", &[]), ("files", &[folder]), ("udp_echo", &[])];
        for (name, arguments) in servers {
            let server = Server::start(name, arguments);
            server.signal(signal);
            server.has_ended();
        }
    }
}

#[test]
fn a_second_signal_ends_a_server_at_once() {
    let mut server = Server::start("chat", &[]);
    // Never quiet, so the server has a reason to stay.
    let mut member = TcpStream::connect(&server.address).expect("it listens");
    let talks = thread::spawn(move || while member.write_all(b"still here\n").is_ok() {});
    server.signal(Signal::TERMINATE);
    server.stops_accepting();
    server.signal(Signal::TERMINATE);
    let status = server.child.wait().expect("it is our child");
    assert_eq!(status.signal(), Some(Signal::TERMINATE.as_raw()));
    talks.join().expect("it ends with the server");
}

/// A client that has sent, and reads only after the signal, gets all of it and then the end.
#[track_caller]
fn finishes_what_is_in_flight(name: &str) {
    let server = Server::start(name, &[]);
    let (mut quiet, mut busy) = (server.connect(), server.connect());
    quiet.send("hello\n");
    quiet.expect("hello");
    let sent = pattern(4 << 20);
    let (writer, message) = (busy.writer(), sent.clone());
    let sends = thread::spawn(move || writer.send(message));
    assert!(busy.bytes(1) == sent[..1], "another byte");
    server.signal(Signal::TERMINATE);
    server.stops_accepting();
    assert!(busy.bytes(sent.len() - 1) == sent[1..], "other bytes");
    assert_eq!((busy.rest(), quiet.rest()), (Vec::new(), Vec::new()));
    sends.join().expect("all was sent");
    server.has_ended();
}

#[test]
fn echo_finishes_what_is_in_flight_at_a_signal() {
    finishes_what_is_in_flight("echo");
}

#[cfg(feature = "async")]
#[test]
fn echo_async_finishes_what_is_in_flight_at_a_signal() {
    finishes_what_is_in_flight("echo_async");
}

#[test]
fn files_finishes_an_answer_at_a_signal() {
    let (_directory, folder) = folder();
    let large = pattern(16 << 20);
    fs::write(folder.join("large"), &large).expect("a file");
    let server = serve_files(&folder);
    let mut client = server.connect();
    client.send("large\n");
    client.expect("ok 16777216");
    server.signal(Signal::TERMINATE);
    assert!(client.bytes(large.len()) == large, "other bytes");
    assert_eq!(client.rest(), b"");
    server.has_ended();
}

#[test]
fn chat_closes_its_members_at_a_signal() {
    let server = Server::start("chat", &[]);
    let mut alice = enter(&server, "alice", "alice");
    let mut nameless = server.connect();
    nameless.expect("* your name?");
    server.signal(Signal::TERMINATE);
    assert_eq!(alice.rest(), b"");
    assert_eq!(nameless.rest(), b"");
    server.has_ended();
}

#[test]
fn udp_echo_answers_each_with_what_it_sent() {
    let server = Server::start("udp_echo", &[]);
    for length in [0, 1, 1400, 60_000] {
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        client.set_read_timeout(Some(LIMIT)).expect("a limit can be set");
        client.connect(&server.address).expect("it is an address");
        let (sent, mut received) = (pattern(length), vec![1; 65_536]);
        client.send(&sent).expect("it can be sent");
        let came = client.recv(&mut received).expect("an answer comes");
        assert!(received[..came] == sent, "{came} of {length} bytes, or others");
    }
}

/// A folder with a file in it, and one beside it that is out of reach.
fn folder() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let served = directory.path().join("served");
    fs::create_dir_all(served.join("sub")).expect("a folder");
    fs::write(served.join("hello"), "hello, world").expect("a file");
    fs::write(served.join("empty"), "").expect("a file");
    fs::write(directory.path().join("secret"), "secret").expect("a file");
    (directory, served)
}

fn serve_files(folder: &Path) -> Server {
    Server::start("files", &[folder.to_str().expect("its name is text")])
}

#[test]
fn files_come_byte_for_byte_and_the_connection_may_ask_again() {
    let (_directory, folder) = folder();
    let large = pattern(8 << 20);
    fs::write(folder.join("sub/large"), &large).expect("a file");
    let server = serve_files(&folder);
    let mut client = server.connect();
    client.send("sub/large\n");
    client.expect("ok 8388608");
    assert!(client.bytes(large.len()) == large, "other bytes");
    client.send("hello\n");
    client.expect("ok 12");
    assert_eq!(client.bytes(12), b"hello, world");
}

#[test]
fn files_that_are_asked_for_ahead_come_in_order_also_after_the_client_has_ended() {
    let (_directory, folder) = folder();
    let server = serve_files(&folder);
    let mut client = server.connect();
    let writer = client.writer();
    let answers = thread::scope(|scope| {
        scope.spawn(|| {
            writer.send("hello\nempty\nno such file\nhel");
            writer.send("lo\n".to_owned() + &"hello\n".repeat(20_000) + "cut off");
            writer.end();
        });
        client.rest()
    });
    let first = b"ok 12\nhello, worldok 0\nerror entity not found\n";
    assert!(answers.starts_with(first), "{}", String::from_utf8_lossy(&answers[..100]));
    assert!(answers[first.len()..] == b"ok 12\nhello, world".repeat(20_001), "others");
}

#[test]
fn files_outside_of_the_folder_and_what_is_no_file_are_refused() {
    let (directory, folder) = folder();
    let server = serve_files(&folder);
    let mut client = server.connect();
    let absolute = folder.join("hello").display().to_string();
    let secret = directory.path().join("secret").display().to_string();
    for name in ["../secret", "..", "sub/../../secret", "sub/..", "/etc/passwd", &absolute, &secret]
    {
        client.send(format!("{name}\n"));
        client.expect("error the name is not allowed");
    }
    for name in ["", "sub", "sub/"] {
        client.send(format!("{name}\n"));
        client.expect("error not a file");
    }
    client.send("hello\n");
    client.expect("ok 12");
}

#[test]
fn files_are_not_asked_for_by_lines_without_end() {
    let (_directory, folder) = folder();
    let server = serve_files(&folder);
    let mut client = server.connect();
    client.send([b'x'; 100_000]);
    client.expect("error the line is too long");
    client.end();
    assert_eq!(client.rest(), b"");
}

#[test]
fn files_are_served_in_constant_memory_and_a_client_may_leave() {
    let (_directory, folder) = folder();
    let huge = File::create(folder.join("huge")).expect("a file");
    huge.set_len(1 << 30).expect("a file with a hole");
    let server = serve_files(&folder);
    let ask_for_hello = || {
        let mut client = server.connect();
        client.send("hello\n");
        client.expect("ok 12");
    };
    ask_for_hello();
    let before = server.peak_memory();
    let mut client = server.connect();
    client.send("huge\n");
    client.expect("ok 1073741824");
    client.bytes(64 << 20);
    drop(client);
    ask_for_hello();
    let grown = server.peak_memory() - before;
    assert!(grown < 32 * 1024, "{grown} KiB");
}

/// Enters the room, and reads what a newcomer is told.
fn enter(server: &Server, name: &str, here: &str) -> Client {
    let mut client = server.connect();
    client.expect("* your name?");
    client.send(format!("{name}\n"));
    client.expect(&format!("* here: {here}"));
    client
}

#[test]
fn chat_tells_the_others_who_comes_and_goes_and_what_they_say() {
    let server = Server::start("chat", &[]);
    let mut alice = enter(&server, "alice", "alice");
    let mut bob = enter(&server, "bob", "alice, bob");
    alice.expect("* bob joined");
    bob.send("hello\r\nand ag");
    bob.send("ain\x1b[2J\n");
    alice.expect("bob: hello");
    alice.expect("bob: and again[2J");
    alice.send("hello, bob\n");
    bob.expect("alice: hello, bob");
    bob.end();
    assert_eq!(bob.rest(), b"");
    alice.expect("* bob left");
}

#[test]
fn chat_gives_a_name_to_one_client_at_a_time() {
    let server = Server::start("chat", &[]);
    let mut alice = enter(&server, "alice", "alice");
    let mut other = server.connect();
    other.send("\nalice\nbob\n");
    other.expect("* your name?");
    other.expect("* your name?");
    other.expect("* that name is taken; your name?");
    other.expect("* here: alice, bob");
    alice.expect("* bob joined");
    drop(alice);
    other.expect("* alice left");
    enter(&server, "alice", "alice, bob");
}

#[test]
fn chat_closes_a_member_that_does_not_read() {
    let server = Server::start("chat", &[]);
    let mut alice = enter(&server, "alice", "alice");
    let bob = enter(&server, "bob", "alice, bob");
    alice.expect("* bob joined");
    // More than the system keeps for one connection.
    let lines = ("x".repeat(999) + "\n").repeat(1000);
    (0..32).for_each(|_| alice.send(&lines));
    alice.expect("* bob left");
    drop(bob);
}

#[test]
fn chat_closes_a_client_that_sends_lines_without_end() {
    let server = Server::start("chat", &[]);
    let mut client = server.connect();
    client.expect("* your name?");
    client.send([b'x'; 2000]);
    let mut end = [0];
    match client.0.read(&mut end) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn dns_lookup_tells_addresses_and_names_and_what_it_does_not_find() {
    let run = |arguments: &[&str]| {
        Command::new(binary("dns_lookup")).args(arguments).output().expect("it can be run")
    };
    let found = run(&["127.0.0.1", "localhost", "::1 "]);
    let text = String::from_utf8_lossy(&found.stdout);
    assert!(text.lines().any(|line| line.starts_with("127.0.0.1: ")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("localhost: ")), "{text}");
    assert_eq!(found.status.code(), Some(1), "an address with a blank behind it is no name");
    assert!(String::from_utf8_lossy(&found.stderr).starts_with("look up ::1 : "));
    assert_eq!(run(&["localhost"]).status.code(), Some(0));
}
