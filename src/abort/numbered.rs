//! A list from which anything can be taken at any time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Values in the order in which they were added, each with a number by which it can be removed.
///
/// What is taken out is given back, so that it is dropped where nothing is borrowed.
pub(super) struct Numbered<T> {
    values: RefCell<BTreeMap<u64, T>>,
    added: Cell<u64>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered { values: RefCell::default(), added: Cell::new(0) }
    }
}

impl<T> Numbered<T> {
    pub(super) fn add(&self, value: T) -> u64 {
        let number = self.added.get();
        self.added.set(number + 1);
        self.values.borrow_mut().insert(number, value);
        number
    }

    pub(super) fn remove(&self, number: u64) -> Option<T> {
        self.values.borrow_mut().remove(&number)
    }

    pub(super) fn take_first(&self) -> Option<T> {
        self.values.borrow_mut().pop_first().map(|(_, value)| value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.borrow().is_empty()
    }
}
