//! A write stream as the loop sees it: what waits to be written, and whom it tells.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::rc::{Rc, Weak};

use crate::abort::{AbortListener, AbortSignal};
use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::mail::Mailbox;
use crate::event_loop::place::Place;
use crate::fs::presence::Presence;
use crate::fs::write_stream::WriteStream;
use crate::fs::writer::Writer;
use crate::pool::Lane;
use crate::slots::Key;
#[cfg(feature = "async")]
use crate::stream::Wakers;
use crate::stream::{Done, closed_early};
use crate::trace::{CallbackKind, Label, Resource, ResourceKind, event};

/// Smaller writes are gathered up to this size: a slice each would cost more than the copy.
const GATHERED: usize = 64 * 1024;

pub(super) struct Writing {
    pub(super) core: Loop,
    key: Key,
    pub(super) label: Label,
    path: PathBuf,
    /// While it rests. Gone while it is on the pool, and after the last bytes.
    writer: Cell<Option<Writer>>,
    queue: RefCell<Vec<Vec<u8>>>,
    /// Bytes that were accepted and are not written: those of the queue, and of the job.
    pub(super) unwritten: Cell<usize>,
    high_water_mark: usize,
    pub(super) handlers: Handlers,
    after_drain: RefCell<Vec<Box<dyn FnOnce()>>>,
    joined: RefCell<Vec<Done>>,
    #[cfg(feature = "async")]
    pub(super) wakers: Wakers,
    /// Whether futures are told of a failure, at their next call if none waits.
    pub(super) is_awaited: Cell<bool>,
    pub(super) failure: RefCell<Option<Error>>,
    /// The failure has been told, or logged.
    pub(super) is_told: Cell<bool>,
    abort: RefCell<Vec<AbortListener>>,
    pub(super) presence: Presence,
    needs_drain: Cell<bool>,
    /// Something was written: the file is there.
    is_used: Cell<bool>,
    pub(super) ending: Cell<bool>,
    pub(super) finished: Cell<bool>,
    pub(super) closed: Cell<bool>,
    handles: Cell<usize>,
}

type OnStream = dyn FnMut(&WriteStream) -> Result<()>;
type OnError = dyn FnMut(&WriteStream, Error) -> Result<()>;

#[derive(Default)]
pub(super) struct Handlers {
    pub(super) drain: Place<OnStream>,
    pub(super) finish: Place<OnStream>,
    pub(super) error: Place<OnError>,
    pub(super) close: Place<OnStream>,
}

const NAME: &str = "file stream";

impl Writing {
    pub(super) fn new(core: &Loop, label: Label, writer: Writer, mark: usize) -> Rc<Writing> {
        let writing = Rc::new_cyclic(|writing: &Weak<Writing>| Writing {
            core: Rc::clone(core),
            key: core.mail.add(writing.clone()),
            label,
            path: writer.path().to_owned(),
            writer: Cell::new(Some(writer)),
            queue: RefCell::default(),
            unwritten: Cell::new(0),
            high_water_mark: mark,
            handlers: Handlers::default(),
            after_drain: RefCell::default(),
            joined: RefCell::default(),
            #[cfg(feature = "async")]
            wakers: Wakers::default(),
            is_awaited: Cell::new(false),
            failure: RefCell::default(),
            is_told: Cell::new(false),
            abort: RefCell::default(),
            presence: Presence::default(),
            needs_drain: Cell::new(false),
            is_used: Cell::new(false),
            ending: Cell::new(false),
            finished: Cell::new(false),
            closed: Cell::new(false),
            handles: Cell::new(0),
        });
        event::resource("open", NAME, writing.key.to_word(), label);
        writing
    }

    pub(super) fn write(self: &Rc<Self>, bytes: &[u8]) -> bool {
        if !self.accepts() {
            return false;
        }
        let mut queue = self.queue.borrow_mut();
        match queue.last_mut() {
            Some(last) if last.len() + bytes.len() <= GATHERED => last.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => queue.push(bytes.to_vec()),
        }
        drop(queue);
        self.accepted(bytes.len())
    }

    pub(super) fn write_owned(self: &Rc<Self>, bytes: Vec<u8>) -> bool {
        if bytes.len() < GATHERED / 4 {
            return self.write(&bytes);
        }
        if !self.accepts() {
            return false;
        }
        let length = bytes.len();
        self.queue.borrow_mut().push(bytes);
        self.accepted(length)
    }

    /// Whether bytes can be accepted; a write after the end is a mistake, and fails the stream.
    fn accepts(self: &Rc<Self>) -> bool {
        if self.closed.get() || self.failure.borrow().is_some() {
            return false;
        }
        if self.ending.get() {
            self.fail_later(self.ended_error());
            return false;
        }
        true
    }

