//! Streams and listeners awaited: what is read and written, how it ends, and who gets the bytes.
#![cfg(feature = "async")]

mod util;

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream as Socket};
use std::rc::Rc;

use futures_lite::io::{BufReader, copy};
use futures_lite::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, StreamExt};
use unspin::net::{Incoming, TcpListener, TcpStream};
use unspin::{ResourceKind, Result, spawn, yield_now};
use util::Log;
use util::futures::{bind, block_on, next_turn};
use util::net::{beside, pattern, read_exactly, read_to_end, reset, watchdog};
use util::poll::Polled;

/// Both ends of a connection, on this loop.
async fn streams() -> Result<(TcpStream, TcpStream)> {
    let (listener, address) = bind()?;
    let client = TcpStream::connect(address).await?;
    let (server, peer) = listener.accept().await?;
    assert_eq!(peer, client.local_addr()?);
    Ok((server, client))
}

/// One end on this loop, the other blocking.
async fn pair() -> Result<(TcpStream, Socket)> {
    let (listener, address) = bind()?;
    let socket = util::net::socket(address);
    let (stream, _) = listener.accept().await?;
    drop(listener);
    // Close comes after Check: the turn after that knows nothing of it.
    next_turn().await;
    next_turn().await;
    Ok((stream, socket))
}

/// Echoes until the peer ends.
async fn echo(stream: TcpStream) -> Result<()> {
    while let Some(chunk) = stream.chunk().await? {
        stream.write_all(&chunk).await?;
    }
    Ok(())
}

#[track_caller]
fn fails<T>(result: Result<T>, kind: ErrorKind) {
    match result {
        Ok(_) => panic!("{kind:?} was expected"),
        Err(error) => assert_eq!(error.kind(), kind, "{error}"),
    }
}

#[test]
fn a_read_takes_what_is_there_as_far_as_it_fits() {
    block_on(async {
        let (server, client) = streams().await?;
        client.write_all(b"abcdef").await?;
        let mut buffer = [0; 4];
        assert_eq!(server.read(&mut buffer).await?, 4);
        assert_eq!(&buffer, b"abcd");
        assert_eq!(server.read(&mut buffer).await?, 2);
        assert_eq!(&buffer[..2], b"ef");
        assert_eq!((server.bytes_read(), client.bytes_written()), (6, 6));
        Ok(())
    });
}

#[test]
fn a_read_without_room_takes_nothing_and_is_no_end() {
    block_on(async {
        let (server, client) = streams().await?;
        client.write_all(b"a").await?;
        assert_eq!(server.read(&mut []).await?, 0);
        let mut buffer = [0; 4];
        assert_eq!(server.read(&mut buffer).await?, 1);
        Ok(())
    });
}

#[test]
fn read_exact_waits_for_all_and_an_end_before_is_unexpected() {
    block_on(async {
        let (server, client) = streams().await?;
        let reader = spawn(async move {
            let mut buffer = [0; 6];
            server.read_exact(&mut buffer).await?;
            assert_eq!(&buffer, b"abcdef");
            fails(server.read_exact(&mut buffer).await, ErrorKind::UnexpectedEof);
            Ok(())
        });
        for part in [&b"ab"[..], b"cde", b"f12"] {
            client.write_all(part).await?;
            next_turn().await;
        }
        client.end();
        reader.await?
    });
}

#[test]
fn chunks_come_in_order_and_several_are_held_at_once() {
    block_on(async {
        let (server, client) = streams().await?;
        let sent = pattern(300_000);
        let expected = sent.clone();
        let writer = spawn(async move {
            client.write_all(&sent).await?;
            client.end();
            Ok(())
        });
        let mut chunks = Vec::new();
        while let Some(chunk) = server.chunk().await? {
            assert!(!chunk.is_empty());
            chunks.push(chunk);
        }
        assert!(chunks.len() >= 2);
        let all: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.to_vec()).collect();
        assert!(all == expected);
        writer.await?
    });
}

#[test]
fn a_chunk_may_outlive_its_stream_and_the_loop() {
    let chunk = block_on(async {
        let (server, client) = streams().await?;
        client.write_all(b"kept").await?;
        server.chunk().await
    });
    assert_eq!(chunk.as_deref(), Some(&b"kept"[..]));
}

#[test]
fn write_all_waits_for_a_peer_that_is_slower() {
    const LENGTH: usize = 16 << 20;
    block_on(async {
        let (server, client) = streams().await?;
        let reader = spawn(async move {
            let mut bytes = Vec::new();
            while let Some(chunk) = server.chunk().await? {
                bytes.extend_from_slice(&chunk);
                yield_now().await;
            }
            Result::<_>::Ok(bytes)
        });
        client.write_all(&pattern(LENGTH)).await?;
        assert_eq!(client.writable_length(), 0, "a future keeps its bytes itself");
        client.end();
        assert!(reader.await?? == pattern(LENGTH));
        Ok(())
    });
}

