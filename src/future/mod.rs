//! Rust's futures on the loop's queues.
//!
//! A future that is woken is polled as one microtask; one that another thread wakes, first arrives
//! in Poll. A pending future keeps no loop alive: what it waits for does.

mod block_on;
mod join;
mod scope;

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use block_on::block_on;
pub use join::JoinHandle;
pub use scope::{Scope, scope};

use crate::event_loop::context::current;
use crate::event_loop::futures::Start;
use crate::trace::CallbackKind;

/// Starts a future: it is polled first in a microtask, and then whenever it is woken.
///
/// The handle is a future of the result. Dropping it lets the future run on; then a panic in it is
/// uncaught, and an `Err` is logged at WARN with this line.
/// [`log_err`](JoinHandle::log_err) says so openly, and [`or_uncaught`](JoinHandle::or_uncaught)
/// makes the `Err` uncaught as well.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let sum = unspin::spawn(async { 1 + 2 });
///     assert_eq!(sum.await?, 3);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
    let core = current();
    let label = core.label(CallbackKind::Future, Location::caller());
    JoinHandle::start(core, label, Start::Soon, future)
}

/// Lets the other microtasks run first: what it is awaited in goes on behind them.
///
/// Ticks and tasks do not run meanwhile: the checkpoint is not over.
pub fn yield_now() -> impl Future<Output = ()> {
    Yield { yielded: false }
}

struct Yield {
    yielded: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
