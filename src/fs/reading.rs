//! A read stream as the loop sees it: when it reads, whom it calls, and how it comes to its end.

use std::cell::{Cell, RefCell};
#[cfg(feature = "async")]
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use crate::abort::{AbortListener, AbortSignal};
use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::mail::Mailbox;
use crate::event_loop::place::Place;
use crate::fs::pipe::{Filled, Pipe};
use crate::fs::presence::Presence;
use crate::fs::read_stream::ReadStream;
use crate::fs::reader::Reader;
use crate::pool::Lane;
use crate::slots::Key;
#[cfg(feature = "async")]
use crate::stream::Wakers;
use crate::stream::{self, Done, closed_early, displaced};
use crate::trace::{CallbackKind, Label, Resource, ResourceKind, event};

pub(super) struct Reading {
    pub(super) core: Loop,
    key: Key,
    pub(super) label: Label,
    path: PathBuf,
    pub(super) pipe: Arc<Pipe>,
    /// While it rests. Gone while it is on the pool, and when it is at its end.
    reader: Cell<Option<Reader>>,
    /// How it ended; told when the queue is empty.
    outcome: Cell<Option<Result<()>>>,
    /// Chunks of the queue that may be taken before the next Poll: what comes meanwhile waits for
    /// it, so that a fast file does not keep the rest of the loop waiting.
    pub(super) allowance: Cell<usize>,
    pub(super) handlers: Handlers,
    #[cfg(feature = "async")]
    pub(super) wakers: Wakers,
    /// What was read by half.
    #[cfg(feature = "async")]
    pub(super) rest: RefCell<Option<crate::fs::read_futures::Chunk>>,
    abort: RefCell<Vec<AbortListener>>,
    paused: Cell<bool>,
    pub(super) presence: Presence,
    pub(super) ended: Cell<bool>,
    pub(super) closed: Cell<bool>,
    handles: Cell<usize>,
}

type OnData = dyn FnMut(&ReadStream, &[u8]) -> Result<()>;
type OnStream = dyn FnMut(&ReadStream) -> Result<()>;
type OnError = dyn FnMut(&ReadStream, Error) -> Result<()>;

#[derive(Default)]
pub(super) struct Handlers {
    pub(super) data: Place<OnData>,
    pub(super) end: Place<OnStream>,
    pub(super) error: Place<OnError>,
    pub(super) close: Place<OnStream>,
    /// Who joined the stream, and is told how it ends.
    reader: Cell<Option<Done>>,
}

const NAME: &str = "file stream";

impl Reading {
    pub(super) fn new(core: &Loop, label: Label, reader: Reader, capacity: usize) -> Rc<Reading> {
        let reading = Rc::new_cyclic(|reading: &Weak<Reading>| Reading {
            core: Rc::clone(core),
            key: core.mail.add(reading.clone()),
            label,
            path: reader.path().to_owned(),
            pipe: Arc::new(Pipe::new(capacity)),
            reader: Cell::new(Some(reader)),
            outcome: Cell::new(None),
            allowance: Cell::new(0),
            handlers: Handlers::default(),
            #[cfg(feature = "async")]
            wakers: Wakers::default(),
            #[cfg(feature = "async")]
            rest: RefCell::new(None),
            abort: RefCell::new(Vec::new()),
            paused: Cell::new(false),
            presence: Presence::default(),
            ended: Cell::new(false),
            closed: Cell::new(false),
            handles: Cell::new(0),
        });
        event::resource("open", NAME, reading.key.to_word(), label);
        reading
    }

    /// Hands the stream to the loop, which owns it until it is closed.
    pub(super) fn install_data(self: &Rc<Self>, label: Label, handler: Box<OnData>) {
        if self.closed.get() || self.core.lifetime.has_ended() {
            return;
        }
        if let Some(done) = self.handlers.reader.take() {
            self.core.defer(label, |_| done.tell(Err(displaced())));
        }
        self.handlers.data.fill(label, handler);
        self.core.mail.hold(self.key, Rc::clone(self) as Rc<dyn Mailbox>);
        // A future that waits for bytes learns that it gets none.
        #[cfg(feature = "async")]
        self.wakers.take_each().for_each(std::task::Waker::wake);
        if !self.paused.get() {
            self.resume();
        }
    }

    pub(super) fn attach_reader(self: &Rc<Self>, reader: stream::Reader) {
        let (mut on_data, done) = reader.into_parts();
        let label = self.core.label(CallbackKind::Data, done.line());
        if self.closed.get() {
            return self.core.defer(label, |_| done.tell(Err(closed_early())));
        }
        self.handlers.end.fill(label, Box::new(|_: &ReadStream| Ok(())));
        self.install_data(label, Box::new(move |_, chunk| on_data(chunk)));
        drop(self.handlers.reader.replace(Some(done)));
    }

