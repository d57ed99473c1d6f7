//! Descriptors of somebody else's: a C library, a device, whatever can be polled.
//!
//! The reactor is edge-triggered, and foreign code is not written for that: it reads what it likes,
//! and expects to be called again for the rest. So the kernel is asked anew after each call: one
//! system call, after which it tells again what is ready.

mod watcher;
mod watching;

use std::fmt;
use std::ops::BitOr;
use std::os::fd::AsFd;
use std::panic::Location;

use crate::error::Result;
use crate::event_loop::context::current;
use crate::reactor::Readiness;
use crate::trace::CallbackKind;

pub use watcher::FdWatcher;
use watching::Watching;

/// Has the loop watch a descriptor that it does not read or write itself.
///
/// `fd` is whatever owns the descriptor or vouches for it: a socket, an `OwnedFd`, an `Rc` of one,
/// a `BorrowedFd` that is valid for long enough. The watcher keeps it, and drops it when it is
/// closed. The descriptor should not block.
///
/// Close the watcher before the descriptor. A C library that closes its descriptor first, and opens
/// another that gets the same number, may have that one watched all the same: the watcher of the old
/// one is closed then, with a line in the log. Until then it is never ready.
///
/// Its readiness is a *level*, as with libuv's poll handles and with `poll` itself: a handler that
/// leaves something unread is called again in the next turn. [`FdWatcher`] says how one hears of
/// it.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use std::rc::Rc;
/// use unspin::{Interest, watch_fd};
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let (socket, mut peer) = UnixStream::pair()?;
///     let socket = Rc::new(socket);
///     let watcher = watch_fd(Rc::clone(&socket), Interest::READABLE)?;
///     watcher.on_ready(move |watcher, ready| {
///         assert!(ready.is_readable());
///         let mut byte = [0];
///         if (&*socket).read(&mut byte)? == 0 {
///             watcher.close();
///         }
///         Ok(())
///     });
///     peer.write_all(b"abc")?;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// `AlreadyExists` if this loop watches the descriptor already; `PermissionDenied` for what has no
/// readiness, such as a file or a directory; what else the system says.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn watch_fd(fd: impl AsFd + 'static, interest: Interest) -> Result<FdWatcher> {
    let core = current();
    let label = core.label(CallbackKind::Ready, Location::caller());
    Watching::open(&core, label, Box::new(fd), interest).map(FdWatcher)
}

/// What is asked of a descriptor: a set, joined by `|`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(mio::Interest);

impl Interest {
    /// Whether it can be read: there are bytes, or the end.
    pub const READABLE: Interest = Interest(mio::Interest::READABLE);
    /// Whether it can be written.
    pub const WRITABLE: Interest = Interest(mio::Interest::WRITABLE);
    /// Whether there is something urgent: out-of-band data, a change of a device's file.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const PRIORITY: Interest = Interest(mio::Interest::PRIORITY);

    fn of_mio(self) -> mio::Interest {
        self.0
    }

    fn name(self) -> &'static str {
        match (self.0.is_readable(), self.0.is_writable()) {
            (true, true) => "for reading and writing",
            (true, false) => "for reading",
            (false, true) => "for writing",
            (false, false) => "for what is urgent",
        }
    }
}

fn asks_for_priority(interest: mio::Interest) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let asks = interest.is_priority();
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let asks = {
        let _ = interest;
        false
    };
    asks
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What a descriptor was found ready for, of what was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    readiness: Readiness,
    interest: mio::Interest,
}

impl Ready {
    /// A read will not block: it gives bytes, the end, or an error.
    pub fn is_readable(self) -> bool {
        self.interest.is_readable() && self.readiness.contains(Readiness::READABLE)
    }

    /// A write will not block: it takes bytes, or fails.
    pub fn is_writable(self) -> bool {
        self.interest.is_writable() && self.readiness.contains(Readiness::WRITABLE)
    }

    /// Something urgent is there.
    pub fn is_priority(self) -> bool {
        asks_for_priority(self.interest) && self.readiness.contains(Readiness::PRIORITY)
    }

    /// The other side has closed, or the descriptor has failed. It stays so: who gets this and
    /// goes on watching is called in each turn.
    pub fn is_closed(self) -> bool {
        self.readiness.contains(Readiness::READ_CLOSED)
    }

    fn is_anything(self) -> bool {
        self.is_readable() || self.is_writable() || self.is_priority() || self.is_closed()
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            ("readable", self.is_readable()),
            ("writable", self.is_writable()),
            ("priority", self.is_priority()),
            ("closed", self.is_closed()),
        ];
        f.debug_set().entries(all.iter().filter(|(_, is)| *is).map(|(name, _)| name)).finish()
    }
}
