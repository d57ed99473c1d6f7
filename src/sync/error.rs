//! What can go wrong between two ends, in small types that give back what was not taken.

use std::fmt;

use crate::error::Error;

/// The other end is gone, or what was waited for is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other end is closed")
    }
}

impl std::error::Error for Closed {}

impl From<Closed> for Error {
    fn from(error: Closed) -> Error {
        Error::new(error)
    }
}

/// The value that could not be sent, because the channel is closed.
///
/// As a [`unspin::Error`](crate::Error) it is [`Closed`], without the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SendError<T>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Closed.fmt(f)
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> std::error::Error for SendError<T> {}

impl<T> From<SendError<T>> for Error {
    fn from(_: SendError<T>) -> Error {
        Error::from(Closed)
    }
}

/// The value that could not be sent at once, and why.
///
/// As a [`unspin::Error`](crate::Error) it is a message, or [`Closed`], without the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrySendError<T> {
    /// There is no room now.
    Full(T),
    /// There never will be: the receiver closed the channel or is gone.
    Closed(T),
}

impl<T> TrySendError<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(value) | TrySendError::Closed(value) => value,
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Full(_) => f.write_str("the channel is full"),
            TrySendError::Closed(_) => Closed.fmt(f),
        }
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> std::error::Error for TrySendError<T> {}

impl<T> From<TrySendError<T>> for Error {
    fn from(error: TrySendError<T>) -> Error {
        match error {
            TrySendError::Full(_) => Error::new(error.to_string()),
            TrySendError::Closed(_) => Error::from(Closed),
        }
    }
}

/// Why there was nothing to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TryRecvError {
    /// No value is there now.
    Empty,
    /// None will come: the channel was closed, or all senders are gone.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("the channel is empty"),
            TryRecvError::Closed => Closed.fmt(f),
        }
    }
}

impl std::error::Error for TryRecvError {}

impl From<TryRecvError> for Error {
    fn from(error: TryRecvError) -> Error {
        match error {
            TryRecvError::Empty => Error::new(error),
            TryRecvError::Closed => Error::from(Closed),
        }
    }
}
