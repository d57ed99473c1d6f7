//! The loop's heap, as values.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

use crate::trace::Line;

/// What a [`Resource`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResourceKind {
    /// A timer that is armed.
    Timer,
    /// A `set_immediate` callback in the queue.
    Immediate,
    /// A `next_tick` callback in the queue.
    Tick,
    /// A `queue_microtask` callback in the queue.
    Microtask,
    /// A requested frame.
    Frame,
    /// A request under way: a file read, a connect.
    Request,
    /// A listener: TCP or Unix.
    Listener,
    /// A byte stream.
    Stream,
    /// A watcher of signals, or a loop's way to hear of them.
    Signal,
    /// A child process.
    Child,
    /// A watched descriptor of somebody else's.
    Descriptor,
    /// A watcher of files, or a loop's queue of what happens to them.
    FileWatcher,
    /// A datagram socket.
    DatagramSocket,
    /// One end of a message channel.
    Port,
    /// A deferred or a close callback that waits for its phase.
    Deferred,
    /// A hook: prepare, uncaught, before exit, exit.
    Hook,
    /// A [`KeepAlive`](crate::KeepAlive).
    KeepAlive,
    /// Closures that other threads posted.
    Inbox,
}

impl ResourceKind {
    /// The name in logs and listings: `timer`, `listener`.
    pub fn name(self) -> &'static str {
        match self {
            ResourceKind::Timer => "timer",
            ResourceKind::Immediate => "immediate",
            ResourceKind::Tick => "tick",
            ResourceKind::Microtask => "microtask",
            ResourceKind::Frame => "frame",
            ResourceKind::Request => "request",
            ResourceKind::Listener => "listener",
            ResourceKind::Stream => "stream",
            ResourceKind::Signal => "signal watcher",
            ResourceKind::Child => "child process",
            ResourceKind::Descriptor => "descriptor",
            ResourceKind::FileWatcher => "file watcher",
            ResourceKind::DatagramSocket => "datagram socket",
            ResourceKind::Port => "port",
            ResourceKind::Deferred => "deferred callback",
            ResourceKind::Hook => "hook",
            ResourceKind::KeepAlive => "keep-alive",
            ResourceKind::Inbox => "inbox",
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One thing that the loop holds: a resource, a request or a queued closure.
///
/// See [`resources`](crate::resources) and [`why_alive`](crate::why_alive).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// The line that started it.
    pub at: &'static Location<'static>,
    /// What it is doing, in words: `in 99.4 ms`, `reading 127.0.0.1:7000`.
    pub state: Cow<'static, str>,
    /// Memory it holds in bytes: its closures and its queued data, not the allocator's overhead.
    pub bytes: usize,
    /// Whether it keeps the loop alive.
    pub holds: bool,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.state)?;
        write!(f, " ({}, {} bytes", Line(self.at), self.bytes)?;
        f.write_str(if self.holds { ")" } else { ", does not hold the loop)" })
    }
}
