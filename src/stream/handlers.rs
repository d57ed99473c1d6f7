//! What a stream calls, and where it is kept.

use crate::error::{Error, Result};
use crate::event_loop::place::Place;
use crate::stream::{ByteStream, Handler};

/// The handlers of one stream: a value, or closures.
pub(crate) struct Handlers<S> {
    pub(crate) value: Place<dyn Handler<S>>,
    pub(crate) data: Place<OnData<S>>,
    pub(crate) end: Place<OnStream<S>>,
    pub(crate) drain: Place<OnStream<S>>,
    pub(crate) idle: Place<OnStream<S>>,
    pub(crate) error: Place<OnError<S>>,
    pub(crate) close: Place<OnStream<S>>,
}

pub(crate) type OnStream<S> = dyn FnMut(&S) -> Result<()>;
pub(crate) type OnData<S> = dyn FnMut(&S, &[u8]) -> Result<()>;
type OnError<S> = dyn FnMut(&S, Error) -> Result<()>;

impl<S: ByteStream> Handlers<S> {
    pub(crate) fn new() -> Handlers<S> {
        Handlers {
            value: Place::default(),
            data: Place::default(),
            end: Place::default(),
            drain: Place::default(),
            idle: Place::default(),
            error: Place::default(),
            close: Place::default(),
        }
    }

    /// Whether anybody wants the bytes.
    pub(crate) fn has_reader(&self) -> bool {
        self.value.is_filled() || self.data.is_filled()
    }

    /// Takes all of them out for good, to be dropped: what they captured may be the stream itself.
    pub(crate) fn retire(&self) -> Handlers<S> {
        Handlers {
            value: self.value.retire(),
            data: self.data.retire(),
            end: self.end.retire(),
            drain: self.drain.retire(),
            idle: self.idle.retire(),
            error: self.error.retire(),
            close: self.close.retire(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.value.bytes()
            + self.data.bytes()
            + self.end.bytes()
            + self.drain.bytes()
            + self.idle.bytes()
            + self.error.bytes()
            + self.close.bytes()
    }
}
