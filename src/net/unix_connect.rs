//! Connecting to a Unix socket.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::unix::net::SocketAddr;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::Timer;
use crate::event_loop::core::Loop;
use crate::event_loop::source::Source;
use crate::event_loop::timers::Body;
use crate::net::connect::{self, Connecting};
use crate::net::unix_address::Shown;
use crate::net::unix_io::UnixIo;
use crate::net::unix_stream::UnixStream;
use crate::request::{Complete, Request, Underway};
use crate::trace::{At, Label};

/// How long to wait before knocking again at a listener whose backlog is full. The system keeps
/// nobody waiting at a Unix socket, and tells nobody when there is room.
const AGAIN_MILLIS: u64 = 10;

pub(crate) fn request(at: At, address: Result<SocketAddr>) -> Request<UnixStream> {
    Request::new(at, move |core, label, complete| {
        let address = match address {
            Ok(address) => Shown(address),
            Err(error) => return connect::refuse(core, label, complete, error),
        };
        let visit = Rc::new(Visit {
            core: Rc::clone(core),
            label,
            address,
            connecting: RefCell::default(),
            timer: Cell::default(),
            complete: Cell::new(Some(complete)),
        });
        visit.knock();
        visit.underway()
    })
}

/// A connect, tried until the listener has room. It is owned by what is under way.
struct Visit {
    core: Loop,
    label: Label,
    address: Shown,
    connecting: RefCell<Option<Rc<Connecting<UnixStream>>>>,
    timer: Cell<Option<Timer>>,
    /// Taken when it is decided.
    complete: Cell<Option<Complete<UnixStream>>>,
}

impl Visit {
    fn knock(self: &Rc<Self>) {
        let dialled = UnixIo::dial(&self.address);
        let begin = |io| connect::begin(&self.core, self.label, &self.address, io);
        match dialled.and_then(begin) {
            Ok(connecting) => {
                let visit = Rc::clone(self);
                connecting.then(Box::new(move |core, result| {
                    visit.connecting.take();
                    if let Some(complete) = visit.complete.take() {
                        complete(core, result);
                    }
                }));
                self.connecting.replace(Some(connecting));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.knock_later(),
            Err(error) => self.fail(connect::in_context(&self.address, error)),
        }
    }

    fn knock_later(self: &Rc<Self>) {
        let visit = Rc::clone(self);
        let body = Body::Deferred(Box::new(move || {
            visit.timer.take();
            visit.knock();
        }));
        // It keeps the loop alive, as the connect does.
        self.timer.set(Some(self.core.start_timer(self.label, AGAIN_MILLIS, body, true)));
    }

    fn fail(&self, error: Error) {
        if let Some(complete) = self.complete.take() {
            self.core.defer(self.label, move |core| complete(core, Err(error)));
        }
    }

    fn underway(self: &Rc<Self>) -> Underway {
        let visit = Rc::downgrade(self);
        Underway::Other(Box::new(move |_| visit.upgrade().is_some_and(|visit| visit.cancel())))
    }

    fn cancel(&self) -> bool {
        if let Some(timer) = self.timer.take() {
            timer.clear();
        }
        if let Some(connecting) = self.connecting.take() {
            connecting.abandon();
        }
        let decided = self.complete.take().map(|complete| {
            let error = connect::cancelled(&self.address);
            self.core.defer(self.label, move |core| complete(core, Err(error)));
        });
        decided.is_some()
    }
}
