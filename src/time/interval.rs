//! Ticks at a steady pace, as futures.

use std::panic::Location;
use std::time::Duration;

use crate::clock::{self, Nanos};
use crate::event_loop::context::current;
use crate::time::sleep::{Sleep, Until};
use crate::time::whole_millis;
use crate::trace::{At, CallbackKind};

/// Ticks again and again, `period` apart: see [`Interval::tick`].
///
/// The period counts from the first poll of the first tick, which comes one period later. It is
/// rounded as the delays of [`set_interval`](crate::set_interval) are. Ticks that nobody awaited in
/// time are made up for, unless [`missed_ticks`](Interval::missed_ticks) says otherwise.
///
/// ```
/// use std::time::Duration;
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let mut interval = unspin::interval(Duration::from_millis(1));
///     for number in 1..=3 {
///         interval.tick().await;
///         println!("tick {number}");
///     }
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    let period = clock::nanos(Duration::from_millis(whole_millis(period)));
    Interval { at: Location::caller(), period, missed: MissedTicks::default(), next: None }
}

/// A steady pace that [`interval`] set. Only an awaited [`tick`](Interval::tick) has a timer, and
/// keeps the loop alive.
#[derive(Debug)]
pub struct Interval {
    at: At,
    period: Nanos,
    missed: MissedTicks,
    /// When the next tick is due, once the first was polled.
    next: Option<Nanos>,
}

/// What becomes of ticks for which nobody was there in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTicks {
    /// They come at once, one after the other, until the pace is met again: for who counts ticks.
    #[default]
    Burst,
    /// They are lost, and the pace starts anew: the next tick comes a period after this one. For
    /// who needs a rest between two ticks. [`set_interval`](crate::set_interval) does this.
    Delay,
    /// They are lost, and the pace stays: the next tick comes at the next multiple of the period.
    Skip,
}

impl MissedTicks {
    /// When the next tick is due, after the one that was due at `due` came at `now`.
    fn next(self, due: Nanos, now: Nanos, period: Nanos) -> Nanos {
        match self {
            MissedTicks::Burst => due.saturating_add(period),
            MissedTicks::Delay => now.saturating_add(period),
            MissedTicks::Skip => {
                let late = now.saturating_sub(due);
                due.saturating_add(late - late % period).saturating_add(period)
            }
        }
    }
}

impl Interval {
    /// Sets what becomes of missed ticks. Default: [`MissedTicks::Burst`].
    pub fn missed_ticks(mut self, missed: MissedTicks) -> Interval {
        self.missed = missed;
        self
    }

    /// Waits for the next tick. One that is due already is there at once.
    ///
    /// # Panics
    ///
    /// The first poll does, if no loop is running on its thread.
    ///
    /// # Cancel safety
    ///
    /// Dropping it clears the timer and loses no tick: the next one awaited is the same.
    pub async fn tick(&mut self) {
        let core = current();
        let now = core.clock.refresh();
        let due = *self.next.get_or_insert(now.saturating_add(self.period));
        if due > now {
            Sleep::new(self.at, CallbackKind::Interval, Until::Time(due)).await;
        }
        self.next = Some(self.missed.next(due, core.clock.refresh(), self.period));
    }
}
