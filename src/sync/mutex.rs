//! One at a time, across an `.await`.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};

use crate::sync::semaphore::{Acquire, Permits};

/// A value that one future uses at a time, also while it waits for something else.
///
/// Where no `.await` stands between the first access and the last, a `Cell` or `RefCell` is enough:
/// on one thread nobody comes between.
///
/// ```
/// use unspin::sync::Mutex;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let lines = Mutex::new(vec!["first"]);
///     let mut guard = lines.lock().await;
///     guard.push("second");
///     assert!(lines.try_lock().is_none());
///     drop(guard);
///     assert_eq!(lines.into_inner(), ["first", "second"]);
///     Ok(())
/// })
/// # }
/// ```
pub struct Mutex<T: ?Sized> {
    /// One permit; who holds it may borrow the value.
    turn: Permits,
    value: RefCell<T>,
}

impl<T> Mutex<T> {
    /// Makes a mutex that is free.
    pub fn new(value: T) -> Mutex<T> {
        Mutex { turn: Permits::new(1), value: RefCell::new(value) }
    }

    /// The value, which nobody else can reach any more.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the value is free, in the order of arrival.
    ///
    /// A panic while it is locked frees it, and leaves the value as it is.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a turn that was given and not taken goes to the next in line. The place in line
    /// is lost.
    pub fn lock(&self) -> impl Future<Output = Guard<'_, T>> {
        let mut request = Acquire::new(&self.turn, 1);
        poll_fn(move |cx| {
            request.poll(cx).map(|turn| {
                turn.expect("a mutex is never closed");
                self.guard()
            })
        })
    }

    /// The value, if it is free and nobody waits for it.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        self.turn.try_take(1).then(|| self.guard())
    }

    /// The value, which nobody else can reach meanwhile.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// To be called with the permit in hand.
    fn guard(&self) -> Guard<'_, T> {
        Guard { value: self.value.borrow_mut(), _turn: Hold(&self.turn) }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(value) => debug.field("value", &&*value).finish(),
            None => debug.finish_non_exhaustive(),
        }
    }
}

/// A value that is locked; its drop gives it to the next in line.
#[must_use = "a guard that is dropped at once locks nothing"]
pub struct Guard<'a, T: ?Sized> {
    // The order counts: the value is let go of before the next in line is woken.
    value: RefMut<'a, T>,
    _turn: Hold<'a>,
}

struct Hold<'a>(&'a Permits);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.give(1);
    }
}

impl<T: ?Sized> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
