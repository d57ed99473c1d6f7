//! What a stream calls, and where it is kept.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;

use crate::error::{Error, Result};
use crate::event_loop::place::Place;
use crate::stream::flush::Flush;
use crate::stream::idle::Idle;
use crate::stream::readable::Done;
use crate::stream::{ByteStream, Handler};
use crate::trace::Label;

/// The handlers of one stream: a value, or closures.
pub(crate) struct Handlers<S> {
    pub(crate) value: Place<dyn Handler<S>>,
    pub(crate) data: Place<OnData<S>>,
    /// Made when the first of them comes: most of ten thousand connections have none.
    extras: OnceCell<Box<Extras<S>>>,
    retired: Cell<bool>,
}

/// What few streams have.
pub(crate) struct Extras<S> {
    pub(crate) end: Place<OnStream<S>>,
    pub(crate) drain: Place<OnStream<S>>,
    pub(crate) idle: Place<OnStream<S>>,
    pub(crate) error: Place<OnError<S>>,
    pub(crate) close: Place<OnStream<S>>,
    pub(crate) watch: Cell<Option<Idle>>,
    /// What a pipe into this stream waits for.
    pub(crate) after_drain: RefCell<Vec<Box<dyn FnOnce()>>>,
    /// Who joined its two sides, and is told how they end.
    pub(crate) readers: RefCell<Vec<Done>>,
    pub(crate) writers: RefCell<Vec<Done>>,
    /// What else waits for the close.
    pub(crate) after_close: RefCell<Vec<Box<dyn FnOnce()>>>,
    /// What it failed with, for them.
    pub(crate) failure: RefCell<Option<Error>>,
    pub(crate) flushes: RefCell<VecDeque<Flush>>,
}

pub(crate) type OnStream<S> = dyn FnMut(&S) -> Result<()>;
pub(crate) type OnData<S> = dyn FnMut(&S, &[u8]) -> Result<()>;
pub(crate) type OnError<S> = dyn FnMut(&S, Error) -> Result<()>;

impl<S: ByteStream> Handlers<S> {
    pub(crate) fn new() -> Handlers<S> {
        Handlers {
            value: Place::default(),
            data: Place::default(),
            extras: OnceCell::new(),
            retired: Cell::new(false),
        }
    }

    pub(crate) fn extras(&self) -> Option<&Extras<S>> {
        self.extras.get().map(Box::as_ref)
    }

    /// The same where something will be kept in them. What comes when all is over would stay for
    /// ever: whoever has it drops it.
    pub(crate) fn extras_to_fill(&self) -> Option<&Extras<S>> {
        (!self.retired.get()).then(|| &**self.extras.get_or_init(Box::default))
    }

    /// Installs one of the rarer closures.
    pub(crate) fn fill<F: ?Sized>(
        &self,
        place: fn(&Extras<S>) -> &Place<F>,
        label: Label,
        handler: Box<F>,
    ) {
        if let Some(extras) = self.extras_to_fill() {
            place(extras).fill(label, handler);
        }
    }

    /// Takes all of them out for good, to be dropped: what they captured may be the stream itself.
    pub(crate) fn retire(&self) -> impl Sized + use<S> {
        self.retired.set(true);
        (self.value.retire(), self.data.retire(), self.extras().map(Extras::retire))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.value.bytes() + self.data.bytes() + self.extras().map_or(0, Extras::bytes)
    }
}

impl<S> Extras<S> {
    fn retire(&self) -> impl Sized + use<S> {
        let closures = (self.end.retire(), self.drain.retire(), self.idle.retire());
        let last = (self.error.retire(), self.close.retire());
        let joined = (self.after_drain.take(), self.readers.take(), self.writers.take());
        (closures, last, joined, self.after_close.take(), self.flushes.take())
    }

    fn bytes(&self) -> usize {
        self.end.bytes()
            + self.drain.bytes()
            + self.idle.bytes()
            + self.error.bytes()
            + self.close.bytes()
    }
}

impl<S> Default for Extras<S> {
    fn default() -> Extras<S> {
        Extras {
            end: Place::default(),
            drain: Place::default(),
            idle: Place::default(),
            error: Place::default(),
            close: Place::default(),
            watch: Cell::new(None),
            after_drain: RefCell::default(),
            readers: RefCell::default(),
            writers: RefCell::default(),
            failure: RefCell::default(),
            after_close: RefCell::default(),
            flushes: RefCell::default(),
        }
    }
}
