//! A place for a handler that a service keeps and calls again and again.

use std::cell::Cell;

use crate::event_loop::core::Loop;
use crate::trace::Label;

/// A place for one handler. It is empty while the handler runs.
pub(crate) struct Place<F: ?Sized> {
    callback: Cell<Option<Box<F>>>,
    /// The line that installed it.
    label: Cell<Label>,
    /// A handler was installed, and still is, running or not.
    filled: Cell<bool>,
    bytes: Cell<u32>,
    /// Nothing will be called any more: a handler that came now would stay for nothing, and hold
    /// what it captured, which may be the owner of the place.
    retired: Cell<bool>,
}

impl<F: ?Sized> Default for Place<F> {
    fn default() -> Place<F> {
        Place {
            callback: Cell::new(None),
            label: Cell::new(Label::NOBODY),
            filled: Cell::new(false),
            bytes: Cell::new(0),
            retired: Cell::new(false),
        }
    }
}

impl<F: ?Sized> Place<F> {
    /// Installs a handler; once the place was retired, it is dropped instead.
    pub(crate) fn fill(&self, label: Label, callback: Box<F>) {
        if self.retired.get() {
            return;
        }
        self.bytes.set(u32::try_from(size_of_val(&*callback)).unwrap_or(u32::MAX));
        self.label.set(label);
        self.filled.set(true);
        drop(self.callback.replace(Some(callback)));
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.filled.get()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get() as usize
    }

    /// Takes the handler away for good, to be dropped, and takes no other.
    pub(crate) fn retire(&self) -> Option<Box<F>> {
        self.retired.set(true);
        self.clear()
    }

    /// Takes the handler away, to be dropped. One that runs is dropped when its call is over.
    pub(crate) fn clear(&self) -> Option<Box<F>> {
        self.filled.set(false);
        self.bytes.set(0);
        self.callback.take()
    }

    /// Lends the handler to `call`, if there is one and it does not run already.
    ///
    /// `call` makes a task of it, and a task does not unwind: so the handler always comes back.
    #[inline]
    pub(crate) fn lend<T>(&self, core: &Loop, call: impl FnOnce(&mut F, Label) -> T) -> Option<T> {
        let mut callback = self.callback.take()?;
        let label = self.label.get();
        let result = call(&mut callback, label);
        if let Some(unwanted) = self.put_back(callback) {
            core.drop_value(label, unwanted);
        }
        Some(result)
    }

    /// One that was installed meanwhile stays; one that was cleared away is not brought back.
    /// Returns the one that is not wanted any more.
    #[inline]
    fn put_back(&self, mine: Box<F>) -> Option<Box<F>> {
        if !self.is_filled() {
            return Some(mine);
        }
        let newer = self.callback.replace(Some(mine))?;
        self.callback.replace(Some(newer))
    }
}
