//! A watcher's core: what has happened, and who is told.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::mail::Mailbox;
use crate::event_loop::place::Place;
use crate::event_loop::source::Activity;
use crate::request::Complete;
use crate::slots::Key;
#[cfg(feature = "async")]
use crate::stream::Wakers;
use crate::trace::{CallbackKind, Label, Resource, ResourceKind, event};
use crate::watch::batch::Batch;
use crate::watch::event::{WatchEvent, WatchKind};
use crate::watch::notice::Notice;
use crate::watch::ready::Ready;

pub(super) const NAME: &str = "file watcher";

/// As many as the kernel's own queue has by default: who takes none does not fill the memory.
const MOST_WAITING: usize = 16_384;

/// Where a watcher's events come from.
pub(super) trait Origin {
    /// Takes a notice of the kernel's into the batch. Runs no user code.
    fn notice(&self, watching: &Watching, batch: &mut Batch, notice: &Notice<'_>);

    /// Ends a batch: its events, after which nothing of it is left.
    fn finish(&self, watching: &Rc<Watching>, batch: &mut Batch) -> Vec<WatchEvent>;

    /// Watches no more. May be called twice.
    fn stop(&self, watching: &Watching);

    /// What it does, in a word or two.
    fn name(&self) -> &'static str;

    /// Whether only the clock and the pool bring events.
    fn is_polled(&self) -> bool {
        false
    }
}

pub(super) struct Watching {
    pub(super) core: Loop,
    key: Key,
    pub(super) label: Label,
    /// As it was given.
    pub(super) path: PathBuf,
    origin: OnceCell<Box<dyn Origin>>,
    batch: RefCell<Batch>,
    /// It has notices in its batch, of which it was not told that they are all.
    touched: Cell<bool>,
    /// It has waited for the other half of a rename.
    waited: Cell<bool>,
    events: RefCell<VecDeque<Result<WatchEvent>>>,
    pub(super) on_event: Place<OnEvent>,
    pub(super) on_error: Place<OnError>,
    pub(super) on_close: Place<dyn FnMut() -> Result<()>>,
    /// Set while a request waits for the first event.
    once: Cell<Option<Complete<WatchEvent>>>,
    pub(super) ready: Ready,
    #[cfg(feature = "async")]
    pub(super) waiters: Wakers,
    /// There will be no more events; it is closed once those that wait are taken.
    ending: Cell<bool>,
    closed: Cell<bool>,
    unreferenced: Cell<bool>,
    activity: Activity,
    /// A polled one is counted here, since a virtual clock may jump to its next look.
    holding: Cell<bool>,
}

type OnEvent = dyn FnMut(&Rc<Watching>, WatchEvent) -> Result<()>;
type OnError = dyn FnMut(&Rc<Watching>, Error) -> Result<()>;

impl Watching {
    pub(super) fn open(
        core: &Loop,
        label: Label,
        path: PathBuf,
        origin: impl FnOnce(&Rc<Watching>) -> Result<Box<dyn Origin>>,
    ) -> Result<Rc<Watching>> {
        let watching = Rc::new_cyclic(|watching: &Weak<Watching>| Watching {
            core: Rc::clone(core),
            key: core.mail.add(watching.clone()),
            label,
            path,
            origin: OnceCell::new(),
            batch: RefCell::default(),
            touched: Cell::new(false),
            waited: Cell::new(false),
            events: RefCell::default(),
            on_event: Place::default(),
            on_error: Place::default(),
            on_close: Place::default(),
            once: Cell::new(None),
            ready: Ready::default(),
            #[cfg(feature = "async")]
            waiters: Wakers::default(),
            ending: Cell::new(false),
            closed: Cell::new(false),
            unreferenced: Cell::new(false),
            activity: Activity::default(),
            holding: Cell::new(false),
        });
        match origin(&watching) {
            // It is empty: nobody else sets it.
            Ok(origin) => drop(watching.origin.set(origin)),
            Err(error) => {
                drop(core.mail.remove(watching.key));
                return Err(error);
            }
        }
        event::resource("open", NAME, watching.key.to_word(), label);
        Ok(watching)
    }

