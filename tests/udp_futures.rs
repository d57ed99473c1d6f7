//! UDP sockets, awaited.
#![cfg(feature = "async")]

mod util;

use std::io::ErrorKind;
use std::time::Duration;

use unspin::net::UdpSocket;
use unspin::{Result, spawn};
use util::futures::{block_on, next_turn};
use util::net::pattern;
use util::poll::{Polled, must_wait, now};
use util::udp::{blocking, bound, narrow, nobody};

#[test]
fn a_datagram_is_awaited_with_its_sender() {
    block_on(async {
        let (socket, address) = bound();
        let (peer, from) = bound();
        let mut buffer = [0; 64];
        assert!(must_wait(socket.recv_from(&mut buffer)));
        peer.send_to("hello", address).await?;
        let received = socket.recv_from(&mut buffer).await?;
        assert_eq!(&buffer[..received.length], b"hello");
        assert_eq!((received.from, received.truncated), (from, false));
        Ok(())
    });
}

#[test]
fn one_that_does_not_fit_is_cut_and_told() {
    block_on(async {
        let (socket, address) = bound();
        let peer = blocking();
        for _ in 0..3 {
            peer.send_to(b"hello", address)?;
        }
        let mut buffer = [0; 5];
        assert!(!socket.recv_from(&mut buffer).await?.truncated, "it just fits");
        let received = socket.recv_from(&mut buffer[..4]).await?;
        assert_eq!((received.length, received.truncated), (4, true));
        let received = socket.recv_from(&mut []).await?;
        assert_eq!((received.length, received.truncated), (0, true));
        assert!(must_wait(socket.recv_from(&mut buffer)), "the rest of it is lost");
        Ok(())
    });
}

#[test]
fn a_burst_is_received_by_the_batch() {
    block_on(async {
        let (socket, address) = bound();
        let peer = blocking();
        for n in 0..20 {
            peer.send_to(&pattern(n * 100), address)?;
        }
        let first = socket.batch().await?;
        assert_eq!(first.len(), 16);
        let second = socket.batch().await?;
        assert_eq!(second.len(), 4);
        // The first is still whole while there is a second.
        for (n, datagram) in first.iter().chain(second.iter()).enumerate() {
            assert_eq!(datagram.bytes(), pattern(n * 100));
            assert_eq!(datagram.from(), peer.local_addr()?);
        }
        assert!(must_wait(socket.batch()));
        Ok(())
    });
}

#[test]
fn a_peer_is_needed_to_receive_from_it_and_its_refusal_is_told() {
    block_on(async {
        let (socket, _) = bound();
        let mut buffer = [0; 8];
        let error = socket.recv(&mut buffer).await.expect_err("no peer");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        socket.connect(nobody())?;
        socket.send("anybody there?").await?;
        let error = socket.recv(&mut buffer).await.expect_err("nobody is");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

        let (friend, address) = bound();
        socket.connect(address)?;
        friend.send_to("here", socket.local_addr()?).await?;
        assert_eq!(socket.recv(&mut buffer).await?.length, 4);
        Ok(())
    });
}

#[test]
fn a_future_that_is_dropped_loses_no_datagram_and_leaves_no_waker() {
    block_on(async {
        let (socket, address) = bound();
        let mut buffer = [0; 8];
        let waiting = Polled::waiting(socket.recv_from(&mut buffer));
        assert_eq!(waiting.wakers_kept(), 1);
        assert_eq!(waiting.cancel().wakers_kept(), 0);
        assert!(unspin::why_alive().iter().all(|it| it.state != format!("receiving on {address}")));
        blocking().send_to(b"kept", address)?;
        assert_eq!(socket.recv_from(&mut buffer).await?.length, 4);
        Ok(())
    });
}

#[test]
fn several_wait_and_each_datagram_goes_to_one_of_them() {
    block_on(async {
        let (socket, address) = bound();
        let one = spawn(one_word(socket.clone()));
        let two = spawn(one_word(socket.clone()));
        next_turn().await;
        for word in ["a", "b"] {
            socket.send_to(word, address).await?;
        }
        let mut words: Vec<Vec<u8>> = vec![one.await??, two.await??];
        words.sort();
        assert_eq!(words, [b"a", b"b"]);
        Ok(())
    });
}

async fn one_word(socket: UdpSocket) -> Result<Vec<u8>> {
    let mut buffer = [0; 8];
    let received = socket.recv_from(&mut buffer).await?;
    Ok(buffer[..received.length].to_vec())
}

#[test]
fn closing_ends_the_wait_and_a_handler_makes_it_a_mistake() {
    block_on(async {
        let (socket, _) = bound();
        let waiting = spawn(wait(socket.clone()));
        next_turn().await;
        socket.close();
        let error = waiting.await?.expect_err("it was closed");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        assert_eq!(now(socket.drained()).expect_err("closed").kind(), ErrorKind::NotConnected);

        let (socket, _) = bound();
        let waiting = spawn(wait(socket.clone()));
        next_turn().await;
        socket.on_message(|_, _| ());
        let error = waiting.await?.expect_err("a handler was installed");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        socket.close();
        Ok(())
    });

    async fn wait(socket: UdpSocket) -> Result<()> {
        socket.recv_from(&mut [0; 8]).await.map(drop)
    }
}

#[test]
fn a_socket_that_is_always_ready_lets_the_loop_go_on() {
    block_on(async {
        let (socket, address) = bound();
        let peer = blocking();
        for _ in 0..100 {
            peer.send_to(b"x", address)?;
        }
        next_turn().await;
        let mut received = 0;
        while !must_wait(socket.recv_from(&mut [0; 8])) {
            received += 1;
        }
        assert!(received < 100, "{received} in one turn");
        for _ in received..100 {
            socket.recv_from(&mut [0; 8]).await?;
        }
        Ok(())
    });
}

#[test]
fn what_was_written_is_awaited() {
    block_on(async {
        let (socket, address) = bound();
        now(socket.drained())?;
        for n in 0..3 {
            socket.write_to(&[n], address);
        }
        assert!(must_wait(socket.drained()));
        socket.drained().await?;
        assert_eq!(socket.writable_datagrams(), 0);
        assert_eq!(socket.batch().await?.len(), 3);
        Ok(())
    });
}

#[test]
fn a_send_waits_for_room_and_dropping_it_takes_the_datagram_back() {
    block_on(async {
        let (socket, peer) = narrow();
        while socket.try_send(b"full").is_ok() {}
        let late = unspin::timeout(Duration::from_millis(5), async {
            socket.send("never").await.expect("there is no room");
        });
        assert!(late.await.is_err());
        assert_eq!(socket.writable_datagrams(), 0);
        let sending = socket.clone();
        let sent = spawn(async move { sending.send("at last").await });
        next_turn().await;
        let mut buffer = [0; 8];
        while peer.recv(&mut buffer)? == 4 {
            next_turn().await;
        }
        assert_eq!(&buffer[..7], b"at last");
        sent.await?
    });
}
