//! Futures that wait for a stream: what dropping them leaves, who is woken, and that one that never
//! has to wait leaves the loop to others.
#![cfg(feature = "async")]

mod util;

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::TcpStream as Socket;
use std::rc::Rc;
use std::task::Poll;

use futures_lite::StreamExt;
use unspin::net::TcpStream;
use unspin::{Result, spawn};
use util::Log;
use util::futures::{bind, block_on, next_turn};
use util::net::pattern;
use util::poll::{Polled, on_wake, on_waker_drop};

/// Both ends of a connection, on this loop.
async fn streams() -> Result<(TcpStream, TcpStream)> {
    let (listener, address) = bind()?;
    let client = TcpStream::connect(address).await?;
    let (server, _) = listener.accept().await?;
    drop(listener);
    // Close comes after Check: the turn after that knows nothing of it.
    next_turn().await;
    next_turn().await;
    Ok((server, client))
}

/// The error's kind, of a future that is ready.
fn kind<T>(polled: &mut Polled<'_, Result<T>>) -> ErrorKind {
    match polled.ready() {
        Ok(_) => panic!("it should fail"),
        Err(error) => error.kind(),
    }
}

/// Fills what the system takes, so that the next write has to wait.
async fn fill(stream: &TcpStream) -> usize {
    let before = stream.bytes_written();
    let bytes = pattern(1 << 20);
    loop {
        let mut write = Polled::new(stream.write_all(&bytes));
        if write.poll().is_pending() {
            // Not only because it has had its share of this turn.
            next_turn().await;
            next_turn().await;
            if write.poll().is_pending() {
                return (stream.bytes_written() - before) as usize;
            }
        }
    }
}

#[test]
fn a_dropped_read_loses_no_byte_and_leaves_the_stream_inactive() {
    block_on(async {
        let (server, client) = streams().await?;
        let mut buffer = [0; 8];
        let read = Polled::waiting(server.read(&mut buffer));
        assert_eq!(unspin::why_alive().len(), 1);
        assert_eq!(read.cancel().wakers_kept(), 0);
        assert!(unspin::why_alive().is_empty());

        // Woken, and dropped before it took the bytes.
        let chunk = Polled::waiting(server.chunk());
        client.write_all(b"not lost").await?;
        while chunk.wakes() == 0 {
            next_turn().await;
        }
        drop(chunk);
        server.read_exact(&mut buffer).await?;
        assert_eq!(&buffer, b"not lost");
        assert!(unspin::why_alive().is_empty());
        Ok(())
    });
}

#[test]
fn a_dropped_write_and_a_dropped_accept_leave_nothing_behind() {
    block_on(async {
        let (_server, client) = streams().await?;
        fill(&client).await;
        assert_eq!(Polled::waiting(client.write_all(b"x")).cancel().wakers_kept(), 0);
        let (listener, address) = bind()?;
        assert_eq!(Polled::waiting(listener.accept()).cancel().wakers_kept(), 0);
        let mut incoming = listener.incoming();
        let next = Polled::waiting(incoming.next()).cancel();
        assert_eq!(next.wakers_kept(), 1, "the stream waits, and not the future");
        drop(incoming);
        assert_eq!(next.wakers_kept(), 0);
        assert!(unspin::why_alive().is_empty(), "{:?}", unspin::why_alive());
        // A connection that came while nobody waited is there.
        let accept = Polled::waiting(listener.accept());
        let socket = util::net::socket(address);
        while accept.wakes() == 0 {
            next_turn().await;
        }
        drop(accept);
        let (_, peer) = listener.accept().await?;
        assert_eq!(peer, socket.local_addr()?);
        Ok(())
    });
}

#[test]
fn closing_wakes_whoever_waits_at_once() {
    block_on(async {
        let (server, client) = streams().await?;
        fill(&client).await;
        let mut read = Polled::waiting(client.chunk());
        let mut write = Polled::waiting(client.write_all(b"x"));
        client.close();
        assert_eq!((read.wakes(), write.wakes()), (1, 1));
        assert_eq!(kind(&mut read), ErrorKind::NotConnected);
        assert_eq!(kind(&mut write), ErrorKind::NotConnected);

        let waits = spawn(async move {
            let closer = server.clone();
            unspin::queue_microtask(move || closer.close());
            // What came before the close is not given to whoever waits.
            while server.chunk().await?.is_some() {}
            Ok(())
        });
        let ended: Result<()> = waits.await?;
        assert_eq!(ended.map_err(|error| error.kind()), Err(ErrorKind::NotConnected));

        let (listener, _) = bind()?;
        let mut accept = Polled::waiting(listener.accept());
        let mut incoming = listener.incoming();
        let mut next = Polled::waiting(incoming.next());
        listener.close();
        assert_eq!((accept.wakes(), next.wakes()), (1, 1));
        assert_eq!(kind(&mut accept), ErrorKind::NotConnected);
        assert!(next.ready().is_none());
        Ok(())
    });
}

