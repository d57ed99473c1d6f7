//! The loop that is running on this thread.

use std::cell::RefCell;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::core::{Core, Loop};

thread_local! {
    static CURRENT: RefCell<Option<Loop>> = const { RefCell::new(None) };
}

/// The running loop of this thread.
///
/// # Panics
///
/// If there is none.
#[inline]
#[track_caller]
pub(crate) fn current() -> Loop {
    match try_current() {
        Some(core) => core,
        None => nobody(),
    }
}

#[cold]
#[track_caller]
fn nobody() -> ! {
    panic!(
        "no event loop is running on this thread: call this from inside `unspin::run`, or \
         through `EventLoop::enter`; from another thread, post it with a `Remote`"
    )
}

#[inline]
pub(crate) fn try_current() -> Option<Loop> {
    // A destructor of another thread-local may ask after ours is gone.
    CURRENT.try_with(|current| current.borrow().clone()).unwrap_or(None)
}

/// Asks the running loop of this thread; `false` if there is none. `ask` is the loop's own code, and
/// drops nothing of the user's.
#[cfg(feature = "async")]
#[inline]
pub(crate) fn with_current(ask: impl FnOnce(&Core) -> bool) -> bool {
    CURRENT.try_with(|current| current.borrow().as_deref().is_some_and(ask)).unwrap_or(false)
}

/// Makes a loop this thread's for as long as it lives, and the former one its again afterwards.
pub(crate) struct Entered(Option<Loop>);

impl Entered {
    /// # Errors
    ///
    /// If a loop is running on this thread already.
    pub(crate) fn alone(core: &Loop) -> Result<Entered> {
        match try_current() {
            Some(_) => Err(Error::loop_busy()),
            None => Ok(Entered::instead(core)),
        }
    }

    /// For teardown, which may happen inside a callback of another loop.
    pub(crate) fn instead(core: &Loop) -> Entered {
        Entered(exchange(Some(Rc::clone(core))))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        exchange(self.0.take());
    }
}

/// The former loop is given back, to be dropped where nothing is borrowed.
fn exchange(core: Option<Rc<Core>>) -> Option<Loop> {
    CURRENT.try_with(|current| current.replace(core)).ok().flatten()
}
