//! The paths that are counted: each does what it is named for, that many times.

use std::cell::Cell;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as Peer};
use std::rc::Rc;
use std::time::Duration;

use unspin::net::TcpListener;
use unspin::{EventLoop, Promise, Turn};

use crate::Result;

/// What is counted, by its name in the table.
pub(crate) type Path = fn(usize) -> Result<()>;

pub(crate) const PATHS: [(&str, Path); 12] = [
    ("echo, callbacks", echo_in_callbacks),
    ("echo, async", echo_in_futures),
    ("next_tick", ticks),
    ("queue_microtask", microtasks),
    ("set_immediate and its turn", immediates),
    ("set_timeout, fired", timers_fired),
    ("set_timeout, cleared", timers_cleared),
    ("then, settled promise", thens),
    ("await, settled promise", awaits),
    ("spawn", spawns),
    ("spawn and await", spawns_awaited),
    ("post from here and its turn", posts),
];

/// Connections that have a request at the same time: a turn serves all of them.
const PEERS: usize = 50;
const REQUEST: [u8; 64] = [b'x'; 64];

fn echo_in_callbacks(count: usize) -> Result<()> {
    serve(count, |listener| {
        listener.on_connection(|stream, _peer| {
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
        });
    })
}

fn echo_in_futures(count: usize) -> Result<()> {
    serve(count, |listener| {
        let listener = listener.clone();
        let accepting = unspin::spawn(async move {
            loop {
                let (stream, _peer) = listener.accept().await?;
                unspin::spawn(async move {
                    while let Some(chunk) = stream.chunk().await? {
                        stream.write_all(&chunk).await?;
                    }
                    Ok(())
                })
                .log_err();
            }
            #[allow(unreachable_code, reason = "names the type of the error")]
            Ok(())
        });
        accepting.log_err();
    })
}

/// Server and peers on one thread: the peers write, the loop makes a turn, the peers read.
fn serve(count: usize, start: impl FnOnce(&TcpListener)) -> Result<()> {
    let event_loop = EventLoop::new()?;
    let mut address: Option<SocketAddr> = None;
    event_loop.enter(|| -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        start(&listener);
        address = Some(listener.local_addr()?);
        // It lives as long as the loop.
        std::mem::forget(listener);
        Ok(())
    })?;
    let address = address.ok_or("the listener was not bound")?;
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        peers.push(Peer::connect(address)?);
    }
    let mut answer = REQUEST;
    for _ in 0..count.div_ceil(PEERS) {
        for peer in &mut peers {
            peer.write_all(&REQUEST)?;
        }
        while !is_readable(&peers[PEERS - 1])? {
            event_loop.turn(Turn::NoWait)?;
        }
        for peer in &mut peers {
            peer.read_exact(&mut answer)?;
        }
    }
    Ok(())
}

fn is_readable(peer: &Peer) -> Result<bool> {
    peer.set_nonblocking(true)?;
    let readable = peer.peek(&mut [0]).is_ok();
    peer.set_nonblocking(false)?;
    Ok(readable)
}

/// Calls `step` with what is left, until nothing is.
fn run_down(count: usize, step: fn(Rc<Cell<usize>>)) -> Result<()> {
    Ok(unspin::run(move || step(Rc::new(Cell::new(count))))?)
}

fn is_over(left: &Cell<usize>) -> bool {
    left.set(left.get().saturating_sub(1));
    left.get() == 0
}

fn ticks(count: usize) -> Result<()> {
    fn step(left: Rc<Cell<usize>>) {
        if !is_over(&left) {
            unspin::next_tick(move || step(left));
        }
    }
    run_down(count, step)
}

fn microtasks(count: usize) -> Result<()> {
    fn step(left: Rc<Cell<usize>>) {
        if !is_over(&left) {
            unspin::queue_microtask(move || step(left));
        }
    }
    run_down(count, step)
}

fn immediates(count: usize) -> Result<()> {
    fn step(left: Rc<Cell<usize>>) {
        if !is_over(&left) {
            unspin::set_immediate(move || step(left));
        }
    }
    run_down(count, step)
}

fn posts(count: usize) -> Result<()> {
    fn step(left: usize) {
        if left > 0 {
            unspin::remote().post(move || step(left - 1)).expect("this is its loop");
        }
    }
    Ok(unspin::run(move || {
        let kept = unspin::keep_alive();
        step(count);
        unspin::remote().post(move || drop(kept)).expect("this is its loop");
    })?)
}

fn timers_fired(count: usize) -> Result<()> {
    on_a_virtual_clock(move || {
        for at in 0..count {
            unspin::set_timeout(Duration::from_millis(at as u64 % 50), || ());
        }
    })
}

fn timers_cleared(count: usize) -> Result<()> {
    on_a_virtual_clock(move || {
        for at in 0..count {
            unspin::set_timeout(Duration::from_millis(at as u64 % 50), || ()).clear();
        }
    })
}

fn on_a_virtual_clock(main: impl FnOnce()) -> Result<()> {
    EventLoop::builder().virtual_time().build()?.run(main)?;
    Ok(())
}

fn thens(count: usize) -> Result<()> {
    Ok(unspin::run(move || {
        let mut promise: Promise<usize> = Promise::resolved(0);
        for _ in 0..count {
            promise = promise.then(|number| number + 1);
        }
    })?)
}

fn awaits(count: usize) -> Result<()> {
    in_future(async move {
        for number in 0..count {
            let _: usize = Promise::<usize>::resolved(number).await?;
        }
        Ok(())
    })
}

fn spawns(count: usize) -> Result<()> {
    Ok(unspin::run(move || {
        for _ in 0..count {
            drop(unspin::spawn(async {}));
        }
    })?)
}

fn spawns_awaited(count: usize) -> Result<()> {
    in_future(async move {
        for _ in 0..count {
            unspin::spawn(async {}).await?;
        }
        Ok(())
    })
}

fn in_future(future: impl Future<Output = unspin::Result<()>> + 'static) -> Result<()> {
    Ok(unspin::block_on(future)?)
}
