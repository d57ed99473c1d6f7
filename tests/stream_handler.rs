//! Handler values: one value per connection, with its state as `&mut self`.

mod util;

use std::cell::Cell;
use std::io::Write;
use std::net::Shutdown;
use std::rc::Rc;

use unspin::net::TcpStream;
use unspin::{Error, Handler};
use util::net::{beside, client, listen, pair, read_exactly, read_to_end, reset, run, streams};
use util::{Drops, Log, millis};

/// Says what it is told; two chunks in a row are one `data`.
struct Say(Log);

impl Say {
    fn say(&self, word: &str) {
        if word != "data" || self.0.words().last().is_none_or(|last| last != "data") {
            self.0.say(word);
        }
    }
}

impl Handler<TcpStream> for Say {
    fn open(&mut self, _: &TcpStream) {
        self.say("open");
    }

    fn data(&mut self, _: &TcpStream, _: &[u8]) {
        self.say("data");
    }

    fn end(&mut self, _: &TcpStream) {
        self.say("end");
    }

    fn drain(&mut self, stream: &TcpStream) {
        assert_eq!(stream.writable_length(), 0);
        self.say("drain");
    }

    fn idle(&mut self, _: &TcpStream) {
        self.say("idle");
    }

    fn error(&mut self, _: &TcpStream, error: Error) {
        self.say(&format!("error {:?}", error.kind()));
    }

    fn close(&mut self, _: &TcpStream) {
        self.say("close");
    }
}

/// Names only what it must.
struct Silent;

impl Handler<TcpStream> for Silent {
    fn data(&mut self, _: &TcpStream, _: &[u8]) {}
}

#[test]
fn a_handler_is_called_from_open_to_close() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        listener.serve(move |peer| {
            assert!(peer.ip().is_loopback());
            Say(said.clone())
        });
        client(address, |socket| {
            socket.write_all(b"hello").expect("the peer reads");
            socket.shutdown(Shutdown::Write).expect("it is open");
            assert!(read_to_end(socket).is_empty());
        });
    });
    log.expect(&["open", "data", "end", "close"]);
}

#[test]
fn open_comes_before_bytes_that_were_there_already() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        streams(move |server, client| {
            server.write(b"a greeting");
            server.end();
            // By then the stream knows that it can be read.
            unspin::set_timeout(millis(20), move || {
                client.handle(Say(said));
                drop(server);
            });
        });
    });
    log.expect(&["open", "data", "end", "close"]);
}

#[test]
fn open_comes_once_and_first_when_a_handler_takes_another_ones_place() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        streams(move |server, client| {
            server.write(b"a greeting");
            server.end();
            unspin::set_timeout(millis(20), move || {
                let wrong = |_: &TcpStream, _: &[u8]| -> () { unreachable!("a value is there") };
                client.on_data(wrong);
                client.handle(Silent);
                client.handle(Say(said));
                drop(server);
            });
        });
    });
    log.expect(&["open", "data", "end", "close"]);
}

#[test]
fn a_handler_hears_of_drain_and_failure() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.handle(Say(said));
            assert!(!stream.write_owned(vec![0; 8 << 20]));
            beside(move || {
                read_exactly(&mut socket, 8 << 20);
                reset(socket);
            });
        });
    });
    log.expect(&["open", "drain", "error ConnectionReset", "close"]);
}

#[test]
fn a_handler_keeps_its_state_and_needs_no_sharing() {
    struct Count {
        bytes: u64,
        chunks: u64,
        total: Rc<Cell<u64>>,
    }
    impl Handler<TcpStream> for Count {
        fn data(&mut self, stream: &TcpStream, chunk: &[u8]) {
            self.bytes += chunk.len() as u64;
            self.chunks += 1;
            stream.write(chunk);
        }

        fn close(&mut self, stream: &TcpStream) {
            assert_eq!(self.bytes, stream.bytes_read());
            assert!(self.chunks > 0);
            self.total.set(self.total.get() + self.bytes);
        }
    }
    let total = Rc::new(Cell::new(0));
    let counted = Rc::clone(&total);
    run(|| {
        let (listener, address) = listen();
        listener.serve(move |_| Count { bytes: 0, chunks: 0, total: Rc::clone(&counted) });
        for length in [1, 1000, 300_000] {
            client(address, move |socket| {
                let message = util::net::pattern(length);
                assert!(util::net::round_trip(socket, &message) == message);
            });
        }
    });
    assert_eq!(total.get(), 301_001);
}

#[test]
fn a_handler_value_gets_what_closures_would_have_got() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            stream.on_data(|_, _| unreachable!("a handler value is there"));
            stream.on_end(|_| unreachable!("a handler value is there"));
            stream.handle(Say(said));
            stream.on_close(|_| unreachable!("a handler value is there"));
            drop(socket);
        });
    });
    log.expect(&["open", "end", "close"]);
}

#[test]
fn a_handler_is_dropped_once_after_its_close() {
    struct Guarded(util::DropGuard, Drops);
    impl Handler<TcpStream> for Guarded {
        fn data(&mut self, _: &TcpStream, _: &[u8]) {}

        fn close(&mut self, _: &TcpStream) {
            self.0.keep();
            assert_eq!(self.1.count(), 0);
        }
    }
    let drops = Drops::new();
    run(|| {
        let guarded = Guarded(drops.guard(), drops.clone());
        pair(move |stream, socket| {
            stream.handle(guarded);
            drop(socket);
        });
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_handler_may_install_its_successor() {
    struct First(Log);
    impl Handler<TcpStream> for First {
        fn data(&mut self, stream: &TcpStream, chunk: &[u8]) {
            self.0.say(format!("first {}", chunk.len()));
            stream.handle(Say(self.0.clone()));
            // Still this one, until it returns.
            self.0.say("installed");
        }

        fn close(&mut self, _: &TcpStream) {
            unreachable!("it is not installed any more");
        }
    }
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            stream.handle(First(said));
            socket.write_all(b"one").expect("it fits into the buffers");
            drop(socket);
        });
    });
    log.expect(&["first 3", "installed", "open", "end", "close"]);
}

#[test]
fn a_handler_that_is_installed_on_a_closed_stream_is_dropped_uncalled() {
    let (log, drops) = (Log::new(), Drops::new());
    let (said, guard) = (log.clone(), drops.guard());
    let dropped = drops.clone();
    run(|| {
        pair(move |stream, _socket| {
            stream.on_close(util::net::says(&said, "close"));
            stream.close();
            stream.on_data(move |_, _| guard.keep());
            assert_eq!(dropped.count(), 1);
            stream.handle(Say(said));
        });
    });
    // The close callback was there before, and is owed.
    log.expect(&["close"]);
}

#[test]
fn an_idle_handler_value_closes_its_stream_in_order() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            struct Idle(Log);
            impl Handler<TcpStream> for Idle {
                fn data(&mut self, _: &TcpStream, _: &[u8]) {}

                fn error(&mut self, _: &TcpStream, _: Error) {
                    unreachable!("silence is no error to a handler value");
                }

                fn close(&mut self, _: &TcpStream) {
                    self.0.say("close");
                }
            }
            stream.handle(Idle(said));
            stream.set_idle_timeout(Some(millis(2)));
            beside(move || drop(read_to_end(&mut { socket })));
        });
    });
    log.expect(&["close"]);
}