#[test]
fn write_all_goes_behind_what_is_queued() {
    const QUEUED: usize = 8 << 20;
    block_on(async {
        let (stream, mut socket) = pair().await?;
        stream.write_owned(pattern(QUEUED));
        assert!(stream.writable_length() > 0);
        beside(move || {
            assert!(read_exactly(&mut socket, QUEUED) == pattern(QUEUED));
            assert_eq!(read_to_end(&mut socket), b"behind");
        });
        stream.write_all(b"behind").await?;
        stream.end();
        Ok(())
    });
}

#[test]
fn a_corked_stream_lets_write_all_go_on_at_the_end_of_the_checkpoint() {
    block_on(async {
        let (stream, mut socket) = pair().await?;
        stream.cork();
        stream.write(b"head ");
        stream.write_all(b"tail").await?;
        stream.cork();
        stream.write(b", flushed");
        (&stream).flush().await?;
        stream.end();
        assert_eq!(read_to_end(&mut socket), b"head tail, flushed");
        Ok(())
    });
}

#[test]
fn a_half_close_is_the_end_of_reading_only() {
    block_on(async {
        let (stream, mut socket) = pair().await?;
        socket.write_all(b"last").expect("there is room");
        socket.shutdown(Shutdown::Write).expect("it is connected");
        let mut buffer = [0; 16];
        assert_eq!(stream.read(&mut buffer).await?, 4);
        assert_eq!(stream.read(&mut buffer).await?, 0);
        assert_eq!(stream.read(&mut buffer).await?, 0, "an end stays an end");
        assert!(stream.chunk().await?.is_none());
        assert!(!stream.is_closed());
        stream.write_all(b"answer").await?;
        stream.end();
        assert!(stream.is_closed(), "both sides are ended");
        assert_eq!(read_to_end(&mut socket), b"answer");
        Ok(())
    });
}

#[test]
fn after_end_a_write_is_a_broken_pipe_and_reading_goes_on() {
    block_on(async {
        let (server, client) = streams().await?;
        client.end();
        fails(client.write_all(b"late").await, ErrorKind::BrokenPipe);
        assert!(!client.is_closed(), "a future has the error: the stream is left alone");
        assert!(server.chunk().await?.is_none());
        server.write_all(b"still").await?;
        assert_eq!(client.chunk().await?.as_deref(), Some(&b"still"[..]));
        Ok(())
    });
}

