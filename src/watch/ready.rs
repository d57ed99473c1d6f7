//! From when on a watcher misses nothing.

use std::cell::{Cell, RefCell};

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::request::Complete;
use crate::trace::Label;

/// Whether everything is watched already, and who waits for that.
#[derive(Default)]
pub(super) struct Ready {
    is_ready: Cell<bool>,
    requests: RefCell<Vec<(u64, Complete<()>)>>,
    numbers: Cell<u64>,
}

impl Ready {
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready.get()
    }

    pub(super) fn is_awaited(&self) -> bool {
        !self.requests.borrow().is_empty()
    }

    pub(super) fn ask(&self, complete: Complete<()>) -> u64 {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        self.requests.borrow_mut().push((number, complete));
        number
    }

    /// Takes a request back that still waits.
    pub(super) fn cancel(&self, core: &Loop, label: Label, number: u64) -> bool {
        let complete = {
            let mut requests = self.requests.borrow_mut();
            let place = requests.iter().position(|(other, _)| *other == number);
            place.map(|place| requests.remove(place).1)
        };
        let Some(complete) = complete else { return false };
        core.defer(label, move |core| complete(core, Err(Error::cancelled())));
        true
    }

    /// From now on everything is watched. Runs user code.
    pub(super) fn reached(&self, core: &Loop) {
        self.is_ready.set(true);
        self.complete_all(core, || Ok(()));
    }

    pub(super) fn complete_all(&self, core: &Loop, result: impl Fn() -> Result<()>) {
        for (_, complete) in self.take_all() {
            complete(core, result());
        }
    }

    pub(super) fn take_all(&self) -> Vec<(u64, Complete<()>)> {
        self.requests.take()
    }

    /// For what needs no time.
    pub(super) fn at_once(&self) {
        self.is_ready.set(true);
    }
}