    fn origin(&self) -> Option<&dyn Origin> {
        self.origin.get().map(|origin| &**origin)
    }

    pub(super) fn notice(&self, notice: &Notice<'_>) {
        // Under another path, the same directory may go on to be watched for somebody else.
        let is_over = self.closed.get() || self.ending.get();
        if let (false, Some(origin)) = (is_over, self.origin()) {
            origin.notice(self, &mut self.batch.borrow_mut(), notice);
        }
    }

    /// Whether this is the first notice of a batch.
    pub(super) fn is_touched_first(&self) -> bool {
        !self.touched.replace(true)
    }

    /// Whether half of a rename has still to be waited for: once.
    pub(super) fn waits_for_a_half(&self) -> bool {
        !self.closed.get() && self.batch.borrow().has_halves() && !self.waited.replace(true)
    }

    /// Tells what the batch holds. Runs user code.
    pub(super) fn settle(self: Rc<Self>) {
        self.touched.set(false);
        self.waited.set(false);
        if let (false, Some(origin)) = (self.closed.get(), self.origin()) {
            // Taken out: a scan that begins here is told to the log.
            let events = origin.finish(&self, &mut self.batch.take());
            self.queue(events.into_iter().map(Ok));
        }
        if !self.closed.get() {
            self.deliver();
        }
    }

    /// Tells these events, next to what waits. Runs user code.
    pub(super) fn tell(self: &Rc<Self>, events: impl IntoIterator<Item = Result<WatchEvent>>) {
        if !self.closed.get() {
            self.queue(events);
            Rc::clone(self).deliver();
        }
    }

    pub(super) fn queue(&self, events: impl IntoIterator<Item = Result<WatchEvent>>) {
        let mut waiting = self.events.borrow_mut();
        // What comes at once is in memory already, and may well be taken at once.
        if waiting.len() >= MOST_WAITING {
            waiting.clear();
            waiting.push_back(Ok(WatchEvent::new(WatchKind::Overflow, self.path.clone())));
        }
        waiting.extend(events);
    }

    /// To be called where no batch is borrowed: what the batch says already is not said again.
    pub(super) fn with_batch<T>(&self, change: impl FnOnce(&mut Batch) -> T) -> T {
        change(&mut self.batch.borrow_mut())
    }

    /// What is watched is gone: these were the last events.
    pub(super) fn end(&self) {
        self.ending.set(true);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.get()
    }

    /// Hands it to the loop: from now on it lives until it is closed.
    pub(super) fn install(self: &Rc<Self>, label: Label, handler: Box<OnEvent>) {
        if self.closed.get() {
            return;
        }
        self.on_event.fill(label, handler);
        self.hold();
        // A future that waits for an event learns that it gets none.
        #[cfg(feature = "async")]
        self.wake_now();
    }

    pub(super) fn install_once(self: &Rc<Self>, complete: Complete<WatchEvent>) {
        self.once.set(Some(complete));
        self.hold();
    }

