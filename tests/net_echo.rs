//! Echo: one connection and ten thousand, messages of all sizes, peers that break off.

mod util;

use std::cell::Cell;
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use unspin::net::TcpStream;
use util::net::{
    beside, client, echo_server, listen, pattern, read_to_end, round_trip, run, socket,
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

#[test]
fn messages_of_all_sizes_come_back_on_one_connection() {
    run(|| {
        client(echo_server(), |socket| {
            for size in [64, 100, KIB, 4 * KIB, 64 * KIB, 65 * KIB, MIB, 8 * MIB] {
                let message = pattern(size);
                assert!(round_trip(socket, &message) == message, "{size} bytes");
            }
        });
    });
}

#[test]
fn one_byte_at_a_time_comes_back_in_order() {
    run(|| {
        client(echo_server(), |socket| {
            socket.set_nodelay(true).expect("it is a TCP socket");
            let message = pattern(3000);
            for byte in &message {
                socket.write_all(&[*byte]).expect("the peer reads");
            }
            socket.shutdown(Shutdown::Write).expect("it is open");
            assert!(read_to_end(socket) == message);
        });
    });
}

#[test]
fn fifty_clients_at_once_get_their_own_bytes() {
    run(|| {
        let address = echo_server();
        for number in 0..50usize {
            client(address, move |socket| {
                let message = vec![number as u8; 100 * (number + 1)];
                for _ in 0..20 {
                    assert!(round_trip(socket, &message) == message, "client {number}");
                }
            });
        }
    });
}

/// Opens `count` connections, all at once; each sends its number, and gets it back.
fn storm(address: SocketAddr, count: u32) {
    let mut sockets: Vec<_> = (0..count).map(|_| socket(address)).collect();
    for (number, socket) in (0u32..).zip(&mut sockets) {
        socket.write_all(&number.to_le_bytes()).expect("the peer reads");
    }
    for (number, socket) in (0u32..).zip(&mut sockets) {
        let mut back = [0; 4];
        socket.read_exact(&mut back).expect("the peer writes");
        assert_eq!(u32::from_le_bytes(back), number);
    }
}

#[test]
fn a_thousand_connections_are_open_at_once() {
    run(|| {
        let address = echo_server();
        beside(move || storm(address, 1000));
    });
}

/// Set where this binary is one of the two processes of the storm: `serve`, or an address.
const ROLE: &str = "UNSPIN_TEST_STORM";
const MANY: u32 = 10_000;
const THIS: &str = "ten_thousand_connections_are_open_at_once";

/// This test in a process of its own, which may open enough; `None` where the system forbids that.
fn with_descriptors(role: &str) -> Option<Child> {
    let binary = env::current_exe().expect("a test knows its binary");
    let allowed = Command::new("sh").args(["-c", "ulimit -n 10100"]).status().expect("sh runs");
    allowed.success().then(|| {
        Command::new("sh")
            .args(["-c", "ulimit -n 10100; exec \"$0\" --exact \"$1\" --nocapture"])
            .arg(binary)
            .arg(THIS)
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh runs")
    })
}

/// Echoes until all connections have come and gone; tells its address on standard output.
fn serve_many() {
    let most = run(|| {
        let (listener, address) = listen();
        listener.ref_();
        let (open, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (itself, seen) = (listener.clone(), Rc::clone(&most));
        let accepted = Cell::new(0);
        listener.on_connection(move |stream, _| {
            accepted.set(accepted.get() + 1);
            if accepted.get() == MANY {
                itself.close();
            }
            open.set(open.get() + 1);
            seen.set(seen.get().max(open.get()));
            let open = Rc::clone(&open);
            stream.on_close(move |_| open.set(open.get() - 1));
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
        });
        println!("\nlistening on {address}");
        most
    });
    assert_eq!(most.get(), MANY);
}

#[test]
fn ten_thousand_connections_are_open_at_once() {
    match env::var(ROLE) {
        Ok(role) if role == "serve" => return serve_many(),
        Ok(address) => return storm(address.parse().expect("an address"), MANY),
        Err(_) => {}
    }
    let Some(mut server) = with_descriptors("serve") else {
        return eprintln!("skipped: the system does not allow that many descriptors");
    };
    let stdout = server.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines().map(|line| line.expect("it is text"));
    let address = lines
        .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
        .expect("the server tells its address");
    let mut client = with_descriptors(&address).expect("it was allowed before");
    assert!(client.wait().expect("it is our child").success());
    let rest: Vec<_> = lines.collect();
    assert!(server.wait().expect("it is our child").success(), "{rest:?}");
}

#[test]
fn a_peer_that_breaks_off_in_a_message_leaves_the_others_alone() {
    run(|| {
        let address = echo_server();
        client(address, |socket| {
            for _ in 0..200 {
                let message = pattern(5000);
                assert!(round_trip(socket, &message) == message);
            }
        });
        for _ in 0..20 {
            // What comes back is not read to its end, so the close is a reset.
            client(address, |socket| {
                socket.write_all(&pattern(50_000)).expect("the peer reads");
                socket.read_exact(&mut [0; 100]).expect("the peer writes");
            });
        }
    });
}

#[test]
fn our_own_client_talks_to_our_own_server() {
    let received = run(|| {
        let address = echo_server();
        let received = Rc::new(Cell::new(0));
        let counted = Rc::clone(&received);
        TcpStream::connect(address).callback(move |stream| {
            let stream = stream?;
            let expected = pattern(MIB);
            stream.on_data(move |stream, chunk| {
                let at = counted.get();
                assert!(chunk == &expected[at..at + chunk.len()]);
                counted.set(at + chunk.len());
                if counted.get() == MIB {
                    stream.end();
                }
            });
            stream.write_owned(pattern(MIB));
            Ok(())
        });
        received
    });
    assert_eq!(received.get(), MIB);
}
