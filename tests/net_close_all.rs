//! A listener that closes together with the connections that it accepted.

mod util;

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as Socket};
use std::rc::Rc;
use std::time::Duration;

use unspin::net::{ClosedAll, TcpListener, TcpStream};
use unspin::{Error, Handler};
use util::net::{beside, ending, listen, pattern, read_exactly, read_to_end, run, socket, when};
use util::{Log, millis};

/// Short, so that a connection is quiet after a twentieth of a second.
const GRACE: Duration = Duration::from_millis(200);
/// So long that a test fails before.
const LONG: Duration = Duration::from_secs(3600);

/// Says what became of them.
fn told(log: &Log) -> impl FnOnce(unspin::Result<ClosedAll>) + 'static + use<> {
    let log = log.clone();
    move |closed| {
        let closed = closed.expect("it is not given up");
        log.say(format!("{} ended, {} cut off", closed.ended, closed.cut_off));
    }
}

/// A listener whose connections `serve` gets, and peers whose connections were accepted.
fn accepted(
    peers: usize,
    mut serve: impl FnMut(TcpStream) + 'static,
    then: impl FnOnce(TcpListener, Vec<Socket>) + 'static,
) {
    let (listener, address) = listen();
    let sockets = (0..peers).map(|_| socket(address)).collect();
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    listener.ref_().on_connection(move |stream, _| {
        counted.set(counted.get() + 1);
        serve(stream);
    });
    when(move || count.get() == peers, move || then(listener, sockets));
}

fn echo(stream: TcpStream) {
    stream.on_data(|stream, chunk| {
        stream.write(chunk);
    });
}

#[test]
fn without_connections_it_is_over_at_once_in_a_later_task() {
    let log = Log::new();
    run(|| {
        let (listener, address) = listen();
        listener.on_connection(|stream, _| echo(stream));
        listener.on_close(log.add("close"));
        listener.close_all(LONG).callback(told(&log));
        assert!(Socket::connect(address).is_err(), "it accepts no more");
        log.expect(&[]);
    });
    log.expect(&["close", "0 ended, 0 cut off"]);
}

#[test]
fn a_request_that_is_not_used_closes_nothing() {
    run(|| {
        let (listener, address) = listen();
        drop(listener.close_all(LONG));
        assert!(!listener.is_closed());
        drop(socket(address));
    });
}

#[test]
fn quiet_connections_end_as_if_their_peers_had_ended() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let serve = {
            let said = said.clone();
            move |stream: TcpStream| {
                stream.on_end(util::net::says(&said, "end"));
                stream.on_close(util::net::says(&said, "close"));
                echo(stream);
            }
        };
        accepted(2, serve, move |listener, peers| {
            listener.close_all(GRACE).callback(told(&said));
            beside(move || {
                for mut peer in peers {
                    assert_eq!(ending(&mut peer), Ok(()));
                }
            });
        });
    });
    log.expect(&["end", "end", "close", "close", "2 ended, 0 cut off"]);
}

#[test]
fn an_answer_on_its_way_is_finished() {
    const LENGTH: usize = 16 << 20;
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let serve = |stream: TcpStream| {
            stream.write_owned(pattern(LENGTH));
            echo(stream);
        };
        accepted(1, serve, move |listener, mut peers| {
            listener.close_all(LONG).promise().then({
                let said = said.clone();
                move |closed| said.say(format!("{} ended", closed.ended))
            });
            beside(move || assert!(read_to_end(&mut peers[0]) == pattern(LENGTH)));
        });
    });
    log.expect(&["1 ended"]);
}

#[test]
fn a_paused_connection_has_an_answer_in_the_making() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let streams = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&streams);
        let serve = move |stream: TcpStream| {
            stream.pause();
            echo(stream.clone());
            kept.borrow_mut().push(stream);
        };
        accepted(1, serve, move |listener, mut peers| {
            // Quiet for a second, if it were.
            listener.close_all(LONG).callback(told(&said));
            let answered = said.clone();
            unspin::set_timeout(millis(1500), move || {
                let stream = streams.borrow_mut().pop().expect("it was accepted");
                assert!(!stream.is_closed());
                answered.say("answer");
                stream.write(b"at last");
                stream.resume();
            });
            beside(move || assert_eq!(read_to_end(&mut peers[0]), b"at last"));
        });
    });
    log.expect(&["answer", "1 ended, 0 cut off"]);
}

#[test]
fn who_is_never_quiet_is_cut_off_when_the_grace_is_over() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        accepted(2, echo, move |listener, mut peers| {
            let mut busy = peers.pop().expect("two were accepted");
            listener.close_all(GRACE).callback(told(&said));
            beside(move || {
                let mut byte = [0];
                while busy.write_all(b"x").is_ok() && busy.read_exact(&mut byte).is_ok() {}
            });
            beside(move || assert_eq!(ending(&mut peers[0]), Ok(())));
        });
    });
    log.expect(&["1 ended, 1 cut off"]);
}

