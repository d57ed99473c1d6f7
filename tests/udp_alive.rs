//! What UDP sockets keep a loop alive, and that they say so with the line that opened them.

mod util;

use std::net::{Ipv4Addr, UdpSocket as Blocking};

use unspin::net::{UdpOptions, UdpSocket};
use unspin::{EventLoop, Resource, ResourceKind};
use util::Drops;
use util::net::{open_descriptors, run};
use util::udp::blocking;

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

#[test]
fn a_socket_holds_the_loop_while_it_receives_or_has_something_to_send() {
    run(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let line = line!() - 1;
        let address = socket.local_addr().expect("it is open");
        assert_eq!(at(line).kind, ResourceKind::DatagramSocket);
        assert_eq!(at(line).state, format!("idle on {address}"));
        assert!(!at(line).holds, "nobody waits for datagrams");

        socket.on_message(|_, _| ());
        assert_eq!(at(line).state, format!("receiving on {address}"));
        assert!(at(line).holds);
        assert_eq!(unspin::why_alive().len(), 1);

        socket.pause();
        assert_eq!(at(line).state, format!("paused on {address}"));
        assert!(!at(line).holds);
        socket.resume();
        assert!(at(line).holds);

        assert!(socket.has_ref());
        assert!(!socket.unref().has_ref());
        assert!(!at(line).holds);
        let before = at(line).bytes;
        socket.write_to(&[0; 100], blocking().local_addr().expect("it is open"));
        assert_eq!(at(line).state, format!("sending on {address}"));
        assert!(at(line).holds, "what is accepted is sent");
        assert_eq!(at(line).bytes, before + 100);
        assert!(socket.ref_().has_ref());

        socket.connect(address).expect("loopback is there");
        let state = at(line).state.into_owned();
        assert_eq!(state, format!("sending on {address}, connected to {address}"));
        socket.close();
        assert!(unspin::resources().iter().all(|it| it.kind != ResourceKind::DatagramSocket));
    });
}

#[test]
fn each_way_to_open_one_says_its_line() {
    run(|| {
        let of_options = UdpOptions::new().bind("127.0.0.1:0").expect("a port is free");
        assert_eq!(at(line!() - 1).kind, ResourceKind::DatagramSocket);
        let std = Blocking::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let taken_over = UdpSocket::from_std(std).expect("it can be watched");
        assert_eq!(at(line!() - 1).kind, ResourceKind::DatagramSocket);
        drop((of_options, taken_over));
    });
}

#[test]
fn an_unreferenced_socket_lets_the_loop_end() {
    run(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket.on_message(|_, _| ()).unref();
    });
}

#[test]
fn a_loop_that_goes_leaves_no_descriptor_and_drops_each_handler_once() {
    // A process of its own counts its own descriptors.
    if !util::is_child() {
        let name = "a_loop_that_goes_leaves_no_descriptor_and_drops_each_handler_once";
        let output = util::in_child(name);
        assert!(output.status.success(), "{}", util::stdout(&output));
        return;
    }
    let (before, drops) = (open_descriptors(), Drops::new());
    let event_loop = EventLoop::new().expect("the system has descriptors left");
    let guards = drops.clone();
    let code = event_loop.run(move || {
        for _ in 0..3 {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
            let guard = [(); 4].map(|()| guards.guard());
            let [message, error, drain, close] = guard;
            socket.on_message(move |_, _| message.keep()).unref();
            socket.on_error(move |_, _| error.keep());
            socket.on_drain(move |_| drain.keep());
            socket.on_close(move |_| close.keep());
        }
    });
    assert_eq!(code.expect("nothing in it fails"), 0);
    assert_eq!(drops.count(), 0);
    drop(event_loop);
    assert_eq!((drops.count(), open_descriptors()), (12, before));
}
