//! From one stream into another: no faster than the sink takes it, ends and failures included.

mod util;

use std::cell::Cell;
use std::io::Write;
use std::net::{Shutdown, TcpStream as Socket};
use std::rc::Rc;
use std::sync::mpsc;

use unspin::Handler;
use unspin::net::TcpStream;
use util::Log;
use util::net::{
    beside, client, echo_server, ending, listen, pair, pattern, read_exactly, read_to_end, reset,
    round_trip, run, says,
};

const MIB: usize = 1024 * 1024;

/// Two connections: streams of ours, one to be read and one to be written, with their peers.
fn two_pairs(with: impl FnOnce([TcpStream; 2], [Socket; 2]) + 'static) {
    pair(move |from, source| {
        pair(move |to, sink| with([from, to], [source, sink]));
    });
}

#[test]
fn all_bytes_come_through_and_then_the_end() {
    run(|| {
        two_pairs(|[from, to], [mut source, mut sink]| {
            unspin::pipe(&from, &to);
            beside(move || {
                source.write_all(&pattern(8 * MIB)).expect("the pipe reads");
                source.shutdown(Shutdown::Write).expect("it is open");
                // Nobody pipes the other way: our side ends by itself.
                assert!(read_to_end(&mut source).is_empty());
            });
            beside(move || assert!(read_to_end(&mut sink) == pattern(8 * MIB)));
        });
    });
}

#[test]
fn a_slow_sink_pauses_the_source() {
    let most = Rc::new(Cell::new(0));
    let seen = Rc::clone(&most);
    run(|| {
        two_pairs(move |[from, to], [mut source, mut sink]| {
            unspin::pipe(&from, &to);
            let queued = to.clone();
            unspin::on_prepare(move || seen.set(seen.get().max(queued.writable_length())));
            let (all_sent, is_all_sent) = mpsc::channel::<()>();
            beside(move || {
                source.write_all(&pattern(32 * MIB)).expect("the pipe reads");
                source.shutdown(Shutdown::Write).expect("it is open");
                drop(all_sent);
            });
            beside(move || {
                // Slower than anybody sends.
                let mut received = Vec::new();
                for _ in 0..20 {
                    received.extend(read_exactly(&mut sink, 1000));
                    std::thread::yield_now();
                }
                assert_eq!(is_all_sent.try_recv(), Err(mpsc::TryRecvError::Empty));
                received.extend(read_to_end(&mut sink));
                assert!(received == pattern(32 * MIB));
            });
        });
    });
    // The mark, and what one read may add to it.
    assert!(most.get() > 0);
    assert!(most.get() <= 2 * 64 * 1024 + 256, "{} bytes were queued", most.get());
}

#[test]
fn a_pipe_into_itself_is_an_echo() {
    run(|| {
        pair(|stream, mut socket| {
            unspin::pipe(&stream, &stream);
            beside(move || {
                for length in [1, 1000, 4 * MIB] {
                    let message = pattern(length);
                    assert!(round_trip(&mut socket, &message) == message);
                }
                socket.write_all(b"the last").expect("the peer reads");
                socket.shutdown(Shutdown::Write).expect("it is open");
                assert_eq!(read_to_end(&mut socket), b"the last");
            });
        });
    });
}

/// A proxy in front of `server`; its connections say when they are closed.
fn proxy(server: std::net::SocketAddr, log: &Log) -> std::net::SocketAddr {
    let (listener, address) = listen();
    let log = log.clone();
    listener.on_connection(move |client, _| {
        client.on_close(says(&log, "client closed"));
        let log = log.clone();
        TcpStream::connect(server).callback(move |server| {
            let server = server?;
            server.on_close(says(&log, "server closed"));
            unspin::pipe(&client, &server);
            unspin::pipe(&server, &client);
            Ok(())
        });
    });
    address
}

#[track_caller]
fn expect_both_closed(log: &Log) {
    let mut words = log.words();
    words.sort();
    assert_eq!(words, ["client closed", "server closed"]);
}

#[test]
fn a_proxy_is_two_pipes() {
    let log = Log::new();
    run(|| {
        client(proxy(echo_server(), &log), |socket| {
            for length in [1, 1000, 4 * MIB] {
                let message = pattern(length);
                assert!(round_trip(socket, &message) == message);
            }
        });
    });
    expect_both_closed(&log);
}

#[test]
fn a_half_close_goes_through_a_proxy() {
    let log = Log::new();
    run(|| {
        let (listener, server) = listen();
        // Answers once it knows the whole question.
        listener.on_connection(|stream, _| {
            stream.on_data(|_, _| ());
            stream.on_end(|stream| {
                let answer = format!("{} bytes", stream.bytes_read());
                stream.write(answer.as_bytes());
            });
        });
        client(proxy(server, &log), |socket| {
            socket.write_all(&pattern(3 * MIB)).expect("the proxy reads");
            socket.shutdown(Shutdown::Write).expect("it is open");
            assert_eq!(read_to_end(socket), format!("{} bytes", 3 * MIB).into_bytes());
        });
    });
    expect_both_closed(&log);
}

/// A listening socket that blocks, for a server on a thread of its own.
fn blocking_server(serve: impl FnOnce(Socket) + Send + 'static) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is open");
    beside(move || {
        let (socket, _) = listener.accept().expect("the proxy connects");
        socket.set_read_timeout(Some(util::net::PATIENCE)).expect("a socket has timeouts");
        serve(socket);
    });
    address
}

