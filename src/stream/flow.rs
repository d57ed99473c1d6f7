//! The state of a stream, and its life from open to closed.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::place::Place;
use crate::event_loop::source::{Activity, Source};
use crate::reactor::Readiness;
use crate::slots::Key;
use crate::stream::handlers::{Handlers, OnData, OnStream};
use crate::stream::idle::Idle;
#[cfg(feature = "async")]
use crate::stream::poll::{Side, Waiters};
use crate::stream::queue::WriteQueue;
use crate::stream::{ByteStream, Handler, Io, Kind};
use crate::trace::{CallbackKind, Label, Resource, ResourceKind, event};

/// As in Node since 22: a threshold, not a limit.
const HIGH_WATER_MARK: usize = 64 * 1024;

/// A stream's core.
pub struct Flow<S: Kind> {
    pub(crate) core: Loop,
    pub(crate) key: Key,
    /// The line that opened the stream.
    pub(crate) label: Label,
    /// `None` once it is closed. Borrowed for single system calls, never across user code.
    pub(crate) io: RefCell<Option<S::Io>>,
    pub(crate) readiness: Cell<Readiness>,
    pub(crate) handlers: Handlers<S>,
    pub(crate) queue: RefCell<WriteQueue>,
    pub(crate) high_water_mark: Cell<usize>,
    pub(crate) activity: Activity,
    #[cfg(feature = "async")]
    pub(crate) waiters: Waiters,
    pub(crate) bytes_read: Cell<u64>,
    pub(crate) bytes_written: Cell<u64>,

    /// The user said pause.
    pub(crate) paused: Cell<bool>,
    /// The peer has sent all it will send.
    pub(crate) read_ended: Cell<bool>,
    /// `end` was called: no more is accepted.
    pub(crate) ending: Cell<bool>,
    /// The peer has been told that no more will come.
    pub(crate) write_ended: Cell<bool>,
    /// A failure waits for its turn to be told; nothing is read or sent meanwhile.
    pub(crate) failed: Cell<bool>,
    /// Nobody has a handle any more: it closes as soon as the queue is written.
    pub(crate) forgotten: Cell<bool>,
    pub(crate) closed: Cell<bool>,
    pub(crate) half_open_allowed: Cell<bool>,
    /// A `write` has returned `false`, and `drain` is owed.
    pub(crate) needs_drain: Cell<bool>,
    pub(crate) corked: Cell<bool>,
    /// It waits in Pending to go on reading or writing.
    pub(crate) requeued: Cell<bool>,
    /// A handler value was installed, and does not know yet that the stream is open.
    open_owed: Cell<bool>,
    /// A pipe reads it: data and end are its closures', even if there is a handler value.
    pub(crate) piped: Cell<bool>,

    /// When bytes went either way last, in the loop's cached time.
    pub(crate) last_active: Cell<Nanos>,
    pub(crate) idle: Cell<Option<Idle>>,
    /// What a pipe into this stream waits for.
    pub(crate) after_drain: RefCell<Vec<Box<dyn FnOnce()>>>,
    pub(crate) after_close: RefCell<Vec<Box<dyn FnOnce()>>>,
}

impl<S: ByteStream> Flow<S> {
    pub(crate) fn attach(core: &Loop, key: Key, io: S::Io, label: Label) -> Rc<Flow<S>> {
        event::resource("open", S::NAME, key.to_word(), label);
        let flow = Rc::new(Flow {
            core: Rc::clone(core),
            key,
            label,
            io: RefCell::new(Some(io)),
            // A new stream's buffer is empty: the first write need not wait to hear of it.
            readiness: Cell::new(Readiness::WRITABLE),
            handlers: Handlers::new(),
            queue: RefCell::new(WriteQueue::default()),
            high_water_mark: Cell::new(HIGH_WATER_MARK),
            activity: Activity::default(),
            #[cfg(feature = "async")]
            waiters: Waiters::default(),
            bytes_read: Cell::new(0),
            bytes_written: Cell::new(0),
            paused: Cell::new(false),
            read_ended: Cell::new(false),
            ending: Cell::new(false),
            write_ended: Cell::new(false),
            failed: Cell::new(false),
            forgotten: Cell::new(false),
            closed: Cell::new(false),
            half_open_allowed: Cell::new(false),
            needs_drain: Cell::new(false),
            corked: Cell::new(false),
            requeued: Cell::new(false),
            open_owed: Cell::new(false),
            piped: Cell::new(false),
            last_active: Cell::new(core.clock.cached()),
            idle: Cell::new(None),
            after_drain: RefCell::new(Vec::new()),
            after_close: RefCell::new(Vec::new()),
        });
        let source: Weak<Flow<S>> = Rc::downgrade(&flow);
        core.attach(key, source);
        flow
    }

