//! What the socket tests share: loops that must end, peers that block, bytes that tell their place.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream as Socket};
use std::thread::{self, JoinHandle};
use std::time::Duration;

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
pub fn client<T: Send + 'static>(
    address: SocketAddr,
    f: impl FnOnce(&mut Socket) -> T + Send + 'static,
) -> JoinHandle<T> {
    beside(move || f(&mut socket(address)))
}

/// Runs `f` on a thread of its own; the loop stays alive for it.
pub fn beside<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let kept = unspin::keep_alive();
    thread::spawn(move || {
        let _kept = kept;
        f()
    })
}

/// What a thread returned; its panic goes on here.
#[track_caller]
pub fn done<T>(thread: JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// A connected pair: `serve` gets the loop's end as a task, the caller the blocking one. What the
/// caller sends before it returns to the loop comes as one chunk.
pub fn pair(serve: impl FnOnce(TcpStream) + 'static) -> Socket {
    let (listener, address) = listen();
    let (mut serve, itself) = (Some(serve), listener.clone());
    listener.on_connection(move |stream, _| {
        itself.close();
        serve.take().expect("one connection only")(stream);
    });
    // Its end waits in the backlog, so this does not block.
    let socket = socket(address);
    // Until it is accepted nothing else keeps the loop alive.
    listener.ref_();
    socket
}

/// A connected pair with both ends on the loop: the one that was accepted, the one that connected.
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
    (0..length).map(|at| (at % 251) as u8).collect()
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