#[test]
fn a_reset_is_an_error_and_then_an_end() {
    block_on(async {
        let (stream, socket) = pair().await?;
        reset(socket);
        fails(stream.chunk().await, ErrorKind::ConnectionReset);
        assert!(stream.chunk().await?.is_none());
        fails(stream.write_all(b"nobody").await, ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn a_closed_stream_and_a_closed_listener_are_not_connected() {
    block_on(async {
        let (server, _client) = streams().await?;
        server.close();
        fails(server.chunk().await, ErrorKind::NotConnected);
        fails(server.read(&mut [0]).await, ErrorKind::NotConnected);
        fails(server.write_all(b"x").await, ErrorKind::NotConnected);
        let (listener, _) = bind()?;
        listener.close();
        fails(listener.accept().await, ErrorKind::NotConnected);
        assert!(listener.incoming().next().await.is_none());
        Ok(())
    });
}

#[test]
fn incoming_gives_each_connection_and_ends_with_its_listener() {
    const COUNT: usize = 5;
    block_on(async {
        let (listener, address) = bind()?;
        let sockets: Vec<Socket> = (0..COUNT).map(|_| util::net::socket(address)).collect();
        let closer = listener.clone();
        let mut peers = Vec::new();
        let mut incoming: Incoming<'_> = listener.incoming();
        while let Some(connection) = incoming.next().await {
            peers.push(connection?.1);
            if peers.len() == COUNT {
                // The next one waits by then.
                let closer = closer.clone();
                unspin::set_immediate(move || closer.close());
            }
        }
        let addresses: Vec<_> =
            sockets.iter().map(|socket| socket.local_addr().expect("it is open")).collect();
        assert_eq!(peers, addresses);
        Ok(())
    });
}

#[test]
fn the_adapters_of_others_work_on_a_reference() {
    block_on(async {
        let (server, client) = streams().await?;
        let echo = spawn(async move { copy(&server, &server).await });
        let writer = client.clone();
        let all = spawn(async move {
            let mut to = &writer;
            for number in 0..2000 {
                let line = format!("line {number}\n");
                AsyncWriteExt::write_all(&mut to, line.as_bytes()).await?;
            }
            AsyncWriteExt::flush(&mut to).await?;
            AsyncWriteExt::close(&mut to).await
        });
        let mut lines = BufReader::new(&client).lines();
        let mut count = 0;
        while let Some(line) = lines.next().await {
            assert_eq!(line?, format!("line {count}"));
            count += 1;
        }
        assert_eq!(count, 2000);
        all.await??;
        assert_eq!(echo.await??, client.bytes_read());
        Ok(())
    });
}

#[test]
fn the_adapters_of_others_work_on_a_stream_itself() {
    block_on(async {
        let (mut server, client) = streams().await?;
        let mut client = BufReader::new(client);
        client.write_all(b"whole\nrest").await?;
        client.close().await?;
        let mut text = String::new();
        server.read_to_string(&mut text).await?;
        assert_eq!(text, "whole\nrest");
        AsyncWriteExt::write_all(&mut server, b"one\ntwo").await?;
        drop(server);
        let mut line = String::new();
        client.read_line(&mut line).await?;
        assert_eq!(line, "one\n");
        Ok(())
    });
}

#[test]
fn closing_by_the_trait_sends_what_is_queued_and_then_the_end() {
    const LENGTH: usize = 8 << 20;
    block_on(async {
        let (stream, mut socket) = pair().await?;
        stream.write_owned(pattern(LENGTH));
        assert!(stream.writable_length() > 0, "the system took all of it");
        let log = Log::new();
        let said = log.clone();
        let peer = unspin::spawn_blocking(move || read_to_end(&mut socket)).promise();
        let closing = stream.clone();
        let closer = spawn(async move {
            AsyncWriteExt::close(&mut &closing).await?;
            assert_eq!(closing.writable_length(), 0);
            said.say("closed");
            Result::<()>::Ok(())
        });
        yield_now().await;
        fails(stream.write_all(b"late").await, ErrorKind::BrokenPipe);
        closer.await??;
        AsyncWriteExt::close(&mut &stream).await?;
        assert!(peer.await? == pattern(LENGTH), "all of it came, and the end");
        log.expect(&["closed"]);
        Ok(())
    });
}

#[test]
fn a_stream_has_a_data_handler_or_a_reader_and_no_byte_is_lost() {
    block_on(async {
        let (stream, mut socket) = pair().await?;
        let got: Rc<RefCell<Vec<u8>>> = Rc::default();
        let sent = pattern(200_000);
        let waits = spawn({
            let stream = stream.clone();
            async move { stream.chunk().await.map(drop) }
        });
        // It waits now, and then the stream is the handler's.
        yield_now().await;
        let place = Rc::clone(&got);
        let (ended, end) = unspin::sync::oneshot::oneshot();
        let mut ended = Some(ended);
        stream.on_data(move |_, chunk| place.borrow_mut().extend_from_slice(chunk));
        stream.on_end(move |_| {
            ended.take().expect("it ends once").send(()).expect("somebody waits");
        });
        fails(waits.await?, ErrorKind::InvalidInput);
        let error = stream.read(&mut [0; 8]).await.expect_err("there is a handler");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains("a data handler is installed on this stream"), "{text}");

        let bytes = sent.clone();
        beside(move || {
            socket.write_all(&bytes).expect("the peer reads");
            socket.shutdown(Shutdown::Write).expect("it is connected");
            read_to_end(&mut socket);
        });
        for _ in 0..100 {
            fails(stream.chunk().await, ErrorKind::InvalidInput);
            yield_now().await;
        }
        end.await.expect("the handler lives until then");
        assert!(*got.borrow() == sent);
        Ok(())
    });
}

#[test]
fn a_listener_has_a_connection_handler_or_a_future() {
    block_on(async {
        let (listener, address) = bind()?;
        let waits = spawn({
            let listener = listener.clone();
            async move { listener.accept().await.map(drop) }
        });
        yield_now().await;
        let (log, itself) = (Log::new(), listener.clone());
        let said = log.clone();
        listener.on_connection(move |_, _| {
            said.say("handler");
            itself.close();
        });
        fails(waits.await?, ErrorKind::InvalidInput);
        fails(listener.accept().await, ErrorKind::InvalidInput);
        let mut socket = util::net::socket(address);
        let ended = unspin::spawn_blocking(move || socket.read(&mut [0])).await?;
        assert_eq!(ended.expect("it ends in order"), 0);
        log.expect(&["handler"]);
        Ok(())
    });
}

#[test]
fn bytes_read_by_a_future_before_are_not_told_to_a_handler_again() {
    block_on(async {
        let (stream, mut socket) = pair().await?;
        socket.write_all(b"for the future, for the handler").expect("there is room");
        let mut first = [0; 16];
        stream.read_exact(&mut first).await?;
        let (told, heard) = unspin::sync::oneshot::oneshot();
        let mut told = Some(told);
        stream.on_data(move |stream, chunk| {
            if let Some(told) = told.take() {
                told.send(chunk.to_vec()).expect("somebody waits");
            }
            stream.close();
        });
        assert_eq!(&first, b"for the future, ");
        assert_eq!(heard.await.expect("bytes are left"), b"for the handler");
        Ok(())
    });
}

#[test]
fn a_read_that_waits_keeps_the_loop_alive_and_is_listed() {
    let log = Log::new();
    let said = log.clone();
    util::net::run(|| {
        spawn(async move {
            let (stream, mut socket) = pair().await?;
            assert!(unspin::why_alive().is_empty(), "{:?}", unspin::why_alive());
            // Without a KeepAlive: the read alone has to wait for it.
            let (waits, waiting) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                waiting.recv().expect("the loop says when it waits");
                socket.write_all(b"x").expect("there is room");
            });
            unspin::set_immediate(move || {
                let alive = unspin::why_alive();
                assert_eq!(alive.len(), 1, "{alive:?}");
                assert_eq!(alive[0].kind, ResourceKind::Stream);
                assert!(alive[0].state.starts_with("reading 127.0.0.1:"), "{}", alive[0].state);
                waits.send(()).expect("the thread listens");
            });
            stream.read(&mut [0]).await?;
            said.say("read");
            Ok(())
        })
        .or_uncaught();
    });
    log.expect(&["read"]);
}

#[test]
fn without_a_waiting_read_nothing_holds_the_loop_and_block_on_says_so() {
    let error = unspin::block_on(async {
        watchdog();
        let (stream, _socket) = pair().await?;
        let (listener, _) = bind()?;
        Polled::waiting(stream.chunk()).cancel();
        Polled::waiting(listener.accept()).cancel();
        Polled::waiting(listener.incoming().next()).cancel();
        std::future::pending::<Result<()>>().await
    });
    let text = error.expect_err("it is pending for ever").to_string();
    assert!(text.contains("pending for ever"), "{text}");
}

#[test]
fn a_thousand_echoes_at_once() {
    const CLIENTS: usize = 1000;
    const ROUNDS: usize = 3;
    if !util::is_child() {
        // Two ends of each, and what the process has open anyhow.
        let output = util::net::in_child_with_descriptors(2100, "a_thousand_echoes_at_once");
        if !output.status.success() && util::stderr(&output).contains("ulimit") {
            return eprintln!("skipped: the system does not allow that many descriptors");
        }
        assert!(output.status.success(), "{}", util::stderr(&output));
        return;
    }
    let open = Rc::new(Cell::new(0));
    let most = Rc::clone(&open);
    block_on(async move {
        let (listener, address) = bind()?;
        let server = spawn(async move {
            for _ in 0..CLIENTS {
                spawn(echo(listener.accept().await?.0)).or_uncaught();
            }
            Ok(())
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let open = Rc::clone(&open);
                spawn(async move {
                    let stream = TcpStream::connect(address).await?;
                    open.set(open.get() + 1);
                    // All are open before the first goes on.
                    while open.get() < CLIENTS {
                        next_turn().await;
                    }
                    let message = pattern(100 + number);
                    let mut answer = vec![0; message.len()];
                    for _ in 0..ROUNDS {
                        stream.write_all(&message).await?;
                        stream.read_exact(&mut answer).await?;
                        assert!(answer == message);
                    }
                    Result::<()>::Ok(())
                })
            })
            .collect();
        for client in clients {
            client.await??;
        }
        server.await?
    });
    assert_eq!(most.get(), CLIENTS);
}

/// Has two answers for a type that is `Send`: then asking does not compile.
trait StaysHere<Answer> {
    fn check() {}
}
impl<T: ?Sized> StaysHere<()> for T {}
impl<T: ?Sized + Send> StaysHere<u8> for T {}

#[test]
fn handles_stay_on_their_thread() {
    <TcpStream as StaysHere<_>>::check();
    <TcpListener as StaysHere<_>>::check();
    <Incoming<'_> as StaysHere<_>>::check();
    <unspin::JoinHandle<()> as StaysHere<_>>::check();
    <unspin::Request<()> as StaysHere<_>>::check();
    <unspin::Promise<()> as StaysHere<_>>::check();
    <unspin::Scope as StaysHere<_>>::check();
    <unspin::Timer as StaysHere<_>>::check();
    <unspin::EventLoop as StaysHere<_>>::check();
}
