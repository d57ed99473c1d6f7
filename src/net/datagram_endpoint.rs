//! The state of a datagram socket, and its life from bound to closed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::rc::{Rc, Weak};

use crate::error::{Error, Result};
use crate::event_loop::Timer;
use crate::event_loop::core::Loop;
use crate::event_loop::phase::Work;
use crate::event_loop::place::Place;
use crate::event_loop::source::{Activity, Source};
use crate::net::datagram_batch::{Datagram, Datagrams, Spare};
use crate::net::datagram_outbox::{Fate, Outbox};
#[cfg(feature = "async")]
use crate::net::datagram_poll::Waiters;
use crate::reactor::Readiness;
use crate::slots::Key;
use crate::stream::{Facts, State};
use crate::sys::name::Name;
use crate::trace::{CallbackKind, Label, Resource, ResourceKind, event};

/// Batches that one socket receives and sends in one turn: a flood does not keep others waiting.
pub(crate) const BATCHES_PER_TURN: usize = 4;

/// As for streams: a threshold, not a limit.
const HIGH_WATER_MARK: usize = 64 * 1024;

/// What a kind of datagram socket tells its core.
pub(crate) trait Post: Sized + 'static {
    /// The descriptor. It does not block.
    type Io: mio::event::Source + AsFd;
    type Address: Name;
    /// What logs call such a socket.
    const NAME: &'static str;
    /// Room for one datagram that comes, in bytes.
    const SLOT: usize;
    fn of(endpoint: Rc<Endpoint<Self>>) -> Self;
    fn endpoint(&self) -> &Rc<Endpoint<Self>>;
    fn spare() -> Spare<Self::Address>;
    fn local_addr(io: &Self::Io) -> io::Result<Self::Address>;
    fn peer_addr(io: &Self::Io) -> io::Result<Self::Address>;
    /// Takes what the system keeps of a datagram that did not arrive: to whom it was sent, and why.
    fn take_unarrived(_: &Self::Io) -> Option<(Self::Address, io::Error)> {
        None
    }
    /// An address as errors and listings show it.
    fn show(address: &Self::Address) -> String;
    /// Whether the system says when there is room for a datagram to this address, or to the peer.
    fn tells_of_room(to: Option<&Self::Address>) -> bool;
}

/// A datagram socket's core.
pub(crate) struct Endpoint<S: Post> {
    pub(crate) core: Loop,
    pub(crate) key: Key,
    /// The line that opened the socket.
    pub(crate) label: Label,
    /// `None` once it is closed. Borrowed for single system calls, never across user code.
    pub(crate) io: RefCell<Option<S::Io>>,
    pub(crate) state: State,
    pub(crate) peer: RefCell<Option<S::Address>>,
    pub(crate) outbox: RefCell<Outbox<S::Address>>,
    /// What became of datagrams, until it can be told.
    pub(crate) fates: RefCell<VecDeque<Fate>>,
    pub(crate) high_water_mark: Cell<usize>,
    /// Received before the handler said pause.
    pub(crate) kept: Cell<Option<Datagrams<S::Address>>>,
    /// It is in the middle of its events: what is queued now is sent at their end.
    pub(crate) busy: Cell<bool>,
    watches_writable: Cell<bool>,
    /// Set while it is waited for room that the system does not tell of.
    pub(crate) again: Cell<Option<Timer>>,
    /// How long that was the last time, in milliseconds; 0 since something was sent.
    pub(crate) waited: Cell<u64>,
    pub(crate) activity: Activity,
    /// What was accepted is sent before the loop ends, also where the socket does not hold it.
    sending: Activity,
    #[cfg(feature = "async")]
    pub(crate) waiters: Waiters,
    pub(crate) on_message: Place<OnMessage<S>>,
    pub(crate) on_error: Place<OnError<S>>,
    pub(crate) on_drain: Place<OnSocket<S>>,
    on_close: Place<OnSocket<S>>,
}

