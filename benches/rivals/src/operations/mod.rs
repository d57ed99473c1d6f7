//! Single operations, each by several contenders. What they return is nanoseconds of processor time
//! for each operation.

mod countdown;
mod fire;
mod future;
mod pool;
mod promise;
mod queue;
mod request;
mod timer;
mod turn;
mod wake;

use std::env;

use self::queue::{Bare, Immediates, Microtasks, Ticks, batches, chain};
use crate::Result;
use crate::runtime::{Executor, Pool, Runtime, Tokio, Unspin};

/// As many at once as stay in the cache.
const BATCH: usize = 1000;

const MILLION: usize = 1_000_000;

/// Measures so many operations.
pub type Measure = fn(usize) -> f64;

/// How a contender is measured.
pub enum How {
    /// In Rust.
    Rust(Measure),
    /// By the C program, which calls it so.
    Libuv(&'static str),
    /// By the Node program, which calls it so.
    Node(&'static str),
}

use How::{Libuv, Node, Rust};

/// One operation.
pub struct Operation {
    /// As the table calls it.
    pub name: &'static str,
    /// How many make a measurement.
    pub count: usize,
    /// How many make a short one: fewer, unless what comes before them takes longer.
    pub short: usize,
    /// With whom the others are compared.
    pub base: &'static str,
    /// The contenders and their names.
    pub contenders: &'static [(&'static str, How)],
}