#[test]
fn what_is_queued_for_a_server_that_ended_early_is_sent_after_the_client_has_gone() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        two_pairs(move |[client, server], [mut asks, mut answers]| {
            client.on_close(says(&said, "client closed"));
            server.on_close(says(&said, "server closed"));
            unspin::pipe(&client, &server);
            unspin::pipe(&server, &client);
            // The system takes no more, so the question waits in the queue.
            while server.writable_length() == 0 {
                server.write(&[0; 1000]);
            }
            answers.shutdown(Shutdown::Write).expect("it is open");
            asks.write_all(b"the question").expect("it fits into the buffers");
            asks.shutdown(Shutdown::Write).expect("it is open");
            beside(move || {
                assert!(read_to_end(&mut asks).is_empty());
                assert!(read_to_end(&mut answers).ends_with(b"the question"));
            });
        });
    });
    log.expect(&["client closed", "server closed"]);
}

#[test]
fn a_client_that_breaks_off_takes_the_server_along() {
    let log = Log::new();
    run(|| {
        let (heard, is_heard) = mpsc::channel();
        let server = blocking_server(move |mut socket| {
            assert_eq!(read_exactly(&mut socket, 5), b"hello");
            heard.send(()).expect("the client waits for it");
            assert_eq!(ending(&mut socket), Ok(()));
        });
        let address = proxy(server, &log);
        beside(move || {
            let mut socket = util::net::socket(address);
            socket.write_all(b"hello").expect("the proxy reads");
            is_heard.recv().expect("the server gets it");
            reset(socket);
        });
    });
    expect_both_closed(&log);
}

#[test]
fn a_server_that_breaks_off_takes_the_client_along() {
    let log = Log::new();
    run(|| {
        let server = blocking_server(|mut socket| {
            assert_eq!(read_exactly(&mut socket, 5), b"hello");
            reset(socket);
        });
        client(proxy(server, &log), |socket| {
            socket.write_all(b"hello").expect("the proxy reads");
            assert_eq!(ending(socket), Ok(()));
        });
    });
    expect_both_closed(&log);
}

#[test]
fn a_close_of_either_closes_the_other() {
    for closed in [0, 1] {
        let log = Log::new();
        let said = log.clone();
        run(|| {
            two_pairs(move |streams, mut sockets| {
                let [from, to] = &streams;
                from.on_close(says(&said, "from"));
                to.on_close(says(&said, "to"));
                unspin::pipe(from, to);
                streams[closed].close();
                beside(move || {
                    sockets.iter_mut().for_each(|socket| assert_eq!(ending(socket), Ok(())));
                });
            });
        });
        let expected = if closed == 0 { ["from", "to"] } else { ["to", "from"] };
        log.expect(&expected);
    }
}

#[test]
fn a_pipe_of_a_stream_that_is_closed_closes_the_other() {
    for closed in [0, 1] {
        let log = Log::new();
        let said = log.clone();
        run(|| {
            two_pairs(move |streams, mut sockets| {
                streams[closed].close();
                let open = &streams[1 - closed];
                open.on_data(|_, _| ());
                open.on_close(says(&said, "close"));
                // When its close callback has run, nothing is left that could tell of it.
                unspin::set_timeout(util::millis(1), move || {
                    let [from, to] = &streams;
                    unspin::pipe(from, to);
                });
                beside(move || {
                    sockets.iter_mut().for_each(|socket| assert_eq!(ending(socket), Ok(())));
                });
            });
        });
        log.expect(&["close"]);
    }
}

#[test]
fn the_other_handlers_of_a_piped_stream_stay() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        two_pairs(move |[from, to], [mut source, mut sink]| {
            from.on_data(|_, _| unreachable!("the pipe takes its place"));
            from.on_end(|_| unreachable!("the pipe takes its place"));
            unspin::pipe(&from, &to);
            from.on_close(says(&said, "from closed"));
            to.on_data(|_, _| ());
            to.on_close(says(&said, "to closed"));
            source.write_all(b"through").expect("it fits into the buffers");
            source.shutdown(Shutdown::Write).expect("it is open");
            beside(move || assert_eq!(read_to_end(&mut sink), b"through"));
        });
    });
    log.expect(&["from closed", "to closed"]);
}

#[test]
fn a_pipe_takes_data_and_end_of_a_handler_value_too() {
    struct Greeter(Log);
    impl Handler<TcpStream> for Greeter {
        fn open(&mut self, stream: &TcpStream) {
            self.0.say("open");
            unspin::pipe(stream, stream);
        }

        fn data(&mut self, _: &TcpStream, _: &[u8]) {
            unreachable!("the pipe takes its place");
        }

        fn end(&mut self, _: &TcpStream) {
            unreachable!("the pipe takes its place");
        }

        fn close(&mut self, _: &TcpStream) {
            self.0.say("close");
        }
    }
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.handle(Greeter(said));
            beside(move || {
                assert!(round_trip(&mut socket, b"hello") == b"hello");
                socket.shutdown(Shutdown::Write).expect("it is open");
                assert!(read_to_end(&mut socket).is_empty());
            });
        });
    });
    log.expect(&["open", "close"]);
}