    pub(super) fn ended_error(&self) -> Error {
        self.refused(io::Error::new(ErrorKind::BrokenPipe, "`end` was called before"))
    }

    #[cfg(feature = "async")]
    pub(super) fn closed_error(&self) -> Error {
        self.refused(io::Error::new(ErrorKind::NotConnected, "the stream was closed"))
    }

    fn refused(&self, error: io::Error) -> Error {
        Error::io(format!("write {}", self.path.display()), error)
    }

    fn accepted(self: &Rc<Self>, length: usize) -> bool {
        self.is_used.set(true);
        self.unwritten.set(self.unwritten.get() + length);
        self.go_on();
        let has_room = self.has_room();
        if !has_room {
            self.needs_drain.set(true);
        }
        has_room
    }

    pub(super) fn has_room(&self) -> bool {
        self.unwritten.get() < self.high_water_mark.max(1)
    }

    /// Sends all that waits to the pool as one job, unless one is there already.
    fn go_on(self: &Rc<Self>) {
        let is_last = self.ending.get();
        let has_work = is_last || !self.queue.borrow().is_empty();
        if !has_work || self.closed.get() || self.core.lifetime.has_ended() {
            return;
        }
        let Some(writer) = self.writer.take() else { return };
        let batch = self.queue.take();
        let length: usize = batch.iter().map(Vec::len).sum();
        let label = self.label.with_kind(CallbackKind::Completion);
        // It is as good as a handle: what was accepted is written, and failures are told.
        let writing = WriteStream::of(self);
        let work = move || writer.run(&batch, is_last);
        let job = self.core.submit(Lane::Fs, label, "write", work, move |_, result| {
            writing.writing().came_back(&writing, length, result);
        });
        self.presence.job_began(&self.core, job);
    }

    fn came_back(
        self: &Rc<Self>,
        stream: &WriteStream,
        length: usize,
        result: Result<Option<Writer>>,
    ) {
        self.presence.job_ended();
        self.unwritten.set(self.unwritten.get().saturating_sub(length));
        if self.failure.borrow().is_some() {
            return;
        }
        match result {
            // Whoever asks is told what became of the bytes, and the log if nobody does.
            Err(error) if self.closed.get() => drop(self.failure.replace(Some(error))),
            Ok(_) if self.closed.get() => {}
            Ok(Some(writer)) => {
                self.writer.set(Some(writer));
                self.go_on();
                self.written(stream);
            }
            Ok(None) => self.finish(stream),
            Err(error) => self.fail(stream, error),
        }
    }

    fn written(self: &Rc<Self>, stream: &WriteStream) {
        if self.unwritten.get() == 0 {
            if self.needs_drain.replace(false) && !self.ending.get() {
                self.emit(CallbackKind::Drain, stream, &self.handlers.drain);
            }
            // Not while it is borrowed: what is called may write, and wait anew.
            let then = self.after_drain.take();
            then.into_iter().for_each(|then| then());
        }
        self.wake();
    }

    fn finish(self: &Rc<Self>, stream: &WriteStream) {
        self.finished.set(true);
        self.emit(CallbackKind::End, stream, &self.handlers.finish);
        self.close();
        self.tell_joined();
    }

    fn fail_later(self: &Rc<Self>, error: Error) {
        let stream = WriteStream::of(self);
        self.core.defer(self.label, move |_| stream.writing().fail(&stream, error));
    }

    fn fail(self: &Rc<Self>, stream: &WriteStream, error: Error) {
        if self.closed.get() || self.failure.borrow().is_some() {
            return;
        }
        drop(self.failure.replace(Some(error.clone())));
        let mut error = Some(error);
        self.handlers.error.lend(&self.core, |handler, label| {
            let error = error.take();
            self.call(label.with_kind(CallbackKind::Error), || {
                error.map_or(Ok(()), |error| handler(stream, error))
            });
        });
        let is_taken = self.joined.borrow().iter().any(Done::takes_failures);
        self.is_told.set(error.is_none() || is_taken);
        if !self.is_awaited.get() {
            self.log_failure();
        }
        self.close();
        self.tell_joined();
    }

    /// What nobody was told of is in the log.
    fn log_failure(&self) {
        if let (Some(error), false) = (&*self.failure.borrow(), self.is_told.replace(true)) {
            event::resource_failed(NAME, self.label, error);
        }
    }

    /// Calls a handler as a task. An error that it returns is logged, and closes this stream only.
    fn call(self: &Rc<Self>, label: Label, f: impl FnOnce() -> Result<()>) {
        self.core.task(label, || {
            if let Err(error) = f() {
                event::resource_failed(NAME, label, &error);
                self.close();
            }
            Ok(())
        });
    }