pub(crate) type OnMessage<S> = dyn FnMut(&S, Datagram<'_, <S as Post>::Address>) -> Result<()>;
pub(crate) type OnError<S> = dyn FnMut(&S, Error) -> Result<()>;
pub(crate) type OnSocket<S> = dyn FnMut(&S) -> Result<()>;

impl<S: Post> Endpoint<S> {
    /// # Errors
    ///
    /// What the system says when it is asked to watch the socket.
    pub(crate) fn attach(core: &Loop, mut io: S::Io, label: Label) -> io::Result<Rc<Endpoint<S>>> {
        // Not for writing: a socket that is, wakes the loop after each datagram that it has sent.
        let key = core.register(&mut io, true)?;
        event::resource("open", S::NAME, key.to_word(), label);
        let peer = S::peer_addr(&io).ok();
        let endpoint = Rc::new(Endpoint {
            core: Rc::clone(core),
            key,
            label,
            io: RefCell::new(Some(io)),
            state: State::new(Facts::WRITABLE),
            peer: RefCell::new(peer),
            outbox: RefCell::default(),
            fates: RefCell::default(),
            high_water_mark: Cell::new(HIGH_WATER_MARK),
            kept: Cell::new(None),
            busy: Cell::new(false),
            watches_writable: Cell::new(false),
            again: Cell::new(None),
            waited: Cell::new(0),
            activity: Activity::default(),
            sending: Activity::default(),
            #[cfg(feature = "async")]
            waiters: Waiters::default(),
            on_message: Place::default(),
            on_error: Place::default(),
            on_drain: Place::default(),
            on_close: Place::default(),
        });
        let source: Weak<Endpoint<S>> = Rc::downgrade(&endpoint);
        core.attach(key, source);
        Ok(endpoint)
    }

    /// Hands the socket to the loop: from now on it lives until it is closed.
    pub(crate) fn install(self: &Rc<Self>, label: Label, handler: Box<OnMessage<S>>) {
        if self.state.is(Facts::CLOSED) {
            return;
        }
        self.on_message.fill(label, handler);
        self.state.set(Facts::HAS_READER);
        self.core.hold(self.key, Rc::clone(self) as Rc<dyn Source>);
        // A future that waits for a datagram learns that it gets none.
        #[cfg(feature = "async")]
        self.wake_receivers_now();
        self.update_activity();
        self.go_on();
    }

    pub(crate) fn install_on_close(&self, label: Label, handler: Box<OnSocket<S>>) {
        self.on_close.fill(label, handler);
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.state.put(Facts::PAUSED, paused);
        self.update_activity();
        self.go_on();
    }

    pub(crate) fn set_referenced(&self, referenced: bool) {
        let op = if referenced { "ref" } else { "unref" };
        event::resource(op, S::NAME, self.key.to_word(), self.label);
        self.activity.set_referenced(&self.core, referenced);
    }

    /// Active: receiving, or with something to send or to tell.
    pub(crate) fn update_activity(&self) {
        let receives = self.state.of(Facts::HAS_READER | Facts::PAUSED, Facts::HAS_READER);
        let open = !self.state.is(Facts::CLOSED);
        self.activity.set_active(&self.core, open && (receives || self.is_awaited()));
        let sends = !self.outbox.borrow().is_empty() || !self.fates.borrow().is_empty();
        self.sending.set_active(&self.core, sends);
    }

    fn is_awaited(&self) -> bool {
        #[cfg(feature = "async")]
        let awaited = !self.waiters.receive.is_empty();
        #[cfg(not(feature = "async"))]
        let awaited = false;
        awaited
    }

    /// Puts off what could go on to the next turn, which does not sleep before it.
    pub(crate) fn go_on(&self) {
        let owes = self.can_flush() || self.owes_drain() || !self.fates.borrow().is_empty();
        if !self.busy.get() && (owes || self.can_receive()) {
            self.requeue();
        }
    }

    pub(crate) fn requeue(&self) {
        if !self.state.replace(Facts::REQUEUED, true) {
            self.core.pending.borrow_mut().push_back(Work::Resume(self.key));
        }
    }

    /// Hears of a writable socket only while something waits for that.
    pub(crate) fn watch_writable(&self, watch: bool) -> io::Result<()> {
        if self.watches_writable.replace(watch) == watch {
            return Ok(());
        }
        match &mut *self.io.borrow_mut() {
            Some(io) => self.core.watch_writable(self.key, io, watch),
            None => Ok(()),
        }
    }

    /// Tells of an error. The socket goes on: it is about one datagram, or one peer.
    pub(crate) fn failed(self: &Rc<Self>, error: Error) {
        let socket = S::of(Rc::clone(self));
        let mut error = Some(error);
        self.on_error.lend(&self.core, |handler, label| {
            let label = label.with_kind(CallbackKind::Error);
            let error = error.take();
            self.core.task(label, || error.map_or(Ok(()), |error| handler(&socket, error)));
        });
        if let Some(error) = error {
            event::resource_failed(S::NAME, self.label, &error);
        }
    }

    /// Called when a handle is dropped: the last one takes an unowned socket with it, once what it
    /// accepted is sent.
    #[inline]
    pub(crate) fn handle_dropped(self: &Rc<Self>) {
        if Rc::strong_count(self) == 1 && !self.state.is(Facts::CLOSED) {
            self.forget();
        }
    }

    fn forget(self: &Rc<Self>) {
        self.flush(usize::MAX);
        if !self.state.is(Facts::QUEUED) {
            return self.close();
        }
        self.state.set(Facts::FORGOTTEN);
        self.core.hold(self.key, Rc::clone(self) as Rc<dyn Source>);
    }

    fn close_if_forgotten(self: &Rc<Self>) {
        if self.state.of(Facts::FORGOTTEN | Facts::QUEUED, Facts::FORGOTTEN) {
            self.close();
        }
    }

    pub(crate) fn close(self: &Rc<Self>) {
        if self.state.replace(Facts::CLOSED, true) {
            return;
        }
        event::resource("close", S::NAME, self.key.to_word(), self.label);
        self.flush(usize::MAX);
        self.outbox.borrow_mut().cancel_all(&mut self.fates.borrow_mut());
        self.shut();
        #[cfg(feature = "async")]
        self.wake_at_close();
        let endpoint = Rc::clone(self);
        self.core.defer_to_close(self.label, move |_| endpoint.finish());
    }

    fn shut(&self) {
        if let Some(timer) = self.again.take() {
            timer.clear();
        }
        let io = self.io.take();
        let kept = self.kept.take();
        self.update_activity();
        let held = io.and_then(|mut io| self.core.deregister(self.key, &mut io));
        // Possibly the last owner but the caller.
        drop((held, kept));
    }

    /// What is still to be told, and the close callback, which is the last.
    fn finish(self: &Rc<Self>) {
        let socket = S::of(Rc::clone(self));
        while !self.fates.borrow().is_empty() {
            self.tell_fates();
        }
        self.on_close.lend(&self.core, |handler, label| {
            self.core.task(label.with_kind(CallbackKind::Close), || handler(&socket));
        });
        self.core.drop_value(self.label, self.take_handlers());
    }

    fn take_handlers(&self) -> impl Sized + use<S> {
        let rare = (self.on_error.retire(), self.on_drain.retire(), self.on_close.retire());
        (self.on_message.retire(), rare)
    }

    /// The address it receives on, as errors and listings show it.
    pub(crate) fn local_name(&self) -> Option<String> {
        S::local_addr(self.io.borrow().as_ref()?).ok().as_ref().map(S::show)
    }

    fn describe_state(&self) -> String {
        if self.state.is(Facts::CLOSED) {
            return "closed".to_owned();
        }
        // One that was taken over may have an address of another family.
        let local = self.local_name().map_or_else(String::new, |local| format!(" {local}"));
        let peer = self.peer.borrow().as_ref().map(S::show);
        let peer = peer.map_or_else(String::new, |peer| format!(", connected to {peer}"));
        format!("{}{local}{peer}", self.doing())
    }

    fn doing(&self) -> &'static str {
        if self.state.is(Facts::QUEUED) {
            "sending on"
        } else if self.state.is(Facts::PAUSED) {
            "paused on"
        } else if self.activity.is_active() {
            "receiving on"
        } else {
            "idle on"
        }
    }
}

