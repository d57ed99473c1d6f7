//! What the loop says about itself: labels of callbacks, their causes, and the events of the log.

mod cause;
pub(crate) mod event;
mod resource;
mod stack;

use std::fmt;
use std::panic::Location;

pub(crate) use cause::{Cause, Causes};
pub use resource::{Resource, ResourceKind};
pub use stack::{Frame, Stack};

/// The line of the user's source that started something.
pub(crate) type At = &'static Location<'static>;

/// What a callback is to the loop: the name it has in logs and in [`Stack`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallbackKind {
    /// The function given to `run`.
    Main,
    /// Code that came in through `enter`.
    Enter,
    /// A timer that fires once.
    Timeout,
    /// A timer that fires again and again.
    Interval,
    /// A timer that fires when it is refreshed.
    Timer,
    /// A `set_immediate` callback.
    Immediate,
    /// A `request_frame` callback.
    Frame,
    /// A hook that runs just before the loop may sleep.
    Prepare,
    /// A `next_tick` callback.
    Tick,
    /// A `queue_microtask` callback.
    Microtask,
    /// A promise reaction.
    Reaction,
    /// The poll of a woken future.
    Future,
    /// The jobs of a hosted engine, run by the checkpoint hook.
    Hosted,
    /// A closure posted by another thread.
    Posted,
    /// The result of a request: a file read, a connect.
    Completion,
    /// A listener accepted a connection.
    Connection,
    /// A stream is open.
    Open,
    /// A stream received bytes.
    Data,
    /// A stream's peer has sent all it will send.
    End,
    /// A stream's write queue is empty again.
    Drain,
    /// A stream has been quiet for its idle timeout.
    Idle,
    /// A port or a datagram socket received a message.
    Message,
    /// A signal of the system came.
    Signal,
    /// A child process has ended.
    Child,
    /// A watched descriptor is ready.
    Ready,
    /// Something happened to a watched file.
    Change,
    /// A signal is aborted.
    Abort,
    /// Something failed.
    Error,
    /// A resource is closed.
    Close,
    /// The hooks that run when nothing is alive.
    BeforeExit,
    /// A hook that runs at the end of the loop.
    Exit,
}

impl CallbackKind {
    /// In the order of their discriminants.
    const ALL: [CallbackKind; 31] = [
        CallbackKind::Main,
        CallbackKind::Enter,
        CallbackKind::Timeout,
        CallbackKind::Interval,
        CallbackKind::Timer,
        CallbackKind::Immediate,
        CallbackKind::Frame,
        CallbackKind::Prepare,
        CallbackKind::Tick,
        CallbackKind::Microtask,
        CallbackKind::Reaction,
        CallbackKind::Future,
        CallbackKind::Hosted,
        CallbackKind::Posted,
        CallbackKind::Completion,
        CallbackKind::Connection,
        CallbackKind::Open,
        CallbackKind::Data,
        CallbackKind::End,
        CallbackKind::Drain,
        CallbackKind::Idle,
        CallbackKind::Message,
        CallbackKind::Signal,
        CallbackKind::Child,
        CallbackKind::Ready,
        CallbackKind::Change,
        CallbackKind::Abort,
        CallbackKind::Error,
        CallbackKind::Close,
        CallbackKind::BeforeExit,
        CallbackKind::Exit,
    ];

    /// The name in logs: `timeout`, `microtask`, `data`.
    pub fn name(self) -> &'static str {
        match self {
            CallbackKind::Main => "main",
            CallbackKind::Enter => "enter",
            CallbackKind::Timeout => "timeout",
            CallbackKind::Interval => "interval",
            CallbackKind::Timer => "timer",
            CallbackKind::Immediate => "immediate",
            CallbackKind::Frame => "frame",
            CallbackKind::Prepare => "prepare",
            CallbackKind::Tick => "tick",
            CallbackKind::Microtask => "microtask",
            CallbackKind::Reaction => "reaction",
            CallbackKind::Future => "future",
            CallbackKind::Hosted => "hosted",
            CallbackKind::Posted => "posted",
            CallbackKind::Completion => "completion",
            CallbackKind::Connection => "connection",
            CallbackKind::Open => "open",
            CallbackKind::Data => "data",
            CallbackKind::End => "end",
            CallbackKind::Drain => "drain",
            CallbackKind::Idle => "idle",
            CallbackKind::Message => "message",
            CallbackKind::Signal => "signal",
            CallbackKind::Child => "child",
            CallbackKind::Ready => "ready",
            CallbackKind::Change => "change",
            CallbackKind::Abort => "abort",
            CallbackKind::Error => "error",
            CallbackKind::Close => "close",
            CallbackKind::BeforeExit => "before_exit",
            CallbackKind::Exit => "exit",
        }
    }
}

impl fmt::Display for CallbackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is known of a callback before it runs.
///
/// Two words, so that it travels in registers: every task has one.
#[derive(Clone, Copy)]
pub(crate) struct Label {
    /// Where it was registered.
    pub(crate) at: At,
    /// The kind in the low bits, the cause above it.
    kind_and_cause: u32,
}

impl Label {
    const KIND_BITS: u32 = 8;

    /// What stands where there is no callback yet.
    pub(crate) const NOBODY: Label = Label { at: Location::caller(), kind_and_cause: 0 };

    #[inline]
    pub(crate) fn new(kind: CallbackKind, at: At, cause: Cause) -> Label {
        Label { at, kind_and_cause: cause.index() << Label::KIND_BITS | kind as u32 }
    }

    /// Whether both are of one registration, and one kind: the same place in the tree of causes.
    #[inline]
    pub(crate) fn is(self, other: Label) -> bool {
        std::ptr::eq(self.at, other.at) && self.kind_and_cause == other.kind_and_cause
    }

    /// The same for another call of the same registration.
    #[inline]
    pub(crate) fn with_kind(self, kind: CallbackKind) -> Label {
        Label::new(kind, self.at, self.cause())
    }

    pub(crate) fn kind(self) -> CallbackKind {
        let mask = (1 << Label::KIND_BITS) - 1;
        CallbackKind::ALL[(self.kind_and_cause & mask) as usize]
    }

    /// What was running when it was registered.
    #[inline]
    pub(crate) fn cause(self) -> Cause {
        Cause::at(self.kind_and_cause >> Label::KIND_BITS)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), Line(self.at))
    }
}

/// A source line as logs show it: `src/main.rs:41`.
pub(crate) struct Line(pub(crate) At);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.file(), self.0.line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_kind_line_and_cause() {
        let at = Location::caller();
        for kind in CallbackKind::ALL {
            for cause in [Cause::OUTSIDE, Cause::at(1), Cause::at((1 << 14) - 1)] {
                let label = Label::new(CallbackKind::Main, at, cause).with_kind(kind);
                assert_eq!((label.kind(), label.at, label.cause()), (kind, at, cause));
            }
        }
    }
}
