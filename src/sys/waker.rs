//! Wakers that are numbers.
//!
//! Nothing is behind such a waker: it is copied and dropped without a reference count, and may be
//! kept for ever, on any thread.

use std::marker::PhantomData;
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// Whom a number means.
pub(crate) trait Wake {
    /// May be called on any thread, and with a number that means nobody any more.
    fn wake(number: u64);
}

/// The waker that wakes `number`.
#[inline]
pub(crate) fn waker<W: Wake>(number: u64) -> Waker {
    // SAFETY: the functions of the table dereference nothing, so they have no condition that the
    // data could break; they are safe functions that touch no thread's own state but through `W`,
    // whose only function is safe to call on any thread.
    unsafe { Waker::from_raw(Numbered::<W>::raw(number)) }
}

struct Numbered<W>(PhantomData<W>);

impl<W: Wake> Numbered<W> {
    const TABLE: RawWakerVTable =
        RawWakerVTable::new(Self::clone, Self::wake, Self::wake, Self::drop);

    #[inline]
    fn raw(number: u64) -> RawWaker {
        RawWaker::new(ptr::without_provenance(number as usize), &Self::TABLE)
    }

    fn clone(number: *const ()) -> RawWaker {
        Self::raw(number.addr() as u64)
    }

    fn wake(number: *const ()) {
        W::wake(number.addr() as u64);
    }

    fn drop(_: *const ()) {}
}
