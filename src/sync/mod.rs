//! What futures on one thread need between them: channels, locks, permits and notices.
//!
//! * [`oneshot()`]: one value from one place to another.
//! * [`channel()`] and [`unbounded()`]: many values, from many senders to one receiver.
//! * [`Notify`]: a word that something has changed.
//! * [`Semaphore`]: so many at a time.
//! * [`Mutex`]: one at a time, across an `.await`.
//!
//! All of it belongs to one thread (only the errors are `Send`), needs no loop and works on any
//! executor. Callbacks may use whatever returns no future.
//!
//! # The order
//!
//! Who waits is served in the order of arrival, and a future arrives when it is first polled. A
//! newcomer never overtakes, not even by a `try_` method, and a large request is not starved by
//! small ones. What a waiter was given and did not take, because its future was dropped, goes to the
//! next.

pub mod channel;
mod error;
mod line;
mod mutex;
mod notify;
pub mod oneshot;
mod semaphore;
mod waker_cell;

pub use channel::{channel, unbounded};
pub use error::Closed;
pub use mutex::{Guard, Mutex};
pub use notify::{Notified, Notify};
pub use oneshot::oneshot;
pub use semaphore::{Permit, Semaphore};
