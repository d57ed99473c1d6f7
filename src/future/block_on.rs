//! A loop for one future.

use std::cell::Cell;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::EventLoop;
use crate::event_loop::context::current;
use crate::event_loop::futures::Start;
use crate::trace::{CallbackKind, Line};

/// Runs a future on a new loop of this thread, until it is finished, and returns its result.
///
/// Its first part runs at once, as `main`. What else is on the loop when it finishes is dropped;
/// the exit hooks run. If [`exit`](crate::exit) was called, or an exit code other than 0 was set,
/// the process ends with that code.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// let length = unspin::block_on(async {
///     let text = unspin::fs::read_to_string("Cargo.toml").await?;
///     Ok(text.len())
/// })?;
/// assert!(length > 0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The future's own; an uncaught error of a callback; `is_loop_busy` if a loop is running on this
/// thread. If the future can never finish, because it is pending and nothing is alive that could
/// wake it, an error that says so, at once. Another thread that will wake it holds a
/// [`KeepAlive`](crate::KeepAlive).
///
/// # Panics
///
/// With the panic of the future, or of a callback that no hook takes.
#[track_caller]
pub fn block_on<T: 'static>(future: impl Future<Output = Result<T>> + 'static) -> Result<T> {
    let at = Location::caller();
    let event_loop = EventLoop::new_unless_busy()?;
    let result: Rc<Cell<Option<Result<T>>>> = Rc::default();
    let place = Rc::clone(&result);
    let code = event_loop.run(move || {
        let core = current();
        let label = core.label(CallbackKind::Main, at);
        core.start_future(label, Start::AtOnce, future, move |core, outcome| {
            match outcome {
                Ok(outcome) => place.set(Some(outcome)),
                Err(payload) => core.uncaught_panic(payload, label),
            }
            core.finish_run();
        });
    })?;
    event_loop.tear_down_and_end(code);
    result.take().unwrap_or_else(|| {
        Err(Error::new(format!(
            "the future given to block_on in {} is pending for ever: nothing is alive that could \
             wake it; hold a KeepAlive for what another thread will do",
            Line(at)
        )))
    })
}
