//! Wakers that are numbers.
//!
//! Nothing is behind such a waker: it is copied and dropped without a reference count, and may be
//! kept for ever, on any thread.

use std::marker::PhantomData;
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// Whom a number means.
pub(crate) trait Wake: Sized + 'static {
    /// A static: its address tells these wakers from others.
    const TABLE: &'static Table<Self>;

    /// May be called on any thread, and with a number that means nobody any more.
    fn wake(number: u64);
}

/// The waker that wakes `number`.
#[inline]
pub(crate) fn waker<W: Wake>(number: u64) -> Waker {
    // SAFETY: the functions of the table dereference nothing, so they have no condition that the
    // data could break; they are safe functions that touch no thread's own state but through `W`,
    // whose only function is safe to call on any thread.
    unsafe { Waker::from_raw(raw::<W>(number)) }
}

/// The number that a waker wakes, if it is one of these.
#[inline]
pub(crate) fn number<W: Wake>(waker: &Waker) -> Option<u64> {
    let ours = ptr::eq(waker.vtable(), &raw const W::TABLE.functions);
    ours.then(|| waker.data().addr() as u64)
}

/// What can be done with the wakers of `W`.
pub(crate) struct Table<W> {
    functions: RawWakerVTable,
    whose: PhantomData<fn(W)>,
}

impl<W: Wake> Table<W> {
    pub(crate) const fn new() -> Table<W> {
        let functions = RawWakerVTable::new(clone::<W>, wake::<W>, wake::<W>, |_| {});
        Table { functions, whose: PhantomData }
    }
}

#[inline]
fn raw<W: Wake>(number: u64) -> RawWaker {
    RawWaker::new(ptr::without_provenance(number as usize), &W::TABLE.functions)
}

fn clone<W: Wake>(number: *const ()) -> RawWaker {
    raw::<W>(number.addr() as u64)
}

fn wake<W: Wake>(number: *const ()) {
    W::wake(number.addr() as u64);
}