#[test]
fn ending_wakes_a_write_that_waits() {
    block_on(async {
        let (server, client) = streams().await?;
        let sent = fill(&client).await;
        let mut write = Polled::waiting(client.write_all(b"x"));
        client.end();
        assert_eq!(write.wakes(), 1);
        assert_eq!(kind(&mut write), ErrorKind::BrokenPipe);
        let mut received = 0;
        while let Some(chunk) = server.chunk().await? {
            received += chunk.len();
        }
        assert_eq!(received, sent);
        Ok(())
    });
}

#[test]
fn several_that_read_one_stream_all_get_on() {
    block_on(async {
        let (server, client) = streams().await?;
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let server = server.clone();
                spawn(async move {
                    let mut byte = [0];
                    server.read_exact(&mut byte).await?;
                    Result::<_>::Ok(byte[0])
                })
            })
            .collect();
        next_turn().await;
        for byte in b"abc" {
            client.write_all(&[*byte]).await?;
            next_turn().await;
        }
        let mut bytes = Vec::new();
        for reader in readers {
            bytes.push(reader.await??);
        }
        bytes.sort_unstable();
        assert_eq!(bytes, b"abc");
        Ok(())
    });
}

#[test]
fn several_that_write_to_one_stream_all_get_on() {
    const LENGTH: usize = 4 << 20;
    block_on(async {
        let (server, client) = streams().await?;
        let writers: Vec<_> = (0..3)
            .map(|number| {
                let client = client.clone();
                spawn(async move { client.write_all(&vec![number; LENGTH]).await })
            })
            .collect();
        let mut counts = [0; 3];
        while counts.iter().sum::<usize>() < 3 * LENGTH {
            let chunk = server.chunk().await?.expect("there is more");
            chunk.iter().for_each(|number| counts[usize::from(*number)] += 1);
        }
        for writer in writers {
            writer.await??;
        }
        assert_eq!(counts, [LENGTH; 3]);
        Ok(())
    });
}

#[test]
fn several_that_accept_all_get_on() {
    block_on(async {
        let (listener, address) = bind()?;
        let acceptors: Vec<_> = (0..3)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move { Result::<_>::Ok(listener.accept().await?.1) })
            })
            .collect();
        next_turn().await;
        let mut expected = Vec::new();
        let mut sockets = Vec::new();
        for _ in 0..3 {
            let socket = util::net::socket(address);
            expected.push(socket.local_addr()?);
            sockets.push(socket);
            next_turn().await;
        }
        let mut peers = Vec::new();
        for acceptor in acceptors {
            peers.push(acceptor.await??);
        }
        peers.sort_unstable();
        expected.sort_unstable();
        assert_eq!(peers, expected);
        Ok(())
    });
}

#[test]
fn dropping_one_that_waits_leaves_the_others_waiting() {
    block_on(async {
        let (server, client) = streams().await?;
        let first = Polled::waiting(server.chunk());
        let mut second = Polled::waiting(server.chunk());
        // One that never waited, and the older one of those that do.
        drop(server.chunk());
        drop(first);
        client.write_all(b"x").await?;
        while second.wakes() == 0 {
            next_turn().await;
        }
        assert!(second.ready()?.is_some());
        Ok(())
    });
}

#[test]
fn a_listener_dropped_by_the_future_that_it_woke_is_closed() {
    let log = Log::new();
    let said = log.clone();
    block_on(async move {
        let (listener, address) = bind()?;
        listener.on_close(said.add("closed"));
        let accepts = spawn(async move { listener.accept().await.map(drop) });
        // It waits by the time the connection comes.
        next_turn().await;
        let socket = util::net::socket(address);
        accepts.await??;
        next_turn().await;
        drop(socket);
        Ok(())
    });
    log.expect(&["closed"]);
}

#[test]
fn a_future_polled_again_and_again_is_woken_once() {
    block_on(async {
        let (server, client) = streams().await?;
        let mut read = Polled::waiting(server.chunk());
        for _ in 0..100 {
            read.pending();
        }
        assert_eq!(read.wakers_kept(), 1);
        client.write_all(b"x").await?;
        while read.wakes() == 0 {
            next_turn().await;
        }
        assert_eq!((read.wakes(), read.wakers_kept()), (1, 0));
        Ok(())
    });
}

