//! The terminal: raw mode, the size of its window, and the keys that are pressed.
//!
//! ```no_run
//! use unspin::terminal::Terminal;
//!
//! fn main() -> unspin::Result<()> {
//!     unspin::run(|| {
//!         let terminal = Terminal::open()?;
//!         println!("{}", terminal.size()?);
//!         let watcher = terminal.watch_size()?;
//!         watcher.on_resize(|_, size| println!("{size}"));
//!         Ok(())
//!     })
//! }
//! ```
//!
//! Keys are read from [`stdin`](crate::stdio::stdin) by
//! [`on_key`](crate::stdio::Stdin::on_key), or taken from any bytes by [`Keys`], which does no I/O.
//!
//! # What is put back
//!
//! While a [`RawMode`] lives, the terminal is in that mode. It is put back as it was when the guard
//! is dropped; when the process exits, whatever was dropped by then; at a panic, also where panics
//! abort; and when the process dies by a signal that nobody has a handler for: `SIGHUP`, `SIGINT`,
//! `SIGQUIT`, `SIGTERM`, `SIGABRT`. Nothing can be done about `SIGKILL`. A process in the background
//! leaves the terminal alone: it is another's then.
//!
//! # Stopped and continued
//!
//! At `SIGTSTP` the terminal is put back while the process is stopped. At `SIGCONT` it is changed
//! again, if the process is in the foreground: after Ctrl-Z and `fg`, with a `bg` between or not, and
//! after `SIGSTOP`, which nobody can be told of beforehand. libuv does neither. A program that
//! handles `SIGTSTP` itself, by [`signal::watch`](crate::signal::watch), does both itself, too: it
//! drops its guard before it is stopped.
//!
//! In [`Mode::Raw`] Ctrl-Z is a key like others. To be stopped by it all the same is a line, and the
//! screen is drawn anew when that returns:
//!
//! ```no_run
//! use unspin::signal::{self, Signal};
//! use unspin::stdio;
//! use unspin::terminal::Terminal;
//!
//! fn main() -> unspin::Result<()> {
//!     unspin::run(|| {
//!         let raw = Terminal::open()?.raw_mode()?;
//!         stdio::stdin()?.on_data(move |stdin, chunk| {
//!             let _as_long_as_it_is_read = &raw;
//!             match chunk {
//!                 b"q" => stdin.close(),
//!                 b"\x1a" => {
//!                     signal::raise(Signal::TERMINAL_STOP)?;
//!                     println!("here again");
//!                 }
//!                 _ => println!("{}", chunk.escape_ascii()),
//!             }
//!             unspin::Result::Ok(())
//!         });
//!         Ok(())
//!     })
//! }
//! ```
//!
//! Who reads the terminal in the background is stopped by the system until it is in the foreground;
//! where nobody could continue it, the terminal is at its end. A shell may send no `SIGCONT` to a
//! program that runs on in the background when it brings that to the foreground: one that does not
//! read there makes a new guard then.

mod key;
mod keys;
mod raw;
mod sequence;
mod size;

use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

pub use key::{Input, Key, KeyAction, KeyCode, Modifiers};
pub use keys::Keys;
pub use raw::{Feature, Mode, RawMode};
#[cfg(feature = "async")]
pub use size::Sizes;
pub use size::{SizeWatcher, WindowSize};

use crate::error::{Error, Result};
use crate::sys;

/// A terminal. It needs no loop, but to tell of its size.
#[derive(Debug)]
pub struct Terminal(OwnedFd);

impl Terminal {
    /// The terminal that controls this process, wherever its standard streams go.
    ///
    /// # Errors
    ///
    /// What the system says if there is none, as for a service.
    pub fn open() -> Result<Terminal> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK);
        match options.open("/dev/tty") {
            Ok(file) => Ok(Terminal(file.into())),
            Err(error) => Err(Error::io("open /dev/tty", error)),
        }
    }

    /// The terminal that a descriptor is of. It gets a descriptor of its own.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is not of a terminal; being out of descriptors.
    pub fn of(descriptor: &impl AsFd) -> Result<Terminal> {
        let descriptor = descriptor.as_fd();
        if !descriptor.is_terminal() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no terminal").into());
        }
        let own = descriptor.try_clone_to_owned();
        own.map(Terminal).map_err(|error| Error::io("open the terminal", error))
    }

    /// The size of its window now.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn size(&self) -> Result<WindowSize> {
        let size = sys::terminal::window_size(&self.0);
        size.map(WindowSize::of).map_err(|error| Error::io("ask for the window's size", error))
    }

    /// Each key as it is pressed, without an echo, and none of them a signal: [`Mode::Raw`].
    ///
    /// # Errors
    ///
    /// As [`enter`](Terminal::enter).
    pub fn raw_mode(&self) -> Result<RawMode> {
        self.enter(Mode::Raw)
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