    fn emit(self: &Rc<Self>, kind: CallbackKind, stream: &WriteStream, place: &Place<OnStream>) {
        place.lend(&self.core, |handler, label| {
            self.call(label.with_kind(kind), || handler(stream));
        });
    }

    pub(super) fn end(self: &Rc<Self>) {
        if !self.closed.get() && !self.ending.replace(true) {
            self.go_on();
        }
    }

    pub(super) fn when_drained(&self, then: Box<dyn FnOnce()>) {
        if self.closed.get() {
            return;
        }
        if self.unwritten.get() == 0 {
            return self.core.defer(self.label, |_| then());
        }
        self.after_drain.borrow_mut().push(then);
    }

    pub(super) fn when_done(&self, done: Done) {
        if self.closed.get() {
            let outcome = self.outcome();
            let label = self.core.label(CallbackKind::Data, done.line());
            return self.core.defer(label, |_| done.tell(outcome));
        }
        self.joined.borrow_mut().push(done);
    }

    fn outcome(&self) -> Result<()> {
        match &*self.failure.borrow() {
            Some(error) => Err(error.clone()),
            None if self.finished.get() => Ok(()),
            None => Err(closed_early()),
        }
    }

    fn tell_joined(&self) {
        let joined = self.joined.take();
        joined.into_iter().for_each(|done| done.tell(self.outcome()));
    }

    pub(super) fn abort_on(self: &Rc<Self>, signal: &AbortSignal) {
        if let Some(reason) = signal.reason() {
            return self.fail_later(Error::aborted(Some(reason)));
        }
        let label = self.label.with_kind(CallbackKind::Abort);
        let writing = Rc::downgrade(self);
        let listener = signal.listen(&self.core, label, move |reason| {
            if let Some(writing) = writing.upgrade() {
                writing.fail_later(Error::aborted(Some(reason.clone())));
            }
            Ok(())
        });
        self.abort.borrow_mut().push(listener);
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
        let writing = Rc::clone(self);
        let label = self.label.with_kind(CallbackKind::Close);
        self.core.defer_to_close(label, move |_| writing.finish_closing());
    }

    /// Gives up the file, and what was not written.
    fn let_go(&self) {
        for listener in self.abort.take() {
            listener.remove();
        }
        drop((self.writer.take(), self.queue.take(), self.after_drain.take()));
    }

    fn finish_closing(self: &Rc<Self>) {
        self.emit(CallbackKind::Close, &WriteStream::of(self), &self.handlers.close);
        self.core.drop_value(self.label, self.handlers.retire());
        self.tell_joined();
        drop(self.core.mail.remove(self.key));
    }

    pub(super) fn handle_added(&self) {
        self.handles.set(self.handles.get() + 1);
    }

    /// Without handles nothing more can be written.
    pub(super) fn handle_gone(self: &Rc<Self>) {
        self.handles.set(self.handles.get() - 1);
        if self.handles.get() > 0 || self.closed.get() {
            return;
        }
        if self.is_used.get() { self.end() } else { self.close() }
    }

    #[cfg(feature = "async")]
    fn wake(self: &Rc<Self>) {
        for waker in self.wakers.take_each() {
            let label = self.label.with_kind(CallbackKind::Future);
            self.core.task(label, || {
                waker.wake();
                Ok(())
            });
        }
    }

    #[cfg(not(feature = "async"))]
    fn wake(&self) {}
}

impl Handlers {
    fn retire(&self) -> impl Sized + use<> {
        (self.drain.retire(), self.finish.retire(), self.error.retire(), self.close.retire())
    }

    fn bytes(&self) -> usize {
        self.drain.bytes() + self.finish.bytes() + self.error.bytes() + self.close.bytes()
    }
}

impl Mailbox for Writing {
    /// Nothing is ever sent to it: it is in the list of mailboxes to be listed, and abandoned.
    fn deliver(self: Rc<Self>) {}

    fn describe(&self) -> Resource {
        let state = match () {
            () if self.closed.get() => "closed",
            () if self.unwritten.get() > 0 || self.ending.get() => "writing",
            () => "idle",
        };
        Resource {
            kind: ResourceKind::Stream,
            at: self.label.at,
            state: format!("{state} {}", self.path.display()).into(),
            bytes: self.unwritten.get() + self.handlers.bytes(),
            // Its job does, which is listed by itself.
            holds: false,
        }
    }

    fn abandon(&self) {
        self.closed.set(true);
        self.let_go();
        drop((self.handlers.retire(), self.joined.take()));
        #[cfg(feature = "async")]
        drop(self.wakers.take_each().collect::<Vec<_>>());
        drop(self.core.mail.remove(self.key));
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.log_failure();
        drop(self.core.mail.remove(self.key));
    }
}
