//! Which directions of a descriptor are ready.

use std::ops::{BitOr, BitOrAssign};

/// A set of directions and hints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness(u8);

impl Readiness {
    pub(crate) const NONE: Readiness = Readiness(0);
    /// Set by an event; cleared when a read says `WouldBlock`, or is short without `READ_CLOSED`.
    pub(crate) const READABLE: Readiness = Readiness(1 << 0);
    /// Set by an event; cleared when a write says `WouldBlock`.
    pub(crate) const WRITABLE: Readiness = Readiness(1 << 1);
    /// The peer will send no more, or there was an error: no further edge will come, so reads go
    /// on until they say so themselves. Never cleared.
    pub(crate) const READ_CLOSED: Readiness = Readiness(1 << 2);

    /// Something urgent is there to be read; only told where it was asked for.
    pub(crate) const PRIORITY: Readiness = Readiness(1 << 3);

    pub(crate) fn of(event: &mio::event::Event) -> Readiness {
        let mut readiness = Readiness::NONE;
        if event.is_readable() {
            readiness |= Readiness::READABLE;
        }
        if event.is_writable() {
            readiness |= Readiness::WRITABLE;
        }
        // An error is learnt by reading and by writing.
        if event.is_read_closed() || event.is_error() {
            readiness |= Readiness::READABLE | Readiness::READ_CLOSED;
        }
        if event.is_write_closed() || event.is_error() {
            readiness |= Readiness::WRITABLE;
        }
        if event.is_priority() {
            readiness |= Readiness::PRIORITY;
        }
        readiness
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0 as u32
    }

    pub(crate) fn contains(self, other: Readiness) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Readiness {
    type Output = Readiness;

    fn bitor(self, other: Readiness) -> Readiness {
        Readiness(self.0 | other.0)
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, other: Readiness) {
        self.0 |= other.0;
    }
}
