//! Accepting connections.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};

use crate::error::{Error, Result};
use crate::event_loop::Timer;
use crate::event_loop::core::Loop;
use crate::event_loop::phase::Work;
use crate::event_loop::place::Place;
use crate::event_loop::source::{Activity, Source};
use crate::event_loop::timers::Body;
use crate::reactor::Readiness;
use crate::slots::Key;
use crate::stream::{self, ByteStream, Kind};
use crate::trace::{At, CallbackKind, Label, Resource, ResourceKind, event};

/// Connections accepted in one turn: a storm of them does not keep the open ones waiting.
pub(crate) const ACCEPTS_PER_TURN: usize = 64;

/// How long accepting rests when the process is out of descriptors. Ten tries a second cost
/// nothing that could be measured, and a descriptor that comes back is used soon.
const REST_MILLIS: u64 = 100;

/// What [`Incoming`](crate::net::Incoming) works with: the listeners of this crate.
#[cfg(feature = "async")]
pub trait Listens {
    /// The descriptor.
    type Io: Listen;
    fn acceptor(&self) -> &Rc<Acceptor<Self::Io>>;
}

/// A non-blocking descriptor that makes streams.
#[cfg_attr(not(feature = "async"), expect(unreachable_pub, reason = "awaited, it is named"))]
pub trait Listen: mio::event::Source + 'static {
    type Stream: ByteStream;
    /// The address of whoever connects.
    type Peer: 'static;
    /// What logs call such a listener.
    const NAME: &'static str;
    fn accept(&self) -> io::Result<(StreamIo<Self>, Self::Peer)>;
    /// The address it listens on, for listings.
    fn describe(&self) -> String;
}

pub(crate) type StreamIo<L> = <<L as Listen>::Stream as Kind>::Io;

/// A listener's core.
#[cfg_attr(not(feature = "async"), expect(unreachable_pub, reason = "awaited, it is named"))]
pub struct Acceptor<L: Listen> {
    pub(crate) core: Loop,
    pub(crate) key: Key,
    pub(crate) label: Label,
    /// `None` once it is closed.
    pub(crate) io: RefCell<Option<L>>,
    pub(crate) readable: Cell<bool>,
    paused: Cell<bool>,
    pub(crate) closed: Cell<bool>,
    /// Futures that wait for a connection.
    #[cfg(feature = "async")]
    pub(crate) waiters: stream::Wakers,
    /// The turn that `polls` counts for.
    #[cfg(feature = "async")]
    pub(crate) turn: Cell<u64>,
    /// Connections that futures have asked for in that turn.
    #[cfg(feature = "async")]
    pub(crate) polls: Cell<usize>,
    requeued: Cell<bool>,
    /// Set while accepting rests.
    resting: Cell<Option<Timer>>,
    pub(crate) activity: Activity,
    pub(crate) on_connection: Place<OnConnection<L>>,
    pub(crate) on_error: Place<OnError<L>>,
    pub(crate) on_close: Place<dyn FnMut() -> Result<()>>,
}

type OnConnection<L> = dyn FnMut(<L as Listen>::Stream, <L as Listen>::Peer) -> Result<()>;
type OnError<L> = dyn FnMut(&Rc<Acceptor<L>>, Error) -> Result<()>;

impl<L: Listen> Acceptor<L> {
    /// Makes a listener of a descriptor that listens. `at` is the line that asked for it.
    pub(crate) fn open(core: &Loop, mut io: L, at: At) -> io::Result<Rc<Acceptor<L>>> {
        let key = core.register(&mut io, true)?;
        let label = core.label(CallbackKind::Connection, at);
        event::resource("open", L::NAME, key.to_word(), label);
        let acceptor = Rc::new(Acceptor {
            core: Rc::clone(core),
            key,
            label,
            io: RefCell::new(Some(io)),
            readable: Cell::new(false),
            paused: Cell::new(false),
            closed: Cell::new(false),
            #[cfg(feature = "async")]
            waiters: stream::Wakers::default(),
            #[cfg(feature = "async")]
            turn: Cell::new(0),
            #[cfg(feature = "async")]
            polls: Cell::new(0),
            requeued: Cell::new(false),
            resting: Cell::new(None),
            activity: Activity::default(),
            on_connection: Place::default(),
            on_error: Place::default(),
            on_close: Place::default(),
        });
        let source: Weak<Acceptor<L>> = Rc::downgrade(&acceptor);
        core.attach(key, source);
        Ok(acceptor)
    }