    /// Installs a data handler. A stream that is closed has no use for it.
    pub(crate) fn install_data(self: &Rc<Self>, label: Label, handler: Box<OnData<S>>) {
        if !self.closed.get() {
            self.handlers.data.fill(label, handler);
            self.reader_installed();
        }
    }

    /// Hands the stream to the loop: from now on it lives until it is closed.
    fn reader_installed(self: &Rc<Self>) {
        self.core.hold(self.key, Rc::clone(self) as Rc<dyn Source>);
        // A future that waits for bytes learns that it gets none.
        #[cfg(feature = "async")]
        self.wake_now(Side::Read);
        self.update_activity();
        self.go_on_reading();
    }

    /// Installs a handler value, and tells it in the next turn that the stream is open, or before
    /// whatever else it is told. A stream that is closed has no use for it.
    pub(crate) fn install(self: &Rc<Self>, label: Label, handler: Box<dyn Handler<S>>) {
        if self.closed.get() {
            return;
        }
        self.handlers.value.fill(label, handler);
        self.open_owed.set(true);
        self.piped.set(false);
        self.reader_installed();
        let flow = Rc::clone(self);
        self.core.defer(label, move |_| flow.tell_open());
    }

    /// Calls a handler as a task. An error that it returns is logged, and closes this stream only.
    pub(crate) fn call(self: &Rc<Self>, label: Label, f: impl FnOnce() -> Result<()>) {
        self.core.task(label, || {
            if let Err(error) = f() {
                event::resource_failed(S::NAME, label, &error);
                self.close();
            }
            Ok(())
        });
    }

    /// Calls the handler value's `method`, or else the closure in `place`. Returns whether there
    /// was either.
    pub(crate) fn emit(
        self: &Rc<Self>,
        kind: CallbackKind,
        stream: &S,
        method: impl FnOnce(&mut dyn Handler<S>, &S),
        place: &Place<OnStream<S>>,
    ) -> bool {
        let value = self.value_for(kind).and_then(|value| value.lend(kind));
        if let Some(mut handler) = value {
            self.call(handler.label, move || {
                method(&mut *handler, stream);
                Ok(())
            });
            true
        } else if let Some(mut handler) = place.lend(kind) {
            self.call(handler.label, move || handler(stream));
            true
        } else {
            false
        }
    }

    /// The handler value, if there is one and it gets this call.
    pub(crate) fn value_for(&self, kind: CallbackKind) -> Option<&Place<dyn Handler<S>>> {
        let is_the_pipes = matches!(kind, CallbackKind::Data | CallbackKind::End);
        (!(is_the_pipes && self.piped.get())).then_some(&self.handlers.value)
    }

    /// Tells the handler value that the stream is open, if it does not know. It may close or pause
    /// the stream: whoever has more to tell looks again.
    #[inline]
    pub(crate) fn tell_open(self: &Rc<Self>) {
        if self.open_owed.get() {
            self.emit_open();
        }
    }

    #[cold]
    fn emit_open(self: &Rc<Self>) {
        self.open_owed.set(false);
        if !self.closed.get() {
            let stream = S::of_flow(Rc::clone(self));
            self.emit(CallbackKind::Open, &stream, |handler, s| handler.open(s), &Place::default());
        }
    }

    /// Tells of an I/O error, and closes the stream.
    pub(crate) fn fail(self: &Rc<Self>, error: Error) {
        self.failed.set(true);
        self.tell_open();
        if self.closed.get() {
            return;
        }
        let stream = S::of_flow(Rc::clone(self));
        let handlers = &self.handlers;
        if let Some(mut handler) = handlers.value.lend(CallbackKind::Error) {
            self.call(handler.label, move || {
                handler.error(&stream, error);
                Ok(())
            });
        } else if let Some(mut handler) = handlers.error.lend(CallbackKind::Error) {
            self.call(handler.label, move || handler(&stream, error));
        } else {
            self.log_failure(&error);
        }
        self.close();
    }

    /// The same for a failure that was met inside a call of the user's: told in the next turn.
    pub(crate) fn fail_later(self: &Rc<Self>, error: Error) {
        if self.closed.get() || self.failed.replace(true) {
            return;
        }
        let flow = Rc::clone(self);
        self.core.defer(self.label, move |_| flow.fail(error));
    }

    pub(crate) fn log_failure(&self, error: &Error) {
        event::resource_failed(S::NAME, self.label, error);
    }

