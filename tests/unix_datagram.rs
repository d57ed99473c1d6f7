//! Datagrams through Unix sockets: names, peers, full receivers, and those that are gone.

mod util;

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram as Blocking;
use std::path::PathBuf;

use tempfile::TempDir;
use unspin::ResourceKind;
use unspin::net::{Datagram, UnixDatagram};
use util::Log;
use util::net::{PATIENCE, pattern, run};

type Message<'a> = Datagram<'a, std::os::unix::net::SocketAddr>;

fn place() -> (PathBuf, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    (directory.path().join("socket"), directory)
}

fn text(datagram: Message<'_>) -> String {
    String::from_utf8(datagram.to_vec()).expect("the tests send text")
}

/// A socket that is bound, blocks, and does not wait for ever.
fn blocking(path: &PathBuf) -> Blocking {
    let socket = Blocking::bind(path).expect("the path is free");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    socket
}

#[test]
fn a_datagram_comes_whole_in_order_and_with_its_sender() {
    let log = Log::new();
    let said = log.clone();
    let ((path, _directory), (client, _other)) = (place(), place());
    run(|| {
        let server = UnixDatagram::bind(&path).expect("the path is free");
        let socket = UnixDatagram::bind(&client).expect("the path is free");
        let mut left = 3;
        server.on_message(move |server, datagram| {
            assert_eq!(datagram.from().as_pathname(), Some(&*client));
            assert!(!datagram.is_truncated());
            server.write_to(&datagram, datagram.from());
            left -= 1;
            if left == 0 {
                server.close();
            }
        });
        for word in ["one", "", "three"] {
            socket.write_to(word.as_bytes(), &path);
        }
        let mut left = 3;
        socket.on_message(move |socket, datagram| {
            said.say(format!("<{}>", text(datagram)));
            left -= 1;
            if left == 0 {
                socket.close();
            }
        });
    });
    log.expect(&["<one>", "<>", "<three>"]);
}

#[test]
fn who_has_no_name_is_told_so_and_cannot_be_answered() {
    let log = Log::new();
    let said = log.clone();
    let (path, _directory) = place();
    run(|| {
        let server = UnixDatagram::bind(&path).expect("the path is free");
        let log = said.clone();
        server.on_error(move |server, error| {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            log.say("no answer");
            server.close();
        });
        server.on_message(move |server, datagram| {
            assert!(datagram.from().is_unnamed());
            said.say("asked");
            server.write_to(b"answer", datagram.from());
        });
        let client = UnixDatagram::unbound().expect("the system has descriptors left");
        assert!(client.local_addr().expect("it is open").is_unnamed());
        client.try_send_to(b"question", &path).expect("it can be sent");
    });
    log.expect(&["asked", "no answer"]);
}

#[test]
fn abstract_names_work_as_paths_do_and_leave_no_file() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let name = format!("\0unspin-datagram-{}", std::process::id());
        let server = UnixDatagram::bind(&name).expect("the name is free");
        let taken = UnixDatagram::bind(&name).expect_err("it is taken");
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        let client = UnixDatagram::unbound().expect("the system has descriptors left");
        client.connect(&name).expect("somebody is there");
        client.try_send(b"hello").expect("it can be sent");
        let shown = format!("@{}", &name[1..]);
        let listed = move |it: &unspin::Resource| it.state == format!("receiving on {shown}");
        server.on_message(move |server, datagram| {
            said.say(text(datagram));
            assert!(unspin::why_alive().iter().any(&listed), "{:?}", unspin::why_alive());
            server.close();
        });
    });
    log.expect(&["hello"]);
}

#[test]
fn binding_makes_the_path_and_closing_removes_it_and_nothing_is_stolen() {
    let (path, _directory) = place();
    run(|| {
        let socket = UnixDatagram::bind(&path).expect("the path is free");
        assert_eq!(socket.local_addr().expect("it is open").as_pathname(), Some(&*path));
        let error = UnixDatagram::bind(&path).expect_err("it is in use");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let context = format!("bind {}: a file of this name exists", path.display());
        assert!(error.to_string().starts_with(&context), "{error}");
        socket.close();
        assert!(!path.exists(), "it is removed at once, and not in the Close phase");
        drop(UnixDatagram::bind(&path).expect("the path is free again"));
        assert!(!path.exists(), "dropping the last handle closes it");

        // What is another's by now is not removed.
        let socket = UnixDatagram::bind(&path).expect("the path is free");
        std::fs::remove_file(&path).expect("it is there");
        let _other = blocking(&path);
        socket.close();
        assert!(path.exists());
    });
}

