//! Signals of the operating system, as tasks of the loop.
//!
//! ```no_run
//! use unspin::net::TcpListener;
//! use unspin::signal::{self, Signal};
//!
//! fn main() -> unspin::Result<()> {
//!     unspin::run(|| {
//!         let listener = TcpListener::bind("127.0.0.1:7000")?;
//!         listener.on_connection(|stream, _peer| {
//!             stream.write(b"hello\n");
//!             stream.end();
//!         });
//!         signal::once([Signal::INTERRUPT, Signal::TERMINATE]).callback(move |signal| {
//!             println!("{}: closing", signal?);
//!             listener.close();
//!             Ok(())
//!         });
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # What is promised
//!
//! * Signals are delivered in Poll, after everything else that Poll found: each is a task of its
//!   own, as often as the process caught it. While the loop is busy they are counted, so none is
//!   lost. Only the system itself makes one of several that it could not deliver yet.
//! * Watchers are called in the order in which they were made. A watcher of several signals gets
//!   those that wait by their number, since the counts do not say which came first.
//! * All loops of a process, and all watchers of a loop, get every signal that they watch.
//! * A handler that was installed before, by another library, is called too, first. When the last
//!   watcher of a signal goes, what was there before is there again: mostly the default, which
//!   ends the process.
//! * A program that only waits makes no system call: the wait ends by a write to a descriptor that
//!   all loops of the process share. It is opened with the first watcher, and stays open.
//!
//! These are libuv's rules for `uv_signal_t`, but for the order, which libuv leaves open. Outside of
//! Linux watching fails with `Unsupported`.

mod hub;
mod number;
mod receiver;
mod watcher;

use std::io;
use std::panic::Location;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::request::{Request, Underway};
use crate::signal::receiver::Receiver;
use crate::sys;
use crate::trace::{At, CallbackKind};

pub use number::Signal;
pub use watcher::SignalWatcher;
#[cfg(feature = "async")]
pub use watcher::Signals;

/// Watches signals from now on: [`SignalWatcher`] says how one hears of them.
///
/// ```
/// use unspin::signal::{self, Signal};
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let watcher = signal::watch(Signal::HANGUP)?;
///     watcher.on_signal(|_, signal| println!("{signal}: read the settings again"));
///     watcher.unref(); // the loop may end all the same
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// `InvalidInput` for a signal that cannot be caught (`SIGKILL`, `SIGSTOP`), that is none, or that
/// tells of a fault of the program itself (`SIGSEGV`, `SIGBUS`, `SIGFPE`, `SIGILL`); `Unsupported`
/// on other systems than Linux; being out of descriptors.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn watch(signals: impl IntoIterator<Item = Signal>) -> Result<SignalWatcher> {
    let core = current();
    let label = core.label(CallbackKind::Signal, Location::caller());
    Receiver::open(&core, label, signals.into_iter().collect()).map(SignalWatcher)
}

/// The first of these signals that comes, once: when it is told, they have their defaults again. So
/// a second Ctrl-C ends a program that closes too slowly.
///
/// They are watched from when the request is used. It keeps the loop alive, as every request does;
/// who has another way to end cancels it, or gives it to
/// [`abort_on`](crate::Request::abort_on).
///
/// ```
/// use unspin::signal::{self, Signal};
///
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     unspin::next_tick(|| signal::raise(Signal::TERMINATE));
///     let signal = signal::once([Signal::INTERRUPT, Signal::TERMINATE]).await?;
///     assert_eq!(signal, Signal::TERMINATE);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// The request's, as for [`watch`].
///
/// # Cancel safety
///
/// A signal that came is lost if the future is dropped before it was told of it.
#[track_caller]
pub fn once(signals: impl IntoIterator<Item = Signal>) -> Request<Signal> {
    once_at(Location::caller(), signals.into_iter().collect())
}

/// Waits for Ctrl-C in the terminal: [`once`] for `SIGINT`.
///
/// ```no_run
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::signal::ctrl_c().callback(|_| println!("bye"));
/// })
/// # }
/// ```
///
/// # Errors
///
/// The request's, as for [`watch`].
#[track_caller]
pub fn ctrl_c() -> Request<Signal> {
    once_at(Location::caller(), vec![Signal::INTERRUPT])
}

fn once_at(at: At, signals: Vec<Signal>) -> Request<Signal> {
    Request::new(at, move |core, label, complete| match Receiver::open(core, label, signals) {
        Ok(receiver) => {
            receiver.install_once(complete);
            let receiver = Rc::downgrade(&receiver);
            Underway::Other(Box::new(move |_| {
                receiver.upgrade().is_some_and(|receiver| receiver.cancel_once())
            }))
        }
        Err(error) => {
            core.defer(label, move |core| complete(core, Err(error)));
            Underway::Job(None)
        }
    })
}

/// Sends a signal to a process. Number 0 sends none, and only asks whether there is that process.
///
/// # Errors
///
/// `NotFound` (ESRCH) if there is no such process, `PermissionDenied` if it is not ours;
/// `InvalidInput` if there is no such signal, or for process 0, which would mean a whole group.
pub fn kill(process: u32, signal: Signal) -> Result<()> {
    let process = i32::try_from(process).ok().filter(|process| *process > 0);
    let sent = match process {
        Some(process) => sys::signal::kill(process, signal.as_raw()).map_err(not_found),
        None => Err(io::ErrorKind::InvalidInput.into()),
    };
    sent.map_err(|error| Error::io(format!("send {signal}"), error))
}

/// std has no kind for "no such process".
fn not_found(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ESRCH) => io::Error::new(io::ErrorKind::NotFound, error),
        _ => error,
    }
}

/// Sends a signal to this thread, at once. With its default that mostly ends the process: the way to
/// end by the signal that asked for it, when everything is put away.
///
/// # Errors
///
/// `InvalidInput` if there is no such signal.
pub fn raise(signal: Signal) -> Result<()> {
    let raised = sys::signal::raise(signal.as_raw());
    raised.map_err(|error| Error::io(format!("raise {signal}"), error))
}
