//! One side of a channel: its messages, its handlers, and how it comes to its end.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use crate::error::Result;
use crate::event_loop::core::{Callback, Loop};
use crate::event_loop::mail::Mailbox;
use crate::event_loop::place::Place;
use crate::slots::Key;
use crate::trace::{CallbackKind, Label, Resource, ResourceKind};

pub(super) struct Side<T: 'static> {
    core: Loop,
    key: Key,
    /// Where the message handler was installed; before that, where the channel was made.
    label: Cell<Label>,
    /// Each side is owned by its handles, or by the loop: not by the other side.
    other: OnceCell<Weak<Side<T>>>,
    messages: RefCell<VecDeque<T>>,
    on_message: Place<OnMessage<T>>,
    on_close: Cell<Option<(Label, Callback)>>,
    state: Cell<State>,
    /// Its turn to deliver is due, or has begun.
    has_turn: Cell<bool>,
    referenced: Cell<bool>,
    /// Whether it is counted among those that keep the loop alive.
    holding: Cell<bool>,
    handles: Cell<usize>,
}

type OnMessage<T> = dyn FnMut(T) -> Result<()>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Closed, but there are messages to be delivered.
    Ending,
    /// The close callback is due.
    Closing,
    Closed,
}

impl<T: 'static> Side<T> {
    pub(super) fn new(core: &Loop, label: Label) -> Rc<Side<T>> {
        Rc::new_cyclic(|side: &Weak<Side<T>>| Side {
            core: Rc::clone(core),
            key: core.mail.add(side.clone()),
            label: Cell::new(label),
            other: OnceCell::new(),
            messages: RefCell::new(VecDeque::new()),
            on_message: Place::default(),
            on_close: Cell::new(None),
            state: Cell::new(State::Open),
            has_turn: Cell::new(false),
            referenced: Cell::new(true),
            holding: Cell::new(false),
            handles: Cell::new(0),
        })
    }

    pub(super) fn join(self: &Rc<Self>, other: &Rc<Self>) {
        // Both are new, so neither has another side.
        let _ = self.other.set(Rc::downgrade(other));
        let _ = other.other.set(Rc::downgrade(self));
    }

    pub(super) fn core(&self) -> &Loop {
        &self.core
    }

    fn other(&self) -> Option<Rc<Side<T>>> {
        self.other.get()?.upgrade()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.get() != State::Open
    }

    fn receives(&self) -> bool {
        self.on_message.is_filled()
    }

    pub(super) fn post(&self, message: T) -> bool {
        let open = !self.is_closed() && !self.core.lifetime.has_ended();
        let Some(other) = self.other().filter(|_| open) else { return false };
        other.messages.borrow_mut().push_back(message);
        other.ask_for_a_turn();
        true
    }

    /// Gets its turn in the next Poll, if there is anything to deliver, and to whom.
    fn ask_for_a_turn(&self) {
        let is_due = self.receives() && !self.messages.borrow().is_empty();
        if is_due && !self.has_turn.replace(true) {
            self.core.mail.came(self.key);
        }
        self.count();
    }

    pub(super) fn receive(self: &Rc<Self>, label: Label, handler: Box<OnMessage<T>>) {
        let is_over = matches!(self.state.get(), State::Closing | State::Closed);
        if is_over || self.core.lifetime.has_ended() {
            return;
        }
        self.label.set(label);
        self.referenced.set(true);
        self.on_message.fill(label, handler);
        self.core.mail.hold(self.key, Rc::clone(self) as Rc<dyn Mailbox>);
        self.ask_for_a_turn();
    }

    pub(super) fn set_on_close(&self, label: Label, handler: Callback) {
        if self.state.get() != State::Closed && !self.core.lifetime.has_ended() {
            drop(self.on_close.replace(Some((label, handler))));
        }
    }

    pub(super) fn set_referenced(&self, referenced: bool) {
        self.referenced.set(referenced);
        self.count();
    }

    pub(super) fn holds(&self) -> bool {
        match self.state.get() {
            State::Open => self.receives() && self.referenced.get(),
            State::Ending => self.has_turn.get(),
            // What is due in the Close phase holds the loop by itself.
            State::Closing | State::Closed => false,
        }
    }

    /// To be called after anything that `holds` depends on.
    fn count(&self) {
        let holds = self.holds();
        if self.holding.replace(holds) != holds {
            self.core.mail.count_holding(holds);
        }
    }

    pub(super) fn close(self: &Rc<Self>) {
        if self.is_closed() {
            return;
        }
        self.end(self.has_turn.get());
        if let Some(other) = self.other() {
            let has_messages = other.has_turn.get() || !other.messages.borrow().is_empty();
            other.end(has_messages);
        }
    }

    fn end(self: &Rc<Self>, has_messages: bool) {
        self.state.set(State::Ending);
        self.count();
        if !has_messages {
            self.begin_closing();
        }
    }

    fn begin_closing(self: &Rc<Self>) {
        if self.core.lifetime.has_ended() {
            // There will be no Close phase.
            return self.abandon();
        }
        self.state.set(State::Closing);
        self.count();
        let label = self.label.get().with_kind(CallbackKind::Close);
        let side = Rc::clone(self);
        self.core.defer_to_close(label, move |_| side.finish_closing());
    }

    fn finish_closing(&self) {
        self.state.set(State::Closed);
        if let Some((label, on_close)) = self.on_close.take() {
            self.core.task(label, on_close);
        }
        let left = (self.messages.take(), self.on_message.retire());
        self.core.drop_value(self.label.get(), left);
        drop(self.core.mail.remove(self.key));
    }

    fn hand_over(&self, message: T) {
        let mut message = Some(message);
        self.on_message.lend(&self.core, |handler, label| {
            let label = label.with_kind(CallbackKind::Message);
            let message = message.take();
            self.core.task(label, || message.map_or(Ok(()), handler));
        });
        self.core.drop_value(self.label.get(), message);
    }

    pub(super) fn handle_added(&self) {
        self.handles.set(self.handles.get() + 1);
    }

    pub(super) fn handle_gone(self: &Rc<Self>) {
        self.handles.set(self.handles.get() - 1);
        if self.handles.get() > 0 || self.receives() {
            return;
        }
        match self.state.get() {
            State::Open => self.close(),
            // The messages that wait will never have a handler.
            State::Ending => self.begin_closing(),
            State::Closing | State::Closed => {}
        }
    }
}

