//! Timers, in Node's structure: a list per duration, and an order of lists.
//!
//! Within one duration, a timer that is started later expires later, so a list needs no sorting:
//! start, clear and refresh are a few pointer moves. Only the lists are sorted, by the expiry that
//! their first timer had when it was looked at last. What follows from that for the order of late
//! timers is part of the promise: see `docs/ordering.md`.

mod list;

use crate::clock::Nanos;
use crate::slots::{Key, Slots};
use list::{Index, Lists, NONE, Rank};

/// A length of time in whole milliseconds, at least 1.
pub(crate) type Millis = u64;

const NANOS_PER_MILLI: Nanos = 1_000_000;

/// All timers of a loop. `T` is what the owner keeps with each; no method runs or drops one.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    entries: Slots<Entry<T>>,
    lists: Lists,
    armed: usize,
    /// Timers that are armed and referenced.
    holding: usize,
}

/// A timer. Small: a million of them cost more for the memory that they touch than for the work.
#[derive(Debug)]
struct Entry<T> {
    start: Nanos,
    /// The list of its duration, also while it does not wait in it.
    list: Index,
    before: Index,
    after: Index,
    armed: bool,
    referenced: bool,
    value: T,
}

/// One run over the timers that are due at `now`.
#[derive(Debug)]
pub(crate) struct Pass {
    now: Nanos,
    /// The list being run, as it stood in the order then: it goes on to the end of its due part
    /// before another list has a turn.
    list: Option<(Rank, Index)>,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Timers<T> {
        Timers { entries: Slots::new(), lists: Lists::new(), armed: 0, holding: 0 }
    }

    /// Starts a timer.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        duration: Millis,
        start: Nanos,
        referenced: bool,
        value: T,
    ) -> Key {
        let list = self.lists.join(duration);
        let (before, after, armed) = (NONE, NONE, false);
        let key =
            self.entries.insert(Entry { start, list, before, after, armed, referenced, value });
        self.arm(key.index, start);
        key
    }

    /// Starts a timer again, armed or not, behind all others of its duration.
    #[inline]
    pub(crate) fn restart(&mut self, key: Key, start: Nanos) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.armed && entry.after == NONE {
            entry.start = start;
            return;
        }
        // Its list keeps its place in the order meanwhile, as in Node.
        self.unlink(key.index);
        self.arm(key.index, start);
    }

    /// Takes a timer out, stopping it if it is armed.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let list = self.entries.get(key)?.list;
        if self.unlink(key.index) && self.lists.get(list).is_empty() {
            self.lists.leave(list);
        }
        self.lists.quit(list);
        self.entries.remove(key).map(|entry| entry.value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    pub(crate) fn is_armed(&self, key: Key) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.armed)
    }

    pub(crate) fn is_referenced(&self, key: Key) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.referenced)
    }

    pub(crate) fn set_referenced(&mut self, key: Key, referenced: bool) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let before = std::mem::replace(&mut entry.referenced, referenced);
        if entry.armed {
            self.holding = self.holding + usize::from(referenced) - usize::from(before);
        }
    }

    /// How many timers keep the loop alive.
    pub(crate) fn holding(&self) -> usize {
        self.holding
    }

    /// How many timers are armed.
    pub(crate) fn armed(&self) -> usize {
        self.armed
    }

    /// When the loop must look at the timers next: never later than the first deadline.
    pub(crate) fn next_deadline(&self) -> Option<Nanos> {
        self.lists.first().map(|(rank, _)| rank.0)
    }

    /// The armed timers with their deadlines, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&T, Nanos, bool)> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.armed)
            .map(|(_, entry)| (&entry.value, self.due(entry), entry.referenced))
    }

    pub(crate) fn take_all(&mut self) -> Vec<T> {
        *self =
            Timers { entries: std::mem::replace(&mut self.entries, Slots::new()), ..Timers::new() };
        self.entries.take_all().into_iter().map(|entry| entry.value).collect()
    }

    /// Begins a run; `now` is read once for all of it.
    pub(crate) fn pass(now: Nanos) -> Pass {
        Pass { now, list: None }
    }

    /// The next timer of the run, already stopped. It may be removed, restarted or left.
    ///
    /// A timer started while the run goes on starts at `now` or later, so it is not due in it.
    pub(crate) fn next_due(&mut self, pass: &mut Pass) -> Option<Key> {
        loop {
            let list = self.list_of(pass)?;
            let first = self.lists.get(list).first;
            if first == NONE {
                self.lists.leave(list);
                continue;
            }
            let due = self.due(self.entries.at(first));
            if due <= pass.now {
                self.unlink(first);
                return Some(self.entries.key_of(first));
            }
            // Where its first timer belongs, behind lists that were there already.
            self.lists.leave(list);
            self.lists.enter(list, due);
            pass.list = None;
        }
    }

    /// The list whose turn it is: the one that is being run, unless it has left its place.
    fn list_of(&self, pass: &mut Pass) -> Option<Index> {
        let goes_on = |(rank, list): (Rank, Index)| self.lists.is_at(rank, list);
        if !pass.list.is_some_and(goes_on) {
            pass.list = self.lists.first().filter(|(rank, _)| rank.0 <= pass.now);
        }
        pass.list.map(|(_, list)| list)
    }

    /// Appends a timer that is in no list to the list of its duration.
    #[inline]
    fn arm(&mut self, index: Index, start: Nanos) {
        let entry = self.entries.at_mut(index);
        let list = self.lists.get_mut(entry.list);
        let last = std::mem::replace(&mut list.last, index);
        (entry.start, entry.armed) = (start, true);
        (entry.before, entry.after) = (last, NONE);
        self.armed += 1;
        self.holding += usize::from(entry.referenced);
        if last != NONE {
            self.entries.at_mut(last).after = index;
            return;
        }
        list.first = index;
        if !list.is_in_order() {
            let (due, list) = (expiry(start, list.duration), entry.list);
            self.lists.enter(list, due);
        }
    }

    /// Takes a timer out of its list; `false` if it was in none.
    #[inline]
    fn unlink(&mut self, index: Index) -> bool {
        let entry = self.entries.at_mut(index);
        if !std::mem::replace(&mut entry.armed, false) {
            return false;
        }
        self.armed -= 1;
        self.holding -= usize::from(entry.referenced);
        let (before, after) = (entry.before, entry.after);
        let list = self.lists.get_mut(entry.list);
        match before {
            NONE => list.first = after,
            before => self.entries.at_mut(before).after = after,
        }
        match after {
            NONE => list.last = before,
            after => self.entries.at_mut(after).before = before,
        }
        true
    }

    fn due(&self, entry: &Entry<T>) -> Nanos {
        expiry(entry.start, self.lists.get(entry.list).duration)
    }
}

fn expiry(start: Nanos, duration: Millis) -> Nanos {
    start.saturating_add(duration.saturating_mul(NANOS_PER_MILLI))
}