#[test]
fn names_that_cannot_be_and_peers_that_are_not_there_are_told() {
    let (path, directory) = place();
    run(|| {
        let kind = |name: &str| UnixDatagram::bind(name).expect_err("it cannot be").kind();
        assert_eq!(kind(""), ErrorKind::InvalidInput);
        assert_eq!(kind(&"x".repeat(200)), ErrorKind::InvalidInput);
        let missing = directory.path().join("no/such/directory");
        let error = UnixDatagram::bind(&missing).expect_err("there is no directory");
        assert_eq!(error.kind(), ErrorKind::NotFound);

        let socket = UnixDatagram::unbound().expect("the system has descriptors left");
        let error = socket.connect(&path).expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with(&format!("connect to {}: ", path.display())));
        let error = socket.try_send_to(b"x", &path).expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with(&format!("send to {}: ", path.display())));
        let error = socket.try_send(b"x").expect_err("there is no peer");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        assert!(error.to_string().contains("say where the datagram shall go"), "{error}");
        assert_eq!(socket.disconnect().expect_err("no peer").kind(), ErrorKind::NotConnected);
        assert_eq!(socket.peer_addr().expect_err("no peer").kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn a_connected_socket_hears_its_peer_only_until_it_is_disconnected() {
    let log = Log::new();
    let said = log.clone();
    let ((ours, _a), (theirs, _b)) = (place(), place());
    run(|| {
        let peer = blocking(&theirs);
        let socket = UnixDatagram::bind(&ours).expect("the path is free");
        socket.connect(&theirs).expect("somebody is there");
        assert_eq!(socket.peer_addr().expect("it has one").as_pathname(), Some(&*theirs));
        let stranger = UnixDatagram::unbound().expect("the system has descriptors left");
        let error = stranger.try_send_to(b"hello", &ours).expect_err("it has a peer");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        peer.send_to(b"peer", &ours).expect("it can be sent");
        let ours = ours.clone();
        socket.on_message(move |socket, datagram| {
            let who = text(datagram);
            said.say(&*who);
            if who == "stranger" {
                return socket.close();
            }
            socket.disconnect().expect("it has a peer");
            stranger.try_send_to(b"stranger", &ours).expect("it has none now");
        });
    });
    log.expect(&["peer", "stranger"]);
}

#[test]
fn a_peer_that_goes_is_told_once_and_then_there_is_none() {
    let log = Log::new();
    let said = log.clone();
    let (path, _directory) = place();
    run(|| {
        let peer = blocking(&path);
        let socket = UnixDatagram::unbound().expect("the system has descriptors left");
        socket.connect(&path).expect("somebody is there");
        drop(peer);
        let second = socket.clone();
        socket.send("one").callback(move |sent| {
            let error = sent.expect_err("the peer is gone");
            assert!(error.to_string().starts_with(&format!("send to {}: ", path.display())));
            said.say(format!("{:?}", error.kind()));
            let log = said.clone();
            second.send("two").callback(move |sent| {
                log.say(format!("{:?}", sent.expect_err("there is no peer").kind()));
            });
        });
    });
    log.expect(&["ConnectionRefused", "NotConnected"]);
}

#[test]
fn a_pair_carries_what_the_system_takes_and_refuses_more() {
    run(|| {
        let (one, other) = UnixDatagram::pair().expect("the system has descriptors left");
        let line = line!() - 1;
        let sockets = unspin::resources().into_iter().filter(|it| it.at.line() == line);
        let sockets: Vec<_> = sockets.collect();
        assert_eq!(sockets.len(), 2, "{sockets:?}");
        for it in sockets {
            assert_eq!((it.kind, it.holds), (ResourceKind::DatagramSocket, false));
        }
        let error = one.try_send(&vec![0; 16 << 20]).expect_err("that is too long");
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        let large = pattern(150_000);
        one.try_send(&large).expect("it is below the limit");
        other.on_message(move |socket, datagram| {
            assert_eq!((datagram.bytes(), datagram.is_truncated()), (&*large, false));
            socket.close();
            one.close();
        });
    });
}

#[test]
fn requests_are_told_in_three_styles_and_at_close() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        let (one, other) = UnixDatagram::pair().expect("the system has descriptors left");
        let words = said.clone();
        one.send("callback").callback(move |sent| {
            words.say("callback");
            sent
        });
        let words = said.clone();
        one.send("promise").promise().then(move |()| words.say("promise"));
        #[cfg(feature = "async")]
        {
            let (socket, words) = (one.clone(), said.clone());
            unspin::spawn(async move {
                socket.send("await").await?;
                words.say("await");
                Ok::<_, unspin::Error>(())
            })
            .log_err();
        }
        let full = one.clone();
        let words = said.clone();
        unspin::set_immediate(move || {
            while full.try_send(b"full").is_ok() {}
            full.send("never").callback(move |sent| {
                assert!(sent.expect_err("it is closed").is_cancelled());
                words.say("cancelled");
            });
            let closed = words_of(&said, "closed");
            full.on_close(move |_| closed());
            full.close();
            drop(other);
        });
        drop(one);
    });
    #[cfg(feature = "async")]
    log.expect(&["callback", "promise", "await", "cancelled", "closed"]);
    #[cfg(not(feature = "async"))]
    log.expect(&["callback", "promise", "cancelled", "closed"]);
}

