//! Where a loop hears of signals: once for all of its receivers, since epoll takes a descriptor
//! once.

use std::cell::RefCell;
use std::io;
use std::rc::{Rc, Weak};

use mio::unix::SourceFd;

use crate::event_loop::core::Loop;
use crate::event_loop::phase::Work;
use crate::event_loop::source::Source;
use crate::reactor::Readiness;
use crate::slots::Key;
use crate::sys::signal;
use crate::trace::{Label, Resource, ResourceKind};

thread_local! {
    /// A thread has one loop nearly always. Owned by the receivers.
    static HUBS: RefCell<Vec<Weak<Hub>>> = const { RefCell::new(Vec::new()) };
}

pub(super) struct Hub {
    core: Loop,
    key: Key,
    label: Label,
    /// In the order in which they came, which is that of their calls.
    receivers: RefCell<Vec<Key>>,
}

impl Hub {
    /// The loop's hub. A signal must have been watched before: there is no descriptor until then.
    pub(super) fn of(core: &Loop, label: Label) -> io::Result<Rc<Hub>> {
        let hub = HUBS.with_borrow_mut(|hubs| {
            hubs.retain(|hub| hub.strong_count() > 0);
            hubs.iter().filter_map(Weak::upgrade).find(|hub| Rc::ptr_eq(&hub.core, core))
        });
        match hub {
            Some(hub) => Ok(hub),
            None => Hub::open(core, label),
        }
    }

    fn open(core: &Loop, label: Label) -> io::Result<Rc<Hub>> {
        let key = core.register(&mut SourceFd(&signal::bell()), true)?;
        let receivers = RefCell::default();
        let hub = Rc::new(Hub { core: Rc::clone(core), key, label, receivers });
        let source: Weak<Hub> = Rc::downgrade(&hub);
        core.attach(key, source);
        HUBS.with_borrow_mut(|hubs| hubs.push(Rc::downgrade(&hub)));
        Ok(hub)
    }

    pub(super) fn add(&self, receiver: Key) {
        self.receivers.borrow_mut().push(receiver);
    }

    pub(super) fn remove(&self, receiver: Key) {
        self.receivers.borrow_mut().retain(|key| *key != receiver);
    }
}

impl Source for Hub {
    /// Signals come last in Poll: what a child wrote is read before its end is told.
    fn ready(self: Rc<Self>, _: Readiness, _: &mut [u8]) {
        let receivers = self.receivers.borrow();
        self.core.tasks.borrow_mut().extend(receivers.iter().copied().map(Work::Mail));
    }

    fn describe(&self) -> Resource {
        Resource {
            kind: ResourceKind::Signal,
            at: self.label.at,
            state: "the loop's ear for all signals".into(),
            bytes: self.receivers.borrow().len() * size_of::<Key>(),
            holds: false,
        }
    }

    fn abandon(&self) {
        drop(self.core.deregister(self.key, &mut SourceFd(&signal::bell())));
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.abandon();
    }
}
