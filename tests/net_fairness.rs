//! Nobody starves: a flooding peer, a storm of connections, and everybody else.

mod util;

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream as Socket};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use unspin::net::TcpStream;
use util::Log;
use util::net::{beside, client, listen, pair, read_exactly, round_trip, run, streams};

/// Sends as fast as it can until it is told to stop or the peer is gone.
fn flood(mut socket: Socket, stop: Arc<AtomicBool>) {
    let chunk = vec![0; 1 << 20];
    while !stop.load(Ordering::SeqCst) {
        match socket.write_all(&chunk) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nobody reads"),
            Err(_) => return,
            Ok(()) => {}
        }
    }
}

#[test]
fn a_flood_leaves_timers_and_another_client_alone() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            stream.on_data(|_, _| ());
            let stop = Arc::new(AtomicBool::new(false));
            let stopped = Arc::clone(&stop);
            beside(move || flood(socket, stopped));
            pair(move |quiet, mut socket| {
                quiet.on_data(|stream, chunk| {
                    stream.write(chunk);
                });
                beside(move || {
                    for _ in 0..50 {
                        assert!(round_trip(&mut socket, b"ping") == b"ping");
                    }
                    stop.store(true, Ordering::SeqCst);
                });
            });
            let mut fired = 0;
            unspin::set_interval(util::millis(1), move |timer| {
                fired += 1;
                if fired == 50 {
                    timer.clear();
                    said.say("timer");
                }
            });
        });
    });
    log.expect(&["timer"]);
}

/// The most callbacks that one stream has had in one turn.
#[derive(Clone, Default)]
struct PerTurn(Rc<Cell<(u64, usize, usize)>>);

impl PerTurn {
    fn count(&self) {
        let (turn, count, most) = self.0.get();
        let now = unspin::metrics().turns;
        let count = if now == turn { count + 1 } else { 1 };
        self.0.set((now, count, most.max(count)));
    }

    fn most(&self) -> usize {
        self.0.get().2
    }
}

/// How many chunks a stream may get in one turn. The number is no promise; that there is one is.
const FEW: usize = 8;

#[test]
fn a_flooding_stream_gets_a_few_chunks_a_turn_however_long_it_goes_on() {
    let per_turn = PerTurn::default();
    let counted = per_turn.clone();
    run(|| {
        pair(move |stream, socket| {
            let (mut chunks, counted) = (0, counted.clone());
            stream.on_data(move |stream, _| {
                counted.count();
                chunks += 1;
                if chunks == 3000 {
                    stream.close();
                }
            });
            beside(move || flood(socket, Arc::default()));
        });
    });
    assert!(per_turn.most() <= FEW, "{} chunks in one turn", per_turn.most());
}

#[test]
fn a_stream_that_floods_its_peer_does_not_keep_the_loop_in_one_turn() {
    let most = Rc::new(Cell::new(0));
    let seen = Rc::clone(&most);
    run(|| {
        streams(move |sink, source| {
            const LENGTH: usize = 256 << 20;
            source.write_owned(vec![0; LENGTH]);
            sink.on_data(move |stream, _| {
                if stream.bytes_read() as usize == LENGTH {
                    stream.close();
                }
            });
            // What was sent between two turns of the loop.
            let before = Cell::new(source.bytes_written());
            unspin::on_prepare(move || {
                let now = source.bytes_written();
                seen.set(seen.get().max(now - before.replace(now)));
            });
        });
    });
    assert!(most.get() > 0);
    assert!(most.get() < 128 << 20, "{} bytes in one turn", most.get());
}

#[test]
fn a_storm_of_connections_is_accepted_over_some_turns() {
    const COUNT: usize = 500;
    let (per_turn, accepted) = (PerTurn::default(), Rc::new(Cell::new(0)));
    let (counted, seen) = (per_turn.clone(), Rc::clone(&accepted));
    run(|| {
        let (listener, address) = listen();
        let itself = listener.clone();
        // They all wait before the first is accepted.
        let waiting: Vec<Socket> = (0..COUNT).map(|_| util::net::socket(address)).collect();
        listener.ref_().on_connection(move |_, _| {
            counted.count();
            seen.set(seen.get() + 1);
            if seen.get() == COUNT {
                itself.close();
            }
        });
        // Until the loop has ended.
        unspin::on_exit(move |_| assert_eq!(waiting.len(), COUNT));
    });
    assert_eq!(accepted.get(), COUNT);
    assert!(per_turn.most() <= 64, "{} connections in one turn", per_turn.most());
}

#[test]
fn a_storm_of_connections_leaves_an_open_one_alone() {
    const ROUNDS: usize = 20;
    fn storm(address: SocketAddr, stop: &AtomicBool) {
        while !stop.load(Ordering::SeqCst) {
            // Out of ports is no failure of the loop's.
            drop(Socket::connect(address));
        }
    }
    run(|| {
        let (listener, address) = listen();
        listener.on_connection(|stream, _| {
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
        });
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        client(address, move |socket| {
            for _ in 0..ROUNDS {
                socket.write_all(b"ping").expect("the peer reads");
                assert_eq!(read_exactly(socket, 4), b"ping");
            }
            stop.store(true, Ordering::SeqCst);
        });
        beside(move || storm(address, &stopped));
    });
}

#[test]
fn two_flooding_streams_get_the_same_share_of_turns() {
    let counts = Rc::new(RefCell::new([0usize; 2]));
    let seen = Rc::clone(&counts);
    run(|| {
        let (listener, address) = listen();
        let open: Rc<RefCell<Vec<TcpStream>>> = Rc::default();
        let itself = listener.clone();
        listener.ref_().on_connection(move |stream, _| {
            let number = open.borrow().len();
            open.borrow_mut().push(stream.clone());
            if number == 1 {
                itself.close();
            }
            let (counts, open) = (Rc::clone(&seen), Rc::clone(&open));
            stream.on_data(move |_, _| {
                counts.borrow_mut()[number] += 1;
                // Both get on: neither waits for the other to be done.
                if counts.borrow().iter().all(|count| *count >= 500) {
                    let open = open.take();
                    open.iter().for_each(TcpStream::close);
                }
            });
        });
        for _ in 0..2 {
            let socket = util::net::socket(address);
            beside(move || flood(socket, Arc::default()));
        }
    });
    assert!(counts.borrow().iter().all(|count| *count >= 500));
}
