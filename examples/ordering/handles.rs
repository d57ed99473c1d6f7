//! The handles that a program has names for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use unspin::{AbortController, Emitter, Immediate, Listener, Port, Timer};

use crate::value::{Promise, Thenable, Value};

/// What a name may hold.
#[derive(Clone)]
pub(crate) enum Handle {
    Timer(Timer),
    Immediate(Immediate),
    Promise(Promise),
    Thenable(Rc<Thenable>),
    Emitter(Rc<Events>),
    Listener(Listener),
    AbortController(AbortController),
    Port(Port<Value>),
}

/// Emitters by the name of the event: here, one emitter is one event.
pub(crate) type Events = Table<Emitter<Value>>;

impl Handle {
    pub(crate) fn clear(&self) {
        match self {
            Handle::Timer(timer) => timer.clear(),
            Handle::Immediate(immediate) => immediate.clear(),
            _ => {}
        }
    }

    pub(crate) fn ref_(&self) {
        match self {
            Handle::Timer(timer) => _ = timer.ref_(),
            Handle::Immediate(immediate) => _ = immediate.ref_(),
            _ => {}
        }
    }

    pub(crate) fn unref(&self) {
        match self {
            Handle::Timer(timer) => _ = timer.unref(),
            Handle::Immediate(immediate) => _ = immediate.unref(),
            _ => {}
        }
    }

    pub(crate) fn has_ref(&self) -> bool {
        match self {
            Handle::Timer(timer) => timer.has_ref(),
            Handle::Immediate(immediate) => immediate.has_ref(),
            _ => false,
        }
    }
}

/// A table of names, one for the whole program. A name that is bound again loses what it held.
pub(crate) struct Table<T>(RefCell<HashMap<String, T>>);

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table(RefCell::default())
    }
}

impl<T: Clone> Table<T> {
    pub(crate) fn bind(&self, name: &str, value: T) {
        // What the name held is dropped when the table is free again.
        let before = self.0.borrow_mut().insert(name.to_owned(), value);
        drop(before);
    }

    pub(crate) fn get(&self, name: &str) -> Option<T> {
        self.0.borrow().get(name).cloned()
    }

    /// Forgets all names: what they hold may hold the program, and the program the table.
    pub(crate) fn clear(&self) {
        let all = self.0.take();
        drop(all);
    }
}