impl<T: 'static> Mailbox for Side<T> {
    fn deliver(self: Rc<Self>) {
        let count = self.messages.borrow().len();
        for _ in 0..count {
            if self.core.lifetime.has_ended() {
                return;
            }
            let message = self.messages.borrow_mut().pop_front();
            let Some(message) = message else { break };
            self.hand_over(message);
        }
        self.has_turn.set(false);
        self.ask_for_a_turn();
        if self.state.get() == State::Ending && !self.has_turn.get() {
            self.begin_closing();
        }
    }

    fn describe(&self) -> Resource {
        let queued = self.messages.borrow().len();
        let state = match self.state.get() {
            State::Open if self.receives() => "receiving",
            State::Open => "open",
            _ => "closing",
        };
        Resource {
            kind: ResourceKind::Port,
            at: self.label.get().at,
            state: if queued > 0 {
                format!("{state}, {queued} queued").into()
            } else {
                state.into()
            },
            bytes: self.on_message.bytes() + queued * size_of::<T>(),
            holds: self.holds(),
        }
    }

    fn abandon(&self) {
        self.state.set(State::Closed);
        self.count();
        let callbacks = (self.on_message.retire(), self.on_close.take());
        drop((self.messages.take(), callbacks, self.core.mail.remove(self.key)));
    }
}

impl<T: 'static> Drop for Side<T> {
    fn drop(&mut self) {
        drop(self.core.mail.remove(self.key));
    }
}
