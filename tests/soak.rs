//! Ten minutes of connections that come, echo and go, as fast as the machine can: what was there
//! before is there afterwards, and nothing else. Not run by default:
//!
//! ```text
//! cargo test --release --test soak -- --ignored --nocapture --test-threads=1
//! ```
//!
//! `UNSPIN_SOAK_SECONDS` says for how long each of the two runs.
#![allow(unsafe_code, reason = "an allocator that counts is `unsafe` to write")]

mod util;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use std::vec;

use unspin::net::{ConnectOptions, TcpListener, TcpStream};
use unspin::{EventLoop, Request, Timer};
use util::net::{open_descriptors, pattern};

/// Connections that are open at a time.
const CHAINS: u32 = 32;
const MESSAGE: usize = 64;
/// Grows what grows once: slabs, queues, the threads of the test harness.
const WARM_UP: Duration = Duration::from_secs(3);
/// Queues and slabs may still grow by a step, a leak grows by every connection.
const SLACK: i64 = 4 * 1024;

static BYTES: AtomicI64 = AtomicI64::new(0);

struct Counting;

// SAFETY: it does what the system's allocator does, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What there is while nothing is under way.
#[derive(Debug)]
struct Inventory {
    descriptors: usize,
    resources: usize,
    allocated: i64,
    resident: i64,
}

impl Inventory {
    fn take() -> Inventory {
        let resources = unspin::resources().len();
        let statm = fs::read_to_string("/proc/self/statm").expect("the system tells");
        let pages = statm.split(' ').nth(1).and_then(|it| it.parse().ok());
        Inventory {
            descriptors: open_descriptors(),
            resources,
            allocated: BYTES.load(Ordering::Relaxed),
            resident: pages.map_or(0, |pages: i64| pages * 4096),
        }
    }

    #[track_caller]
    fn expect_no_more_than(&self, before: &Inventory) {
        assert_eq!(self.descriptors, before.descriptors);
        assert_eq!(self.resources, before.resources);
        assert!(self.allocated <= before.allocated + SLACK);
        assert!(self.resident <= before.resident + 256 * SLACK);
    }
}

/// Clients that connect until they are told to stop.
#[derive(Clone)]
struct Clients(Rc<State>);

struct State {
    server: SocketAddr,
    stopping: Cell<bool>,
    /// Under way.
    open: Cell<u32>,
    connections: Cell<u64>,
}

impl Clients {
    fn new(server: SocketAddr) -> Clients {
        let (stopping, open) = (Cell::new(false), Cell::new(0));
        Clients(Rc::new(State { server, stopping, open, connections: Cell::new(0) }))
    }

    /// From an address of this host after the other: each has its own ports, and a port that was
    /// used rests for a minute.
    fn connect(&self) -> (u64, Request<TcpStream>) {
        let count = self.0.connections.get();
        self.0.connections.set(count + 1);
        let host = (count % 200) as u8;
        let local = (Ipv4Addr::new(127, 0, 1, 1 + host), 0);
        (count, ConnectOptions::new().local_address(local).connect(self.0.server))
    }

    /// One connection after the other, by callbacks.
    fn chain(self) {
        if self.0.stopping.get() {
            return self.0.open.set(self.0.open.get() - 1);
        }
        let (count, connect) = self.connect();
        connect.callback(move |stream| {
            let stream = stream?;
            let mut came = 0;
            stream.on_data(move |stream, chunk| {
                came += chunk.len();
                if came == MESSAGE {
                    leave(stream, count);
                }
            });
            stream.on_close(move |_| self.clone().chain());
            stream.write_owned(pattern(MESSAGE));
            unspin::Result::Ok(())
        });
    }

    #[cfg(feature = "async")]
    async fn awaited_chain(self) -> unspin::Result<()> {
        while !self.0.stopping.get() {
            let (count, connect) = self.connect();
            let stream = connect.await?;
            stream.write_all(&pattern(MESSAGE)).await?;
            let mut bytes = [0; MESSAGE];
            stream.read_exact(&mut bytes).await?;
            assert_eq!(bytes[..], pattern(MESSAGE));
            leave(&stream, count);
            // Whatever comes of it.
            let _ = stream.read(&mut bytes).await;
        }
        self.0.open.set(self.0.open.get() - 1);
        Ok(())
    }

    /// Runs for so long, and calls `then` when all is quiet again.
    fn run(&self, time: Duration, begin: fn(Clients), then: impl FnOnce(Clients) + 'static) {
        self.0.stopping.set(false);
        self.0.open.set(CHAINS);
        (0..CHAINS).for_each(|_| begin(self.clone()));
        let clients = self.clone();
        unspin::set_timeout(time, move || {
            clients.0.stopping.set(true);
            let mut then = Some(then);
            let mut rounds = 0;
            unspin::set_interval(Duration::from_millis(50), move |timer: &Timer| {
                rounds = if clients.0.open.get() == 0 { rounds + 1 } else { 0 };
                // The server's ends are closed a little later.
                if rounds == 10 {
                    timer.clear();
                    then.take().into_iter().for_each(|then| then(clients.clone()));
                }
            });
        });
    }
}

/// In turns: both sides end, one closes, one resets.
fn leave(stream: &TcpStream, count: u64) {
    match count % 3 {
        0 => stream.end(),
        1 => stream.close(),
        _ => stream.reset().expect("it is open"),
    }
}

fn soak(serve: fn(&TcpListener), begin: fn(Clients)) {
    let seconds = env::var("UNSPIN_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(600));
    let event_loop = EventLoop::new().expect("the system has descriptors left");
    let main = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        serve(&listener);
        let clients = Clients::new(listener.local_addr().expect("it is open"));
        let times = vec![WARM_UP, WARM_UP, time].into_iter();
        Rounds { clients, listener, begin, times, before: None }.next();
    };
    assert_eq!(event_loop.run(main).expect("nothing in it fails"), 0);
}

/// One run after the other, each counted from the same place in the program: what the counting
/// itself holds is there each time.
struct Rounds {
    clients: Clients,
    listener: TcpListener,
    begin: fn(Clients),
    times: vec::IntoIter<Duration>,
    before: Option<Inventory>,
}

impl Rounds {
    fn next(mut self) {
        let Some(time) = self.times.next() else {
            return self.listener.close();
        };
        let connections = self.clients.0.connections.get();
        self.clients.clone().run(time, self.begin, move |clients| {
            let after = Inventory::take();
            println!("{} connections, then {after:?}", clients.0.connections.get() - connections);
            if let (0, Some(before)) = (self.times.len(), &self.before) {
                after.expect_no_more_than(before);
            }
            self.before = Some(after);
            self.next();
        });
    }
}

#[test]
#[ignore = "it takes ten minutes"]
fn callbacks_leave_nothing_behind() {
    let serve = |listener: &TcpListener| {
        listener.on_connection(|stream, _| {
            stream.on_error(|_, _| ());
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
        });
    };
    soak(serve, Clients::chain);
}

#[cfg(feature = "async")]
#[test]
#[ignore = "it takes ten minutes"]
fn futures_leave_nothing_behind() {
    let serve = |listener: &TcpListener| {
        let listener = listener.clone();
        unspin::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                unspin::spawn(async move {
                    while let Ok(Some(chunk)) = stream.chunk().await {
                        stream.write_all(&chunk).await?;
                    }
                    unspin::Result::<()>::Ok(())
                });
            }
        });
    };
    soak(serve, |clients| {
        unspin::spawn(clients.awaited_chain());
    });
}
