//! The loop's call stack, as a value.

use std::fmt;
use std::panic::Location;

use crate::trace::{CallbackKind, Line};

/// One callback: what it is, and the line that registered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub(crate) kind: CallbackKind,
    pub(crate) at: &'static Location<'static>,
}

impl Frame {
    /// What the callback is to the loop.
    pub fn kind(&self) -> CallbackKind {
        self.kind
    }

    /// The line that registered the callback.
    pub fn at(&self) -> &'static Location<'static> {
        self.at
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, Line(self.at))
    }
}

/// The running callback and what caused it: see [`stack`](crate::stack).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The running callback, what registered it, what registered that, and so on.
    pub(crate) frames: Vec<Frame>,
}

impl Stack {
    /// The running task, tick or microtask; `None` outside of the loop's callbacks.
    pub fn running(&self) -> Option<&Frame> {
        self.frames.first()
    }

    /// What caused the running callback, the nearest cause first, `main` last.
    ///
    /// A callback that registers itself again, directly or through others, is listed once.
    pub fn causes(&self) -> &[Frame] {
        self.frames.get(1..).unwrap_or_default()
    }

    /// How many callbacks led here: 0 outside, 1 in `main`, 2 in what `main` registered.
    pub fn depth(&self) -> usize {
        self.frames.len()
    }
}

/// One line a frame, the running one first.
impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, frame) in self.frames.iter().enumerate() {
            let lead = if index == 0 { "running " } else { "\ncaused by " };
            write!(f, "{lead}{frame}")?;
        }
        Ok(())
    }
}
