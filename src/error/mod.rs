//! The error of this crate, and what callbacks may return.

mod outcome;

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use outcome::Outcome;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong: one word, cheap to clone.
///
/// Most errors are the operating system's: [`kind`](Error::kind) gives the exact
/// [`io::ErrorKind`], and [`source`](StdError::source) the [`io::Error`] itself. Errors of other
/// libraries come in through `?` (the common ones of std) or [`Error::new`], and out again through
/// [`downcast_ref`](Error::downcast_ref).
///
/// ```
/// let error = unspin::Error::from(std::io::Error::from(std::io::ErrorKind::NotFound));
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// assert!(error.downcast_ref::<std::io::Error>().is_some());
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: Kind,
    /// What was being done, in front of the message: "read notes.txt".
    context: Option<String>,
}

enum Kind {
    Io(io::Error),
    Other(Box<dyn StdError + Send + Sync>),
    /// The payload waits here for whoever resumes the panic; the message is read off it once.
    Panic(String, Mutex<Option<Box<dyn Any + Send>>>),
    Cancelled,
    /// With the reason of the signal that an operation was aborted by.
    Aborted(Option<Error>),
    /// The reason of a rejection that nobody handled, behind the promise's line.
    Rejected(String, Error),
    LoopBusy,
    LoopEnded,
}

impl Error {
    /// Wraps an error of another library; a string makes an error that is only a message.
    ///
    /// ```
    /// let error = unspin::Error::new("the table is empty");
    /// assert_eq!(error.to_string(), "the table is empty");
    /// ```
    pub fn new(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        let error = error.into();
        match error.downcast::<io::Error>() {
            Ok(error) => Error::of(Kind::Io(*error)),
            Err(error) => Error::of(Kind::Other(error)),
        }
    }

    fn of(kind: Kind) -> Error {
        Error(Arc::new(Inner { kind, context: None }))
    }

    /// An I/O error with what was being done in front of its message.
    pub(crate) fn io(context: impl Into<String>, error: io::Error) -> Error {
        Error(Arc::new(Inner { kind: Kind::Io(error), context: Some(context.into()) }))
    }

    /// Something did not happen within `limit`: kind `TimedOut`.
    pub(crate) fn timed_out(limit: Duration) -> Error {
        let message = format!("timed out after {limit:?}");
        Error::of(Kind::Io(io::Error::new(io::ErrorKind::TimedOut, message)))
    }

    pub(crate) fn panic(payload: Box<dyn Any + Send>) -> Error {
        let message = payload_text(&*payload).unwrap_or("a payload that is not text").to_owned();
        Error::of(Kind::Panic(message, Mutex::new(Some(payload))))
    }

    pub(crate) fn cancelled() -> Error {
        Error::of(Kind::Cancelled)
    }

    /// The same with what was cancelled in front of its message.
    pub(crate) fn cancelled_in(context: impl Into<String>) -> Error {
        Error(Arc::new(Inner { kind: Kind::Cancelled, context: Some(context.into()) }))
    }

    /// Without a reason it is the one that a signal has by default; with one, it is what an
    /// operation ends with that was aborted for it.
    pub(crate) fn aborted(reason: Option<Error>) -> Error {
        Error::of(Kind::Aborted(reason))
    }

    /// What a loop ends with for a rejection: `reason` in all but its text.
    pub(crate) fn rejected(line: String, reason: Error) -> Error {
        Error::of(Kind::Rejected(line, reason))
    }

    pub(crate) fn loop_busy() -> Error {
        Error::of(Kind::LoopBusy)
    }

    pub(crate) fn loop_ended() -> Error {
        Error::of(Kind::LoopEnded)
    }

    /// What it is, the line of a promise left aside.
    fn what(&self) -> &Kind {
        match &self.0.kind {
            Kind::Rejected(_, reason) => reason.what(),
            kind => kind,
        }
    }