impl<S: Post> Source for Endpoint<S> {
    fn ready(self: Rc<Self>, readiness: Readiness, _: &mut [u8]) {
        self.state.note(readiness);
        if readiness == Readiness::NONE {
            self.state.clear(Facts::REQUEUED);
        } else if self.state.is(Facts::REQUEUED) {
            // It has had its share of this turn, or will have it in the next.
            return;
        }
        // A handle for the callbacks. If they drop all others, its drop closes the socket.
        let socket = S::of(self);
        let endpoint = socket.endpoint();
        endpoint.busy.set(true);
        endpoint.flush(BATCHES_PER_TURN);
        endpoint.receive_ready(&socket);
        #[cfg(feature = "async")]
        endpoint.wake_waiters();
        // The answers to what has come.
        endpoint.flush(BATCHES_PER_TURN);
        endpoint.tell_fates();
        endpoint.tell_drain(&socket);
        endpoint.busy.set(false);
        endpoint.close_if_forgotten();
        endpoint.go_on();
    }

    fn describe(&self) -> Resource {
        let handlers = self.on_message.bytes() + self.on_error.bytes();
        let handlers = handlers + self.on_drain.bytes() + self.on_close.bytes();
        Resource {
            kind: ResourceKind::DatagramSocket,
            at: self.label.at,
            state: self.describe_state().into(),
            bytes: self.outbox.borrow().length() + handlers,
            holds: self.activity.holds() || self.sending.holds(),
        }
    }

    fn abandon(&self) {
        self.state.set(Facts::CLOSED);
        // The bytes of a stream are with the system when `write` returns; these should be as well.
        self.flush(usize::MAX);
        let untold = (self.outbox.take(), self.fates.take());
        self.shut();
        drop((untold, self.take_handlers()));
        #[cfg(feature = "async")]
        drop(self.take_waiters());
    }
}
