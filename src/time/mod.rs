//! Time: timers that call back, and futures that wait.
//!
//! Delays are [`Duration`]s: zero becomes 1 ms, fractions of a millisecond are rounded up, and
//! there is no upper limit. A timer never fires early. The order of timers is Node's: see
//! `docs/ordering.md`.

#[cfg(feature = "async")]
pub(crate) mod alarm;
#[cfg(feature = "async")]
mod interval;
#[cfg(feature = "async")]
mod sleep;
#[cfg(feature = "async")]
mod timeout;

use std::panic::Location;
use std::time::Duration;

#[cfg(feature = "async")]
pub use interval::{Interval, MissedTicks, interval};
#[cfg(feature = "async")]
pub use sleep::{Sleep, sleep, sleep_until};
#[cfg(feature = "async")]
pub use timeout::timeout;

use crate::clock;
use crate::error::{Outcome, Result};
use crate::event_loop::Timer;
use crate::event_loop::context::current;
use crate::event_loop::timers::Body;
use crate::timer::Millis;
use crate::trace::CallbackKind;

/// Calls `callback` once, when `delay` has passed.
///
/// Node's [`setTimeout`](https://nodejs.org/api/timers.html#settimeoutcallback-delay-args), with
/// two differences: a delay is rounded up to whole milliseconds, where Node cuts it off, and a
/// long one is kept, where Node makes 1 ms of it.
///
/// ```
/// use std::time::Duration;
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let never = unspin::set_timeout(Duration::from_secs(3600), || unreachable!());
///     unspin::set_timeout(Duration::from_millis(5), move || never.clear());
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn set_timeout<R: Outcome>(delay: Duration, callback: impl FnOnce() -> R + 'static) -> Timer {
    let core = current();
    let label = core.label(CallbackKind::Timeout, Location::caller());
    let body = Body::Once(Box::new(move || callback().into_result()));
    core.start_timer(label, whole_millis(delay), body, true)
}

/// Calls `callback` again and again, `period` after it was called last; the callback gets the
/// timer, to clear it.
///
/// The period counts from the start of one call to the start of the next. A callback that takes
/// longer than its period is called again in the next turn: once a turn, and nothing piles up.
/// Node's [`setInterval`](https://nodejs.org/api/timers.html#setintervalcallback-delay-args).
///
/// ```
/// use std::time::Duration;
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let mut left = 3;
///     unspin::set_interval(Duration::from_millis(1), move |timer| {
///         left -= 1;
///         if left == 0 {
///             timer.clear();
///         }
///     });
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn set_interval<R: Outcome>(
    period: Duration,
    mut callback: impl FnMut(&Timer) -> R + 'static,
) -> Timer {
    let core = current();
    let label = core.label(CallbackKind::Interval, Location::caller());
    let body = Body::Many(Box::new(move |timer: &Timer| callback(timer).into_result()));
    core.start_timer(label, whole_millis(period), body, true)
}

/// Calls `callback` once, when `delay` has passed, and again each time the timer is refreshed.
///
/// Where a time-out is put off again and again, refreshing one timer is far cheaper than clearing
/// it and setting another.
///
/// ```
/// use std::time::Duration;
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let mut fired = 0;
///     unspin::set_timer(Duration::from_millis(1), move |timer| {
///         fired += 1;
///         if fired < 3 {
///             timer.refresh();
///         }
///     });
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn set_timer<R: Outcome>(
    delay: Duration,
    mut callback: impl FnMut(&Timer) -> R + 'static,
) -> Timer {
    let core = current();
    let label = core.label(CallbackKind::Timer, Location::caller());
    let body = Body::Many(Box::new(move |timer: &Timer| callback(timer).into_result()));
    core.start_timer(label, whole_millis(delay), body, true)
}

/// Moves a virtual clock forward by `delay`, from inside a callback: what a task that takes that
/// long does to the real one.
///
/// Timers that become due fire in the next Timers phase, late, as they would after a long task.
///
/// # Errors
///
/// If this thread's loop was not built with
/// [`virtual_time`](crate::Builder::virtual_time): the real clock moves by itself.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn advance(delay: Duration) -> Result<()> {
    if current().clock.advance(clock::nanos(delay)) {
        return Ok(());
    }
    Err(crate::error::Error::new(
        "the clock is the real one: build the loop with Builder::virtual_time to move it",
    ))
}

/// The loop's time since it was built, as its timers see it: real or virtual.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn now() -> Duration {
    Duration::from_nanos(current().clock.refresh())
}

/// At least 1, and never less than was asked for.
pub(crate) fn whole_millis(delay: Duration) -> Millis {
    let millis = delay.as_nanos().div_ceil(1_000_000).max(1);
    Millis::try_from(millis).unwrap_or(Millis::MAX)
}