    fn hold(self: &Rc<Self>) {
        self.core.mail.hold(self.key, Rc::clone(self) as Rc<dyn Mailbox>);
        self.count();
        // What came before there was anybody to take it.
        if !self.events.borrow().is_empty() || self.ending.get() {
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

    pub(super) fn take_next(&self) -> Option<Result<WatchEvent>> {
        self.events.borrow_mut().pop_front()
    }

    fn hand_over(self: &Rc<Self>, event: Result<WatchEvent>) {
        if let Some(complete) = self.once.take() {
            self.close();
            return complete(&self.core, event);
        }
        match event {
            Ok(event) => {
                self.on_event.lend(&self.core, |handler, label| {
                    let label = label.with_kind(CallbackKind::Change);
                    self.core.task(label, || handler(self, event));
                });
            }
            Err(error) => self.hand_over_error(error),
        }
    }

    fn hand_over_error(self: &Rc<Self>, error: Error) {
        if !self.on_error.is_filled() {
            return event::resource_failed(NAME, self.label, &error);
        }
        self.on_error.lend(&self.core, |handler, label| {
            let label = label.with_kind(CallbackKind::Error);
            self.core.task(label, || handler(self, error));
        });
    }

    fn has_taker(&self) -> bool {
        self.on_event.is_filled() || self.is_request()
    }

    #[cfg(feature = "async")]
    pub(super) fn has_handler(&self) -> bool {
        self.on_event.is_filled()
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
        self.activity.set_referenced(&self.core, referenced);
        self.count();
    }

    /// Whether anybody waits for its events.
    fn is_wanted(&self) -> bool {
        #[cfg(feature = "async")]
        let awaited = !self.waiters.is_empty();
        #[cfg(not(feature = "async"))]
        let awaited = false;
        !self.closed.get() && (awaited || self.has_taker() || self.ready.is_awaited())
    }

    fn holds(&self) -> bool {
        self.is_referenced() && self.is_wanted()
    }

    /// To be called after anything that `is_wanted` depends on.
    pub(super) fn count(&self) {
        if self.origin().is_some_and(Origin::is_polled) {
            let holds = self.holds();
            if self.holding.replace(holds) != holds {
                self.core.mail.count_holding(holds);
            }
        } else {
            self.activity.set_active(&self.core, self.is_wanted());
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
        let watching = Rc::clone(self);
        self.core.defer_to_close(self.label, move |_| watching.finish());
    }

    fn shut(&self) {
        if let Some(origin) = self.origin() {
            origin.stop(self);
        }
        self.events.take();
        self.count();
    }

    fn finish(self: &Rc<Self>) {
        let closed = || Err(io::ErrorKind::NotConnected.into());
        self.ready.complete_all(&self.core, closed);
        self.on_close.lend(&self.core, |handler, label| {
            self.core.task(label.with_kind(CallbackKind::Close), handler);
        });
        self.core.drop_value(self.label, self.retire());
        drop(self.core.mail.remove(self.key));
    }

    fn retire(&self) -> impl Sized + use<> {
        (self.on_event.retire(), self.on_error.retire(), self.on_close.retire())
    }

    fn state(&self) -> String {
        let Some(origin) = self.origin() else { return "closed".to_owned() };
        let path: &Path = &self.path;
        if self.closed.get() {
            "closed".to_owned()
        } else {
            format!("{} {}", origin.name(), path.display())
        }
    }
}

impl Mailbox for Watching {
    fn deliver(self: Rc<Self>) {
        // What comes from here on waits for the next turn.
        let waiting = self.events.borrow().len();
        for _ in 0..waiting {
            if !self.has_taker() || self.core.lifetime.has_ended() {
                break;
            }
            // None is left if it was closed meanwhile.
            let Some(event) = self.take_next() else { break };
            self.hand_over(event);
        }
        let is_empty = self.events.borrow().is_empty();
        if self.ending.get() && is_empty {
            self.close();
        }
        #[cfg(feature = "async")]
        if !is_empty {
            self.wake_waiters();
        }
        // Whoever was called may have dropped the last handle.
        self.handle_dropped();
    }

    fn describe(&self) -> Resource {
        let kind =
            if self.is_request() { ResourceKind::Request } else { ResourceKind::FileWatcher };
        let handlers = self.on_event.bytes() + self.on_error.bytes() + self.on_close.bytes();
        Resource {
            kind,
            at: self.label.at,
            state: self.state().into(),
            bytes: handlers + self.events.borrow().len() * size_of::<WatchEvent>(),
            holds: self.holds(),
        }
    }

    fn abandon(&self) {
        self.closed.set(true);
        self.shut();
        let handlers = (self.retire(), self.once.take(), self.ready.take_all());
        #[cfg(feature = "async")]
        self.waiters.take_each().for_each(drop);
        drop((handlers, self.core.mail.remove(self.key)));
    }
}
