//! Sleeping, as a future.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::clock::Nanos;
use crate::event_loop::Timer;
use crate::event_loop::context::current;
use crate::event_loop::core::Loop;
use crate::event_loop::timers::Body;
use crate::time::alarm::Alarm;
use crate::time::whole_millis;
use crate::trace::{At, CallbackKind};

/// Waits until `delay` has passed.
///
/// The delay counts from the first poll, and follows the rules of
/// [`set_timeout`](crate::set_timeout): zero becomes 1 ms, fractions of a millisecond are rounded
/// up, and it never ends early. While it waits it keeps the loop alive, as a timeout does.
///
/// What awaits it goes on in the checkpoint of the timer's own task: before the next timer, also if
/// that one is due as well.
///
/// ```
/// use std::time::Duration;
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     unspin::sleep(Duration::from_millis(1)).await;
///     println!("a millisecond later");
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// The first poll does, if no loop is running on its thread.
///
/// # Cancel safety
///
/// Dropping it clears the timer. A new one counts from its own first poll; to go on with the rest
/// of a delay, use [`sleep_until`].
#[track_caller]
pub fn sleep(delay: Duration) -> Sleep {
    Sleep::new(Location::caller(), CallbackKind::Timeout, Until::Passed(delay))
}

/// Waits until `deadline`; for one that has passed already, a millisecond, as [`sleep`] does for
/// zero.
///
/// On a virtual clock, `deadline` is taken as the time since the loop was built.
///
/// ```
/// use std::time::{Duration, Instant};
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let deadline = Instant::now() + Duration::from_millis(2);
///     unspin::sleep_until(deadline).await;
///     assert!(Instant::now() >= deadline);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// The first poll does, if no loop is running on its thread.
///
/// # Cancel safety
///
/// Dropping it clears the timer; another one to the same deadline goes on where it was.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(Location::caller(), CallbackKind::Timeout, Until::Instant(deadline))
}

/// A wait that [`sleep`] or [`sleep_until`] made. It starts with the first poll.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sleep {
    at: At,
    kind: CallbackKind,
    until: Until,
    state: State,
}

pub(super) enum Until {
    Passed(Duration),
    Instant(Instant),
    Time(Nanos),
}

enum State {
    New,
    Waiting(Timer, Rc<Alarm>),
    Done,
}

impl Sleep {
    pub(super) fn new(at: At, kind: CallbackKind, until: Until) -> Sleep {
        Sleep { at, kind, until, state: State::New }
    }

    fn start(&self) -> (Timer, Rc<Alarm>) {
        let core = current();
        let alarm = Rc::new(Alarm::default());
        let rings = Rc::clone(&alarm);
        let body = Body::Once(Box::new(move || {
            rings.ring();
            Ok(())
        }));
        let label = core.label(self.kind, self.at);
        let millis = whole_millis(self.until.left(&core));
        (core.start_timer(label, millis, body, true), alarm)
    }
}

impl Until {
    fn left(&self, core: &Loop) -> Duration {
        let time = match *self {
            Until::Passed(delay) => return delay,
            Until::Instant(instant) => core.clock.time(instant),
            Until::Time(time) => time,
        };
        Duration::from_nanos(time.saturating_sub(core.clock.refresh()))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let State::New = self.state {
            let (timer, alarm) = self.start();
            self.state = State::Waiting(timer, alarm);
        }
        if let State::Waiting(_, alarm) = &self.state {
            if alarm.poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.state = State::Done;
        }
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let State::Waiting(timer, _) = &self.state {
            timer.clear();
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let started = !matches!(self.state, State::New);
        f.debug_struct("Sleep").field("started", &started).finish_non_exhaustive()
    }
}
