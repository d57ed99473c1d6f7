//! Node's event loop as a Rust library.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(test(attr(deny(warnings))))]

// A blank line parts two layers. A module may use the layers above its own, and no neighbour:
// tests/layering.rs checks it.

mod error;
mod slots;
mod sys;

mod clock;
mod metrics;

mod trace;

mod pool;
mod reactor;
mod timer;

mod event_loop;

mod time;

mod request;

mod stream;

pub mod fs;

pub mod net;

pub use error::{Error, Outcome, Result};
pub use event_loop::{
    Builder, EventLoop, FrameRequest, Hook, Hosted, Immediate, KeepAlive, LoopGone, Remote, Timer,
    Turn, Turned, Uncaught, before_exit, exit, exit_code, keep_alive, metrics, next_tick, on_exit,
    on_prepare, on_uncaught, queue_microtask, remote, request_frame, resources, run, set_exit_code,
    set_immediate, stack, stop, why_alive,
};
pub use metrics::Metrics;
pub use request::{Pending, Request, spawn_blocking};
pub use stream::{ByteStream, Handler, pipe};
pub use time::{advance, now, set_interval, set_timeout, set_timer};
pub use trace::{CallbackKind, Frame, Resource, ResourceKind, Stack};
