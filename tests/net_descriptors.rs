//! Descriptors: what happens when there are none, and that a loop leaves none behind.

mod util;

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::TcpStream as Socket;
use std::rc::Rc;

use unspin::net::{TcpListener, TcpStream};
use unspin::{EventLoop, Metrics};
use util::events::{capture, named};
use util::net::{
    beside, in_child_with_descriptors, listen, open_descriptors, read_exactly, run, socket,
    watchdog, when,
};
use util::{in_child, is_child, millis, stderr, stdout};

/// `EMFILE` on every system that has it.
const TOO_MANY_OPEN_FILES: i32 = 24;

/// Runs the test that calls it in a process with few descriptors.
#[track_caller]
fn with_few_descriptors(test: &str) {
    let output = in_child_with_descriptors(64, test);
    assert!(output.status.success(), "{}\n{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("1 passed"), "{}", stdout(&output));
}

/// A listener at which so many peers wait that accepting all of them takes too many descriptors.
fn crowd() -> (TcpListener, Vec<Socket>) {
    let (listener, address) = listen();
    let peers = (0..40).map(|_| socket(address)).collect();
    (listener, peers)
}

fn echo(stream: &TcpStream) {
    stream.on_data(|stream, chunk| {
        stream.write(chunk);
    });
}

#[test]
fn out_of_descriptors_accepting_rests_and_goes_on_by_itself() {
    if !is_child() {
        return with_few_descriptors("out_of_descriptors_accepting_rests_and_goes_on_by_itself");
    }
    run(|| {
        let (listener, peers) = crowd();
        let accepted = Rc::new(Cell::new(0));
        let counted = Rc::clone(&accepted);
        listener.ref_().on_connection(move |stream, _| {
            counted.set(counted.get() + 1);
            echo(&stream);
        });
        let mut peers = Some(peers);
        listener.on_error(move |listener, error| {
            assert_eq!(error.raw_os_error(), Some(TOO_MANY_OPEN_FILES));
            assert!(error.to_string().starts_with("accept: "), "{error}");
            assert!(format!("{listener:?}").contains("out of descriptors"), "{listener:?}");
            let Some(mut peers) = peers.take() else { return };
            let (before, now) = (accepted.get(), Rc::clone(&accepted));
            assert!((1..40).contains(&before), "{before} were accepted");
            let mut first = peers.remove(0);
            beside(move || {
                // An open connection is served meanwhile.
                assert!(round_trip_in_place(&mut first, b"still there"));
                // Two descriptors come back: this one, and the one at the other end.
                drop(first);
            });
            let itself = listener.clone();
            when(
                move || now.get() > before,
                move || {
                    itself.close();
                    drop(peers);
                },
            );
        });
    });
}

/// A round trip that needs no descriptor.
fn round_trip_in_place(socket: &mut Socket, message: &[u8]) -> bool {
    socket.write_all(message).expect("it fits into the buffers");
    read_exactly(socket, message.len()) == message
}

#[test]
fn out_of_descriptors_the_loop_does_not_spin() {
    if !is_child() {
        return with_few_descriptors("out_of_descriptors_the_loop_does_not_spin");
    }
    const TRIES: u64 = 6;
    run(|| {
        let (listener, peers) = crowd();
        listener.ref_().on_connection(|stream, _| echo(&stream));
        let (mut failures, mut peers) = (0, Some(peers));
        let first: Cell<Option<Metrics>> = Cell::new(None);
        listener.on_error(move |listener, _| {
            failures += 1;
            let Some(before) = first.get() else { return first.set(Some(unspin::metrics())) };
            if failures <= TRIES {
                return;
            }
            let between = unspin::metrics() - before;
            assert!(between.turns <= 2 * TRIES, "{between:?}");
            assert!(between.cpu * 10 < between.wall, "{between:?}");
            assert!(between.wall >= millis(100) * u32::try_from(TRIES).expect("it is small") / 2);
            listener.close();
            drop(peers.take());
        });
    });
}

#[test]
fn out_of_descriptors_is_logged_if_nobody_handles_it() {
    if !is_child() {
        return with_few_descriptors("out_of_descriptors_is_logged_if_nobody_handles_it");
    }
    let events = capture(|| {
        run(|| {
            let (listener, peers) = crowd();
            let seen = RefCell::new(Some(peers));
            listener.ref_().on_connection(|stream, _| echo(&stream));
            let itself = listener.clone();
            when(
                || unspin::why_alive().iter().any(|it| it.state.contains("out of descriptors")),
                move || {
                    itself.close();
                    drop(seen.take());
                },
            );
        });
    });
    let failed = named(&events, "unspin::resource", "failed");
    assert!(!failed.is_empty());
    assert_eq!(failed[0].field("kind"), "tcp listener");
    assert!(failed[0].field("error").starts_with("accept: "), "{failed:?}");
}

#[test]
fn a_connect_without_a_descriptor_fails_in_its_callback() {
    if !is_child() {
        return with_few_descriptors("a_connect_without_a_descriptor_fails_in_its_callback");
    }
    let failed = Rc::new(Cell::new(false));
    let seen = Rc::clone(&failed);
    run(|| {
        let (listener, address) = listen();
        let mut taken = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            taken.push(file);
        }
        TcpStream::connect(address).callback(move |stream| {
            let error = stream.expect_err("there is no descriptor");
            assert_eq!(error.raw_os_error(), Some(TOO_MANY_OPEN_FILES));
            assert!(error.to_string().starts_with(&format!("connect to {address}: ")));
            seen.set(true);
            drop((taken, listener));
        });
    });
    assert!(failed.get());
}

