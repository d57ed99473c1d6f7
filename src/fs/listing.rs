//! Directories that are read, as the loop sees them: whom they call, and how they come to their end.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
#[cfg(feature = "async")]
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::rc::{Rc, Weak};

use crate::abort::{AbortListener, AbortSignal};
use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::mail::Mailbox;
use crate::event_loop::place::Place;
use crate::fs::dir::DirEntry;
use crate::fs::entries::Entries;
use crate::fs::presence::Presence;
use crate::fs::walker::{Batch, Walker};
use crate::pool::Lane;
use crate::request::Stop;
use crate::slots::Key;
#[cfg(feature = "async")]
use crate::stream::Wakers;
use crate::trace::{CallbackKind, Label, Resource, ResourceKind, event};

pub(super) struct Listing {
    pub(super) core: Loop,
    key: Key,
    pub(super) label: Label,
    path: PathBuf,
    /// While it rests. Gone while it is on the pool, and when it is at its end.
    walker: Cell<Option<Walker>>,
    /// Entries that nobody has taken yet: a batch at most, and one more is on its way.
    found: RefCell<VecDeque<Result<DirEntry>>>,
    /// How it ended; told when all entries are.
    outcome: Cell<Option<Result<()>>>,
    pub(super) handlers: Handlers,
    #[cfg(feature = "async")]
    pub(super) wakers: Wakers,
    abort: RefCell<Vec<AbortListener>>,
    /// For the job.
    stop: Stop,
    pub(super) presence: Presence,
    paused: Cell<bool>,
    pub(super) ended: Cell<bool>,
    pub(super) closed: Cell<bool>,
    handles: Cell<usize>,
}

type OnEntry = dyn FnMut(&Entries, DirEntry) -> Result<()>;
type OnEntries = dyn FnMut(&Entries) -> Result<()>;
type OnError = dyn FnMut(&Entries, Error) -> Result<()>;

#[derive(Default)]
pub(super) struct Handlers {
    pub(super) entry: Place<OnEntry>,
    pub(super) end: Place<OnEntries>,
    pub(super) error: Place<OnError>,
    pub(super) close: Place<OnEntries>,
}

const NAME: &str = "directory";

impl Listing {
    pub(super) fn new(core: &Loop, label: Label, path: PathBuf, walker: Walker) -> Rc<Listing> {
        let listing = Rc::new_cyclic(|listing: &Weak<Listing>| Listing {
            core: Rc::clone(core),
            key: core.mail.add(listing.clone()),
            label,
            path,
            walker: Cell::new(Some(walker)),
            found: RefCell::default(),
            outcome: Cell::new(None),
            handlers: Handlers::default(),
            #[cfg(feature = "async")]
            wakers: Wakers::default(),
            abort: RefCell::default(),
            stop: Stop::default(),
            presence: Presence::default(),
            paused: Cell::new(false),
            ended: Cell::new(false),
            closed: Cell::new(false),
            handles: Cell::new(0),
        });
        event::resource("open", NAME, listing.key.to_word(), label);
        listing
    }

    /// Hands it to the loop, which owns it until it is closed.
    pub(super) fn install(self: &Rc<Self>, label: Label, handler: Box<OnEntry>) {
        if self.closed.get() || self.core.lifetime.has_ended() {
            return;
        }
        self.handlers.entry.fill(label, handler);
        self.core.mail.hold(self.key, Rc::clone(self) as Rc<dyn Mailbox>);
        // A future that waits for an entry learns that it gets none.
        #[cfg(feature = "async")]
        self.wakers.take_each().for_each(std::task::Waker::wake);
        if !self.paused.get() {
            self.resume();
        }
    }

    pub(super) fn pause(&self) {
        self.paused.set(true);
    }