    /// Hands the listener to the loop: from now on it lives until it is closed.
    pub(crate) fn install(self: &Rc<Self>, label: Label, handler: Box<OnConnection<L>>) {
        if self.closed.get() {
            return;
        }
        self.on_connection.fill(label, handler);
        self.core.hold(self.key, Rc::clone(self) as Rc<dyn Source>);
        // A future that waits for a connection learns that it gets none.
        #[cfg(feature = "async")]
        self.wake_now();
        self.update_activity();
        self.go_on();
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.set(paused);
        self.update_activity();
        self.go_on();
    }

    pub(crate) fn set_referenced(&self, referenced: bool) {
        let op = if referenced { "ref" } else { "unref" };
        event::resource(op, L::NAME, self.key.to_word(), self.label);
        self.activity.set_referenced(&self.core, referenced);
    }

    pub(crate) fn update_activity(&self) {
        let accepts = self.on_connection.is_filled() && !self.paused.get();
        #[cfg(feature = "async")]
        let awaited = !self.waiters.is_empty();
        #[cfg(not(feature = "async"))]
        let awaited = false;
        let active = !self.closed.get() && (accepts || awaited);
        self.activity.set_active(&self.core, active);
    }

    fn can_accept(&self) -> bool {
        self.readable.get()
            && !self.paused.get()
            && !self.closed.get()
            && self.on_connection.is_filled()
            && !self.is_resting()
    }

    pub(crate) fn is_resting(&self) -> bool {
        let timer = self.resting.take();
        let resting = timer.is_some();
        self.resting.set(timer);
        resting
    }

    /// Puts off what could be accepted to the next turn, which does not sleep before it.
    fn go_on(&self) {
        if self.can_accept() {
            self.requeue();
        }
    }

    pub(crate) fn requeue(&self) {
        if !self.requeued.replace(true) {
            self.core.pending.borrow_mut().push_back(Work::Resume(self.key));
        }
    }

    fn accept_one(self: &Rc<Self>) {
        let accepted = match &*self.io.borrow() {
            Some(io) => io.accept(),
            None => return,
        };
        match accepted {
            Ok((io, peer)) => self.connected(io, peer),
            Err(error) => self.not_accepted(error),
        }
    }

    fn connected(self: &Rc<Self>, mut io: StreamIo<L>, peer: L::Peer) {
        let key = match self.core.register(&mut io, false) {
            Ok(key) => key,
            Err(error) => return self.failed(Error::io("watch a connection", error)),
        };
        self.on_connection.lend(&self.core, |handler, label| {
            let label = label.with_kind(CallbackKind::Connection);
            let stream_label = label.with_kind(CallbackKind::Open);
            let stream: L::Stream = stream::attach(&self.core, key, io, stream_label);
            self.is_host_of(&stream);
            // An error is this connection's: one bad peer does not end the loop. The second handle
            // is dropped last, so that a stream that nobody kept is closed by it.
            let handle = stream.clone();
            handle.flow().call(label, || handler(stream, peer));
        });
    }

    /// Notes who accepted a stream, so that all that a listener did can be found again.
    pub(crate) fn is_host_of(&self, stream: &L::Stream) {
        stream.flow().host.set(self.key.generation);
    }

