//! What is so of a stream, a bit each: whether it can be read, or written at once, is then one
//! comparison.

use std::cell::Cell;
use std::ops::BitOr;

use crate::reactor::Readiness;

/// A set of facts about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts(u32);

impl Facts {
    /// The readiness of the descriptor, in the same bits.
    pub(crate) const READABLE: Facts = Facts(Readiness::READABLE.bits());
    pub(crate) const WRITABLE: Facts = Facts(Readiness::WRITABLE.bits());
    pub(crate) const READ_CLOSED: Facts = Facts(Readiness::READ_CLOSED.bits());

    /// A handler wants the bytes.
    pub(crate) const HAS_READER: Facts = Facts(1 << 8);
    /// The user said pause.
    pub(crate) const PAUSED: Facts = Facts(1 << 9);
    /// The peer has sent all it will send.
    pub(crate) const READ_ENDED: Facts = Facts(1 << 10);
    /// `end` was called: no more is accepted.
    pub(crate) const ENDING: Facts = Facts(1 << 11);
    /// The peer has been told that no more will come.
    pub(crate) const WRITE_ENDED: Facts = Facts(1 << 12);
    /// A failure waits for its turn to be told; nothing is read or sent meanwhile.
    pub(crate) const FAILED: Facts = Facts(1 << 13);
    /// Nobody has a handle any more: it closes as soon as the queue is written.
    pub(crate) const FORGOTTEN: Facts = Facts(1 << 14);
    pub(crate) const CLOSED: Facts = Facts(1 << 15);
    pub(crate) const HALF_OPEN_ALLOWED: Facts = Facts(1 << 16);
    /// The write queue holds something.
    pub(crate) const QUEUED: Facts = Facts(1 << 17);
    /// The write queue is above the high-water mark.
    pub(crate) const FULL: Facts = Facts(1 << 18);
    /// A `write` has returned `false`, and `drain` is owed.
    pub(crate) const NEEDS_DRAIN: Facts = Facts(1 << 19);
    pub(crate) const CORKED: Facts = Facts(1 << 20);
    /// It waits in Pending to go on reading or writing.
    pub(crate) const REQUEUED: Facts = Facts(1 << 21);
    /// A handler value was installed, and does not know yet that the stream is open.
    pub(crate) const OPEN_OWED: Facts = Facts(1 << 22);
    /// Data and end are told to the handler value: there is one, and no pipe that reads.
    pub(crate) const VALUE_READS: Facts = Facts(1 << 23);
    /// A future waits to read.
    pub(crate) const READ_AWAITED: Facts = Facts(1 << 24);
    /// A future waits to write.
    pub(crate) const WRITE_AWAITED: Facts = Facts(1 << 25);
    /// Somebody else writes to the descriptor for now: what is written waits in the queue, which
    /// counts as holding something.
    pub(crate) const LENT: Facts = Facts(1 << 26);
}

impl Facts {
    /// Both, where an operator cannot be used.
    pub(crate) const fn and(self, other: Facts) -> Facts {
        Facts(self.0 | other.0)
    }
}

impl BitOr for Facts {
    type Output = Facts;

    fn bitor(self, other: Facts) -> Facts {
        self.and(other)
    }
}

/// The facts about one stream.
#[derive(Debug)]
pub(crate) struct State(Cell<Facts>);

impl State {
    pub(crate) fn new(facts: Facts) -> State {
        State(Cell::new(facts))
    }

    /// Whether this is so; of several, whether any is.
    #[inline]
    pub(crate) fn is(&self, facts: Facts) -> bool {
        self.0.get().0 & facts.0 != 0
    }

    /// Whether of all `these`, just `those` are so.
    #[inline]
    pub(crate) fn of(&self, these: Facts, those: Facts) -> bool {
        self.0.get().0 & these.0 == those.0
    }

    #[inline]
    pub(crate) fn set(&self, facts: Facts) {
        self.0.set(self.0.get() | facts);
    }

    #[inline]
    pub(crate) fn clear(&self, facts: Facts) {
        self.0.set(Facts(self.0.get().0 & !facts.0));
    }

    pub(crate) fn put(&self, fact: Facts, so: bool) {
        if so { self.set(fact) } else { self.clear(fact) }
    }

    /// Sets a fact, and returns whether it was so before.
    pub(crate) fn replace(&self, fact: Facts, so: bool) -> bool {
        let before = self.is(fact);
        self.put(fact, so);
        before
    }

    /// Notes what an event says.
    #[inline]
    pub(crate) fn note(&self, readiness: Readiness) {
        self.set(Facts(readiness.bits()));
    }
}
