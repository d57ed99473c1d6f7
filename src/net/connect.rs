//! A connection that is being made.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::source::{Activity, Source};
use crate::net::tcp_stream::TcpStream;
use crate::reactor::Readiness;
use crate::request::{Complete, Request, Underway};
use crate::slots::Key;
use crate::stream;
use crate::trace::{At, Label, Resource, ResourceKind};

pub(crate) fn request(at: At, address: Result<SocketAddr>) -> Request<TcpStream> {
    Request::new(at, move |core, label, complete| match begin(core, label, address) {
        Ok(connecting) => {
            connecting.complete.set(Some(complete));
            let connecting = Rc::downgrade(&connecting);
            Underway::Other(Box::new(move |_| cancel(&connecting)))
        }
        Err(error) => {
            core.defer(label, move |core| complete(core, Err(error)));
            Underway::Job(None)
        }
    })
}

struct Connecting {
    core: Loop,
    key: Key,
    label: Label,
    address: SocketAddr,
    io: RefCell<Option<mio::net::TcpStream>>,
    complete: Cell<Option<Complete<TcpStream>>>,
    activity: Activity,
}

fn begin(core: &Loop, label: Label, address: Result<SocketAddr>) -> Result<Rc<Connecting>> {
    let address = address?;
    let connect = || {
        let mut io = mio::net::TcpStream::connect(address)?;
        let key = core.register(&mut io, false)?;
        Ok((io, key))
    };
    let (io, key) = connect().map_err(|error| in_context(address, error))?;
    let connecting = Rc::new(Connecting {
        core: Rc::clone(core),
        key,
        label,
        address,
        io: RefCell::new(Some(io)),
        complete: Cell::new(None),
        activity: Activity::default(),
    });
    let source: Weak<Connecting> = Rc::downgrade(&connecting);
    core.attach(key, source);
    core.hold(key, Rc::clone(&connecting) as Rc<dyn Source>);
    connecting.activity.set_active(core, true);
    Ok(connecting)
}

fn in_context(address: SocketAddr, error: io::Error) -> Error {
    Error::io(format!("connect to {address}"), error)
}

/// Gives up a connect that is still under way.
fn cancel(connecting: &Weak<Connecting>) -> bool {
    let Some(connecting) = connecting.upgrade() else { return false };
    let Some(complete) = connecting.complete.take() else { return false };
    connecting.abandon();
    connecting.core.defer(connecting.label, move |core| complete(core, Err(Error::cancelled())));
    true
}

impl Connecting {
    /// Whether it is decided, and how. An early event decides nothing.
    fn outcome(&self) -> Option<io::Result<()>> {
        let io = self.io.borrow();
        let io = io.as_ref()?;
        match io.take_error() {
            Ok(Some(error)) | Err(error) => return Some(Err(error)),
            Ok(None) => {}
        }
        match io.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// The stream takes over descriptor and registration.
    fn into_stream(self: &Rc<Self>) -> Option<TcpStream> {
        let io = self.io.take()?;
        self.activity.set_active(&self.core, false);
        let stream = stream::attach(&self.core, self.key, io, self.label);
        self.core.release(self.key);
        Some(stream)
    }
}

impl Source for Connecting {
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
                let error = in_context(self.address, error);
                self.abandon();
                complete(&core, Err(error));
            }
        }
    }

    fn describe(&self) -> Resource {
        Resource {
            kind: ResourceKind::Request,
            at: self.label.at,
            state: format!("connecting to {}", self.address).into(),
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
