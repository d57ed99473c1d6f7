//! Timers as the loop sees them: what fires, and what handles can do to it.

use std::fmt;
use std::rc::Rc;

use crate::clock::Nanos;
use crate::error::Result;
use crate::event_loop::core::{Callback, Core, Loop};
use crate::slots::Key;
use crate::timer::{Millis, Timers};
use crate::trace::{CallbackKind, Label, event};

/// What the loop keeps with a timer.
pub(crate) struct TimerTask {
    pub(crate) label: Label,
    body: Body,
    /// A timer that is not armed is kept as long as somebody could refresh it.
    handles: u32,
}

pub(crate) enum Body {
    Once(Callback),
    /// The loop's own code, which makes tasks or not.
    Deferred(Box<dyn FnOnce()>),
    /// Fires each time it is armed; an interval is armed again by each firing.
    Many(Many),
    /// A `Many` that is being called.
    Running,
}

pub(crate) type Many = Box<dyn FnMut(&Timer) -> Result<()>>;

impl TimerTask {
    pub(crate) fn bytes(&self) -> usize {
        match &self.body {
            Body::Once(run) => size_of_val(&**run),
            Body::Deferred(run) => size_of_val(&**run),
            Body::Many(run) => size_of_val(&**run),
            Body::Running => 0,
        }
    }
}

impl Core {
    pub(crate) fn start_timer(
        self: &Rc<Self>,
        label: Label,
        duration: Millis,
        body: Body,
        referenced: bool,
    ) -> Timer {
        event::queued(label);
        let task = TimerTask { label, body, handles: 1 };
        let start = self.clock.refresh();
        let key = self.timers.borrow_mut().insert(duration, start, referenced, task);
        Timer { core: Rc::clone(self), key }
    }

    /// The Timers phase: due timers, by their lists.
    #[inline]
    pub(crate) fn run_timers(self: &Rc<Self>) {
        if self.timers.borrow().armed() > 0 {
            self.run_due_timers();
        }
    }

    fn run_due_timers(self: &Rc<Self>) {
        let mut pass = Timers::<TimerTask>::pass(self.clock.refresh());
        while !self.lifetime.has_ended() {
            let next = self.timers.borrow_mut().next_due(&mut pass);
            let Some(key) = next else { return };
            self.fire(key);
        }
    }

    fn fire(self: &Rc<Self>, key: Key) {
        let taken = {
            let mut timers = self.timers.borrow_mut();
            let Some(task) = timers.get_mut(key) else { return };
            let label = task.label;
            match std::mem::replace(&mut task.body, Body::Running) {
                // Whoever has the handle of a spent timeout can do nothing with it.
                body @ (Body::Once(_) | Body::Deferred(_)) => {
                    timers.remove(key);
                    (label, body)
                }
                body => (label, body),
            }
        };
        match taken {
            (label, Body::Once(run)) => self.task(label, run),
            (_, Body::Deferred(run)) => run(),
            (label, Body::Many(run)) => self.fire_many(key, label, run),
            (_, Body::Running) => {}
        }
    }

    fn fire_many(self: &Rc<Self>, key: Key, label: Label, run: Many) {
        self.task(label, || {
            let start = self.clock.refresh();
            let is_interval = label.kind() == CallbackKind::Interval;
            let rearm = is_interval.then_some(start);
            let mut firing = Firing { core: self, key, run: Some(run), rearm };
            let timer = Timer::another(self, key);
            firing.run.as_mut().map_or(Ok(()), |run| run(&timer))
        });
    }
}

/// Puts a timer's callback back when the call is over, normally or by a panic, and arms an
/// interval again: before the checkpoint, so that a tick of the callback finds it armed.
struct Firing<'a> {
    core: &'a Loop,
    key: Key,
    run: Option<Many>,
    /// The period of an interval counts from here.
    rearm: Option<Nanos>,
}

impl Drop for Firing<'_> {
    fn drop(&mut self) {
        let Some(run) = self.run.take() else { return };
        // Either may hold the callback, and is dropped after the borrow.
        let (cleared, forgotten) = {
            let mut timers = self.core.timers.borrow_mut();
            match timers.get_mut(self.key) {
                Some(task) => {
                    task.body = Body::Many(run);
                    if let Some(start) = self.rearm {
                        timers.restart(self.key, start);
                    }
                    (None, take_forgotten(&mut timers, self.key))
                }
                None => (Some(run), None),
            }
        };
        drop((cleared, forgotten));
    }
}

/// Takes out a timer that will not fire and that nobody can refresh.
fn take_forgotten(timers: &mut Timers<TimerTask>, key: Key) -> Option<TimerTask> {
    if timers.is_armed(key) {
        return None;
    }
    let task = timers.get_mut(key)?;
    let forgotten = task.handles == 0 && !matches!(task.body, Body::Running);
    if forgotten { timers.remove(key) } else { None }
}

/// A timer that was set. Dropping it clears nothing.
///
/// [`set_timeout`](crate::set_timeout) and [`set_interval`](crate::set_interval) show its use.
pub struct Timer {
    core: Loop,
    key: Key,
}

impl Timer {
    fn another(core: &Loop, key: Key) -> Timer {
        if let Some(task) = core.timers.borrow_mut().get_mut(key) {
            task.handles += 1;
        }
        Timer { core: Rc::clone(core), key }
    }

    /// Stops the timer for good and drops its callback. It does not fire, also if it is due in
    /// the phase that is running. Clearing twice, or after it fired, does nothing.
    pub fn clear(&self) {
        let task = self.core.timers.borrow_mut().remove(self.key);
        drop(task);
    }

    /// Starts the delay again from now, behind the timers of the same delay.
    ///
    /// Works on a pending timer, inside its own callback and, for
    /// [`set_timer`](crate::set_timer) and [`set_interval`](crate::set_interval), after it fired.
    /// Does nothing on a cleared timer and on a timeout that has fired.
    pub fn refresh(&self) {
        let start = self.core.clock.refresh();
        self.core.timers.borrow_mut().restart(self.key, start);
    }

    /// Lets the loop end although this timer is pending. It still fires if the loop lives.
    pub fn unref(&self) -> &Timer {
        self.core.timers.borrow_mut().set_referenced(self.key, false);
        self
    }

    /// Makes this timer keep the loop alive again, as it does when it is set.
    pub fn ref_(&self) -> &Timer {
        self.core.timers.borrow_mut().set_referenced(self.key, true);
        self
    }

    /// Whether this timer keeps the loop alive while it is pending; `false` once it is cleared,
    /// and for a timeout that has fired.
    pub fn has_ref(&self) -> bool {
        self.core.timers.borrow().is_referenced(self.key)
    }

    /// Whether the timer will fire if nothing is done to it.
    pub fn is_pending(&self) -> bool {
        self.core.timers.borrow().is_armed(self.key)
    }
}

impl Clone for Timer {
    fn clone(&self) -> Timer {
        Timer::another(&self.core, self.key)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let forgotten = {
            let mut timers = self.core.timers.borrow_mut();
            let Some(task) = timers.get_mut(self.key) else { return };
            task.handles -= 1;
            take_forgotten(&mut timers, self.key)
        };
        drop(forgotten);
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("pending", &self.is_pending())
            .field("has_ref", &self.has_ref())
            .finish_non_exhaustive()
    }
}
