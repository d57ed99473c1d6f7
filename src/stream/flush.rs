//! Being told when what was written so far has been handed to the system.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::KeepAlive;
use crate::event_loop::core::Loop;
use crate::request::{Complete, Request, Underway};
use crate::stream::ByteStream;
use crate::stream::flow::Flow;
use crate::stream::state::Facts;
use crate::trace::{At, Label};

/// Somebody who waits for the bytes up to a mark.
pub(crate) struct Flush {
    /// How many bytes the system has taken by then.
    mark: u64,
    /// Taken when it is decided, or given up.
    complete: Rc<Cell<Option<Complete<()>>>>,
    /// An unreferenced stream holds no loop, and a request does.
    _alive: Option<KeepAlive>,
}

impl Flush {
    fn tell(self, core: &Loop, result: Result<()>) {
        if let Some(complete) = self.complete.take() {
            complete(core, result);
        }
    }
}

impl<S: ByteStream> Flow<S> {
    pub(crate) fn flushed(self: &Rc<Self>, at: At) -> Request<()> {
        let flow = Rc::downgrade(self);
        Request::new(at, move |core, label, complete| {
            let complete = Rc::new(Cell::new(Some(complete)));
            let given_up = Rc::clone(&complete);
            match flow.upgrade().filter(|flow| flow.handlers.extras_to_fill().is_some()) {
                Some(flow) => flow.wait_for_flush(label, complete),
                None => fail_later(core, label, complete),
            }
            Underway::Other(Box::new(move |core| {
                let Some(complete) = given_up.take() else { return false };
                core.defer(label, move |core| complete(core, Err(Error::cancelled())));
                true
            }))
        })
    }

    fn wait_for_flush(self: &Rc<Self>, label: Label, complete: Rc<Cell<Option<Complete<()>>>>) {
        let Some(extras) = self.handlers.extras_to_fill() else { return };
        let waits = self.state.is(Facts::QUEUED);
        let alive =
            (waits && !self.activity.is_referenced()).then(|| self.core.keep_alive(label.at));
        let flush = Flush { mark: self.flush_mark(), complete, _alive: alive };
        extras.flushes.borrow_mut().push_back(flush);
        if !waits {
            self.tell_flushed_later(label);
        }
    }

    /// How many bytes the system has taken when all that was accepted so far is sent.
    fn flush_mark(&self) -> u64 {
        // What somebody else sends meanwhile is counted when it is done: wait for all then. And
        // nothing more is sent of a stream that is closed or has failed.
        if self.state.is(Facts::LENT | Facts::CLOSED | Facts::FAILED) {
            return u64::MAX;
        }
        self.bytes_written.get() + self.queue.borrow().length() as u64
    }

    /// Tells those whose bytes are sent.
    pub(crate) fn tell_flushed(&self) {
        while let Some(flush) = self.next_flush(self.taken()) {
            flush.tell(&self.core, Ok(()));
        }
    }

    /// The same in the next turn, or before the close is told, if that comes first.
    pub(crate) fn tell_flushed_later(self: &Rc<Self>, label: Label) {
        // Not a handle: the last one that is dropped closes the stream all the same.
        let flow = Rc::downgrade(self);
        self.core.defer(label, move |_| {
            flow.upgrade().into_iter().for_each(|flow| flow.tell_flushed());
        });
    }

    /// Whether somebody is to be told.
    pub(crate) fn has_flushed(&self) -> bool {
        let extras = self.handlers.extras();
        extras.is_some_and(|extras| is_next(&extras.flushes.borrow(), self.taken()))
    }

    /// The mark up to which the system has taken all.
    fn taken(&self) -> u64 {
        let not_all = Facts::QUEUED | Facts::CLOSED | Facts::FAILED;
        if self.state.is(not_all) { self.bytes_written.get() } else { u64::MAX }
    }

    fn next_flush(&self, sent: u64) -> Option<Flush> {
        let mut flushes = self.handlers.extras()?.flushes.borrow_mut();
        if is_next(&flushes, sent) { flushes.pop_front() } else { None }
    }

    /// Tells all others that it came to nothing.
    pub(crate) fn fail_flushes(&self, error: &Error) {
        // Some may have their bytes sent, and be told in the next turn, which is too late now.
        self.tell_flushed();
        while let Some(flush) = self.next_flush(u64::MAX) {
            flush.tell(&self.core, Err(error.clone()));
        }
    }

    /// The same for a stream that was closed with bytes in its queue.
    pub(crate) fn cancel_flushes(&self) {
        if self.handlers.extras().is_some_and(|extras| !extras.flushes.borrow().is_empty()) {
            let message = "the stream was closed before all was sent";
            self.fail_flushes(&Error::new(io::Error::new(io::ErrorKind::NotConnected, message)));
        }
    }
}

fn is_next(flushes: &VecDeque<Flush>, sent: u64) -> bool {
    flushes.front().is_some_and(|flush| flush.mark <= sent)
}

/// The stream and its close are over.
fn fail_later(core: &Loop, label: Label, complete: Rc<Cell<Option<Complete<()>>>>) {
    core.defer(label, move |core| {
        if let Some(complete) = complete.take() {
            let message = "the stream was closed before";
            complete(core, Err(Error::new(io::Error::new(io::ErrorKind::NotConnected, message))));
        }
    });
}
