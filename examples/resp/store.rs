//! Keys, their values, and when they go.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

/// As many keys are dropped in one go, so that nobody waits long when many are due at once.
const DROPPED_AT_ONCE: usize = 1000;

pub(crate) type Bytes = Box<[u8]>;

#[derive(Debug)]
pub(crate) enum Value {
    Text(Vec<u8>),
    List(VecDeque<Bytes>),
    Hash(HashMap<Bytes, Vec<u8>>),
    Set(HashSet<Bytes>),
}

#[derive(Debug)]
struct Entry {
    value: Value,
    deadline: Option<Duration>,
}

impl Entry {
    /// Asks the clock only where there is a deadline.
    fn is_due(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= unspin::now())
    }
}

/// A key that is due counts as absent, and is dropped later, by a timer: see `drop_due`.
#[derive(Debug, Default)]
pub(crate) struct Store {
    entries: HashMap<Bytes, Entry>,
    deadlines: BTreeSet<(Duration, Bytes)>,
}

impl Store {
    /// Keys, among them some that are due.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn expiring(&self) -> usize {
        self.deadlines.len()
    }

    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Value> {
        self.entries.get(key).filter(|entry| !entry.is_due()).map(|entry| &entry.value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut Value> {
        let entry = self.entries.get_mut(key).filter(|entry| !entry.is_due());
        entry.map(|entry| &mut entry.value)
    }

    /// Changes a value, which begins as `new` where there is none. Keeps the deadline.
    #[inline]
    pub(crate) fn change<T>(
        &mut self,
        key: &[u8],
        new: impl FnOnce() -> Value,
        change: impl FnOnce(&mut Value) -> T,
    ) -> T {
        if let Some(entry) = self.entries.get_mut(key) {
            if entry.is_due() {
                forget(&mut self.deadlines, key, entry.deadline.take());
                entry.value = new();
            }
            return change(&mut entry.value);
        }
        let mut value = new();
        let result = change(&mut value);
        self.entries.insert(key.into(), Entry { value, deadline: None });
        result
    }

    /// Stores a text in place of whatever is there, and forgets the deadline.
    #[inline]
    pub(crate) fn set(&mut self, key: &[u8], text: &[u8]) {
        let Some(entry) = self.entries.get_mut(key) else {
            let entry = Entry { value: Value::Text(text.to_vec()), deadline: None };
            self.entries.insert(key.into(), entry);
            return;
        };
        forget(&mut self.deadlines, key, entry.deadline.take());
        match &mut entry.value {
            // In the old place, unless that is far too large.
            Value::Text(old) if old.capacity() <= 64 + 2 * text.len() => {
                old.clear();
                old.extend_from_slice(text);
            }
            value => *value = Value::Text(text.to_vec()),
        }
    }

    /// Returns whether there was such a key.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        let was_there = !entry.is_due();
        forget(&mut self.deadlines, key, entry.deadline);
        was_there
    }

    pub(crate) fn clear(&mut self) {
        *self = Store::default();
    }

    /// `None` if there is no such key, `Some(None)` if it stays for ever.
    pub(crate) fn deadline(&self, key: &[u8]) -> Option<Option<Duration>> {
        self.entries.get(key).filter(|entry| !entry.is_due()).map(|entry| entry.deadline)
    }

    /// Sets or removes the deadline of a key that is there.
    pub(crate) fn set_deadline(&mut self, key: &[u8], deadline: Option<Duration>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let before = std::mem::replace(&mut entry.deadline, deadline);
        forget(&mut self.deadlines, key, before);
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key.into()));
        }
    }

    /// When something is due next.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Drops keys that are due: some of them, where they are many.
    pub(crate) fn drop_due(&mut self, now: Duration) {
        for _ in 0..DROPPED_AT_ONCE {
            if self.next_deadline().is_none_or(|deadline| deadline > now) {
                return;
            }
            if let Some((_, key)) = self.deadlines.pop_first() {
                self.entries.remove(&key);
            }
        }
    }
}

fn forget(deadlines: &mut BTreeSet<(Duration, Bytes)>, key: &[u8], deadline: Option<Duration>) {
    if let Some(deadline) = deadline {
        deadlines.remove(&(deadline, key.into()));
    }
}