fn words_of(log: &Log, word: &'static str) -> impl Fn() + use<> {
    let log = log.clone();
    move || log.say(word)
}

#[test]
fn one_of_std_is_taken_over_with_its_peer_and_its_path_stays() {
    let (path, _directory) = place();
    run(|| {
        let peer = blocking(&path);
        let ours = Blocking::unbound().expect("the system has descriptors left");
        ours.connect(&path).expect("somebody is there");
        let socket = UnixDatagram::from_std(ours).expect("it can be watched");
        socket.try_send(b"hello").expect("it has a peer");
        let mut buffer = [0; 8];
        assert_eq!(peer.recv(&mut buffer).expect("it was sent"), 5);
        UnixDatagram::from_std(peer).expect("it can be watched").close();
        assert!(path.exists());
    });
}

#[cfg(feature = "async")]
mod awaited {
    use super::*;
    use util::futures::block_on;
    use util::poll::must_wait;

    #[test]
    fn datagrams_are_awaited_cut_and_by_the_batch() {
        let (path, _directory) = place();
        block_on(async move {
            let socket = UnixDatagram::bind(&path)?;
            let peer = UnixDatagram::unbound()?;
            let mut buffer = [0; 4];
            assert!(must_wait(socket.recv_from(&mut buffer)));
            assert_eq!(socket.recv(&mut buffer).await.unwrap_err().kind(), ErrorKind::NotConnected);
            for _ in 0..5 {
                peer.send_to("hello", &path).await?;
            }
            let received = socket.recv_from(&mut buffer).await?;
            assert_eq!((&buffer, received.length, received.truncated), (b"hell", 4, true));
            assert!(received.from.is_unnamed());
            let batch = socket.batch().await?;
            assert_eq!(batch.iter().map(text).collect::<Vec<_>>(), ["hello"; 4]);
            drop(batch);
            peer.write_to(b"last", &path);
            peer.drained().await?;
            assert_eq!(socket.batch().await?.len(), 1);
            Ok(())
        });
    }

    #[test]
    fn a_sender_that_waits_for_room_is_told_when_there_is() {
        let (path, _directory) = place();
        block_on(async move {
            let socket = UnixDatagram::bind(&path)?;
            let peer = UnixDatagram::unbound()?;
            peer.connect(&path)?;
            while peer.try_send(b"full").is_ok() {}
            peer.write(b"last");
            assert!(must_wait(peer.drained()));
            let read = unspin::spawn(async move {
                let mut count = 0;
                while socket.batch().await?.iter().last().expect("there is one").bytes() != b"last"
                {
                    count += 1;
                }
                Ok::<_, unspin::Error>(count)
            });
            peer.drained().await?;
            read.await??;
            Ok(())
        });
    }
}
