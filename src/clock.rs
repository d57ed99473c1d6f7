//! The only module that reads the time.
//!
//! Loop time is nanoseconds since the loop was built, in a `u64`: enough for 584 years.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::sys;

/// A point in loop time.
pub(crate) type Nanos = u64;

/// The real, precise time.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the one place that may read the real clock")]
    Instant::now()
}

/// The system's time at the last scheduler tick: some milliseconds behind, and cheap.
#[inline]
pub(crate) fn coarse() -> Nanos {
    sys::clock::coarse()
}

/// CPU time that the calling thread has used.
pub(crate) fn thread_cpu() -> Duration {
    sys::clock::thread_cpu()
}

/// A duration in whole nanoseconds; what is longer than 584 years becomes that.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A loop's time.
///
/// Callbacks see a cached time, so that what happens together carries one time; it is refreshed
/// around a sleep, before due timers are looked for, and whenever a timer is started.
#[derive(Debug)]
pub(crate) struct Clock {
    /// When loop time began, in nanoseconds of the system.
    origin: Nanos,
    /// The same as an instant, read just before: what an instant becomes may be some nanoseconds
    /// late, but never early.
    instant: Instant,
    /// A virtual clock's time. It stands still while callbacks run, and moves by `advance`, by a
    /// jump of the sleeping loop, or by as much as the loop really slept.
    standing: Option<Cell<Nanos>>,
    cached: Cell<Nanos>,
    /// The real time of the last refresh: for a real clock, the same as `cached`.
    real: Cell<Nanos>,
}

impl Clock {
    pub(crate) fn real() -> Clock {
        let (instant, origin) = (now(), sys::clock::precise());
        Clock { origin, instant, standing: None, cached: Cell::new(0), real: Cell::new(0) }
    }

    pub(crate) fn standing_still() -> Clock {
        Clock { standing: Some(Cell::new(0)), ..Clock::real() }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.standing.is_some()
    }

    /// Reads the clock and keeps what it says.
    #[inline]
    pub(crate) fn refresh(&self) -> Nanos {
        let real = sys::clock::precise() - self.origin;
        self.real.set(real);
        let time = self.standing.as_ref().map_or(real, Cell::get);
        self.cached.set(time);
        time
    }

    /// The time of the last refresh.
    pub(crate) fn cached(&self) -> Nanos {
        self.cached.get()
    }

    /// The system's time at the last refresh, comparable with `coarse`.
    pub(crate) fn system(&self) -> Nanos {
        self.origin + self.real.get()
    }

    /// Refreshes after a sleep that began at the last refresh; returns how long it really was. A
    /// virtual clock goes on by as much.
    pub(crate) fn refresh_after_sleep(&self) -> Nanos {
        let began = self.real.get();
        self.refresh();
        let slept = self.real.get() - began;
        self.advance(slept);
        slept
    }

    /// Moves a virtual clock forward; `false` for the real one, which moves by itself.
    pub(crate) fn advance(&self, by: Nanos) -> bool {
        let Some(time) = &self.standing else { return false };
        time.set(time.get().saturating_add(by));
        self.cached.set(time.get());
        true
    }

    /// The instant of a point in loop time; `None` where it is too far off to be told.
    pub(crate) fn instant(&self, time: Nanos) -> Option<Instant> {
        self.instant.checked_add(Duration::from_nanos(time))
    }

    /// The point in loop time of an instant.
    pub(crate) fn time(&self, instant: Instant) -> Nanos {
        nanos(instant.saturating_duration_since(self.instant))
    }
}
