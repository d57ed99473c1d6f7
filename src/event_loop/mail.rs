//! Mail: which ports have messages that wait for the next Poll.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use crate::event_loop::core::Core;
use crate::event_loop::phase::Work;
use crate::event_loop::remote::{Message, Shared};
use crate::slots::{Key, Slots};
use crate::trace::Resource;

/// A port, or whoever else gets messages, as the loop sees it.
pub(crate) trait Mailbox {
    /// Delivers the messages that are there now, a task each. Called in Poll.
    fn deliver(self: Rc<Self>);

    fn describe(&self) -> Resource;

    /// The loop is going: drop the messages and the callbacks, without calling them.
    fn abandon(&self);
}

struct Slot {
    mailbox: Weak<dyn Mailbox>,
    /// Set while the loop owns the port, as it does once it has a message handler.
    held: Option<Rc<dyn Mailbox>>,
}

/// The ports of a loop, and those with messages.
pub(crate) struct Mail {
    slots: RefCell<Slots<Slot>>,
    /// Whose messages the next Poll delivers, in the order in which they came.
    waiting: RefCell<VecDeque<Key>>,
    /// How many ports keep the loop alive.
    holding: Cell<usize>,
}

impl Mail {
    pub(crate) fn new() -> Mail {
        Mail {
            slots: RefCell::new(Slots::new()),
            waiting: RefCell::new(VecDeque::new()),
            holding: Cell::new(0),
        }
    }

    pub(crate) fn add(&self, mailbox: Weak<dyn Mailbox>) -> Key {
        self.slots.borrow_mut().insert(Slot { mailbox, held: None })
    }

    /// Makes the loop own a port, until it is removed.
    pub(crate) fn hold(&self, key: Key, mailbox: Rc<dyn Mailbox>) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(key) {
            slot.held = Some(mailbox);
        }
    }

    /// What the loop owned is given back, to be dropped outside.
    pub(crate) fn remove(&self, key: Key) -> Option<Rc<dyn Mailbox>> {
        self.slots.borrow_mut().remove(key)?.held
    }

    /// There are messages for a port, which was out of mail before.
    pub(crate) fn came(&self, key: Key) {
        self.waiting.borrow_mut().push_back(key);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    pub(crate) fn holding(&self) -> usize {
        self.holding.get()
    }

    /// One port that keeps the loop alive more, or one less.
    pub(crate) fn count_holding(&self, more: bool) {
        let holding = self.holding.get();
        self.holding.set(if more { holding + 1 } else { holding - 1 });
    }

    /// All ports, to be asked or abandoned where nothing is borrowed.
    pub(crate) fn all(&self) -> Vec<Rc<dyn Mailbox>> {
        self.slots.borrow().iter().filter_map(|(_, slot)| slot.mailbox.upgrade()).collect()
    }
}

/// Tells the loop from another thread that a mailbox has something to deliver.
pub(crate) struct Bell {
    shared: Arc<Shared>,
    key: Key,
}

impl Bell {
    /// Has the mailbox deliver in the next Poll. Does nothing once the loop is gone.
    pub(crate) fn ring(&self) {
        let _ = self.shared.send(Message::Mail(self.key));
    }
}

impl Core {
    pub(crate) fn bell(&self, key: Key) -> Bell {
        Bell { shared: Arc::clone(&self.shared), key }
    }

    /// Puts the ports with messages into the task queue. What is posted from here on waits for the
    /// next turn, so that ports that answer each other leave room for the rest of the loop.
    pub(crate) fn take_mail(&self) {
        if !self.mail.is_waiting() {
            return;
        }
        let mut waiting = self.mail.waiting.borrow_mut();
        self.tasks.borrow_mut().extend(waiting.drain(..).map(Work::Mail));
    }

    pub(crate) fn deliver_mail(&self, key: Key) {
        let mailbox = self.mail.slots.borrow().get(key).and_then(|slot| slot.mailbox.upgrade());
        if let Some(mailbox) = mailbox {
            mailbox.deliver();
        }
    }
}
