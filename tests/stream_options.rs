//! What a stream can be asked and told: addresses, counts, socket options.

mod util;

use std::io::{ErrorKind, Write};

use unspin::net::{Keepalive, TcpListener, TcpStream};
use util::net::{pair, read_exactly, run, streams};
use util::{Log, millis};

#[test]
fn both_ends_agree_on_their_addresses() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        streams(move |accepted, connected| {
            let address =
                |result: unspin::Result<std::net::SocketAddr>| result.expect("it is open");
            assert_eq!(address(accepted.local_addr()), address(connected.peer_addr()));
            assert_eq!(address(accepted.peer_addr()), address(connected.local_addr()));
            assert!(address(accepted.local_addr()).ip().is_loopback());
            said.say("checked");
        });
    });
    log.expect(&["checked"]);
}

#[test]
fn the_peers_address_is_given_with_the_connection() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is open");
        let socket = util::net::socket(address);
        let itself = listener.clone();
        listener.on_connection(move |stream, peer| {
            assert_eq!(peer, socket.local_addr().expect("it is connected"));
            assert_eq!(peer, stream.peer_addr().expect("it is connected"));
            said.say("checked");
            itself.close();
        });
    });
    log.expect(&["checked"]);
}

#[test]
fn options_can_be_set_on_an_open_stream_and_not_on_a_closed_one() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, _socket| {
            let set_all = |stream: &TcpStream| {
                [
                    stream.set_nodelay(true),
                    stream.set_nodelay(false),
                    stream.set_keepalive(Some(Keepalive::after(millis(60_000)))),
                    stream.set_keepalive(None),
                    stream.local_addr().map(drop),
                    stream.peer_addr().map(drop),
                ]
            };
            for result in set_all(&stream) {
                result.expect("it is open");
            }
            stream.close();
            for result in set_all(&stream) {
                assert_eq!(result.expect_err("it is closed").kind(), ErrorKind::NotConnected);
            }
            said.say("checked");
        });
    });
    log.expect(&["checked"]);
}

#[test]
fn bytes_are_counted_both_ways_and_stay_known_after_the_close() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, mut socket| {
            assert_eq!((stream.bytes_read(), stream.bytes_written()), (0, 0));
            stream.write(b"four");
            stream.write_owned(*b"seventh");
            assert_eq!((stream.bytes_read(), stream.bytes_written()), (0, 11));
            assert_eq!(read_exactly(&mut socket, 11), b"fourseventh");
            stream.on_data(|stream, chunk| {
                assert_eq!((stream.bytes_read(), chunk.len()), (5, 5));
                stream.close();
            });
            stream.on_close(move |stream| {
                assert_eq!((stream.bytes_read(), stream.bytes_written()), (5, 11));
                said.say("close");
            });
            socket.write_all(b"seven").expect("it fits into the buffers");
        });
    });
    log.expect(&["close"]);
}

#[test]
fn a_stream_says_what_it_does_when_it_is_printed() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        pair(move |stream, socket| {
            let peer = socket.local_addr().expect("it is connected");
            assert_eq!(format!("{stream:?}"), format!("TcpStream(idle {peer})"));
            stream.on_data(|_, _| ());
            assert_eq!(format!("{stream:?}"), format!("TcpStream(reading {peer})"));
            stream.pause();
            assert_eq!(format!("{stream:?}"), format!("TcpStream(paused {peer})"));
            stream.write_owned(vec![0; 64 << 20]);
            assert_eq!(format!("{stream:?}"), format!("TcpStream(writing to {peer})"));
            stream.close();
            assert_eq!(format!("{stream:?}"), "TcpStream(closed)");
            said.say("checked");
        });
    });
    log.expect(&["checked"]);
}
