//! Immediates: callbacks for the Check phase.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::error::Outcome;
use crate::event_loop::context::current;
use crate::event_loop::core::{Callback, Core, Loop};
use crate::slots::{Key, Slots};
use crate::trace::{CallbackKind, Label, event};

pub(crate) struct Immediates {
    entries: Slots<Entry>,
    /// Those for the next Check phase; keys of cleared ones stay, and match nothing.
    queue: VecDeque<Key>,
    /// Queued ones that keep the loop alive, the running batch included.
    holding: usize,
}

struct Entry {
    label: Label,
    run: Callback,
    referenced: bool,
}

impl Immediates {
    pub(crate) fn new() -> Immediates {
        Immediates { entries: Slots::new(), queue: VecDeque::new(), holding: 0 }
    }

    pub(crate) fn holding(&self) -> usize {
        self.holding
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn each(&self, mut each: impl FnMut(Label, usize, bool)) {
        for (_, entry) in self.entries.iter() {
            each(entry.label, size_of_val(&*entry.run), entry.referenced);
        }
    }

    pub(crate) fn take_all(&mut self) -> Vec<Callback> {
        self.queue.clear();
        self.holding = 0;
        self.entries.take_all().into_iter().map(|entry| entry.run).collect()
    }

    /// Takes the oldest out; `None` if it was cleared.
    fn take_next(&mut self) -> Option<Entry> {
        let key = self.queue.pop_front()?;
        self.remove(key)
    }

    fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.holding -= usize::from(entry.referenced);
        Some(entry)
    }
}

impl Core {
    /// The Check phase: the immediates that were queued before it began.
    pub(crate) fn run_immediates(self: &Rc<Self>) {
        // Those that are queued from here on wait behind them, for the next turn.
        let batch = self.immediates.borrow().queue.len();
        for _ in 0..batch {
            if self.lifetime.has_ended() {
                return;
            }
            let next = self.immediates.borrow_mut().take_next();
            if let Some(Entry { label, run, .. }) = next {
                self.task(label, run);
            }
        }
    }
}

/// An immediate that was set. Dropping it clears nothing; all its methods do nothing once the
/// callback has begun.
#[derive(Clone)]
pub struct Immediate {
    core: Loop,
    key: Key,
}

impl Immediate {
    /// Takes the callback out of the queue, also out of the batch that is running.
    pub fn clear(&self) {
        let entry = self.core.immediates.borrow_mut().remove(self.key);
        drop(entry);
    }

    /// Lets the loop end although this immediate waits. It still runs if a turn happens.
    pub fn unref(&self) -> &Immediate {
        self.set_referenced(false);
        self
    }

    /// Makes this immediate keep the loop alive again, as it does when it is set.
    pub fn ref_(&self) -> &Immediate {
        self.set_referenced(true);
        self
    }

    /// Whether this immediate is queued and keeps the loop alive.
    pub fn has_ref(&self) -> bool {
        self.core.immediates.borrow().entries.get(self.key).is_some_and(|entry| entry.referenced)
    }

    fn set_referenced(&self, referenced: bool) {
        let mut immediates = self.core.immediates.borrow_mut();
        let Some(entry) = immediates.entries.get_mut(self.key) else { return };
        let before = std::mem::replace(&mut entry.referenced, referenced);
        immediates.holding = immediates.holding + usize::from(referenced) - usize::from(before);
    }
}

impl fmt::Debug for Immediate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Immediate").field("has_ref", &self.has_ref()).finish_non_exhaustive()
    }
}

/// Queues a callback for the Check phase, which comes right after Poll.
///
/// Immediates run in the order they were set. One set by an immediate, or by a tick or microtask
/// of one, waits for the next turn. From an I/O or a timer callback, an immediate always runs
/// before a timer that was set beside it. This is Node's
/// [`setImmediate`](https://nodejs.org/api/timers.html#setimmediatecallback-args).
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let never = unspin::set_immediate(|| unreachable!());
///     unspin::set_immediate(|| println!("runs"));
///     never.clear();
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn set_immediate<R: Outcome>(callback: impl FnOnce() -> R + 'static) -> Immediate {
    let core = current();
    let label = core.label(CallbackKind::Immediate, Location::caller());
    let run: Callback = Box::new(move || callback().into_result());
    event::queued(label);
    let key = {
        let mut immediates = core.immediates.borrow_mut();
        let key = immediates.entries.insert(Entry { label, run, referenced: true });
        immediates.queue.push_back(key);
        immediates.holding += 1;
        key
    };
    Immediate { core, key }
}