    fn not_accepted(self: &Rc<Self>, error: io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock => self.readable.set(false),
            // The peer gave up while it waited, or a signal came: the next one may do better.
            io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
            // Out of descriptors or memory, mostly. Trying again at once would spin: the
            // connection is still there, so no edge will come, and the same would happen.
            _ => {
                self.rest();
                self.failed(Error::io("accept", error));
            }
        }
    }

    /// Accepts nothing for a while. The listener stays active: it will go on by itself.
    fn rest(self: &Rc<Self>) {
        let acceptor = Rc::downgrade(self);
        let body = Body::Deferred(Box::new(move || {
            if let Some(acceptor) = acceptor.upgrade() {
                acceptor.resting.set(None);
                acceptor.go_on();
                #[cfg(feature = "async")]
                acceptor.wake_waiters();
                acceptor.handle_dropped();
            }
        }));
        self.resting.set(Some(self.core.start_timer(self.label, REST_MILLIS, body, false)));
    }

    /// The same for a future, which is in the middle of a poll: no handler is called there.
    #[cfg(feature = "async")]
    pub(crate) fn rest_after(self: &Rc<Self>, error: &Error) {
        self.rest();
        event::resource_failed(L::NAME, self.label, error);
    }

    fn failed(self: &Rc<Self>, error: Error) {
        let mut error = Some(error);
        self.on_error.lend(&self.core, |handler, label| {
            let label = label.with_kind(CallbackKind::Error);
            let error = error.take();
            self.core.task(label, || error.map_or(Ok(()), |error| handler(self, error)));
        });
        if let Some(error) = error {
            event::resource_failed(L::NAME, self.label, &error);
        }
    }

    /// Called when a handle is dropped, and where the loop lets go of it: the last one takes an
    /// unowned listener with it.
    pub(crate) fn handle_dropped(self: &Rc<Self>) {
        if Rc::strong_count(self) == 1 {
            self.close();
        }
    }

    pub(crate) fn close(self: &Rc<Self>) {
        if self.closed.replace(true) {
            return;
        }
        event::resource("close", L::NAME, self.key.to_word(), self.label);
        self.shut();
        #[cfg(feature = "async")]
        self.wake_now();
        self.core.close_source(self.label, self, Acceptor::finish);
    }

    /// Gives the descriptor up, still open. For the loop the listener is closed then.
    ///
    /// # Errors
    ///
    /// `NotConnected` if it is closed.
    pub(crate) fn hand_over(self: &Rc<Self>) -> Result<L> {
        let io = self.io.take();
        let mut io = io.ok_or_else(|| Error::from(io::ErrorKind::NotConnected))?;
        let held = self.core.deregister(self.key, &mut io);
        self.close();
        drop(held);
        Ok(io)
    }

    fn shut(&self) {
        if let Some(timer) = self.resting.take() {
            timer.clear();
        }
        let io = self.io.take();
        self.update_activity();
        let held = io.and_then(|mut io| self.core.deregister(self.key, &mut io));
        drop(held);
    }

    fn finish(self: &Rc<Self>) {
        self.on_close.lend(&self.core, |handler, label| {
            self.core.task(label.with_kind(CallbackKind::Close), handler);
        });
        self.core.drop_value(self.label, self.take_handlers());
    }

    fn take_handlers(&self) -> impl Sized + use<L> {
        (self.on_connection.retire(), self.on_error.retire(), self.on_close.retire())
    }
}

impl<L: Listen> Source for Acceptor<L> {
    fn ready(self: Rc<Self>, readiness: Readiness, _: &mut [u8]) {
        if readiness.contains(Readiness::READABLE) {
            self.readable.set(true);
        }
        if readiness == Readiness::NONE {
            self.requeued.set(false);
        } else if self.requeued.get() {
            // It has had its share of this turn, or will have it in the next.
            return;
        }
        #[cfg(feature = "async")]
        if self.readable.get() {
            self.wake_waiters();
        }
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.can_accept() {
                break;
            }
            self.accept_one();
        }
        self.go_on();
        // Whoever was woken may have dropped the last handle.
        self.handle_dropped();
    }

    fn describe(&self) -> Resource {
        let address = self.io.borrow().as_ref().map(Listen::describe);
        let state = match address {
            None => "closed".to_owned(),
            Some(address) if self.is_resting() => format!("out of descriptors, on {address}"),
            Some(address) if self.paused.get() => format!("paused on {address}"),
            Some(address) => address,
        };
        Resource {
            kind: ResourceKind::Listener,
            at: self.label.at,
            state: state.into(),
            bytes: self.on_connection.bytes() + self.on_error.bytes() + self.on_close.bytes(),
            holds: self.activity.holds(),
        }
    }

    fn abandon(&self) {
        self.closed.set(true);
        self.shut();
        drop(self.take_handlers());
        #[cfg(feature = "async")]
        self.waiters.take_each().for_each(drop);
    }
}