#[test]
fn a_waker_may_do_anything_to_the_stream_when_it_is_woken_or_dropped() {
    block_on(async {
        let (server, client) = streams().await?;
        let log = Log::new();
        let mut read = Polled::new(server.chunk());
        let (said, stream) = (log.clone(), server.clone());
        let dropped = on_waker_drop(move || {
            said.say("dropped");
            assert!(Polled::new(stream.chunk()).poll().is_pending());
            stream.write(b"from a drop");
            stream.pause();
            stream.resume();
        });
        assert!(read.poll_with(&dropped).is_pending());
        drop(dropped);
        let (said, stream) = (log.clone(), server.clone());
        let woken = on_wake(move || {
            said.say("woken");
            assert!(matches!(Polled::new(stream.chunk()).poll(), Poll::Ready(Ok(Some(_)))));
            stream.close();
        });
        // Takes the other one's place.
        assert!(read.poll_with(&woken).is_pending());
        log.expect(&["dropped"]);
        assert_eq!(client.chunk().await?.as_deref(), Some(&b"from a drop"[..]));
        client.write_all(b"x").await?;
        while !server.is_closed() {
            next_turn().await;
        }
        assert_eq!(kind(&mut read), ErrorKind::NotConnected);
        log.expect(&["dropped", "woken"]);
        Ok(())
    });
}

#[test]
fn a_waker_that_is_left_may_call_back_in_while_the_loop_is_torn_down() {
    let log = Log::new();
    let said = log.clone();
    let kept = block_on(async move {
        let (server, _client) = streams().await?;
        let (listener, _) = bind()?;
        let (stream, acceptor) = (server.clone(), listener.clone());
        let waker = on_waker_drop(move || {
            said.say("dropped");
            stream.close();
            acceptor.close();
            assert!(stream.is_closed());
        });
        // By the traits: no future is there whose drop would take the wakers back.
        let mut read = Polled::new(futures_lite::future::poll_fn(move |cx| {
            let mut stream = &server;
            futures_lite::AsyncRead::poll_read(std::pin::Pin::new(&mut stream), cx, &mut [0])
        }));
        assert!(read.poll_with(&waker).is_pending());
        Ok(read)
    });
    log.expect(&["dropped"]);
    drop(kept);
}

/// The most that has happened in one turn.
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

/// The number is no promise; that there is one is.
const FEW: usize = 64;

/// More than one turn's share, for a reader that takes it byte by byte.
const FLOOD: usize = 5000;

#[test]
fn a_stream_that_always_has_bytes_leaves_timers_and_other_streams_alone() {
    let log = Log::new();
    let said = log.clone();
    block_on(async move {
        let (server, client) = streams().await?;
        let (quiet, other) = streams().await?;
        client.write_all(&pattern(FLOOD)).await?;
        unspin::set_immediate(move || {
            other.write(b"ping");
            other.end();
        });
        let heard = said.clone();
        let listens = spawn(async move {
            while quiet.chunk().await?.is_some() {}
            heard.say("another stream");
            Result::<()>::Ok(())
        });
        unspin::set_timeout(util::millis(1), said.add("a timer"));
        let (mut taken, mut byte) = (0, [0]);
        // It goes on until both have had their turn, however fast this machine is.
        while said.words().len() < 2 {
            server.read_exact(&mut byte).await?;
            client.write_all(&byte).await?;
            taken += 1;
            assert!(taken < 1_000_000, "only {:?}", said.words());
        }
        listens.await?
    });
    let mut words = log.words();
    words.sort_unstable();
    assert_eq!(words, ["a timer", "another stream"]);
}

#[test]
fn small_reads_and_small_writes_are_spread_over_turns() {
    let (reads, writes) = (PerTurn::default(), PerTurn::default());
    let (read, written) = (reads.clone(), writes.clone());
    block_on(async move {
        let (server, client) = streams().await?;
        for _ in 0..FLOOD {
            client.write_all(b"x").await?;
            written.count();
        }
        for _ in 0..FLOOD {
            server.read_exact(&mut [0]).await?;
            read.count();
        }
        Ok(())
    });
    assert!(reads.most() <= FEW, "{} reads in one turn", reads.most());
    assert!(writes.most() <= FEW, "{} writes in one turn", writes.most());
}

#[test]
fn connections_that_wait_are_accepted_over_some_turns() {
    const COUNT: usize = 200;
    let per_turn = PerTurn::default();
    let counted = per_turn.clone();
    block_on(async move {
        let (listener, address) = bind()?;
        let waiting: Vec<Socket> = (0..COUNT).map(|_| util::net::socket(address)).collect();
        for _ in &waiting {
            listener.accept().await?;
            counted.count();
        }
        Ok(())
    });
    assert!(per_turn.most() <= FEW, "{} connections in one turn", per_turn.most());
}
