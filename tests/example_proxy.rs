//! The example `proxy`, as a process between real sockets.

mod example;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use example::{LIMIT, Server, binary};
use socket2::SockRef;
use unspin::signal::Signal;

/// A proxy that runs, until it is dropped.
struct Proxy {
    server: Server,
    errors: BufReader<ChildStderr>,
}

impl Proxy {
    fn to(upstream: impl ToString) -> Proxy {
        let arguments = ["127.0.0.1:0", &upstream.to_string()];
        let mut command = Command::new(binary("proxy"));
        let mut server = Server::of(command.args(arguments).stderr(Stdio::piped()));
        let errors = BufReader::new(server.child.stderr.take().expect("it is piped"));
        Proxy { server, errors }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.server.address).expect("it accepts");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit can be set");
        stream.set_write_timeout(Some(LIMIT)).expect("a limit can be set");
        stream
    }

    /// The next line that it prints to its standard error.
    fn error(&mut self) -> String {
        let mut line = String::new();
        self.errors.read_line(&mut line).expect("it prints text");
        line
    }
}

fn upstream() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    (listener, address)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().expect("the proxy connects");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit can be set");
    stream
}

#[test]
fn an_end_is_passed_on_and_the_other_way_stays_open() {
    let (listener, address) = upstream();
    // By a name, which is looked up.
    let proxy = Proxy::to(format!("localhost:{}", address.port()));
    let mut client = proxy.connect();
    let sent: Vec<u8> = (0..3 << 20).map(|n: u32| (n ^ (n >> 8)) as u8).collect();
    let echo = thread::spawn(move || {
        let (mut server, mut all) = (accept(&listener), Vec::new());
        server.read_to_end(&mut all).expect("the client ends in order");
        server.write_all(&all).expect("the client still reads");
    });
    client.write_all(&sent).expect("the upstream reads");
    client.shutdown(Shutdown::Write).expect("it is connected");
    let mut received = Vec::new();
    client.read_to_end(&mut received).expect("the upstream ends in order");
    assert!(received == sent, "{} of {} bytes, or others", received.len(), sent.len());
    echo.join().expect("it echoes");
}

#[test]
fn a_client_that_does_not_read_costs_no_memory() {
    let (listener, address) = upstream();
    let proxy = Proxy::to(address);
    let client = proxy.connect();
    let mut server = accept(&listener);
    server.write_all(b"hello").expect("the proxy reads");
    let mut word = [0; 5];
    (&client).read_exact(&mut word).expect("it was sent");
    let before = proxy.server.peak_memory();
    // Until nobody on the way takes more.
    server.set_write_timeout(Some(Duration::from_millis(200))).expect("a limit can be set");
    let mut sent = 0;
    while let Ok(length) = server.write(&[0; 64 * 1024]) {
        sent += length as u64;
        assert!(sent < 256 << 20, "somebody keeps it all");
    }
    let grown = proxy.server.peak_memory() - before;
    assert!(grown < 4096, "{grown} KiB");
    drop(server);
    let kept = std::io::copy(&mut &client, &mut std::io::sink()).expect("nothing is lost");
    assert_eq!(kept, sent);
}

#[test]
fn a_side_that_breaks_off_takes_the_other_along() {
    let (listener, address) = upstream();
    let mut proxy = Proxy::to(address);
    for client_resets in [true, false] {
        let client = proxy.connect();
        let server = accept(&listener);
        let (breaks, mut other) = if client_resets { (client, server) } else { (server, client) };
        (&breaks).write_all(b"x").expect("it is connected");
        other.read_exact(&mut [0]).expect("both are joined");
        SockRef::from(&breaks).set_linger(Some(Duration::ZERO)).expect("it can be set");
        drop(breaks);
        let ended = other.read(&mut [0]);
        assert!(!matches!(ended, Ok(1..)), "{ended:?}");
        let (line, name) = (proxy.error(), if client_resets { "client" } else { "upstream" });
        assert!(line.contains(&format!(": {name}: read: ")), "{line}");
    }
}

#[test]
fn an_upstream_that_refuses_is_told_and_the_client_is_reset() {
    let (listener, address) = upstream();
    drop(listener);
    let mut proxy = Proxy::to(address);
    let mut client = proxy.connect();
    let error = client.read(&mut [0]).expect_err("it is no end in order");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let line = proxy.error();
    let told = format!(": connect to {address}: ");
    assert!(line.contains(&told) && line.contains("refused"), "{line}");
}

#[test]
fn at_a_signal_it_accepts_no_more_and_finishes_what_is_in_flight() {
    let (listener, address) = upstream();
    let mut proxy = Proxy::to(address);
    let mut client = proxy.connect();
    let mut server = accept(&listener);
    client.write_all(b"?").expect("it is connected");
    server.read_exact(&mut [0]).expect("both are joined");
    proxy.server.signal(Signal::TERMINATE);
    assert!(proxy.error().contains("closing"));
    let end = server.read(&mut [0]).expect("the client is asked for nothing more, in order");
    assert_eq!(end, 0);
    server.write_all(b"answer").expect("it is still connected");
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it is closed in order");
    assert_eq!(answer, "answer");
    proxy.server.has_ended();
}