    /// Closes the descriptor now, whatever is queued, and calls back in the Close phase.
    pub(crate) fn close(self: &Rc<Self>) {
        if self.closed.replace(true) {
            return;
        }
        event::resource("close", S::NAME, self.key.to_word(), self.label);
        self.shut();
        #[cfg(feature = "async")]
        self.wake_at_close();
        let flow = Rc::clone(self);
        self.core.defer_to_close(self.label, move |_| flow.finish());
    }

    /// Gives up the descriptor and everything that waits for it.
    fn shut(&self) {
        let io = self.io.take();
        self.queue.borrow_mut().clear();
        self.activity.set_active(&self.core, false);
        self.stop_idle_timer();
        let held = io.and_then(|mut io| self.core.deregister(self.key, &mut io));
        // Possibly the last owner but the caller.
        drop(held);
    }

    /// The close callback, which is the last; then the handlers go, and with them their cycles.
    fn finish(self: &Rc<Self>) {
        let stream = S::of_flow(Rc::clone(self));
        let kind = CallbackKind::Close;
        self.emit(kind, &stream, |handler, stream| handler.close(stream), &self.handlers.close);
        self.core.drop_value(self.label, self.handlers.retire());
        self.after_drain.take();
        self.after_close.take().into_iter().for_each(|then| then());
    }

    /// Called when a handle is dropped: the last one takes an unowned stream with it, once what
    /// it accepted is sent.
    #[inline]
    pub(crate) fn handle_dropped(self: &Rc<Self>) {
        if Rc::strong_count(self) == 1 && !self.closed.get() {
            self.forget();
        }
    }

    #[cold]
    fn forget(self: &Rc<Self>) {
        if self.queue.borrow().is_empty() || self.failed.get() {
            return self.close();
        }
        self.forgotten.set(true);
        self.core.hold(self.key, Rc::clone(self) as Rc<dyn Source>);
        self.end();
    }

    /// Active: being read, or with something to send.
    pub(crate) fn update_activity(&self) {
        let reads = self.handlers.has_reader() && !self.paused.get() && !self.read_ended.get();
        let sends = !self.queue.borrow().is_empty();
        let active = !self.closed.get() && (reads || sends || self.is_awaited());
        self.activity.set_active(&self.core, active);
    }

    /// Whether a future waits to read, or to write.
    fn awaited_for(&self) -> (bool, bool) {
        #[cfg(feature = "async")]
        let awaited = (!self.waiters.read.is_empty(), !self.waiters.write.is_empty());
        #[cfg(not(feature = "async"))]
        let awaited = (false, false);
        awaited
    }

    pub(crate) fn is_awaited(&self) -> bool {
        let (reads, writes) = self.awaited_for();
        reads || writes
    }

    pub(crate) fn set_referenced(&self, referenced: bool) {
        let op = if referenced { "ref" } else { "unref" };
        event::resource(op, S::NAME, self.key.to_word(), self.label);
        self.activity.set_referenced(&self.core, referenced);
    }

    pub(crate) fn touch(&self) {
        self.last_active.set(self.core.clock.cached());
    }

    fn state(&self) -> &'static str {
        let (reads, writes) = self.awaited_for();
        if !self.queue.borrow().is_empty() || writes {
            "writing to"
        } else if reads {
            "reading"
        } else if self.paused.get() {
            "paused"
        } else if self.read_ended.get() {
            "half open to"
        } else if self.handlers.has_reader() {
            "reading"
        } else {
            "idle"
        }
    }
}

impl<S: ByteStream> Source for Flow<S> {
    fn ready(self: Rc<Self>, readiness: Readiness) {
        self.readiness.set(self.readiness.get() | readiness);
        if readiness == Readiness::NONE {
            self.requeued.set(false);
        } else if self.requeued.get() {
            // It has had its share of this turn, or will have it in the next.
            return;
        }
        // A handle for the callbacks. If they drop all others, its drop closes the stream.
        let stream = S::of_flow(self);
        let flow = stream.flow();
        flow.tell_open();
        flow.write_ready(&stream);
        flow.read_ready(&stream);
        #[cfg(feature = "async")]
        flow.wake_waiters();
    }

    fn describe(&self) -> Resource {
        let peer = self.io.borrow().as_ref().map(Io::describe);
        let state =
            peer.map_or_else(|| "closed".to_owned(), |peer| format!("{} {peer}", self.state()));
        Resource {
            kind: ResourceKind::Stream,
            at: self.label.at,
            state: state.into(),
            bytes: self.queue.borrow().length() + self.handlers.bytes(),
            holds: self.activity.holds(),
        }
    }

    fn abandon(&self) {
        self.closed.set(true);
        self.shut();
        drop(self.handlers.retire());
        #[cfg(feature = "async")]
        drop(self.waiters.take_all());
        self.after_drain.take();
        self.after_close.take();
    }
}
