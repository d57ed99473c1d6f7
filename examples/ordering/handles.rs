//! The handles that a program has names for.

use std::cell::RefCell;
use std::collections::HashMap;

use unspin::{Immediate, Timer};

/// What a name may hold.
#[derive(Clone)]
pub(crate) enum Handle {
    Timer(Timer),
    Immediate(Immediate),
}

impl Handle {
    pub(crate) fn clear(&self) {
        match self {
            Handle::Timer(timer) => timer.clear(),
            Handle::Immediate(immediate) => immediate.clear(),
        }
    }

    pub(crate) fn ref_(&self) {
        match self {
            Handle::Timer(timer) => _ = timer.ref_(),
            Handle::Immediate(immediate) => _ = immediate.ref_(),
        }
    }

    pub(crate) fn unref(&self) {
        match self {
            Handle::Timer(timer) => _ = timer.unref(),
            Handle::Immediate(immediate) => _ = immediate.unref(),
        }
    }

    pub(crate) fn has_ref(&self) -> bool {
        match self {
            Handle::Timer(timer) => timer.has_ref(),
            Handle::Immediate(immediate) => immediate.has_ref(),
        }
    }

    pub(crate) fn timer(&self) -> Option<&Timer> {
        match self {
            Handle::Timer(timer) => Some(timer),
            Handle::Immediate(_) => None,
        }
    }
}

/// One table for the whole program. A name that is bound again loses what it held.
#[derive(Default)]
pub(crate) struct Handles(RefCell<HashMap<String, Handle>>);

impl Handles {
    pub(crate) fn bind(&self, name: Option<&String>, handle: Handle) {
        if let Some(name) = name {
            // What the name held is dropped when the table is free again.
            let before = self.0.borrow_mut().insert(name.clone(), handle);
            drop(before);
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Handle> {
        self.0.borrow().get(name).cloned()
    }
}
