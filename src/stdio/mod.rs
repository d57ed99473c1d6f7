//! The standard streams: input, output and errors, whatever they are connected to.
//!
//! ```no_run
//! use unspin::stdio;
//!
//! fn main() -> unspin::Result<()> {
//!     unspin::run(|| {
//!         let (input, output) = (stdio::stdin()?, stdio::stdout()?);
//!         input.on_data(move |_, chunk| {
//!             output.write(chunk);
//!         });
//!         Ok(())
//!     })
//! }
//! ```
//!
//! They are byte streams as [`TcpStream`](crate::net::TcpStream) is, each with the half of its
//! methods that makes sense. There is one of each for a loop: to ask again gives another handle of
//! it. The loop owns them; one that is idle keeps no loop alive.
//!
//! # Questions
//!
//! [`Stdin::read_line`] asks for one line, and [`Stdin::read_all`] for all there is. They are
//! [requests](crate::Request): for a callback, a promise, or to be awaited.
//!
//! ```no_run
//! fn main() -> unspin::Result<()> {
//!     unspin::run(|| {
//!         println!("your name?");
//!         unspin::stdio::stdin()?.read_line().callback(|name| {
//!             println!("hello {}", name?.as_deref().unwrap_or("nobody"));
//!             unspin::Result::Ok(())
//!         });
//!         unspin::Result::Ok(())
//!     })
//! }
//! ```
//!
//! What was read behind the answer is kept, and so is all that was read for a question which is
//! cancelled: for whoever reads next, and where nobody does, for the process's next input here. `std`
//! does not see it, and neither do programs that are started: they get what the system still has.
//!
//! # What they are connected to
//!
//! * A **terminal** or a **pipe** is opened again, through `/proc/self/fd`, so as not to block: the
//!   flag is that of what is open there, which is shared with other processes, the shell among them,
//!   and is never touched. Where it cannot be opened again, because it belongs to another user since
//!   a `su`, each read and write is asked for beforehand; then one that somebody else was quicker
//!   with may wait, and a terminal that takes no output may hold the loop up.
//! * A **socket** is told at each call not to wait.
//! * A **file** is read on the pool, and written at once, as with Node.
//! * **Others**, such as `/dev/null`, never wait.
//!
//! When a standard descriptor is closed at the start of the process, Rust opens `/dev/null` in its
//! place: that input is at its end, and that output takes all and keeps nothing, without a word. One
//! that is closed later is an error here.
//!
//! # The end
//!
//! Nothing that was accepted by [`Output::write`] is lost when the program ends: what is queued keeps
//! the loop alive, and at [`exit`](crate::exit), after a failure or a panic, and where an output is
//! unreferenced, the rest is written before the run is over. That waits for as long as the reader
//! does not take it, as `println!` would: without a limit, since a reader may be a pager. `SIGINT`,
//! `SIGTERM` or `SIGHUP` end that wait, also if they are watched; then the rest is lost. Who will
//! not wait calls [`close`](Output::close) before. `std::process::exit` in a callback goes past the
//! loop: what is queued is lost then, while a terminal is put back all the same.
//!
//! A reader that is gone, as in `program | head`, is noticed at once: the output is closed, and where
//! something was queued, or is written afterwards to an output that is opened anew, that fails with
//! `BrokenPipe`: told to [`on_error`](Output::on_error), else logged. It is no panic, and no signal.
//!
//! # `println!`
//!
//! It writes to the same place, past this queue, and waits where it must. As long as nothing is
//! queued, that is, while the reader keeps up, both come in the order of the calls. What is queued
//! comes later than what is printed meanwhile. So a program that prints much uses one of the two.

mod channel;
mod kept;
mod output;
mod question;
mod stdin;
mod stored;
mod typing;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::panic::Location;

pub use output::Output;
pub use stdin::Stdin;
#[cfg(feature = "async")]
pub use typing::KeyReader;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::trace::CallbackKind;

/// What a descriptor is of. libuv's `uv_guess_handle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DescriptorKind {
    /// A terminal.
    Terminal,
    /// A pipe, or a FIFO.
    Pipe,
    /// A socket.
    Socket,
    /// A file, or what is stored as one: a block device, a directory.
    File,
    /// `/dev/null`, or another device.
    Device,
}

impl DescriptorKind {
    fn name(self) -> &'static str {
        match self {
            DescriptorKind::Terminal => "a terminal",
            DescriptorKind::Pipe => "a pipe",
            DescriptorKind::Socket => "a socket",
            DescriptorKind::File => "a file",
            DescriptorKind::Device => "a device",
        }
    }

    fn of_file(file: &File) -> io::Result<DescriptorKind> {
        let kind = file.metadata()?.file_type();
        Ok(match () {
            () if io::IsTerminal::is_terminal(file) => DescriptorKind::Terminal,
            () if kind.is_fifo() => DescriptorKind::Pipe,
            () if kind.is_socket() => DescriptorKind::Socket,
            () if kind.is_char_device() => DescriptorKind::Device,
            () => DescriptorKind::File,
        })
    }
}

/// Finds out what a descriptor is of.
///
/// ```
/// use unspin::stdio::{DescriptorKind, kind_of};
///
/// # fn main() -> unspin::Result<()> {
/// let manifest = std::fs::File::open("Cargo.toml")?;
/// assert_eq!(kind_of(&manifest)?, DescriptorKind::File);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// What the system says: the descriptor may be closed.
pub fn kind_of(descriptor: &impl AsFd) -> Result<DescriptorKind> {
    let found = descriptor.as_fd().try_clone_to_owned().map(File::from);
    let kind = found.and_then(|file| DescriptorKind::of_file(&file));
    kind.map_err(|error| Error::io("find out what a descriptor is of", error))
}

/// The standard input of the process.
///
/// # Errors
///
/// What the system says: the descriptor was closed, or there are no more of them.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn stdin() -> Result<Stdin> {
    let core = current();
    let label = core.label(CallbackKind::Open, Location::caller());
    let open = || own(&io::stdin()).and_then(|file| Stdin::open(&core, label, file));
    Stdin::of(&core, open).map_err(|error| Error::io("open the standard input", error))
}

/// The standard output of the process.
///
/// # Errors
///
/// As [`stdin`].
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn stdout() -> Result<Output> {
    let core = current();
    let label = core.label(CallbackKind::Open, Location::caller());
    let open = || own(&io::stdout()).and_then(|file| Output::open(&core, label, file, "output"));
    Output::of(&core, 1, open).map_err(|error| Error::io("open the standard output", error))
}

/// The standard output for errors of the process. Unlike `eprintln!`, it does not hold up the loop
/// where its reader is slow.
///
/// # Errors
///
/// As [`stdin`].
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn stderr() -> Result<Output> {
    let core = current();
    let label = core.label(CallbackKind::Open, Location::caller());
    let open = || own(&io::stderr()).and_then(|file| Output::open(&core, label, file, "errors"));
    Output::of(&core, 2, open).map_err(|error| Error::io("open the standard errors", error))
}

/// A descriptor to be registered and closed again: the process's own stays open.
fn own(descriptor: &impl AsFd) -> io::Result<File> {
    descriptor.as_fd().try_clone_to_owned().map(|own: OwnedFd| File::from(own))
}
