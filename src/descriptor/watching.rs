//! A descriptor that is watched.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::rc::{Rc, Weak};

use mio::unix::SourceFd;
use mio::{Registry, Token};

use crate::descriptor::{Interest, Ready};
use crate::error::{Error, Result};
use crate::event_loop::core::{Core, Loop};
use crate::event_loop::place::Place;
use crate::event_loop::source::{Activity, Source};
use crate::reactor::Readiness;
use crate::request::Complete;
use crate::slots::Key;
use crate::trace::{CallbackKind, Label, Resource, ResourceKind, event};

const NAME: &str = "descriptor";

thread_local! {
    /// The watchers that are open, by their loop and the number that they watch: a kernel without
    /// a registration for the number of one says that the descriptor was closed under it.
    static OPEN: RefCell<HashMap<(*const Core, RawFd), Weak<Watching>>> = RefCell::default();
}

/// A watcher's core.
pub(super) struct Watching {
    pub(super) core: Loop,
    key: Key,
    pub(super) label: Label,
    fd: RawFd,
    /// What keeps `fd` open; `None` once it is closed.
    owner: Cell<Option<Box<dyn AsFd>>>,
    interest: Cell<Interest>,
    on_ready: Place<OnReady>,
    pub(super) on_close: Place<dyn FnMut() -> Result<()>>,
    requests: RefCell<VecDeque<Asked>>,
    next_request: Cell<u64>,
    pub(super) activity: Activity,
    /// The kernel has a registration for it.
    armed: Cell<bool>,
    /// The descriptor was closed under it, and its number is another's.
    lost: Cell<bool>,
    closed: Cell<bool>,
}

/// A request that waits.
struct Asked {
    number: u64,
    complete: Complete<Ready>,
    /// It is as good as a handle: whoever asked may have kept none.
    _watching: Rc<Watching>,
}

type OnReady = dyn FnMut(&Rc<Watching>, Ready) -> Result<()>;

impl Watching {
    pub(super) fn open(
        core: &Loop,
        label: Label,
        owner: Box<dyn AsFd>,
        interest: Interest,
    ) -> Result<Rc<Watching>> {
        let fd = owner.as_fd().as_raw_fd();
        let other = watcher_of(core, fd);
        if other.as_ref().is_some_and(|other| !other.armed.get()) {
            return Err(in_context(fd, io::ErrorKind::AlreadyExists.into()));
        }
        let key = core
            .register_for(&mut SourceFd(&fd), interest.of_mio())
            .map_err(|error| in_context(fd, explained(error)))?;
        if let Some(other) = other {
            other.lose();
        }
        event::resource("open", NAME, key.to_word(), label);
        let watching = Rc::new(Watching {
            core: Rc::clone(core),
            key,
            label,
            fd,
            owner: Cell::new(Some(owner)),
            interest: Cell::new(interest),
            on_ready: Place::default(),
            on_close: Place::default(),
            requests: RefCell::default(),
            next_request: Cell::new(0),
            activity: Activity::default(),
            armed: Cell::new(true),
            lost: Cell::new(false),
            closed: Cell::new(false),
        });
        let source: Weak<Watching> = Rc::downgrade(&watching);
        let entry = ((Rc::as_ptr(core), fd), Rc::downgrade(&watching));
        OPEN.with_borrow_mut(|open| open.insert(entry.0, entry.1));
        core.attach(key, source);
        Ok(watching)
    }

    /// Hands it to the loop: from now on it lives until it is closed.
    pub(super) fn install(self: &Rc<Self>, label: Label, handler: Box<OnReady>) {
        if self.closed.get() {
            return;
        }
        self.on_ready.fill(label, handler);
        self.core.hold(self.key, Rc::clone(self) as Rc<dyn Source>);
        self.look_again();
    }

    /// # Errors
    ///
    /// `NotConnected` once it is closed, and what the system says.
    pub(super) fn ask(
        self: &Rc<Self>,
        complete: Complete<Ready>,
    ) -> Result<u64, (Complete<Ready>, Error)> {
        if let Err(error) = self.arm() {
            return Err((complete, error));
        }
        let number = self.next_request.get();
        self.next_request.set(number + 1);
        self.requests.borrow_mut().push_back(Asked {
            number,
            complete,
            _watching: Rc::clone(self),
        });
        self.update_activity();
        Ok(number)
    }

    /// Takes a request back that still waits.
    pub(super) fn cancel(self: &Rc<Self>, number: u64) -> bool {
        let mut requests = self.requests.borrow_mut();
        let place = requests.iter().position(|asked| asked.number == number);
        let Some(Asked { complete, .. }) = place.and_then(|place| requests.remove(place)) else {
            return false;
        };
        drop(requests);
        self.update_activity();
        self.handle_dropped();
        self.core.defer(self.label, move |core| complete(core, Err(Error::cancelled())));
        true
    }

    pub(super) fn set_interest(&self, interest: Interest) -> Result<()> {
        self.interest.set(interest);
        // Nothing is asked of the kernel until somebody waits.
        if self.is_wanted() || self.closed.get() { self.arm() } else { Ok(()) }
    }

    fn is_wanted(&self) -> bool {
        self.on_ready.is_filled() || !self.requests.borrow().is_empty()
    }

    fn update_activity(&self) {
        self.activity.set_active(&self.core, !self.closed.get() && self.is_wanted());
    }

