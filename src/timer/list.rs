//! The list of all armed timers of one duration: first started, first due.

use crate::slots::Key;
use crate::timer::{Millis, Rank, Timers};

#[derive(Debug)]
pub(crate) struct List {
    pub(crate) duration: Millis,
    pub(crate) rank: Rank,
    pub(crate) first: Option<Key>,
    last: Option<Key>,
}

impl List {
    pub(crate) fn new(duration: Millis, rank: Rank) -> List {
        List { duration, rank, first: None, last: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl<T> Timers<T> {
    pub(crate) fn push_back(&mut self, list_key: Key, key: Key) {
        let Some(list) = self.lists.get_mut(list_key) else { return };
        let last = list.last.replace(key);
        if last.is_none() {
            list.first = Some(key);
        }
        if let Some(entry) = last.and_then(|last| self.entries.get_mut(last)) {
            entry.after = Some(key);
        }
        if let Some(entry) = self.entries.get_mut(key) {
            entry.list = Some(list_key);
            entry.before = last;
            entry.after = None;
        }
    }

    /// Takes a timer out of its list, and returns that list, which may be empty now.
    pub(crate) fn unlink(&mut self, key: Key) -> Option<Key> {
        let entry = self.entries.get_mut(key)?;
        let list_key = entry.list.take()?;
        let (before, after) = (entry.before.take(), entry.after.take());
        self.armed -= 1;
        self.holding -= usize::from(entry.referenced);

        if let Some(entry) = before.and_then(|before| self.entries.get_mut(before)) {
            entry.after = after;
        }
        if let Some(entry) = after.and_then(|after| self.entries.get_mut(after)) {
            entry.before = before;
        }
        let list = self.lists.get_mut(list_key)?;
        if list.first == Some(key) {
            list.first = after;
        }
        if list.last == Some(key) {
            list.last = before;
        }
        Some(list_key)
    }
}
