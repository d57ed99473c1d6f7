//! Timers, in Node's structure: a list per duration, and an order of lists.
//!
//! Within one duration, a timer that is started later expires later, so a list needs no sorting:
//! start, clear and refresh are a few pointer moves. Only the lists are sorted, by the expiry that
//! their first timer had when it was looked at last. What follows from that for the order of late
//! timers is part of the promise: see `docs/ordering.md`.

mod list;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use crate::clock::Nanos;
use crate::slots::{Key, Slots};
use list::List;

/// A length of time in whole milliseconds, at least 1.
pub(crate) type Millis = u64;

const NANOS_PER_MILLI: Nanos = 1_000_000;

/// All timers of a loop. `T` is what the owner keeps with each; no method runs or drops one.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    entries: Slots<Entry<T>>,
    lists: Slots<List>,
    by_duration: HashMap<Millis, Key, BuildHasherDefault<MillisHasher>>,
    /// Lists by expiry, and by age where that is equal.
    order: BTreeMap<Rank, Key>,
    next_id: u64,
    armed: usize,
    /// Timers that are armed and referenced.
    holding: usize,
}

/// Where a list stands among the lists: expiry, then id.
type Rank = (Nanos, u64);

#[derive(Debug)]
struct Entry<T> {
    duration: Millis,
    start: Nanos,
    referenced: bool,
    /// The list the timer waits in, while it is armed.
    list: Option<Key>,
    before: Option<Key>,
    after: Option<Key>,
    value: T,
}

/// One run over the timers that are due at `now`.
#[derive(Debug)]
pub(crate) struct Pass {
    now: Nanos,
    /// The list being run: it goes on to the end of its due part before another list has a turn.
    list: Option<Key>,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Timers<T> {
        Timers {
            entries: Slots::new(),
            lists: Slots::new(),
            by_duration: HashMap::default(),
            order: BTreeMap::new(),
            next_id: 0,
            armed: 0,
            holding: 0,
        }
    }

    /// Starts a timer.
    pub(crate) fn insert(
        &mut self,
        duration: Millis,
        start: Nanos,
        referenced: bool,
        value: T,
    ) -> Key {
        let entry =
            Entry { duration, start, referenced, list: None, before: None, after: None, value };
        let key = self.entries.insert(entry);
        self.arm(key, start);
        key
    }

    /// Starts a timer again, armed or not, behind all others of its duration.
    pub(crate) fn restart(&mut self, key: Key, start: Nanos) {
        if self.entries.get(key).is_some() {
            self.unlink(key);
            self.arm(key, start);
        }
    }

    /// Stops a timer; it stays, to be started again or removed.
    pub(crate) fn stop(&mut self, key: Key) {
        if let Some(list) = self.unlink(key) {
            if self.lists.get(list).is_some_and(List::is_empty) {
                self.delete_list(list);
            }
        }
    }

    /// Takes a timer out.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.stop(key);
        self.entries.remove(key).map(|entry| entry.value)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    pub(crate) fn is_armed(&self, key: Key) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.list.is_some())
    }

    pub(crate) fn is_referenced(&self, key: Key) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.referenced)
    }

    pub(crate) fn set_referenced(&mut self, key: Key, referenced: bool) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let before = std::mem::replace(&mut entry.referenced, referenced);
        if entry.list.is_some() {
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
        self.order.first_key_value().map(|(rank, _)| rank.0)
    }

    /// The armed timers with their deadlines, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&T, Nanos, bool)> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.list.is_some())
            .map(|(_, entry)| (&entry.value, expiry(entry.start, entry.duration), entry.referenced))
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
            let list = match pass.list.filter(|list| self.lists.get(*list).is_some()) {
                Some(list) => list,
                None => self.first_due(pass.now)?,
            };
            pass.list = Some(list);
            let Some(first) = self.lists.get(list)?.first else {
                self.delete_list(list);
                continue;
            };
            let entry = self.entries.get(first)?;
            let due = expiry(entry.start, entry.duration);
            if due <= pass.now {
                self.unlink(first);
                return Some(first);
            }
            self.move_list(list, due);
            pass.list = None;
        }
    }

    fn first_due(&self, now: Nanos) -> Option<Key> {
        let (rank, list) = self.order.first_key_value()?;
        (rank.0 <= now).then_some(*list)
    }

    /// Appends a timer that is in no list to the list of its duration.
    fn arm(&mut self, key: Key, start: Nanos) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.start = start;
        let (duration, referenced) = (entry.duration, entry.referenced);
        let list = match self.by_duration.get(&duration) {
            Some(list) => *list,
            None => self.create_list(duration, expiry(start, duration)),
        };
        self.push_back(list, key);
        self.armed += 1;
        self.holding += usize::from(referenced);
    }

    fn create_list(&mut self, duration: Millis, expiry: Nanos) -> Key {
        let rank = (expiry, self.take_id());
        let list = self.lists.insert(List::new(duration, rank));
        self.by_duration.insert(duration, list);
        self.order.insert(rank, list);
        list
    }

    fn delete_list(&mut self, key: Key) {
        if let Some(list) = self.lists.remove(key) {
            self.by_duration.remove(&list.duration);
            self.order.remove(&list.rank);
        }
    }

    /// Puts a list where its first timer belongs, behind lists that were there already.
    fn move_list(&mut self, key: Key, expiry: Nanos) {
        let rank = (expiry, self.take_id());
        if let Some(list) = self.lists.get_mut(key) {
            self.order.remove(&list.rank);
            list.rank = rank;
            self.order.insert(rank, key);
        }
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

fn expiry(start: Nanos, duration: Millis) -> Nanos {
    start.saturating_add(duration.saturating_mul(NANOS_PER_MILLI))
}

/// Durations are small numbers that no enemy chooses: one multiplication spreads them well.
#[derive(Debug, Default)]
struct MillisHasher(u64);

impl Hasher for MillisHasher {
    fn write_u64(&mut self, millis: u64) {
        // 2^64 divided by the golden ratio; the rotation brings the mixed bits to both ends.
        self.0 = millis.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
