//! Node's event loop as a Rust library.
//!
//! One thread, one loop: it polls the operating system's readiness, hands blocking file work to a
//! small pool, turns every completion into a task, and drains the tick and microtask queues after
//! each task. When there is nothing to do it sleeps in the kernel.
//!
//! [`run`] is where a program starts, and the free functions act on the loop that runs on this
//! thread:
//!
//! ```
//! use std::time::Duration;
//!
//! fn main() -> unspin::Result<()> {
//!     unspin::run(|| {
//!         unspin::set_timeout(Duration::from_millis(1), || println!("4: a timer"));
//!         unspin::set_immediate(|| println!("3: the Check phase"));
//!         unspin::queue_microtask(|| println!("2: after all ticks"));
//!         unspin::next_tick(|| println!("1: after main"));
//!     })
//! }
//! ```
//!
//! # Where to find what
//!
//! * Time and queues: [`set_timeout`], [`set_interval`], [`set_timer`], [`set_immediate`],
//!   [`next_tick`], [`queue_microtask`], [`request_frame`].
//! * I/O: [`net`] for sockets, [`fs`] for files, [`pipes`] for pipes, [`process`] for other programs,
//!   [`stdio`] for the standard streams, [`terminal`] for keys and the window's size, [`signal`] for
//!   signals, [`watch_fd`] for what another library has open; [`Request`] is what every one-shot
//!   operation returns, [`Handler`] what a stream calls.
//! * The end: [`exit`], [`stop`], [`on_uncaught`], [`before_exit`], [`on_exit`]; who keeps the loop
//!   alive: [`why_alive`], [`KeepAlive`].
//! * Other threads: [`Remote`], [`spawn_blocking`].
//! * Watching: [`metrics`](metrics()), [`stack`], [`resources`], and the log: targets
//!   `unspin::{run, phase, task, micro, pool, resource, watch}`.
//! * Embedding and options: [`EventLoop`], [`Builder`].
//!
//! # The order
//!
#![doc = include_str!("../docs/ordering.md")]
#![doc(test(attr(deny(warnings))))]

// A blank line parts two layers. A module may use the layers above its own, and no neighbour:
// tests/layering.rs checks it.

mod error;
mod slots;
mod sys;

mod clock;
pub mod codec;
mod metrics;

mod trace;

mod pool;
mod reactor;
mod timer;

mod event_loop;

mod emitter;
#[cfg(feature = "async")]
mod future;
mod promise;
#[cfg(feature = "async")]
pub mod sync;
mod time;

mod abort;

mod port;
mod request;

pub mod stream;

pub mod pipes;

mod watch;

mod descriptor;
pub mod fs;
pub mod signal;

pub mod terminal;

pub mod stdio;

pub mod net;
pub mod process;

pub use abort::{AbortController, AbortListener, AbortSignal};
pub use descriptor::{FdWatcher, Interest, Ready, watch_fd};
pub use emitter::{Emitter, Listener};
pub use error::{Error, Outcome, Result};
pub use event_loop::{
    Builder, EventLoop, FrameRequest, Hook, Hosted, Immediate, KeepAlive, LoopGone, Rejection,
    Remote, Timer, Turn, Turned, Uncaught, before_exit, exit, exit_code, keep_alive, metrics,
    next_tick, on_exit, on_prepare, on_rejection_handled, on_uncaught, on_unhandled_rejection,
    queue_microtask, remote, request_frame, resources, run, set_exit_code, set_immediate, stack,
    stop, why_alive,
};
#[cfg(feature = "async")]
pub use future::{JoinHandle, Scope, block_on, scope, spawn, yield_now};
pub use metrics::Metrics;
pub use port::{MessageChannel, Port};
pub use promise::{AggregateError, Promise, PromiseLike, Reason, Resolution, Resolver, Settle};
pub use request::{Pending, Request, spawn_blocking};
pub use stream::{ByteStream, Handler, Readable, Writable, pipe};
#[cfg(feature = "async")]
pub use time::{Interval, MissedTicks, Sleep, interval, sleep, sleep_until, timeout};
pub use time::{advance, now, set_interval, set_timeout, set_timer};
pub use trace::{CallbackKind, Frame, Resource, ResourceKind, Stack};

/// The README's programs, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
