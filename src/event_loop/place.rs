//! A place for a handler that a service keeps and calls again and again.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use crate::trace::{CallbackKind, Label};

/// A place for one handler. It is empty while the handler runs.
pub(crate) struct Place<F: ?Sized> {
    callback: Cell<Option<Box<F>>>,
    /// Set once a handler was installed, and as long as one is, running or not.
    label: Cell<Option<Label>>,
    bytes: Cell<usize>,
    /// Nothing will be called any more: a handler that came now would stay for nothing, and hold
    /// what it captured, which may be the owner of the place.
    retired: Cell<bool>,
}

impl<F: ?Sized> Default for Place<F> {
    fn default() -> Place<F> {
        Place {
            callback: Cell::new(None),
            label: Cell::new(None),
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
        self.bytes.set(size_of_val(&*callback));
        self.label.set(Some(label));
        drop(self.callback.replace(Some(callback)));
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.label.get().is_some()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Takes the handler away for good, to be dropped. One that runs is dropped when its call is
    /// over.
    pub(crate) fn retire(&self) -> Place<F> {
        self.retired.set(true);
        Place {
            callback: Cell::new(self.callback.take()),
            label: Cell::new(self.label.take()),
            bytes: Cell::new(self.bytes.take()),
            retired: Cell::new(true),
        }
    }

    /// Takes the handler out to be called; it goes back when the result is dropped.
    pub(crate) fn lend(&self, kind: CallbackKind) -> Option<Lent<'_, F>> {
        let callback = self.callback.take()?;
        let label = Label { kind, ..self.label.get()? };
        Some(Lent { place: self, callback: Some(callback), label })
    }
}

/// A handler that runs.
pub(crate) struct Lent<'a, F: ?Sized> {
    place: &'a Place<F>,
    /// Always there until the drop.
    callback: Option<Box<F>>,
    pub(crate) label: Label,
}

impl<F: ?Sized> Drop for Lent<'_, F> {
    fn drop(&mut self) {
        let mine = self.callback.take();
        // One that was installed meanwhile stays; one that was cleared away is not brought back.
        if self.place.is_filled() {
            let newer = self.place.callback.take();
            let (kept, dropped) = if newer.is_some() { (newer, mine) } else { (mine, None) };
            self.place.callback.set(kept);
            drop(dropped);
        }
    }
}

impl<F: ?Sized> Deref for Lent<'_, F> {
    type Target = F;

    fn deref(&self) -> &F {
        self.callback.as_deref().expect("it is put back by the drop, and by nothing else")
    }
}

impl<F: ?Sized> DerefMut for Lent<'_, F> {
    fn deref_mut(&mut self) -> &mut F {
        self.callback.as_deref_mut().expect("it is put back by the drop, and by nothing else")
    }
}
