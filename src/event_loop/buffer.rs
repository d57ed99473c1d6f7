//! The buffers that bytes are received into.

#[cfg(feature = "async")]
use std::cell::{Cell, RefCell};

/// Slightly over 64 KiB: a message of 64 KiB comes in one read, and that read is short, which says
/// that there is no more.
const LENGTH: usize = 64 * 1024 + 256;

/// Its length is in its type, so that it is passed around as one word.
pub(crate) type Buffer = Box<[u8; LENGTH]>;

#[cold]
pub(crate) fn new() -> Buffer {
    match vec![0; LENGTH].into_boxed_slice().try_into() {
        Ok(buffer) => buffer,
        Err(_) => unreachable!("it was made with that length"),
    }
}

/// Buffers kept for futures that will read: enough for those that are in the middle of it at once.
#[cfg(feature = "async")]
#[derive(Default)]
pub(crate) struct Spare {
    /// The one that was given back last, and is lent first: mostly there is no other.
    last: Cell<Option<Buffer>>,
    others: RefCell<Vec<Buffer>>,
}

#[cfg(feature = "async")]
impl Spare {
    const OTHERS: usize = 15;

    /// A buffer of one's own, for as long as one holds bytes in it.
    #[inline]
    pub(crate) fn lend(&self) -> Buffer {
        self.last.take().unwrap_or_else(|| self.lend_other())
    }

    #[cold]
    fn lend_other(&self) -> Buffer {
        self.others.borrow_mut().pop().unwrap_or_else(new)
    }

    #[inline]
    pub(crate) fn give_back(&self, buffer: Buffer) {
        if let Some(other) = self.last.replace(Some(buffer)) {
            self.keep_other(other);
        }
    }

    #[cold]
    fn keep_other(&self, other: Buffer) {
        let mut others = self.others.borrow_mut();
        if others.len() < Spare::OTHERS {
            others.push(other);
        }
    }
}
