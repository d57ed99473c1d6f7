//! The buffers that bytes are received into.

#[cfg(feature = "async")]
use std::cell::{Cell, RefCell};
#[cfg(feature = "async")]
use std::rc::Rc;

#[cfg(feature = "async")]
use crate::event_loop::core::Loop;

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

/// A buffer of a future's own, for as long as it holds bytes in it.
///
/// Shared, so that whoever holds it may give it back from its `Drop`; it has one owner else.
#[cfg(feature = "async")]
pub(crate) struct Lent {
    /// Where it is given back to.
    home: Cell<Option<Loop>>,
    filled: usize,
    bytes: Buffer,
}

#[cfg(feature = "async")]
impl Lent {
    /// What bytes are received into, before anybody else has a part in it.
    #[inline]
    pub(crate) fn room(this: &mut Rc<Self>) -> &mut [u8] {
        &mut Lent::own(this).bytes[..]
    }

    /// Notes how much of the room was used, and where the buffer goes at the end.
    #[inline]
    pub(crate) fn fill(this: &mut Rc<Self>, length: usize, home: &Loop) {
        let own = Lent::own(this);
        own.filled = length;
        own.home = Cell::new(Some(Rc::clone(home)));
    }

    #[inline]
    fn own(this: &mut Rc<Self>) -> &mut Lent {
        Rc::get_mut(this).expect("a spare buffer has one owner")
    }

    #[inline]
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// To be called once, at the end.
    #[inline]
    pub(crate) fn give_back(self: &Rc<Self>) {
        if let Some(home) = self.home.take() {
            home.spare_buffers.keep(Rc::clone(self));
        }
    }
}

/// Buffers kept for futures that will read: enough for those that are in the middle of it at once.
#[cfg(feature = "async")]
#[derive(Default)]
pub(crate) struct Spare {
    /// The one that was given back last, and is lent first: mostly there is no other.
    last: Cell<Option<Rc<Lent>>>,
    others: RefCell<Vec<Rc<Lent>>>,
}

#[cfg(feature = "async")]
impl Spare {
    const OTHERS: usize = 15;

    #[inline]
    pub(crate) fn lend(&self) -> Rc<Lent> {
        self.last.take().unwrap_or_else(|| self.lend_other())
    }

    #[cold]
    fn lend_other(&self) -> Rc<Lent> {
        let other = self.others.borrow_mut().pop();
        other.unwrap_or_else(|| Rc::new(Lent { home: Cell::new(None), filled: 0, bytes: new() }))
    }

    #[inline]
    pub(crate) fn keep(&self, lent: Rc<Lent>) {
        if let Some(other) = self.last.replace(Some(lent)) {
            self.keep_other(other);
        }
    }

    #[cold]
    fn keep_other(&self, other: Rc<Lent>) {
        let mut others = self.others.borrow_mut();
        if others.len() < Spare::OTHERS {
            others.push(other);
        }
    }
}