    pub(super) fn resume(self: &Rc<Self>) {
        self.paused.set(false);
        let waits = self.has_handler() && !self.found.borrow().is_empty() || self.is_over();
        if waits && !self.closed.get() {
            self.presence.ask_for_a_turn(&self.core, self.key);
        }
        self.go_on();
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// Whether a handler gets the entries.
    pub(super) fn has_handler(&self) -> bool {
        self.handlers.entry.is_filled()
    }

    fn is_wanted(&self) -> bool {
        #[cfg(feature = "async")]
        let awaited = !self.wakers.is_empty();
        #[cfg(not(feature = "async"))]
        let awaited = false;
        awaited || self.has_handler() && !self.paused.get()
    }

    fn go_on(self: &Rc<Self>) {
        if self.is_wanted() {
            self.read_ahead();
        }
    }

    /// Sends the walker to the pool, unless entries wait to be taken.
    pub(super) fn read_ahead(self: &Rc<Self>) {
        if self.closed.get() || !self.found.borrow().is_empty() {
            return;
        }
        let Some(walker) = self.walker.take() else { return };
        let (label, stop) = (self.label.with_kind(CallbackKind::Data), self.stop.clone());
        let listing = Rc::downgrade(self);
        let work = move || walker.batch(&stop);
        let job = self.core.submit(Lane::Fs, label, "list", work, move |_, result| {
            if let Some(listing) = listing.upgrade() {
                listing.came_back(result);
            }
        });
        self.presence.job_began(&self.core, job);
    }

    fn came_back(self: &Rc<Self>, result: Result<Batch>) {
        self.presence.job_ended();
        // One that was aborted meanwhile has its outcome already.
        if self.closed.get() || self.is_over() {
            return;
        }
        match result {
            Ok(Batch { entries, walker }) => {
                if walker.is_none() {
                    self.outcome.set(Some(Ok(())));
                }
                self.walker.set(walker);
                // The next batch is read while this one is handed over.
                self.go_on();
                self.found.borrow_mut().extend(entries);
            }
            Err(error) => self.outcome.set(Some(Err(error))),
        }
        self.deliver_now();
    }

    fn deliver_now(self: &Rc<Self>) {
        let entries = Entries::of(self);
        while self.emits() {
            let Some(found) = self.take() else { break };
            self.tell(&entries, found);
        }
        self.finish(&entries);
        #[cfg(feature = "async")]
        self.wake();
        self.go_on();
    }

    pub(super) fn take(&self) -> Option<Result<DirEntry>> {
        self.found.borrow_mut().pop_front()
    }

    fn emits(&self) -> bool {
        self.has_handler()
            && !self.paused.get()
            && !self.closed.get()
            && !self.core.lifetime.has_ended()
    }

    fn tell(self: &Rc<Self>, entries: &Entries, found: Result<DirEntry>) {
        match found {
            Ok(entry) => {
                self.handlers.entry.lend(&self.core, |handler, label| {
                    let label = label.with_kind(CallbackKind::Data);
                    self.call(label, || handler(entries, entry));
                });
            }
            Err(error) => self.tell_error(entries, error),
        }
    }

    fn tell_error(self: &Rc<Self>, entries: &Entries, error: Error) {
        let mut error = Some(error);
        self.handlers.error.lend(&self.core, |handler, label| {
            let error = error.take();
            self.call(label.with_kind(CallbackKind::Error), || {
                error.map_or(Ok(()), |error| handler(entries, error))
            });
        });
        if let Some(error) = error {
            event::resource_failed(NAME, self.label, &error);
        }
    }

    /// Calls a handler as a task. An error that it returns is logged, and closes this listing only.
    fn call(self: &Rc<Self>, label: Label, f: impl FnOnce() -> Result<()>) {
        self.core.task(label, || {
            if let Err(error) = f() {
                event::resource_failed(NAME, label, &error);
                self.close();
            }
            Ok(())
        });
    }

    /// Tells the handlers how it ended, once they have all entries. Futures ask for it themselves.
    fn finish(self: &Rc<Self>, entries: &Entries) {
        if !self.emits() || !self.found.borrow().is_empty() {
            return;
        }
        match self.outcome.take() {
            None => {}
            Some(Ok(())) => {
                self.ended.set(true);
                self.emit(CallbackKind::End, entries, &self.handlers.end);
                self.close();
            }
            Some(Err(error)) => {
                self.tell_error(entries, error);
                self.close();
            }
        }
    }

    fn emit(self: &Rc<Self>, kind: CallbackKind, entries: &Entries, place: &Place<OnEntries>) {
        place.lend(&self.core, |handler, label| {
            self.call(label.with_kind(kind), || handler(entries));
        });
    }

    /// Ends it when the signal is aborted: what was found and not handed over is dropped.
    pub(super) fn abort_on(self: &Rc<Self>, signal: &AbortSignal) {
        if let Some(reason) = signal.reason() {
            return self.abort(Error::aborted(Some(reason)));
        }
        let label = self.label.with_kind(CallbackKind::Abort);
        let listing = Rc::downgrade(self);
        let listener = signal.listen(&self.core, label, move |reason| {
            if let Some(listing) = listing.upgrade() {
                listing.abort(Error::aborted(Some(reason.clone())));
            }
            Ok(())
        });
        self.abort.borrow_mut().push(listener);
    }

    fn abort(self: &Rc<Self>, error: Error) {
        if self.closed.get() {
            return;
        }
        self.stop.set();
        drop((self.walker.take(), self.found.take(), self.outcome.replace(Some(Err(error)))));
        self.paused.set(false);
        self.presence.ask_for_a_turn(&self.core, self.key);
    }

    /// How it ended, for a future that has all entries.
    #[cfg(feature = "async")]
    pub(super) fn take_outcome(self: &Rc<Self>) -> Option<Result<()>> {
        let outcome = self.outcome.take()?;
        self.ended.set(outcome.is_ok());
        self.close();
        Some(outcome)
    }

    #[cfg(feature = "async")]
    pub(super) fn closed_error(&self) -> Error {
        let error = io::Error::new(ErrorKind::NotConnected, "the listing was closed");
        Error::io(format!("list {}", self.path.display()), error)
    }

    fn is_over(&self) -> bool {
        let outcome = self.outcome.take();
        let is_over = outcome.is_some();
        self.outcome.set(outcome);
        is_over
    }

    pub(super) fn set_referenced(&self, referenced: bool) {
        let op = if referenced { "ref" } else { "unref" };
        event::resource(op, NAME, self.key.to_word(), self.label);
        self.presence.set_referenced(&self.core, referenced);
    }

    pub(super) fn close(self: &Rc<Self>) {
        if self.closed.replace(true) {
            return;
        }
        event::resource("close", NAME, self.key.to_word(), self.label);
        self.let_go();
        if self.core.lifetime.has_ended() {
            // There will be no Close phase.
            return self.abandon();
        }
        #[cfg(feature = "async")]
        self.wakers.take_each().for_each(std::task::Waker::wake);
        let listing = Rc::clone(self);
        let label = self.label.with_kind(CallbackKind::Close);
        self.core.defer_to_close(label, move |_| listing.finish_closing());
    }

    /// Gives up the directory, and what was found.
    fn let_go(&self) {
        self.stop.set();
        self.presence.turn_is_over(&self.core);
        for listener in self.abort.take() {
            listener.remove();
        }
        drop((self.walker.take(), self.found.take(), self.outcome.take()));
    }

    fn finish_closing(self: &Rc<Self>) {
        self.emit(CallbackKind::Close, &Entries::of(self), &self.handlers.close);
        self.core.drop_value(self.label, self.handlers.retire());
        drop(self.core.mail.remove(self.key));
    }

    pub(super) fn handle_added(&self) {
        self.handles.set(self.handles.get() + 1);
    }

    /// The last handle takes a listing with it that the loop does not own.
    pub(super) fn handle_gone(self: &Rc<Self>) {
        self.handles.set(self.handles.get() - 1);
        if self.handles.get() == 0 && !self.has_handler() {
            self.close();
        }
    }

    #[cfg(feature = "async")]
    fn wake(self: &Rc<Self>) {
        if self.found.borrow().is_empty() && !self.is_over() {
            return;
        }
        for waker in self.wakers.take_each() {
            let label = self.label.with_kind(CallbackKind::Future);
            self.core.task(label, || {
                waker.wake();
                Ok(())
            });
        }
    }
}

impl Handlers {
    fn retire(&self) -> impl Sized + use<> {
        (self.entry.retire(), self.end.retire(), self.error.retire(), self.close.retire())
    }

    fn bytes(&self) -> usize {
        self.entry.bytes() + self.end.bytes() + self.error.bytes() + self.close.bytes()
    }
}

impl Mailbox for Listing {
    fn deliver(self: Rc<Self>) {
        self.presence.turn_is_over(&self.core);
        if !self.closed.get() {
            self.deliver_now();
        }
    }

    fn describe(&self) -> Resource {
        let state = match () {
            () if self.closed.get() => "closed",
            () if self.paused.get() => "paused",
            () if self.is_wanted() => "listing",
            () => "idle",
        };
        Resource {
            kind: ResourceKind::Stream,
            at: self.label.at,
            state: format!("{state} {}", self.path.display()).into(),
            bytes: self.found.borrow().len() * size_of::<DirEntry>() + self.handlers.bytes(),
            holds: self.presence.holds(),
        }
    }

    fn abandon(&self) {
        self.closed.set(true);
        self.let_go();
        drop(self.handlers.retire());
        #[cfg(feature = "async")]
        drop(self.wakers.take_each().collect::<Vec<_>>());
        drop(self.core.mail.remove(self.key));
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.stop.set();
        drop(self.core.mail.remove(self.key));
    }
}