    fn tell_reader(&self, outcome: Result<()>) {
        if let Some(done) = self.handlers.reader.take() {
            done.tell(outcome);
        }
    }

    pub(super) fn pause(&self) {
        self.paused.set(true);
    }

    pub(super) fn resume(self: &Rc<Self>) {
        self.paused.set(false);
        if self.has_reader() && self.has_bytes() || self.is_over() {
            self.ask_for_a_turn();
        }
        self.go_on();
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// Whether a handler gets the bytes.
    pub(super) fn has_reader(&self) -> bool {
        self.handlers.data.is_filled()
    }

    fn is_wanted(&self) -> bool {
        #[cfg(feature = "async")]
        let awaited = !self.wakers.is_empty();
        #[cfg(not(feature = "async"))]
        let awaited = false;
        awaited || self.has_reader() && !self.paused.get()
    }

    /// Sends the reader to the pool if somebody waits for its bytes, it rests, and there is room.
    pub(super) fn go_on(self: &Rc<Self>) {
        if self.is_wanted() {
            self.read_ahead();
        }
    }

    pub(super) fn read_ahead(self: &Rc<Self>) {
        if self.closed.get() || !self.pipe.has_room() {
            return;
        }
        let Some(reader) = self.reader.take() else { return };
        let (pipe, bell) = (Arc::clone(&self.pipe), self.core.bell(self.key));
        let label = self.label.with_kind(CallbackKind::Data);
        let reading = Rc::downgrade(self);
        let work = move || reader.run(&pipe, &bell);
        let job = self.core.submit(Lane::Fs, label, "read", work, move |_, result| {
            if let Some(reading) = reading.upgrade() {
                reading.came_back(result);
            }
        });
        self.presence.job_began(&self.core, job);
    }

    /// The reader's thread is free again; what it read last may not have been told of.
    fn came_back(self: &Rc<Self>, result: Result<Option<Reader>>) {
        self.presence.job_ended();
        if self.closed.get() {
            return;
        }
        // One that was aborted meanwhile has its outcome already.
        if !self.is_over() {
            match result {
                Ok(Some(reader)) => self.reader.set(Some(reader)),
                Ok(None) => self.outcome.set(Some(Ok(()))),
                Err(error) => self.outcome.set(Some(Err(error))),
            }
        }
        self.deliver_now();
    }

    fn deliver_now(self: &Rc<Self>) {
        self.allowance.set(self.pipe.look());
        let stream = ReadStream::of(self);
        #[cfg(feature = "async")]
        self.emit_rest(&stream);
        while self.allowance.get() > 0 && self.emits() {
            let Some(chunk) = self.take() else { break };
            self.emit_data(&stream, &chunk.buffer[..chunk.length]);
            self.pipe.give_back(chunk.buffer);
            self.go_on();
        }
        self.finish_reading(&stream);
        #[cfg(feature = "async")]
        self.wake();
        self.go_on();
    }

    /// What a future has left of its chunk comes first.
    #[cfg(feature = "async")]
    fn emit_rest(self: &Rc<Self>, stream: &ReadStream) {
        let rest = if self.emits() { self.rest.take() } else { None };
        if let Some(rest) = rest {
            self.emit_data(stream, &rest);
        }
    }

    fn has_bytes(&self) -> bool {
        #[cfg(feature = "async")]
        let has_rest = self.rest.borrow().is_some();
        #[cfg(not(feature = "async"))]
        let has_rest = false;
        has_rest || !self.pipe.is_empty()
    }

    /// Takes a chunk, if one may be taken now.
    pub(super) fn take(&self) -> Option<Filled> {
        let left = self.allowance.get().checked_sub(1)?;
        self.allowance.set(left);
        self.pipe.pop()
    }

    fn emits(&self) -> bool {
        self.has_reader()
            && !self.paused.get()
            && !self.closed.get()
            && !self.core.lifetime.has_ended()
    }

    fn emit_data(self: &Rc<Self>, stream: &ReadStream, bytes: &[u8]) {
        self.handlers.data.lend(&self.core, |handler, label| {
            self.call(label.with_kind(CallbackKind::Data), || handler(stream, bytes));
        });
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

    /// Tells the handlers how it ended, once they have all bytes. Futures ask for it themselves.
    fn finish_reading(self: &Rc<Self>, stream: &ReadStream) {
        let waits_for_bytes = !self.emits() || self.has_bytes();
        if waits_for_bytes {
            return;
        }
        match self.outcome.take() {
            None => {}
            Some(Ok(())) => {
                self.ended.set(true);
                self.emit(CallbackKind::End, stream, &self.handlers.end);
                self.tell_reader(Ok(()));
                self.close();
            }
            Some(Err(error)) => self.fail(stream, error),
        }
    }

    fn fail(self: &Rc<Self>, stream: &ReadStream, error: Error) {
        let (told, mut error) = (error.clone(), Some(error));
        self.handlers.error.lend(&self.core, |handler, label| {
            let error = error.take();
            self.call(label.with_kind(CallbackKind::Error), || {
                error.map_or(Ok(()), |error| handler(stream, error))
            });
        });
        if let Some(error) = error.filter(|_| !self.handlers.is_failure_taken()) {
            event::resource_failed(NAME, self.label, &error);
        }
        self.tell_reader(Err(told));
        self.close();
    }

    fn emit(self: &Rc<Self>, kind: CallbackKind, stream: &ReadStream, place: &Place<OnStream>) {
        place.lend(&self.core, |handler, label| {
            self.call(label.with_kind(kind), || handler(stream));
        });
    }

    /// Ends the stream when the signal is aborted: what was read and not handed over is dropped.
    pub(super) fn abort_on(self: &Rc<Self>, signal: &AbortSignal) {
        if let Some(reason) = signal.reason() {
            return self.abort(Error::aborted(Some(reason)));
        }
        let label = self.label.with_kind(CallbackKind::Abort);
        let reading = Rc::downgrade(self);
        let listener = signal.listen(&self.core, label, move |reason| {
            if let Some(reading) = reading.upgrade() {
                reading.abort(Error::aborted(Some(reason.clone())));
            }
            Ok(())
        });
        self.abort.borrow_mut().push(listener);
    }

    fn abort(self: &Rc<Self>, error: Error) {
        if self.closed.get() {
            return;
        }
        self.pipe.stop();
        self.allowance.set(0);
        #[cfg(feature = "async")]
        drop(self.rest.take());
        drop((self.reader.take(), self.outcome.replace(Some(Err(error)))));
        self.paused.set(false);
        self.ask_for_a_turn();
    }

    /// How it ended, for a future that has all bytes.
    #[cfg(feature = "async")]
    pub(super) fn take_outcome(self: &Rc<Self>) -> Option<Result<()>> {
        let outcome = if self.pipe.is_empty() { self.outcome.take()? } else { return None };
        self.ended.set(outcome.is_ok());
        self.close();
        Some(outcome)
    }

    #[cfg(feature = "async")]
    pub(super) fn closed_error(&self) -> Error {
        let error = io::Error::new(ErrorKind::NotConnected, "the stream was closed");
        Error::io(format!("read {}", self.path.display()), error)
    }

    fn is_over(&self) -> bool {
        let outcome = self.outcome.take();
        let is_over = outcome.is_some();
        self.outcome.set(outcome);
        is_over
    }

    fn ask_for_a_turn(&self) {
        if !self.closed.get() {
            self.presence.ask_for_a_turn(&self.core, self.key);
        }
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
        let reading = Rc::clone(self);
        let label = self.label.with_kind(CallbackKind::Close);
        self.core.defer_to_close(label, move |_| reading.finish_closing());
    }

    /// Gives up the file, and what was read of it.
    fn let_go(&self) {
        self.pipe.stop();
        self.presence.turn_is_over(&self.core);
        for listener in self.abort.take() {
            listener.remove();
        }
        drop((self.reader.take(), self.outcome.take()));
        #[cfg(feature = "async")]
        drop(self.rest.take());
    }

    fn finish_closing(self: &Rc<Self>) {
        self.emit(CallbackKind::Close, &ReadStream::of(self), &self.handlers.close);
        self.tell_reader(Err(closed_early()));
        self.core.drop_value(self.label, self.handlers.retire());
        drop(self.core.mail.remove(self.key));
    }

    pub(super) fn handle_added(&self) {
        self.handles.set(self.handles.get() + 1);
    }

    /// The last handle takes a stream with it that the loop does not own.
    pub(super) fn handle_gone(self: &Rc<Self>) {
        self.handles.set(self.handles.get() - 1);
        if self.handles.get() == 0 && !self.has_reader() {
            self.close();
        }
    }

    #[cfg(feature = "async")]
    fn wake(self: &Rc<Self>) {
        if self.allowance.get() == 0 && !self.is_over() {
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
        let last = (self.error.retire(), self.close.retire());
        (self.data.retire(), self.end.retire(), last, self.reader.take())
    }

    fn is_failure_taken(&self) -> bool {
        let reader = self.reader.take();
        let is_taken = reader.as_ref().is_some_and(Done::takes_failures);
        self.reader.set(reader);
        is_taken
    }

    fn bytes(&self) -> usize {
        self.data.bytes() + self.end.bytes() + self.error.bytes() + self.close.bytes()
    }
}

impl Mailbox for Reading {
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
            () if self.is_wanted() => "reading",
            () => "idle",
        };
        Resource {
            kind: ResourceKind::Stream,
            at: self.label.at,
            state: format!("{state} {}", self.path.display()).into(),
            bytes: self.pipe.bytes() + self.handlers.bytes(),
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

impl Drop for Reading {
    fn drop(&mut self) {
        self.pipe.stop();
        drop(self.core.mail.remove(self.key));
    }
}