    pub(super) fn set_referenced(&self, referenced: bool) {
        let op = if referenced { "ref" } else { "unref" };
        event::resource(op, NAME, self.key.to_word(), self.label);
        self.activity.set_referenced(&self.core, referenced);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Has the kernel tell what is ready, even if it was told before: this makes a level of it.
    fn arm(&self) -> Result<()> {
        if self.closed.get() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let interest = self.interest.get().of_mio();
        let armed = self.core.rearm(self.key, &mut SourceFd(&self.fd), interest);
        self.armed.set(armed.is_ok());
        armed.map_err(|error| in_context(self.fd, error))
    }

    /// The descriptor was closed, and its number is in use again: what the kernel has under it is
    /// no business of this one.
    fn lose(self: &Rc<Self>) {
        self.lost.set(true);
        let error = io::Error::new(io::ErrorKind::NotConnected, "it was closed under its watcher");
        event::resource_failed(NAME, self.label, &in_context(self.fd, error));
        self.close();
    }

    /// Goes on watching if anybody wants it.
    fn look_again(self: &Rc<Self>) {
        self.update_activity();
        if self.closed.get() || !self.is_wanted() {
            return;
        }
        // It was closed behind our back: it will never be ready again.
        if let Err(error) = self.arm() {
            event::resource_failed(NAME, self.label, &error);
            self.close();
        }
    }

    fn tell(self: &Rc<Self>, ready: Ready) {
        // Those that are asked by one of these wait for the next event.
        let asked_by_now = self.next_request.get();
        while let Some(Asked { complete, .. }) = self.next_asked(asked_by_now) {
            complete(&self.core, Ok(ready));
        }
        if self.closed.get() {
            return;
        }
        self.on_ready.lend(&self.core, |handler, label| {
            let label = label.with_kind(CallbackKind::Ready);
            self.core.task(label, || handler(self, ready));
        });
    }

    /// Takes the oldest request below this number. One of those before may have closed it: then the
    /// rest are told so.
    fn next_asked(&self, limit: u64) -> Option<Asked> {
        let mut requests = self.requests.borrow_mut();
        let is_next = !self.closed.get() && requests.front()?.number < limit;
        if is_next { requests.pop_front() } else { None }
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
        let owner = self.shut();
        self.core.drop_value(self.label, owner);
        self.core.close_source(self.label, self, Watching::finish);
    }

    /// Ends the registration before the descriptor may be closed.
    fn shut(&self) -> impl Sized + use<> {
        self.update_activity();
        let held = if self.lost.get() {
            self.core.deregister(self.key, &mut Gone)
        } else {
            // The thread may be about to end, and what is its own gone.
            let entry = (Rc::as_ptr(&self.core), self.fd);
            let _ = OPEN.try_with(|open| open.borrow_mut().remove(&entry));
            self.core.deregister(self.key, &mut SourceFd(&self.fd))
        };
        (held, self.owner.take())
    }

    fn finish(self: &Rc<Self>) {
        for Asked { complete, .. } in self.requests.take() {
            complete(&self.core, Err(io::ErrorKind::NotConnected.into()));
        }
        self.on_close.lend(&self.core, |handler, label| {
            self.core.task(label.with_kind(CallbackKind::Close), handler);
        });
        let handlers = (self.on_ready.retire(), self.on_close.retire());
        self.core.drop_value(self.label, handlers);
    }
}

fn watcher_of(core: &Loop, fd: RawFd) -> Option<Rc<Watching>> {
    OPEN.with_borrow(|open| open.get(&(Rc::as_ptr(core), fd))?.upgrade())
}

/// "Operation not permitted" says nothing of what to do.
fn explained(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return error;
    }
    let text = "a file or a directory is always ready: it is not watched, but read and written \
                with `fs`";
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// A descriptor that the kernel has no registration of.
struct Gone;

impl mio::event::Source for Gone {
    fn register(&mut self, _: &Registry, _: Token, _: mio::Interest) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: mio::Interest) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}

fn in_context(fd: RawFd, error: io::Error) -> Error {
    Error::io(format!("watch descriptor {fd}"), error)
}

impl Source for Watching {
    fn ready(self: Rc<Self>, readiness: Readiness, _: &mut [u8]) {
        if !self.is_wanted() {
            // It fails only where nothing is watched any more.
            let _ = self.core.disarm(&mut SourceFd(&self.fd));
            self.armed.set(false);
            return;
        }
        let ready = Ready { readiness, interest: self.interest.get().of_mio() };
        // An earlier task of this turn may have asked for something else.
        if ready.is_anything() {
            self.tell(ready);
        }
        self.look_again();
        // Whoever was called may have dropped the last handle.
        self.handle_dropped();
    }

    fn describe(&self) -> Resource {
        let (fd, interest) = (self.fd, self.interest.get().name());
        let state = match self.closed.get() {
            true => "closed".into(),
            false => format!("{fd}, {interest}").into(),
        };
        Resource {
            kind: ResourceKind::Descriptor,
            at: self.label.at,
            state,
            bytes: self.on_ready.bytes() + self.on_close.bytes(),
            holds: self.activity.holds(),
        }
    }

    fn abandon(&self) {
        self.closed.set(true);
        let handlers = (self.on_ready.retire(), self.on_close.retire());
        let requests = self.requests.take();
        drop((self.shut(), handlers, requests));
    }
}