#[test]
fn a_bind_without_a_descriptor_fails() {
    if !is_child() {
        return with_few_descriptors("a_bind_without_a_descriptor_fails");
    }
    run(|| {
        let mut taken = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            taken.push(file);
        }
        let error = TcpListener::bind("127.0.0.1:0").expect_err("there is no descriptor");
        assert_eq!(error.raw_os_error(), Some(TOO_MANY_OPEN_FILES));
        drop(taken);
        TcpListener::bind("127.0.0.1:0").expect("there are some again");
    });
}

#[test]
fn a_loop_that_is_dropped_leaves_no_descriptor_behind() {
    const THIS: &str = "a_loop_that_is_dropped_leaves_no_descriptor_behind";
    if !is_child() {
        let output = in_child(THIS);
        assert!(output.status.success(), "{}\n{}", stdout(&output), stderr(&output));
        return;
    }
    let before = open_descriptors();
    let kept = Rc::new(RefCell::new((Vec::new(), Vec::new())));
    let event_loop = EventLoop::new().expect("a loop");
    event_loop
        .run(|| {
            watchdog();
            let (listener, address) = listen();
            let ends = Rc::clone(&kept);
            listener.on_connection(move |stream, _| {
                // Read and unread, with and without something queued.
                let (streams, _) = &mut *ends.borrow_mut();
                if streams.len() % 2 == 0 {
                    echo(&stream);
                }
                if streams.len() % 3 == 0 {
                    stream.write_owned(vec![0; 64 << 20]);
                }
                streams.push(stream);
            });
            kept.borrow_mut().1.push(listener);
            for _ in 0..10 {
                let ends = Rc::clone(&kept);
                TcpStream::connect(address).callback(move |stream| {
                    ends.borrow_mut().0.push(stream?);
                    Ok(())
                });
            }
            let ends = Rc::clone(&kept);
            when(
                move || ends.borrow().0.len() == 20,
                move || {
                    // One more, which is under way when the loop stops.
                    TcpStream::connect(address).callback(|_| unreachable!("the loop has stopped"));
                    unspin::stop();
                },
            );
        })
        .expect("nothing fails");
    assert!(open_descriptors() >= before + 21);
    drop(event_loop);
    assert_eq!(open_descriptors(), before, "with all handles still there");
    let (streams, listeners) = &*kept.borrow();
    assert!(streams.iter().all(TcpStream::is_closed));
    assert!(streams.iter().all(|stream| !stream.write(b"nobody")));
    assert!(listeners[0].local_addr().is_err());
}

#[test]
fn streams_that_come_and_go_leave_nothing_behind() {
    const THIS: &str = "streams_that_come_and_go_leave_nothing_behind";
    if !is_child() {
        let output = in_child(THIS);
        assert!(output.status.success(), "{}\n{}", stdout(&output), stderr(&output));
        return;
    }
    run(|| {
        let (listener, address) = listen();
        listener.ref_().on_connection(|stream, _| echo(&stream));
        // A turn or two, in which the loop opens what it needs itself.
        unspin::set_timeout(millis(5), move || {
            let (before, resources) = (open_descriptors(), unspin::resources().len());
            let mut rounds = 0;
            unspin::set_interval(millis(1), move |timer| {
                rounds += 1;
                if rounds <= 50 {
                    drop((socket(address), socket(address)));
                } else if open_descriptors() == before {
                    timer.clear();
                    assert_eq!(unspin::resources().len(), resources);
                    listener.close();
                }
            });
        });
    });
}
