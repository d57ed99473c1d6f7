//! Closing a listener together with the connections that it accepted, in good order.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::clock::{Nanos, nanos};
use crate::error::Error;
use crate::event_loop::Timer;
use crate::event_loop::core::Loop;
use crate::event_loop::guest::Guest;
use crate::event_loop::timers::Body;
use crate::request::{Complete, Underway};
use crate::slots::Key;
use crate::trace::Label;

/// A connection over which nothing went for so long has nothing in flight.
const QUIET: Duration = Duration::from_secs(1);

/// Of a shorter grace, this part: so that a connection that was busy has its chance.
const PARTS: u32 = 4;

/// What became of the connections of a listener that closed all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClosedAll {
    /// Connections that ended in good order.
    pub ended: usize,
    /// Connections that were cut off, as the grace was over.
    pub cut_off: usize,
}

/// Takes leave of the connections of the listener with this key, which is closed by now.
pub(crate) fn begin(
    core: &Loop,
    label: Label,
    host: Key,
    grace: Duration,
    complete: Complete<ClosedAll>,
) -> Underway {
    let guests = core.guests_of(host.generation);
    let farewell = Rc::new(Farewell {
        core: Rc::clone(core),
        label,
        quiet: nanos(QUIET.min(grace / PARTS)),
        until: core.clock.refresh().saturating_add(nanos(grace)),
        all: guests.len(),
        left: Cell::new(0),
        cut_off: Cell::new(0),
        guests: RefCell::new(guests),
        timer: Cell::new(None),
        complete: Cell::new(Some(complete)),
    });
    farewell.watch();
    let begun = Rc::clone(&farewell);
    // Behind the close handler of the listener.
    core.defer_to_close(label, move |_| begun.look());
    Underway::Other(Box::new(move |_| farewell.cancel()))
}

struct Farewell {
    core: Loop,
    label: Label,
    /// So long nothing must have gone over a connection.
    quiet: Nanos,
    /// Then the grace is over.
    until: Nanos,
    all: usize,
    left: Cell<usize>,
    cut_off: Cell<usize>,
    guests: RefCell<Vec<Weak<dyn Guest>>>,
    timer: Cell<Option<Timer>>,
    /// Taken when it is over, or given up.
    complete: Cell<Option<Complete<ClosedAll>>>,
}

impl Farewell {
    fn watch(self: &Rc<Self>) {
        for guest in &*self.guests.borrow() {
            let farewell = Rc::clone(self);
            if let Some(guest) = guest.upgrade() {
                guest.when_closed(Box::new(move || farewell.one_has_left()));
            }
        }
    }

    fn one_has_left(&self) {
        self.left.set(self.left.get() + 1);
        self.end_if_empty();
    }

    fn end_if_empty(&self) -> bool {
        if self.left.get() < self.all {
            return false;
        }
        if let Some(complete) = self.complete.take() {
            self.stop_timer();
            let cut_off = self.cut_off.get();
            complete(&self.core, Ok(ClosedAll { ended: self.all - cut_off, cut_off }));
        }
        true
    }

    /// Lets those go that are quiet, and all others when the grace is over.
    fn look(self: &Rc<Self>) {
        if self.end_if_empty() || self.is_given_up() {
            return;
        }
        let now = self.core.clock.refresh();
        // Not while they are borrowed: who is told may do anything.
        let guests = self.guests.take();
        let mut next = self.until;
        for guest in guests.iter().filter_map(Weak::upgrade) {
            if now >= self.until {
                self.cut_off.set(self.cut_off.get() + 1);
                guest.cut_off();
                continue;
            }
            // Whoever was told before may have given this up.
            if self.is_given_up() {
                return;
            }
            let due = guest.quiet_since().unwrap_or(now).saturating_add(self.quiet);
            if due <= now {
                guest.leave();
            } else {
                next = next.min(due);
            }
        }
        if now < self.until {
            self.guests.replace(guests);
            self.look_in(next - now);
        }
    }

    fn look_in(self: &Rc<Self>, time: Nanos) {
        if self.is_given_up() {
            return;
        }
        let farewell = Rc::clone(self);
        let body = Body::Deferred(Box::new(move || farewell.look()));
        let millis = time.div_ceil(1_000_000).max(1);
        // It keeps the loop alive, as a request does.
        self.timer.set(Some(self.core.start_timer(self.label, millis, body, true)));
    }

    fn is_given_up(&self) -> bool {
        let complete = self.complete.take();
        let given_up = complete.is_none();
        self.complete.set(complete);
        given_up
    }

    fn stop_timer(&self) {
        if let Some(timer) = self.timer.take() {
            timer.clear();
        }
    }

    fn cancel(&self) -> bool {
        let Some(complete) = self.complete.take() else { return false };
        self.stop_timer();
        self.core.defer(self.label, move |core| complete(core, Err(Error::cancelled())));
        true
    }
}
