//! Signals by name.

use std::fmt;
use std::iter;

/// A signal of the operating system. One is a list of one, where several may be given.
///
/// ```
/// use unspin::signal::Signal;
///
/// assert_eq!(Signal::INTERRUPT.to_string(), "SIGINT");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

impl Signal {
    /// `SIGINT`: Ctrl-C in the terminal.
    pub const INTERRUPT: Signal = Signal(libc::SIGINT);
    /// `SIGTERM`: a request to end, by `kill` and by service managers.
    pub const TERMINATE: Signal = Signal(libc::SIGTERM);
    /// `SIGHUP`: the terminal is gone; to a server, often a request to read its settings again.
    pub const HANGUP: Signal = Signal(libc::SIGHUP);
    /// `SIGQUIT`: Ctrl-\ in the terminal.
    pub const QUIT: Signal = Signal(libc::SIGQUIT);
    /// `SIGUSR1`: whatever the program means by it.
    pub const USER_1: Signal = Signal(libc::SIGUSR1);
    /// `SIGUSR2`: whatever the program means by it.
    pub const USER_2: Signal = Signal(libc::SIGUSR2);
    /// `SIGCHLD`: a child has ended or stopped.
    pub const CHILD: Signal = Signal(libc::SIGCHLD);
    /// `SIGWINCH`: the terminal's window has another size.
    pub const WINDOW_CHANGE: Signal = Signal(libc::SIGWINCH);
    /// `SIGCONT`: the process goes on after it was stopped.
    pub const CONTINUE: Signal = Signal(libc::SIGCONT);
    /// `SIGTSTP`: Ctrl-Z in the terminal.
    pub const TERMINAL_STOP: Signal = Signal(libc::SIGTSTP);
    /// `SIGALRM`: a timer of the system.
    pub const ALARM: Signal = Signal(libc::SIGALRM);
    /// `SIGPIPE`: a write to a pipe that nobody reads. Rust programs ignore it.
    pub const PIPE: Signal = Signal(libc::SIGPIPE);
    /// `SIGKILL`: ends a process. It can be sent, and not watched.
    pub const KILL: Signal = Signal(libc::SIGKILL);

    /// The signal of a number, whether the system has it or not.
    pub const fn from_raw(number: i32) -> Signal {
        Signal(number)
    }

    /// Its number.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// `None` for those without a constant here.
    fn name(self) -> Option<&'static str> {
        Some(match self {
            Signal::INTERRUPT => "SIGINT",
            Signal::TERMINATE => "SIGTERM",
            Signal::HANGUP => "SIGHUP",
            Signal::QUIT => "SIGQUIT",
            Signal::USER_1 => "SIGUSR1",
            Signal::USER_2 => "SIGUSR2",
            Signal::CHILD => "SIGCHLD",
            Signal::WINDOW_CHANGE => "SIGWINCH",
            Signal::CONTINUE => "SIGCONT",
            Signal::TERMINAL_STOP => "SIGTSTP",
            Signal::ALARM => "SIGALRM",
            Signal::PIPE => "SIGPIPE",
            Signal::KILL => "SIGKILL",
            _ => return None,
        })
    }
}

impl IntoIterator for Signal {
    type Item = Signal;
    type IntoIter = iter::Once<Signal>;

    fn into_iter(self) -> iter::Once<Signal> {
        iter::once(self)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Signals in a sentence: `SIGINT, SIGTERM`.
pub(super) fn list(signals: impl IntoIterator<Item = Signal>) -> String {
    let names: Vec<String> = signals.into_iter().map(|signal| signal.to_string()).collect();
    names.join(", ")
}
