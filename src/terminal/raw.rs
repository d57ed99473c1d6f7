//! Raw mode, and what else a terminal can be made to do for a while.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::sys::restore::{self, Changed};
use crate::sys::terminal::{Attributes, wait_for_foreground};
use crate::terminal::Terminal;

/// How a terminal treats what is typed, other than by whole lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Each key as it is pressed, without an echo. Ctrl-C, Ctrl-Z and Ctrl-\ still are signals, and
    /// Enter comes as a line feed.
    Cbreak,
    /// Each key as it is pressed, without an echo, whatever it is: Ctrl-C is a byte like others.
    /// Lines that are written still begin at the left. libuv's `UV_TTY_MODE_RAW`, and Node's
    /// `setRawMode(true)`.
    Raw,
    /// Nothing is changed on its way in either direction. libuv's `UV_TTY_MODE_IO`.
    Binary,
}

/// What a terminal tells of when it is asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// A pasted text comes as [`Input::Paste`](crate::terminal::Input), and not as keys.
    BracketedPaste,
    /// When its window gets and loses the focus.
    FocusEvents,
    /// Keys that look alike otherwise are told apart, as Ctrl-I and Tab, and so are presses,
    /// repeats and releases: [kitty's protocol](https://sw.kovidgoyal.net/kitty/keyboard-protocol/).
    KittyKeys,
}

impl Feature {
    /// What turns it on, and what turns it off.
    fn sequences(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Feature::BracketedPaste => (b"\x1b[?2004h", b"\x1b[?2004l"),
            Feature::FocusEvents => (b"\x1b[?1004h", b"\x1b[?1004l"),
            // What is ambiguous, and the kind of event.
            Feature::KittyKeys => (b"\x1b[>3u", b"\x1b[<u"),
        }
    }
}

/// A terminal is in another mode while this lives: see
/// [what is put back](crate::terminal#what-is-put-back).
///
/// Several may live at once, of one terminal too: the latest holds, and when all are dropped, in
/// whatever order, it is as it was before the first.
#[derive(Debug)]
#[must_use = "the terminal is put back when this is dropped"]
pub struct RawMode {
    id: u64,
    terminal: OwnedFd,
}

impl Terminal {
    /// Puts the terminal into a mode until the guard is dropped.
    ///
    /// In the background, the process is stopped by this until it comes to the foreground, as by
    /// any change of a terminal; it fails where no shell is left that could continue it.
    ///
    /// # Errors
    ///
    /// What the system says: an input/output error if the terminal is gone.
    pub fn enter(&self, mode: Mode) -> Result<RawMode> {
        self.change(mode).map_err(|error| Error::io("change the terminal's mode", error))
    }

    fn change(&self, mode: Mode) -> io::Result<RawMode> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let terminal: OwnedFd = self.0.try_clone()?;
        // The mode that is there in the background is the shell's own.
        wait_for_foreground(&terminal)?;
        let before = Attributes::of(&terminal)?;
        let now = match mode {
            Mode::Cbreak => before.cbreak(),
            Mode::Raw => before.raw(),
            Mode::Binary => before.binary(),
        };
        let file = File::from(self.0.try_clone()?);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let device = file.metadata()?.rdev();
        let (greeting, farewell, is_put_back) = (Vec::new(), Vec::new(), false);
        restore::remember(Changed {
            id,
            device,
            terminal,
            before,
            now,
            greeting,
            farewell,
            is_put_back,
        });
        // From here on it is put back if this fails.
        let guard = RawMode { id, terminal: file.into() };
        now.set(&guard.terminal)?;
        Ok(guard)
    }
}

impl RawMode {
    /// Asks the terminal for a feature; it is turned off again when the terminal is put back. A
    /// terminal that does not know it ignores this.
    ///
    /// It is written before this returns, as is the mode itself. A terminal that is full, since much
    /// was printed, is waited for; one that takes nothing for a fifth of a second is not.
    ///
    /// # Errors
    ///
    /// What the system says if this cannot be written to the terminal; `TimedOut` if it takes
    /// nothing.
    pub fn enable(&self, feature: Feature) -> Result<()> {
        let (on, off) = feature.sequences();
        restore::add_words(self.id, on, off);
        let written = restore::tell(&self.terminal, on);
        written.map_err(|error| Error::io("write to the terminal", error))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore::put_back(self.id);
    }
}
