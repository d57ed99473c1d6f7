//! Who gets signals: counts of what the process caught against counts of what was delivered.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
#[cfg(feature = "async")]
use std::task::{Context, Poll};

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::mail::Mailbox;
use crate::event_loop::place::Place;
use crate::request::Complete;
use crate::signal::hub::Hub;
use crate::signal::number::{self, Signal};
use crate::slots::Key;
#[cfg(feature = "async")]
use crate::stream::{Ticket, Wakers};
use crate::sys::signal::Watch;
use crate::trace::{CallbackKind, Label, Resource, ResourceKind, event};

const NAME: &str = "signal watcher";

/// The core of a watcher, and of a request for one signal.
pub(super) struct Receiver {
    pub(super) core: Loop,
    key: Key,
    pub(super) label: Label,
    /// Empty once it is closed, as are the lines.
    hub: Cell<Option<Rc<Hub>>>,
    lines: RefCell<Vec<Line>>,
    on_signal: Place<OnSignal>,
    pub(super) on_close: Place<dyn FnMut() -> Result<()>>,
    /// Set while a request waits for the first signal.
    once: Cell<Option<Complete<Signal>>>,
    #[cfg(feature = "async")]
    pub(super) waiters: Wakers,
    closed: Cell<bool>,
    unreferenced: Cell<bool>,
    /// Whether it is counted among those that keep the loop alive.
    holding: Cell<bool>,
}

type OnSignal = dyn FnMut(&Rc<Receiver>, Signal) -> Result<()>;

/// One of the signals that are watched.
struct Line {
    signal: Signal,
    watch: Watch,
    /// The count of those that were delivered, or came before.
    seen: Cell<usize>,
}

impl Line {
    fn open(signal: Signal) -> Result<Line> {
        let watch = Watch::new(signal.as_raw())
            .map_err(|error| Error::io(format!("watch {signal}"), error))?;
        let seen = Cell::new(watch.count());
        Ok(Line { signal, watch, seen })
    }

    fn waiting(&self) -> usize {
        self.watch.count().wrapping_sub(self.seen.get())
    }

    fn take(&self) -> Option<Signal> {
        (self.waiting() > 0).then(|| {
            self.seen.set(self.seen.get().wrapping_add(1));
            self.signal
        })
    }
}

impl Receiver {
    pub(super) fn open(
        core: &Loop,
        label: Label,
        mut signals: Vec<Signal>,
    ) -> Result<Rc<Receiver>> {
        // A signal that is named twice is one.
        signals.sort_unstable();
        signals.dedup();
        let lines = signals.iter().copied().map(Line::open).collect::<Result<Vec<Line>>>()?;
        let hub = match lines.is_empty() {
            true => None,
            false => Some(Hub::of(core, label).map_err(|error| Error::io("watch signals", error))?),
        };
        let receiver = Rc::new_cyclic(|receiver: &Weak<Receiver>| Receiver {
            core: Rc::clone(core),
            key: core.mail.add(receiver.clone()),
            label,
            hub: Cell::new(None),
            lines: RefCell::new(lines),
            on_signal: Place::default(),
            on_close: Place::default(),
            once: Cell::new(None),
            #[cfg(feature = "async")]
            waiters: Wakers::default(),
            closed: Cell::new(false),
            unreferenced: Cell::new(false),
            holding: Cell::new(false),
        });
        if let Some(hub) = &hub {
            hub.add(receiver.key);
        }
        receiver.hub.set(hub);
        event::resource("open", NAME, receiver.key.to_word(), label);
        Ok(receiver)
    }

    /// Hands it to the loop: from now on it lives until it is closed.
    pub(super) fn install(self: &Rc<Self>, label: Label, handler: Box<OnSignal>) {
        if self.closed.get() {
            return;
        }
        self.on_signal.fill(label, handler);
        self.hold();
        // A future that waits for a signal learns that it gets none.
        #[cfg(feature = "async")]
        self.wake_now();
    }

    pub(super) fn install_once(self: &Rc<Self>, complete: Complete<Signal>) {
        self.once.set(Some(complete));
        self.hold();
    }

    fn hold(self: &Rc<Self>) {
        self.core.mail.hold(self.key, Rc::clone(self) as Rc<dyn Mailbox>);
        self.count();
        // What came before there was anybody to take it.
        if self.waiting() > 0 {
            self.core.mail.came(self.key);
        }
    }

    /// Gives up a request that still waits.
    pub(super) fn cancel_once(self: &Rc<Self>) -> bool {
        let Some(complete) = self.once.take() else { return false };
        self.close();
        self.core.defer(self.label, move |core| complete(core, Err(Error::cancelled())));
        true
    }

    fn is_request(&self) -> bool {
        let once = self.once.take();
        let is_request = once.is_some();
        self.once.set(once);
        is_request
    }

    /// How many signals were caught and not delivered.
    fn waiting(&self) -> usize {
        self.lines.borrow().iter().map(Line::waiting).sum()
    }

    /// Of several signals, the one with the lowest number.
    fn take_next(&self) -> Option<Signal> {
        self.lines.borrow().iter().find_map(Line::take)
    }

