//! Events of one's own, with the rules of Node's `EventEmitter`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};

use crate::error::{Outcome, Result};

/// One event, and who listens to it.
///
/// [`emit`](Emitter::emit) calls the listeners at once, within the caller's own task, in the order
/// in which they were added: over a copy, so that one added meanwhile is not called, and one removed
/// meanwhile still is. A listener may add, remove and emit as it likes.
///
/// A clone is another handle to the same listeners. Different events are different emitters, fields
/// of one struct, or one emitter of an enum.
///
/// ```
/// use unspin::Emitter;
///
/// # fn main() -> unspin::Result<()> {
/// let opened = Emitter::<str>::new();
/// opened.on(|door| println!("{door} is open"));
/// let bell = opened.once(|_| println!("the bell rings"));
///
/// assert!(opened.emit("the front door")?);
/// assert!(!bell.remove(), "it rang, and was removed before");
/// assert_eq!(opened.listener_count(), 1);
/// # Ok(())
/// # }
/// ```
///
/// A listener that owns a handle to its own emitter keeps both in memory until it is removed.
pub struct Emitter<T: ?Sized + 'static> {
    shared: Rc<Shared<T>>,
}

struct Shared<T: ?Sized> {
    /// In the order of their calls. An emit holds on to the list it began with; a change meanwhile
    /// copies the list, and only then.
    listeners: RefCell<Rc<Vec<Rc<OnEvent<T>>>>>,
    /// How many were ever added.
    added: Cell<u64>,
}

type OnEvent<T> = Registered<dyn Fn(&T) -> Result<()>>;

struct Registered<F: ?Sized> {
    id: u64,
    once: bool,
    /// A `once` is called once, also if its own emit emits again before it is reached.
    called: Cell<bool>,
    call: F,
}

/// Where a listener goes in the list.
enum End {
    Front,
    Back,
}

impl<T: ?Sized> Emitter<T> {
    /// Makes an event that nobody listens to.
    pub fn new() -> Emitter<T> {
        Emitter { shared: Rc::new(Shared { listeners: RefCell::default(), added: Cell::new(0) }) }
    }

    /// Adds a listener behind all others. It stays when the [`Listener`] returned is dropped.
    ///
    /// A listener is a `Fn`, because an emit within an emit calls it while it runs: what it changes
    /// is in a `Cell` or `RefCell`.
    pub fn on<R: Outcome>(&self, listener: impl Fn(&T) -> R + 'static) -> Listener {
        self.add(End::Back, false, listener)
    }

    /// Adds a listener that is removed just before its first call.
    pub fn once<R: Outcome>(&self, listener: impl Fn(&T) -> R + 'static) -> Listener {
        self.add(End::Back, true, listener)
    }

    /// Adds a listener in front of all others.
    pub fn prepend<R: Outcome>(&self, listener: impl Fn(&T) -> R + 'static) -> Listener {
        self.add(End::Front, false, listener)
    }

    /// Adds a listener in front of all others that is removed just before its first call.
    pub fn prepend_once<R: Outcome>(&self, listener: impl Fn(&T) -> R + 'static) -> Listener {
        self.add(End::Front, true, listener)
    }

    /// Calls all listeners with `event`, and returns whether there were any.
    ///
    /// # Errors
    ///
    /// The first error that a listener returns; those after it are not called.
    ///
    /// # Panics
    ///
    /// If a listener does; those after it are not called either.
    pub fn emit(&self, event: &T) -> Result<bool> {
        let listeners = self.shared.listeners.borrow().clone();
        for listener in listeners.iter() {
            if listener.once {
                if listener.called.replace(true) {
                    continue;
                }
                self.shared.remove(listener.id);
            }
            (listener.call)(event)?;
        }
        Ok(!listeners.is_empty())
    }

    /// How many listeners there are.
    pub fn listener_count(&self) -> usize {
        self.shared.listeners.borrow().len()
    }

    /// Removes all listeners. An emit in progress still calls those it began with.
    pub fn remove_all(&self) {
        // Dropped last: a listener's drop is anyone's code.
        let _listeners = self.shared.listeners.take();
    }

    fn add<R: Outcome>(
        &self,
        end: End,
        once: bool,
        listener: impl Fn(&T) -> R + 'static,
    ) -> Listener {
        let id = self.shared.added.get();
        self.shared.added.set(id + 1);
        let call = move |event: &T| listener(event).into_result();
        let listener = Rc::new(Registered { id, once, called: Cell::new(false), call });
        let mut listeners = self.shared.listeners.borrow_mut();
        let list = Rc::make_mut(&mut listeners);
        match end {
            End::Front => list.insert(0, listener),
            End::Back => list.push(listener),
        }
        Listener { id, emitter: Rc::downgrade(&self.shared) as Weak<dyn Remove> }
    }
}

impl<T: ?Sized> Clone for Emitter<T> {
    fn clone(&self) -> Emitter<T> {
        Emitter { shared: self.shared.clone() }
    }
}

impl<T: ?Sized> Default for Emitter<T> {
    fn default() -> Emitter<T> {
        Emitter::new()
    }
}

impl<T: ?Sized> fmt::Debug for Emitter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter")
            .field("listener_count", &self.listener_count())
            .finish_non_exhaustive()
    }
}

/// A listener of an [`Emitter`], by which it can be removed. Dropping it removes nothing.
#[derive(Clone)]
pub struct Listener {
    emitter: Weak<dyn Remove>,
    id: u64,
}

impl Listener {
    /// Removes the listener. Returns `false` if it was removed before, or its emitter is gone.
    ///
    /// An emit in progress that has not reached it yet still calls it, as in Node.
    pub fn remove(&self) -> bool {
        self.emitter.upgrade().is_some_and(|emitter| emitter.remove(self.id))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

/// What a [`Listener`] knows of its emitter, whatever the event.
trait Remove {
    fn remove(&self, id: u64) -> bool;
}

impl<T: ?Sized> Remove for Shared<T> {
    fn remove(&self, id: u64) -> bool {
        let mut listeners = self.listeners.borrow_mut();
        let Some(at) = listeners.iter().position(|listener| listener.id == id) else {
            return false;
        };
        let removed = Rc::make_mut(&mut listeners).remove(at);
        // The borrow first: a listener's drop is anyone's code.
        drop(listeners);
        drop(removed);
        true
    }
}
