//! The table of operations, and who does them.

use super::queue::{Bare, Immediates, Microtasks, Ticks, batches, chain};
use super::{How, MILLION, Operation};
use super::{fire, future, pool, promise, request, timer, turn, wake};
use crate::runtime::{Executor, Pool, Runtime, Tokio, Unspin};

use How::{Libuv, Node, Rust};

/// An operation on futures, for each runtime.
macro_rules! futures {
    ($operation:path) => {
        &[
            ("unspin", Rust(|count| Unspin::run(|runtime| $operation(runtime, count)))),
            ("LocalPool", Rust(|count| Pool::run(|runtime| $operation(runtime, count)))),
            ("async-executor", Rust(|count| Executor::run(|runtime| $operation(runtime, count)))),
            ("tokio", Rust(|count| Tokio::run(|runtime| $operation(runtime, count)))),
        ]
    };
}

/// All of them.
pub const OPERATIONS: &[Operation] = &[
    Operation::new(
        "tick, 1,000 queued",
        1_000_000,
        "VecDeque",
        &[
            ("unspin", Rust(batches::<Ticks>)),
            ("VecDeque", Rust(batches::<Bare>)),
            ("node", Node("ticks")),
        ],
    ),
    Operation::new(
        "tick, each queues the next",
        1_000_000,
        "VecDeque",
        &[
            ("unspin", Rust(chain::<Ticks>)),
            ("VecDeque", Rust(chain::<Bare>)),
            ("node", Node("tick chain")),
        ],
    ),
    Operation::new(
        "microtask, 1,000 queued",
        1_000_000,
        "VecDeque",
        &[
            ("unspin", Rust(batches::<Microtasks>)),
            ("VecDeque", Rust(batches::<Bare>)),
            ("node", Node("microtasks")),
        ],
    ),
    Operation::new(
        "microtask, each queues the next",
        1_000_000,
        "VecDeque",
        &[
            ("unspin", Rust(chain::<Microtasks>)),
            ("VecDeque", Rust(chain::<Bare>)),
            ("node", Node("microtask chain")),
        ],
    ),
    Operation::new(
        "immediate, 1,000 queued",
        1_000_000,
        "VecDeque",
        &[
            ("unspin", Rust(batches::<Immediates>)),
            ("VecDeque", Rust(batches::<Bare>)),
            ("node", Node("immediates")),
        ],
    ),
    Operation::new(
        "immediate, with its whole turn",
        500_000,
        "epoll_wait(0)",
        &[
            ("unspin", Rust(chain::<Immediates>)),
            ("epoll_wait(0)", Rust(turn::epoll_wait)),
            ("libuv", Libuv("check")),
            ("node", Node("immediate chain")),
        ],
    ),
    Operation::new(
        "empty turn",
        500_000,
        "epoll_wait(0)",
        &[
            ("unspin", Rust(turn::unspin)),
            ("epoll_wait(0)", Rust(turn::epoll_wait)),
            ("libuv", Libuv("turn")),
        ],
    ),
    Operation::new(
        "then, a link of a chain",
        500_000,
        "node",
        &[
            ("unspin", Rust(|count| Unspin::run(|_| promise::then_chain(count)))),
            ("node", Node("then chain")),
        ],
    ),
    Operation::new(
        "then, settled promise",
        500_000,
        "node",
        &[
            ("unspin", Rust(|count| Unspin::run(|_| promise::then_of_settled(count)))),
            ("node", Node("then")),
        ],
    ),
    Operation::new(
        "await, settled promise",
        500_000,
        "node",
        &[
            ("unspin", Rust(|count| Unspin::run(|_| promise::await_of_settled(count)))),
            ("node", Node("await")),
        ],
    ),
    Operation::new("spawn, 1,000 at once", 500_000, "LocalPool", futures!(future::spawn)),
    Operation::new("spawn and await", 200_000, "async-executor", futures!(future::spawn_and_await)),
    Operation::new("yield, one future", 200_000, "async-executor", futures!(future::yield_alone)),
    Operation::new(
        "yield, 100 futures",
        500_000,
        "async-executor",
        futures!(future::yield_among_100),
    ),
    Operation::new(
        "timer, a million start and fire",
        MILLION,
        "BinaryHeap",
        &[
            ("unspin", Rust(fire::unspin)),
            ("BinaryHeap", Rust(fire::heap)),
            ("tokio", Rust(fire::tokio)),
            ("libuv", Libuv("fire")),
            ("node", Node("fire")),
        ],
    )
    .slowly(),
    Operation::new(
        "timer, a million start and fire, beside libuv",
        MILLION,
        "libuv",
        &[("unspin", Rust(fire::unspin)), ("libuv", Libuv("fire"))],
    )
    .slowly(),
    Operation::new(
        "timer, 100,000 start and fire, a million wait",
        100_000,
        "BinaryHeap",
        &[
            ("unspin", Rust(fire::unspin_among_a_million)),
            ("BinaryHeap", Rust(fire::heap_among_a_million)),
            ("tokio", Rust(fire::tokio_among_a_million)),
            ("libuv", Libuv("fire among a million")),
            ("node", Node("fire among a million")),
        ],
    )
    .slowly(),
    Operation::new(
        "timer, a million start and are cleared",
        MILLION,
        "tokio",
        &[
            ("unspin", Rust(timer::clear::<timer::Unspin>)),
            ("BTreeMap", Rust(timer::clear::<timer::Tree>)),
            ("tokio", Rust(timer::clear::<timer::Tokio>)),
            ("libuv", Libuv("clear")),
            ("node", Node("clear")),
        ],
    )
    .slowly(),
    Operation::new(
        "timer, 100,000 of 10,000 delays start and are cleared",
        100_000,
        "tokio",
        &[
            ("unspin", Rust(timer::clear_various::<timer::Unspin>)),
            ("BTreeMap", Rust(timer::clear_various::<timer::Tree>)),
            ("tokio", Rust(timer::clear_various::<timer::Tokio>)),
            ("libuv", Libuv("clear various")),
            ("node", Node("clear various")),
        ],
    ),
    Operation::new(
        "timer, 1,000 at once start and are cleared",
        500_000,
        "tokio",
        &[
            ("unspin", Rust(timer::clear_batches::<timer::Unspin>)),
            ("unspin, sleep", Rust(timer::clear_batches::<timer::Sleeps>)),
            ("BTreeMap", Rust(timer::clear_batches::<timer::Tree>)),
            ("tokio", Rust(timer::clear_batches::<timer::Tokio>)),
            ("libuv", Libuv("clear batches")),
            ("node", Node("clear batches")),
        ],
    ),
    Operation::new(
        "timer, 1,000 at once start and are cleared, a million wait",
        200_000,
        "tokio",
        &[
            ("unspin", Rust(timer::clear_batches_among_a_million::<timer::Unspin>)),
            ("BTreeMap", Rust(timer::clear_batches_among_a_million::<timer::Tree>)),
            ("tokio", Rust(timer::clear_batches_among_a_million::<timer::Tokio>)),
            ("libuv", Libuv("clear batches among a million")),
            ("node", Node("clear batches among a million")),
        ],
    )
    .slowly(),
    Operation::new(
        "timer, refreshed among 10,000",
        1_000_000,
        "tokio",
        &[
            ("unspin", Rust(timer::refresh::<timer::Unspin>)),
            ("BTreeMap", Rust(timer::refresh::<timer::Tree>)),
            ("tokio", Rust(timer::refresh::<timer::Tokio>)),
            ("libuv", Libuv("refresh")),
            ("node", Node("refresh")),
        ],
    ),
    Operation::new(
        "post from a thread, there and back",
        20_000,
        "mio",
        &[
            ("unspin", Rust(wake::posts)),
            ("mio", Rust(wake::mio_waker)),
            ("tokio", Rust(wake::tokio_channel)),
            ("libuv", Libuv("post")),
            ("node", Node("post")),
        ],
    ),
    Operation::new(
        "wake of a future from a thread, there and back",
        20_000,
        "async-executor",
        futures!(wake::futures),
    ),
    Operation::new(
        "pool job, one at a time",
        20_000,
        "libuv",
        &[
            ("unspin", Rust(pool::unspin_one)),
            ("unspin, await", Rust(pool::unspin_one_awaited)),
            ("libuv", Libuv("jobs")),
            ("tokio", Rust(pool::tokio_one)),
            ("blocking", Rust(pool::smol_one)),
        ],
    ),
    Operation::new(
        "pool job, 64 at a time",
        64_000,
        "libuv",
        &[
            ("unspin", Rust(pool::unspin_64)),
            ("libuv", Libuv("64 jobs")),
            ("tokio", Rust(pool::tokio_64)),
            ("blocking", Rust(pool::smol_64)),
        ],
    ),
    Operation::new(
        "fs::metadata, in each style",
        20_000,
        "libuv",
        &[
            ("unspin, callback", Rust(request::callback)),
            ("unspin, promise", Rust(request::promise)),
            ("unspin, await", Rust(request::future)),
            ("libuv", Libuv("stat")),
            ("tokio", Rust(request::tokio)),
            ("blocking", Rust(request::smol)),
            ("node, callback", Node("stat")),
            ("node, promise", Node("stat promise")),
        ],
    ),
];