    fn hand_over(self: &Rc<Self>, signal: Signal) {
        if let Some(complete) = self.once.take() {
            // Before the callback: in it, the default is there again.
            self.close();
            return complete(&self.core, Ok(signal));
        }
        self.on_signal.lend(&self.core, |handler, label| {
            let label = label.with_kind(CallbackKind::Signal);
            self.core.task(label, || handler(self, signal));
        });
    }

    fn has_taker(&self) -> bool {
        self.on_signal.is_filled() || self.is_request()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(super) fn is_referenced(&self) -> bool {
        !self.unreferenced.get()
    }

    pub(super) fn set_referenced(&self, referenced: bool) {
        let op = if referenced { "ref" } else { "unref" };
        event::resource(op, NAME, self.key.to_word(), self.label);
        self.unreferenced.set(!referenced);
        self.count();
    }

    fn holds(&self) -> bool {
        #[cfg(feature = "async")]
        let awaited = !self.waiters.is_empty();
        #[cfg(not(feature = "async"))]
        let awaited = false;
        !self.closed.get() && self.is_referenced() && (awaited || self.has_taker())
    }

    /// To be called after anything that `holds` depends on.
    fn count(&self) {
        let holds = self.holds();
        if self.holding.replace(holds) != holds {
            self.core.mail.count_holding(holds);
        }
    }

    /// Called when a handle is dropped, and where the loop lets go of it: the last one takes an
    /// unowned watcher with it.
    pub(super) fn handle_dropped(self: &Rc<Self>) {
        if Rc::strong_count(self) == 1 {
            self.close();
        }
    }

    pub(super) fn close(self: &Rc<Self>) {
        if self.closed.replace(true) {
            return;
        }
        event::resource("close", NAME, self.key.to_word(), self.label);
        self.shut();
        #[cfg(feature = "async")]
        self.wake_now();
        let receiver = Rc::clone(self);
        self.core.defer_to_close(self.label, move |_| receiver.finish());
    }

    /// The signals have their defaults again, unless somebody else watches them.
    fn shut(&self) {
        self.lines.take();
        if let Some(hub) = self.hub.take() {
            hub.remove(self.key);
        }
        self.count();
    }

    fn finish(self: &Rc<Self>) {
        self.on_close.lend(&self.core, |handler, label| {
            self.core.task(label.with_kind(CallbackKind::Close), handler);
        });
        let handlers = (self.on_signal.retire(), self.on_close.retire());
        self.core.drop_value(self.label, handlers);
        drop(self.core.mail.remove(self.key));
    }
}

#[cfg(feature = "async")]
impl Receiver {
    pub(super) fn poll_next(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<Signal>> {
        if self.on_signal.is_filled() {
            return Poll::Ready(Err(mixed()));
        }
        if self.closed.get() {
            return Poll::Ready(Err(std::io::ErrorKind::NotConnected.into()));
        }
        if let Some(signal) = self.take_next() {
            return Poll::Ready(Ok(signal));
        }
        let before = self.waiters.wait(ticket, cx);
        self.count();
        drop(before);
        Poll::Pending
    }

    /// Wakes whoever waits for a signal: a task for each.
    fn wake_waiters(self: &Rc<Self>) {
        for waker in self.waiters.take_each() {
            self.count();
            let label = self.label.with_kind(CallbackKind::Future);
            self.core.task(label, || {
                waker.wake();
                Ok(())
            });
        }
    }

    /// The same at once, where waiting has become a mistake.
    fn wake_now(&self) {
        self.waiters.take_each().for_each(std::task::Waker::wake);
        self.count();
    }

    /// A future was dropped: it waits no more.
    pub(super) fn stop_waiting(&self, ticket: &Ticket) {
        if let Some(waker) = self.waiters.leave(ticket) {
            self.count();
            drop(waker);
        }
    }
}

#[cfg(feature = "async")]
fn mixed() -> Error {
    Error::new(std::io::Error::new(
        std::io::ErrorKind::InvalidInput,
        "a signal handler is installed on this watcher, and gets its signals",
    ))
}

impl Mailbox for Receiver {
    fn deliver(self: Rc<Self>) {
        // What comes from here on rings again, and waits for the next turn.
        for _ in 0..self.waiting() {
            if !self.has_taker() || self.core.lifetime.has_ended() {
                break;
            }
            // None is left if it was closed meanwhile.
            let Some(signal) = self.take_next() else { break };
            self.hand_over(signal);
        }
        #[cfg(feature = "async")]
        if self.waiting() > 0 {
            self.wake_waiters();
        }
        // Whoever was called may have dropped the last handle.
        self.handle_dropped();
    }

    fn describe(&self) -> Resource {
        let signals = number::list(self.lines.borrow().iter().map(|line| line.signal));
        let (kind, state) = match () {
            () if self.closed.get() => (ResourceKind::Signal, "closed".to_owned()),
            () if self.is_request() => (ResourceKind::Request, format!("waiting for {signals}")),
            () => (ResourceKind::Signal, signals),
        };
        Resource {
            kind,
            at: self.label.at,
            state: state.into(),
            bytes: self.on_signal.bytes() + self.on_close.bytes(),
            holds: self.holds(),
        }
    }

    fn abandon(&self) {
        self.closed.set(true);
        self.shut();
        let handlers = (self.on_signal.retire(), self.on_close.retire(), self.once.take());
        #[cfg(feature = "async")]
        self.waiters.take_each().for_each(drop);
        drop((handlers, self.core.mail.remove(self.key)));
    }
}
