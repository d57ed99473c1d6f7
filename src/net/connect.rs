//! A connection that is being made.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::{Rc, Weak};

use crate::error::Error;
use crate::event_loop::core::Loop;
use crate::event_loop::source::{Activity, Source};
use crate::reactor::Readiness;
use crate::request::{Complete, Underway};
use crate::slots::Key;
use crate::stream::{self, ByteStream, Io, Kind};
use crate::trace::{Label, Resource, ResourceKind};

/// A stream's descriptor, before it is connected.
pub(crate) trait Dial: Io + Sized {
    type Peer: fmt::Display + Clone + 'static;

    /// Takes what went wrong since.
    fn take_error(&self) -> io::Result<Option<io::Error>>;

    /// `NotConnected` until it is.
    fn connected(&self) -> io::Result<()>;
}

pub(crate) type PeerOf<S> = <<S as Kind>::Io as Dial>::Peer;

pub(crate) struct Connecting<S: ByteStream<Io: Dial>> {
    core: Loop,
    key: Key,
    label: Label,
    peer: PeerOf<S>,
    io: RefCell<Option<S::Io>>,
    complete: Cell<Option<Complete<S>>>,
    activity: Activity,
}

/// Waits for a descriptor that has begun to connect. Who gets the result is said by `then`.
pub(crate) fn begin<S: ByteStream<Io: Dial>>(
    core: &Loop,
    label: Label,
    peer: &PeerOf<S>,
    mut io: S::Io,
) -> io::Result<Rc<Connecting<S>>> {
    let key = core.register(&mut io, false)?;
    let connecting = Rc::new(Connecting {
        core: Rc::clone(core),
        key,
        label,
        peer: peer.clone(),
        io: RefCell::new(Some(io)),
        complete: Cell::new(None),
        activity: Activity::default(),
    });
    let source: Weak<Connecting<S>> = Rc::downgrade(&connecting);
    core.attach(key, source);
    core.hold(key, Rc::clone(&connecting) as Rc<dyn Source>);
    connecting.activity.set_active(core, true);
    Ok(connecting)
}

pub(crate) fn in_context(peer: impl fmt::Display, error: io::Error) -> Error {
    Error::io(format!("connect to {peer}"), error)
}

pub(crate) fn cancelled(peer: impl fmt::Display) -> Error {
    Error::cancelled_in(format!("connect to {peer}"))
}

/// Tells of an error that was met while the request was begun: in the next turn.
pub(crate) fn refuse<S: 'static>(
    core: &Loop,
    label: Label,
    complete: Complete<S>,
    error: Error,
) -> Underway {
    core.defer(label, move |core| complete(core, Err(error)));
    Underway::Job(None)
}

impl<S: ByteStream<Io: Dial>> Connecting<S> {
    pub(crate) fn then(&self, complete: Complete<S>) {
        self.complete.set(Some(complete));
    }

    /// How whoever asked gives it up while it is under way.
    pub(crate) fn underway(self: &Rc<Self>) -> Underway {
        let connecting = Rc::downgrade(self);
        Underway::Other(Box::new(move |_| {
            connecting.upgrade().is_some_and(|connecting| connecting.cancel())
        }))
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.io.borrow().is_some()
    }

    fn cancel(&self) -> bool {
        let Some(complete) = self.complete.take() else { return false };
        self.abandon();
        let error = cancelled(&self.peer);
        self.core.defer(self.label, move |core| complete(core, Err(error)));
        true
    }

    /// Whether it is decided, and how. An early event decides nothing.
    fn outcome(&self) -> Option<io::Result<()>> {
        let io = self.io.borrow();
        let io = io.as_ref()?;
        match io.take_error() {
            Ok(Some(error)) | Err(error) => return Some(Err(error)),
            Ok(None) => {}
        }
        match io.connected() {
            Ok(()) => Some(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// The stream takes over descriptor and registration.
    fn into_stream(self: &Rc<Self>) -> Option<S> {
        let io = self.io.take()?;
        self.activity.set_active(&self.core, false);
        let stream = stream::attach(&self.core, self.key, io, self.label);
        self.core.release(self.key);
        Some(stream)
    }
}

impl<S: ByteStream<Io: Dial>> Source for Connecting<S> {
    fn ready(self: Rc<Self>, readiness: Readiness, _: &mut [u8]) {
        let Some(outcome) = self.outcome() else { return };
        let Some(complete) = self.complete.take() else { return };
        let core = Rc::clone(&self.core);
        match outcome {
            Ok(()) => {
                let Some(stream) = self.into_stream() else { return };
                stream::note_readiness(&stream, readiness);
                complete(&core, Ok(stream));
            }
            Err(error) => {
                let error = in_context(&self.peer, error);
                self.abandon();
                complete(&core, Err(error));
            }
        }
    }

    fn describe(&self) -> Resource {
        Resource {
            kind: ResourceKind::Request,
            at: self.label.at,
            state: format!("connecting to {}", self.peer).into(),
            bytes: 0,
            holds: self.activity.holds(),
        }
    }

    fn abandon(&self) {
        self.activity.set_active(&self.core, false);
        let io = self.io.take();
        let held = io.and_then(|mut io| self.core.deregister(self.key, &mut io));
        drop((held, self.complete.take()));
    }
}