/// With `--measure OPERATION CONTENDER COUNT`, measures and prints the result. Returns whether that
/// was asked for.
pub fn measure_if_asked() -> Result<bool> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flag, operation, contender, count] = arguments.as_slice() else { return Ok(false) };
    if flag != "--measure" {
        return Ok(false);
    }
    let count: usize = count.parse()?;
    let operation = OPERATIONS.iter().find(|known| known.name == operation);
    let contenders = operation.ok_or("no operation is called so")?.contenders;
    let contender = contenders.iter().find(|(name, _)| name == contender);
    let Some((_, Rust(measure))) = contender else { return Err("it is not measured here".into()) };
    // Memory is fetched from the system and code is loaded the first time.
    measure((count / 10).max(BATCH));
    println!("{}", measure(count));
    Ok(true)
}

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
    Operation {
        name: "tick, 1,000 queued",
        count: 1_000_000,
        short: 100_000,
        base: "VecDeque",
        contenders: &[
            ("unspin", Rust(batches::<Ticks>)),
            ("VecDeque", Rust(batches::<Bare>)),
            ("node", Node("ticks")),
        ],
    },
    Operation {
        name: "tick, each queues the next",
        count: 1_000_000,
        short: 100_000,
        base: "VecDeque",
        contenders: &[
            ("unspin", Rust(chain::<Ticks>)),
            ("VecDeque", Rust(chain::<Bare>)),
            ("node", Node("tick chain")),
        ],
    },
    Operation {
        name: "microtask, 1,000 queued",
        count: 1_000_000,
        short: 100_000,
        base: "VecDeque",
        contenders: &[
            ("unspin", Rust(batches::<Microtasks>)),
            ("VecDeque", Rust(batches::<Bare>)),
            ("node", Node("microtasks")),
        ],
    },
    Operation {
        name: "microtask, each queues the next",
        count: 1_000_000,
        short: 100_000,
        base: "VecDeque",
        contenders: &[
            ("unspin", Rust(chain::<Microtasks>)),
            ("VecDeque", Rust(chain::<Bare>)),
            ("node", Node("microtask chain")),
        ],
    },
    Operation {
        name: "immediate, 1,000 queued",
        count: 1_000_000,
        short: 100_000,
        base: "VecDeque",
        contenders: &[
            ("unspin", Rust(batches::<Immediates>)),
            ("VecDeque", Rust(batches::<Bare>)),
            ("node", Node("immediates")),
        ],
    },
    Operation {
        name: "immediate, with its whole turn",
        count: 500_000,
        short: 50_000,
        base: "epoll_wait(0)",
        contenders: &[
            ("unspin", Rust(chain::<Immediates>)),
            ("epoll_wait(0)", Rust(turn::epoll_wait)),
            ("libuv", Libuv("check")),
            ("node", Node("immediate chain")),
        ],
    },
    Operation {
        name: "empty turn",
        count: 500_000,
        short: 50_000,
        base: "epoll_wait(0)",
        contenders: &[
            ("unspin", Rust(turn::unspin)),
            ("epoll_wait(0)", Rust(turn::epoll_wait)),
            ("libuv", Libuv("turn")),
        ],
    },
    Operation {
        name: "then, a link of a chain",
        count: 500_000,
        short: 50_000,
        base: "node",
        contenders: &[
            ("unspin", Rust(|count| Unspin::run(|_| promise::then_chain(count)))),
            ("node", Node("then chain")),
        ],
    },
    Operation {
        name: "then, settled promise",
        count: 500_000,
        short: 50_000,
        base: "node",
        contenders: &[
            ("unspin", Rust(|count| Unspin::run(|_| promise::then_of_settled(count)))),
            ("node", Node("then")),
        ],
    },
    Operation {
        name: "await, settled promise",
        count: 500_000,
        short: 50_000,
        base: "node",
        contenders: &[
            ("unspin", Rust(|count| Unspin::run(|_| promise::await_of_settled(count)))),
            ("node", Node("await")),
        ],
    },
    Operation {
        name: "spawn, 1,000 at once",
        count: 500_000,
        short: 50_000,
        base: "LocalPool",
        contenders: futures!(future::spawn),
    },
    Operation {
        name: "spawn and await",
        count: 200_000,
        short: 20_000,
        base: "async-executor",
        contenders: futures!(future::spawn_and_await),
    },
    Operation {
        name: "yield, one future",
        count: 200_000,
        short: 20_000,
        base: "async-executor",
        contenders: futures!(future::yield_alone),
    },
    Operation {
        name: "yield, 100 futures",
        count: 500_000,
        short: 50_000,
        base: "async-executor",
        contenders: futures!(future::yield_among_100),
    },
    Operation {
        name: "timer, a million start and fire",
        count: MILLION,
        short: 100_000,
        base: "BinaryHeap",
        contenders: &[
            ("unspin", Rust(fire::unspin)),
            ("BinaryHeap", Rust(fire::heap)),
            ("tokio", Rust(fire::tokio)),
            ("libuv", Libuv("fire")),
            ("node", Node("fire")),
        ],
    },
    Operation {
        name: "timer, a million start and fire, beside libuv",
        count: MILLION,
        short: 100_000,
        base: "libuv",
        contenders: &[("unspin", Rust(fire::unspin)), ("libuv", Libuv("fire"))],
    },
    Operation {
        name: "timer, 100,000 start and fire, a million wait",
        count: 100_000,
        short: 100_000,
        base: "BinaryHeap",
        contenders: &[
            ("unspin", Rust(fire::unspin_among_a_million)),
            ("BinaryHeap", Rust(fire::heap_among_a_million)),
            ("tokio", Rust(fire::tokio_among_a_million)),
            ("libuv", Libuv("fire among a million")),
            ("node", Node("fire among a million")),
        ],
    },
    Operation {
        name: "timer, a million start and are cleared",
        count: MILLION,
        short: 100_000,
        base: "tokio",
        contenders: &[
            ("unspin", Rust(timer::clear::<timer::Unspin>)),
            ("BTreeMap", Rust(timer::clear::<timer::Tree>)),
            ("tokio", Rust(timer::clear::<timer::Tokio>)),
            ("libuv", Libuv("clear")),
            ("node", Node("clear")),
        ],
    },
    Operation {
        name: "timer, 100,000 of 10,000 delays start and are cleared",
        count: 100_000,
        short: 100_000,
        base: "tokio",
        contenders: &[
            ("unspin", Rust(timer::clear_various::<timer::Unspin>)),
            ("BTreeMap", Rust(timer::clear_various::<timer::Tree>)),
            ("tokio", Rust(timer::clear_various::<timer::Tokio>)),
            ("libuv", Libuv("clear various")),
            ("node", Node("clear various")),
        ],
    },
    Operation {
        name: "timer, 1,000 at once start and are cleared",
        count: 500_000,
        short: 50_000,
        base: "tokio",
        contenders: &[
            ("unspin", Rust(timer::clear_batches::<timer::Unspin>)),
            ("unspin, sleep", Rust(timer::clear_batches::<timer::Sleeps>)),
            ("BTreeMap", Rust(timer::clear_batches::<timer::Tree>)),
            ("tokio", Rust(timer::clear_batches::<timer::Tokio>)),
            ("libuv", Libuv("clear batches")),
            ("node", Node("clear batches")),
        ],
    },
    Operation {
        name: "timer, 1,000 at once start and are cleared, a million wait",
        count: 200_000,
        short: 200_000,
        base: "tokio",
        contenders: &[
            ("unspin", Rust(timer::clear_batches_among_a_million::<timer::Unspin>)),
            ("BTreeMap", Rust(timer::clear_batches_among_a_million::<timer::Tree>)),
            ("tokio", Rust(timer::clear_batches_among_a_million::<timer::Tokio>)),
            ("libuv", Libuv("clear batches among a million")),
            ("node", Node("clear batches among a million")),
        ],
    },
    Operation {
        name: "timer, refreshed among 10,000",
        count: 1_000_000,
        short: 100_000,
        base: "tokio",
        contenders: &[
            ("unspin", Rust(timer::refresh::<timer::Unspin>)),
            ("BTreeMap", Rust(timer::refresh::<timer::Tree>)),
            ("tokio", Rust(timer::refresh::<timer::Tokio>)),
            ("libuv", Libuv("refresh")),
            ("node", Node("refresh")),
        ],
    },
    Operation {
        name: "post from a thread, there and back",
        count: 20_000,
        short: 2_000,
        base: "mio",
        contenders: &[
            ("unspin", Rust(wake::posts)),
            ("mio", Rust(wake::mio_waker)),
            ("tokio", Rust(wake::tokio_channel)),
            ("libuv", Libuv("post")),
            ("node", Node("post")),
        ],
    },
    Operation {
        name: "wake of a future from a thread, there and back",
        count: 20_000,
        short: 2_000,
        base: "async-executor",
        contenders: futures!(wake::futures),
    },
    Operation {
        name: "pool job, one at a time",
        count: 20_000,
        short: 2_000,
        base: "libuv",
        contenders: &[
            ("unspin", Rust(pool::unspin_one)),
            ("unspin, await", Rust(pool::unspin_one_awaited)),
            ("libuv", Libuv("jobs")),
            ("tokio", Rust(pool::tokio_one)),
            ("blocking", Rust(pool::smol_one)),
        ],
    },
    Operation {
        name: "pool job, 64 at a time",
        count: 64_000,
        short: 6_400,
        base: "libuv",
        contenders: &[
            ("unspin", Rust(pool::unspin_64)),
            ("libuv", Libuv("64 jobs")),
            ("tokio", Rust(pool::tokio_64)),
            ("blocking", Rust(pool::smol_64)),
        ],
    },
    Operation {
        name: "fs::metadata, in each style",
        count: 20_000,
        short: 2_000,
        base: "libuv",
        contenders: &[
            ("unspin, callback", Rust(request::callback)),
            ("unspin, promise", Rust(request::promise)),
            ("unspin, await", Rust(request::future)),
            ("libuv", Libuv("stat")),
            ("tokio", Rust(request::tokio)),
            ("blocking", Rust(request::smol)),
            ("node, callback", Node("stat")),
            ("node, promise", Node("stat promise")),
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{OPERATIONS, Rust};

    #[test]
    fn names_are_unique_and_the_base_takes_part() {
        let mut names = HashSet::new();
        for operation in OPERATIONS {
            assert!(names.insert(operation.name), "{}", operation.name);
            let mut contenders = operation.contenders.iter();
            assert!(contenders.any(|(name, _)| *name == operation.base), "{}", operation.name);
        }
    }

    #[test]
    fn each_operation_is_done_to_its_end() {
        // Those with a million timers that wait take a while.
        for operation in OPERATIONS.iter().filter(|operation| !operation.name.contains("wait")) {
            for (name, how) in operation.contenders {
                if let Rust(measure) = how {
                    let nanos = measure(2000);
                    assert!(
                        nanos > 0.0 && nanos.is_finite(),
                        "{}: {name}: {nanos}",
                        operation.name
                    );
                }
            }
        }
    }
}
