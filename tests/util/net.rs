//! What the socket tests share: loops that must end, peers that block, bytes that tell their place.

use std::env;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream as Socket};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Type};
use unspin::EventLoop;
use unspin::net::{TcpListener, TcpStream};

use crate::util::{Log, millis};

/// How long a test waits for what never comes before it says so.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `main` on the real clock to an end without failure, and returns what it returned. A loop
/// that does not end by itself is a failure.
#[track_caller]
pub fn run<T>(main: impl FnOnce() -> T) -> T {
    let event_loop = EventLoop::new().expect("the system has descriptors left");
    let mut value = None;
    let code = event_loop.run(|| {
        watchdog();
        value = Some(main());
    });
    assert_eq!(code.expect("nothing in it fails"), 0);
    value.expect("main has run")
}

/// Fails the loop that is alive for too long.
pub fn watchdog() {
    unspin::set_timeout(PATIENCE, || panic!("still alive: {:#?}", unspin::why_alive())).unref();
}

/// A listener on a free port. It keeps no loop alive: the connections and clients do.
#[track_caller]
pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.unref();
    let address = listener.local_addr().expect("it is open");
    (listener, address)
}

/// A listener whose connections get back what they send, in the plainest way.
pub fn echo_server() -> SocketAddr {
    let (listener, address) = listen();
    listener.on_connection(|stream, _| {
        stream.on_data(|stream, chunk| {
            stream.write(chunk);
        });
    });
    address
}

/// A blocking socket that does not wait for ever.
pub fn socket(address: SocketAddr) -> Socket {
    let socket = Socket::connect(address).expect("somebody listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    socket.set_write_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    socket
}

/// A client on a thread of its own, for which the loop stays alive.
pub fn client(address: SocketAddr, f: impl FnOnce(&mut Socket) + Send + 'static) {
    beside(move || f(&mut socket(address)));
}

/// Runs `f` on a thread of its own. The loop stays alive for it, and its panic is the loop's.
pub fn beside(f: impl FnOnce() + Send + 'static) {
    let (remote, kept) = (unspin::remote(), unspin::keep_alive());
    thread::spawn(move || {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
            let failed = remote.post(move || -> () { resume_unwind(payload) });
            failed.expect("the loop is kept alive");
        }
        drop(kept);
    });
}

/// Calls `with` as a task, with the loop's end of a connection and the peer's, which blocks.
pub fn pair(with: impl FnOnce(TcpStream, Socket) + 'static) {
    let (listener, address) = listen();
    // Its end waits in the backlog, so this does not block.
    let mut pair = Some((with, socket(address)));
    let itself = listener.clone();
    listener.ref_().on_connection(move |stream, _| {
        itself.close();
        if let Some((with, socket)) = pair.take() {
            with(stream, socket);
        }
    });
}

/// The same with both ends on the loop: the one that was accepted, and the one that connected.
pub fn streams(with: impl FnOnce(TcpStream, TcpStream) + 'static) {
    let (listener, address) = listen();
    TcpStream::connect(address).callback(move |connected| {
        let mut pair = Some((with, connected.expect("somebody listens")));
        let itself = listener.clone();
        // The other end waits in the backlog until somebody accepts it.
        listener.ref_().on_connection(move |accepted, _| {
            itself.close();
            if let Some((with, connected)) = pair.take() {
                with(accepted, connected);
            }
        });
    });
}

/// Calls `then` once `holds` does, and looks again every millisecond.
pub fn when(mut holds: impl FnMut() -> bool + 'static, then: impl FnOnce() + 'static) {
    let mut then = Some(then);
    unspin::set_interval(millis(1), move |timer| {
        if holds() {
            timer.clear();
            if let Some(then) = then.take() {
                then();
            }
        }
    });
}

/// A callback of a stream that says `word`.
pub fn says(log: &Log, word: &str) -> impl FnMut(&TcpStream) + 'static + use<> {
    let (log, word) = (log.clone(), word.to_owned());
    move |_| log.say(word.as_str())
}

/// Lets all of a stream's closures say their names; chunks that follow each other are one `data`.
pub fn spy(stream: &TcpStream, log: &Log) {
    stream.on_end(says(log, "end")).on_drain(says(log, "drain")).on_close(says(log, "close"));
    let said = log.clone();
    stream.on_error(move |_, error| said.say(format!("error {:?}", error.kind())));
    let said = log.clone();
    stream.on_data(move |_, _| {
        if said.words().last().is_none_or(|last| last != "data") {
            said.say("data");
        }
    });
}

/// Bytes whose period is no power of two, so that a chunk in the wrong place is noticed.
pub fn pattern(length: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251).collect();
    let mut bytes = period.repeat(length / period.len() + 1);
    bytes.truncate(length);
    bytes
}

/// Reads to the end of the stream.
#[track_caller]
pub fn read_to_end(socket: &mut Socket) -> Vec<u8> {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).expect("the stream ends in order");
    bytes
}

#[track_caller]
pub fn read_exactly(socket: &mut Socket, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    socket.read_exact(&mut bytes).expect("that many bytes come");
    bytes
}

/// Sends `message` while it is read back, and returns what came back.
#[track_caller]
pub fn round_trip(socket: &mut Socket, message: &[u8]) -> Vec<u8> {
    let mut writer = socket.try_clone().expect("the system has descriptors left");
    thread::scope(|scope| {
        scope.spawn(move || writer.write_all(message).expect("the peer reads"));
        read_exactly(socket, message.len())
    })
}

/// How a connection ended for a peer that reads it: in order, or by an error.
pub fn ending(socket: &mut Socket) -> Result<(), ErrorKind> {
    socket.read_to_end(&mut Vec::new()).map(drop).map_err(|error| error.kind())
}

/// Makes the close of a blocking socket a reset.
pub fn reset(socket: Socket) {
    let linger = Some(Duration::ZERO);
    socket2::SockRef::from(&socket).set_linger(linger).expect("a socket may linger");
    drop(socket);
}

/// As `in_child`, in a process that may open only so many descriptors.
pub fn in_child_with_descriptors(most: usize, test: &str) -> Output {
    let binary = env::current_exe().expect("a test knows its binary");
    Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -n {most}; exec \"$0\" --exact \"$1\" --nocapture --test-threads=1"))
        .arg(binary)
        .arg(test)
        .env(super::CHILD, "1")
        .output()
        .expect("sh runs")
}

/// The descriptors that this process has open.
pub fn open_descriptors() -> usize {
    let open = fs::read_dir("/proc/self/fd").expect("the system lists them").count();
    // The one that reads the list is on it.
    open - 1
}

/// A listening socket that answers nobody, because its backlog is full; the sockets that fill it
/// come with it.
pub fn unresponsive() -> (SocketAddr, Vec<socket2::Socket>) {
    let new = || socket2::Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let listener = new();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port is free");
    listener.listen(0).expect("it listens");
    let address = listener.local_addr().expect("it is bound").as_socket().expect("an address");
    let mut sockets = vec![listener];
    for _ in 0..4 {
        let socket = new();
        socket.set_nonblocking(true).expect("a socket can be non-blocking");
        // What the system says does not matter: it goes on in the background.
        let _begun = socket.connect(&address.into());
        sockets.push(socket);
    }
    (address, sockets)
}