#[test]
fn connections_of_others_stay() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (other, address) = listen();
        let mut neighbour = socket(address);
        // From the same line as those of the listener that closes.
        other.on_connection(|stream, _| echo(stream));
        accepted(1, echo, move |listener, mut peers| {
            TcpStream::connect(address).callback(move |ours| {
                let ours = ours.expect("somebody listens");
                ours.on_data(|_, _| ());
                listener.close_all(GRACE).callback(move |closed| {
                    assert_eq!(closed?.ended, 1);
                    said.say("closed");
                    assert!(!ours.is_closed());
                    ours.close();
                    other.close();
                    beside(move || {
                        neighbour.write_all(b"still there").expect("it is served");
                        assert_eq!(read_exactly(&mut neighbour, 11), b"still there");
                    });
                    unspin::Result::Ok(())
                });
                beside(move || assert_eq!(ending(&mut peers[0]), Ok(())));
            });
        });
    });
    log.expect(&["closed"]);
}

#[test]
fn those_that_end_by_themselves_count_as_ended() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        accepted(3, echo, move |listener, peers| {
            listener.close_all(LONG).callback(told(&said));
            drop(peers);
        });
    });
    log.expect(&["3 ended, 0 cut off"]);
}

#[test]
fn given_up_it_leaves_the_connections_open() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        accepted(1, echo, move |listener, mut peers| {
            let cancelled = said.clone();
            let pending = listener.close_all(GRACE).callback(move |closed| {
                let error: Error = closed.expect_err("it is given up");
                assert!(error.is_cancelled());
                cancelled.say("cancelled");
            });
            assert!(listener.is_closed());
            assert!(pending.cancel());
            assert!(!pending.cancel());
            // Longer than the grace, and nobody reads meanwhile.
            unspin::set_timeout(2 * GRACE, move || {
                beside(move || {
                    peers[0].write_all(b"open").expect("it is served");
                    assert_eq!(read_exactly(&mut peers[0], 4), b"open");
                });
            });
        });
    });
    log.expect(&["cancelled"]);
}

#[test]
fn given_up_in_an_end_handler_it_ends_no_further_connection() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let pending: Rc<RefCell<Option<unspin::Pending>>> = Rc::default();
        let (kept, ends) = (Rc::clone(&pending), said.clone());
        let serve = move |stream: TcpStream| {
            let (pending, said) = (Rc::clone(&kept), ends.clone());
            stream.on_end(move |_| {
                said.say("end");
                pending.borrow().as_ref().expect("it was begun").cancel();
            });
            echo(stream);
        };
        accepted(3, serve, move |listener, peers| {
            let request = listener.close_all(GRACE).callback(move |closed| {
                assert!(closed.expect_err("it is given up").is_cancelled());
                said.say("cancelled");
                // Then they end by themselves.
                drop(peers);
            });
            *pending.borrow_mut() = Some(request);
        });
    });
    log.expect(&["end", "cancelled", "end", "end"]);
}

/// Answers its peer's end.
struct Polite(Log);

impl Handler<TcpStream> for Polite {
    fn data(&mut self, stream: &TcpStream, chunk: &[u8]) {
        stream.write(chunk);
    }

    fn end(&mut self, stream: &TcpStream) {
        stream.write(b"good-bye");
        self.0.say("end");
    }

    fn close(&mut self, _: &TcpStream) {
        self.0.say("close");
    }
}

#[test]
fn a_handler_value_may_say_last_words() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let mut peer = socket(address);
        let handlers = said.clone();
        listener.ref_().serve(move |_: SocketAddr| Polite(handlers.clone()));
        peer.write_all(b"hello").expect("it fits into the buffers");
        assert_eq!(peer.peer_addr().expect("it is connected"), address);
        let mut peer = Some(peer);
        when(
            || unspin::resources().iter().any(|it| it.state.starts_with("reading")),
            move || {
                listener.close_all(GRACE).callback(told(&said));
                let mut peer = peer.take().expect("once");
                beside(move || assert_eq!(read_to_end(&mut peer), b"hellogood-bye"));
            },
        );
    });
    log.expect(&["end", "close", "1 ended, 0 cut off"]);
}

#[cfg(feature = "async")]
#[test]
fn a_future_that_reads_gets_the_end_and_one_that_works_is_waited_for() {
    use util::futures::{bind, block_on};

    block_on(async {
        let (listener, address) = bind()?;
        let mut peers = [socket(address), socket(address)];
        let mut served: Vec<unspin::JoinHandle<unspin::Result<bool>>> = Vec::new();
        for works in [false, true] {
            let (stream, _) = listener.accept().await?;
            served.push(unspin::spawn(async move {
                if works {
                    // Longer than a connection has to be quiet.
                    unspin::sleep(millis(1500)).await;
                    stream.write_all(b"done").await?;
                }
                while let Some(chunk) = stream.chunk().await? {
                    stream.write_all(&chunk).await?;
                }
                Ok(works)
            }));
        }
        let reader = std::thread::spawn(move || peers.each_mut().map(read_to_end));
        let closed = listener.close_all(LONG).await?;
        assert_eq!((closed.ended, closed.cut_off), (2, 0));
        for (handle, works) in served.into_iter().zip([false, true]) {
            assert_eq!(handle.await??, works, "no error");
        }
        assert_eq!(reader.join().expect("both read"), [b"".to_vec(), b"done".to_vec()]);
        Ok(())
    });
}