    /// The payload of a panic, once.
    pub(crate) fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        match self.what() {
            Kind::Panic(_, payload) => {
                payload.lock().unwrap_or_else(PoisonError::into_inner).take()
            }
            _ => None,
        }
    }

    /// For the traits of other libraries, which know I/O errors only.
    #[cfg(feature = "async")]
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::new(self.kind(), self)
    }

    /// The kind of the I/O error inside; [`io::ErrorKind::Other`] where there is none.
    pub fn kind(&self) -> io::ErrorKind {
        match self.what() {
            Kind::Io(error) => error.kind(),
            Kind::Other(error) => {
                error.downcast_ref::<io::Error>().map_or(io::ErrorKind::Other, io::Error::kind)
            }
            Kind::Aborted(Some(reason)) => reason.kind(),
            _ => io::ErrorKind::Other,
        }
    }

    /// The number the operating system gave, where the error came from there.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.downcast_ref::<io::Error>()?.raw_os_error()
    }

    /// Whether a callback or a job panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.what(), Kind::Panic(..))
    }

    /// Whether the operation was cancelled: by whoever asked for it, or since what it was asked of
    /// was closed before it was done.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.what(), Kind::Cancelled)
    }

    /// Whether the operation was aborted by an [`AbortSignal`](crate::AbortSignal). The signal's
    /// reason is the [`source`](StdError::source), and what it has inside is found as if it were
    /// in this error.
    pub fn is_abort(&self) -> bool {
        matches!(self.what(), Kind::Aborted(_))
    }

    /// Whether a loop was asked to run while a loop was running on this thread.
    pub fn is_loop_busy(&self) -> bool {
        matches!(self.what(), Kind::LoopBusy)
    }

    /// Whether the loop had already ended, by `exit` or by a failure.
    pub fn is_loop_ended(&self) -> bool {
        matches!(self.what(), Kind::LoopEnded)
    }

    /// The error inside, if it is a `T`.
    pub fn downcast_ref<T: StdError + 'static>(&self) -> Option<&T> {
        match self.what() {
            Kind::Io(error) => (error as &(dyn StdError + 'static))
                .downcast_ref::<T>()
                .or_else(|| error.get_ref()?.downcast_ref::<T>()),
            Kind::Other(error) => error.downcast_ref::<T>(),
            Kind::Aborted(Some(reason)) => reason.downcast_ref::<T>(),
            _ => None,
        }
    }
}

/// Drops the payload of a panic that goes no further.
///
/// It may be anything, and panic when it is dropped; what that leaves is leaked.
pub(crate) fn discard_panic(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
}

/// The text of a panic payload: what `panic!` leaves is a `&str` or a `String`.
fn payload_text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| Some(payload.downcast_ref::<String>()?))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(context) = &self.0.context {
            write!(f, "{context}: ")?;
        }
        match &self.0.kind {
            Kind::Io(error) => write!(f, "{error}"),
            Kind::Other(error) => write!(f, "{error}"),
            Kind::Panic(message, _) => write!(f, "a callback panicked: {message}"),
            Kind::Cancelled => f.write_str("the operation was cancelled"),
            Kind::Aborted(None) => f.write_str("the operation was aborted"),
            Kind::Aborted(Some(reason)) if reason.is_abort() => fmt::Display::fmt(reason, f),
            Kind::Aborted(Some(reason)) => write!(f, "the operation was aborted: {reason}"),
            Kind::Rejected(line, reason) => {
                write!(f, "a promise made in {line} was rejected: {reason}")
            }
            Kind::LoopBusy => f.write_str(
                "a loop is already running on this thread: queue the work on it, \
                 or run the second loop on a thread of its own",
            ),
            Kind::LoopEnded => {
                f.write_str("this loop has ended, by exit or by a failure: build a new one")
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `fn main() -> unspin::Result<()>` prints this: a sentence reads better than fields.
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.kind {
            Kind::Io(error) => Some(error),
            Kind::Rejected(_, reason) => Some(reason),
            Kind::Other(error) => Some(&**error),
            Kind::Aborted(Some(reason)) => Some(reason),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::of(Kind::Io(error))
    }
}

impl From<Box<dyn StdError + Send + Sync>> for Error {
    fn from(error: Box<dyn StdError + Send + Sync>) -> Error {
        Error::new(error)
    }
}

impl From<io::ErrorKind> for Error {
    fn from(kind: io::ErrorKind) -> Error {
        Error::from(io::Error::from(kind))
    }
}

/// `?` on what std's parsers and formatters return.
macro_rules! from_std {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Error {
                Error::of(Kind::Other(Box::new(error)))
            }
        }
    )*};
}

from_std!(
    fmt::Error,
    std::char::ParseCharError,
    std::net::AddrParseError,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::ParseBoolError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
);

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_is_one_word_and_may_cross_threads() {
        fn sendable<T: Send + Sync>() {}
        sendable::<super::Error>();
        assert_eq!(size_of::<super::Error>(), size_of::<usize>());
    }
}
