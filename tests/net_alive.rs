//! What sockets keep a loop alive, and that they say so with the line that opened them.

mod util;

use std::io::Write;
use std::net::TcpStream as Socket;

use unspin::net::{ListenOptions, TcpListener, TcpStream};
use unspin::{Handler, Resource, ResourceKind};
use util::net::{beside, ending, listen, pair, read_to_end, run, says, socket, when};
use util::{Log, millis};

/// The resource that was opened at this line of this file.
#[track_caller]
fn at(line: u32) -> Resource {
    let mut found: Vec<Resource> = unspin::resources()
        .into_iter()
        .filter(|resource| resource.at.file() == file!() && resource.at.line() == line)
        .collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

/// Opens a connection whose end here was accepted at the line that is given with it.
fn accept(with: impl FnOnce(TcpStream, Socket, u32) + 'static) {
    let (listener, address) = listen();
    let mut pair = Some((with, socket(address)));
    let itself = listener.clone();
    let line = line!() + 1;
    listener.ref_().on_connection(move |stream, _| {
        itself.close();
        if let Some((with, socket)) = pair.take() {
            with(stream, socket, line);
        }
    });
}

#[test]
fn a_listener_holds_the_loop_from_its_handler_to_its_close() {
    run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let line = line!() - 1;
        let address = listener.local_addr().expect("it is open").to_string();
        assert_eq!(at(line).kind, ResourceKind::Listener);
        assert_eq!(at(line).state, address);
        assert!(!at(line).holds, "nobody waits for connections");
        assert!(unspin::why_alive().is_empty());

        listener.on_connection(|_, _| ());
        assert!(at(line).holds);
        assert_eq!(unspin::why_alive().len(), 1);

        listener.pause();
        assert_eq!(at(line).state, format!("paused on {address}"));
        assert!(!at(line).holds);
        listener.resume();
        assert!(at(line).holds);

        assert!(listener.has_ref());
        assert!(!listener.unref().has_ref());
        assert!(!at(line).holds);
        assert!(listener.ref_().has_ref());
        assert!(at(line).holds);

        listener.close();
        assert!(unspin::resources().iter().all(|it| it.kind != ResourceKind::Listener));
    });
}

#[test]
fn listen_options_and_serve_say_their_lines_too() {
    struct Nothing;
    impl Handler<TcpStream> for Nothing {
        fn data(&mut self, _: &TcpStream, _: &[u8]) {}
    }
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let listener = ListenOptions::new().bind("127.0.0.1:0").expect("a port is free");
        let bound = line!() - 1;
        assert_eq!(at(bound).kind, ResourceKind::Listener);
        let peer = socket(listener.local_addr().expect("it is open"));
        listener.serve(|_| Nothing);
        let served = line!() - 1;
        let accepted = move || unspin::resources().iter().any(|it| it.kind == ResourceKind::Stream);
        when(accepted, move || {
            assert_eq!(at(served).kind, ResourceKind::Stream);
            assert!(at(served).holds);
            said.say("checked");
            listener.close();
            drop(peer);
        });
    });
    log.expect(&["checked"]);
}

#[test]
fn a_stream_holds_the_loop_while_it_is_read_or_has_bytes_to_send() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        accept(move |stream, socket, line| {
            let peer = socket.local_addr().expect("it is connected");
            let state = |state: &str| format!("{state} {peer}");
            assert_eq!((at(line).kind, at(line).holds), (ResourceKind::Stream, false));
            assert_eq!(at(line).state, state("idle"));

            stream.on_data(|_, _| ());
            assert_eq!((at(line).state.into_owned(), at(line).holds), (state("reading"), true));
            stream.pause();
            assert_eq!((at(line).state.into_owned(), at(line).holds), (state("paused"), false));

            stream.write_owned(vec![0; 64 << 20]);
            assert_eq!((at(line).state.into_owned(), at(line).holds), (state("writing to"), true));
            assert!(at(line).bytes >= stream.writable_length());

            assert!(stream.has_ref());
            assert!(!stream.unref().has_ref());
            assert!(!at(line).holds);
            assert!(stream.ref_().has_ref());
            assert!(at(line).holds);

            stream.close();
            assert!(unspin::resources().iter().all(|it| it.kind != ResourceKind::Stream));
            assert_eq!(unspin::why_alive().len(), 2, "the close of stream and listener is owed");
            said.say("checked");
        });
    });
    log.expect(&["checked"]);
}

#[test]
fn a_connect_holds_the_loop_and_its_stream_keeps_the_line() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (listener, address) = listen();
        let line = line!() + 1;
        TcpStream::connect(address).callback(move |stream| {
            let stream = stream?;
            assert_eq!((at(line).kind, at(line).holds), (ResourceKind::Stream, false));
            assert_eq!(at(line).state, format!("idle {address}"));
            stream.on_data(|_, _| ());
            assert!(at(line).holds);
            said.say("checked");
            stream.close();
            drop(listener);
            Ok(())
        });
        assert_eq!((at(line).kind, at(line).holds), (ResourceKind::Request, true));
        assert_eq!(at(line).state, format!("connecting to {address}"));
        assert_eq!(unspin::why_alive().len(), 1);
    });
    log.expect(&["checked"]);
}

#[test]
fn a_paused_stream_lets_the_loop_end() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            stream.on_data(|_, _| ());
            stream.pause();
            stream.on_close(|_| unreachable!("it is still open when the loop ends"));
            // The peer is there until then.
            unspin::on_exit(move |_| assert!(socket.peer_addr().is_ok()));
            said.say("paused");
        });
    });
    log.expect(&["paused"]);
}

#[test]
fn a_stream_that_nobody_reads_lets_the_loop_end() {
    run(|| {
        pair(|stream, socket| {
            stream.on_close(|_| unreachable!("it is still open when the loop ends"));
            unspin::on_exit(move |_| {
                assert!(!stream.is_closed());
                assert!(socket.peer_addr().is_ok());
            });
        });
    });
}

#[test]
fn an_unreferenced_stream_lets_the_loop_end_while_it_is_read() {
    run(|| {
        pair(|stream, socket| {
            stream.on_data(|_, _| ());
            stream.unref();
            unspin::on_exit(move |_| assert!(socket.peer_addr().is_ok()));
        });
    });
}

#[test]
fn an_unreferenced_stream_lets_the_loop_end_even_with_bytes_to_read() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            let heard = said.clone();
            stream.on_data(move |_, _| heard.say("data"));
            stream.pause();
            socket.set_nonblocking(true).expect("a socket can be non-blocking");
            while socket.write(&[0; 4096]).is_ok() {}
            // By then the stream knows that it can be read.
            unspin::set_timeout(millis(20), move || {
                stream.unref();
                stream.resume();
                assert!(unspin::why_alive().is_empty());
                said.say("resumed");
                unspin::on_exit(move |_| assert!(socket.peer_addr().is_ok()));
            });
        });
    });
    log.expect(&["resumed"]);
}

#[test]
fn an_unreferenced_stream_is_served_while_something_else_lives() {
    run(|| {
        pair(|stream, mut socket| {
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
            stream.unref();
            beside(move || assert!(util::net::round_trip(&mut socket, b"hello") == b"hello"));
        });
    });
}

#[test]
fn a_close_callback_that_is_owed_keeps_the_loop_alive() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, _socket| {
            stream.unref();
            stream.on_close(says(&said, "close"));
            stream.close();
        });
    });
    log.expect(&["close"]);
}

#[test]
fn a_stream_whose_peer_has_ended_holds_the_loop_only_while_it_writes() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        accept(move |stream, mut socket, line| {
            stream.allow_half_open(true);
            stream.on_data(|_, _| ());
            stream.on_end(move |stream| {
                assert!(!at(line).holds);
                assert!(at(line).state.starts_with("half open to "));
                // The peer reads meanwhile, and might take all of it at once.
                stream.cork();
                stream.write_owned(vec![0; 8 << 20]);
                assert!(at(line).holds);
                let stream = stream.clone();
                let (sent, said) = (stream.clone(), said.clone());
                when(
                    move || sent.writable_length() == 0,
                    move || {
                        assert!(!at(line).holds);
                        said.say("checked");
                        stream.end();
                    },
                );
            });
            socket.shutdown(std::net::Shutdown::Write).expect("it is open");
            beside(move || assert_eq!(read_to_end(&mut socket).len(), 8 << 20));
        });
    });
    log.expect(&["checked"]);
}

#[test]
fn an_idle_loop_with_sockets_makes_no_turns() {
    run(|| {
        let (listener, address) = listen();
        listener.on_connection(|stream, _| {
            stream.on_data(|_, _| ());
        });
        let mut peers: Vec<_> = (0..10).map(|_| socket(address)).collect();
        // All are accepted by then, and nothing happens but this timer.
        unspin::set_timeout(millis(50), move || {
            let before = unspin::metrics();
            unspin::set_timeout(millis(50), move || {
                let turns = (unspin::metrics() - before).turns;
                assert!(turns <= 3, "{turns} turns without a reason");
                beside(move || {
                    for peer in &mut peers {
                        peer.shutdown(std::net::Shutdown::Write).expect("it is open");
                        assert_eq!(ending(peer), Ok(()));
                    }
                });
            });
        });
    });
}
