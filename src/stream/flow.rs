//! The state of a stream, and its life from open to closed.

#[cfg(feature = "async")]
use std::cell::OnceCell;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::guest::Guest;
use crate::event_loop::place::Place;
use crate::event_loop::source::{Activity, Source};
use crate::reactor::Readiness;
use crate::slots::Key;
use crate::stream::handlers::{Extras, Handlers, OnData, OnStream};
#[cfg(feature = "async")]
use crate::stream::poll::{Side, Waiters};
use crate::stream::queue::WriteQueue;
use crate::stream::state::{Facts, State};
use crate::stream::{ByteStream, Handler, Io, Kind};
use crate::trace::{CallbackKind, Label, Resource, ResourceKind, event};

/// As in Node since 22: a threshold, not a limit.
const HIGH_WATER_MARK: u32 = 64 * 1024;

/// A stream's core.
pub struct Flow<S: Kind> {
    pub(crate) core: Loop,
    pub(crate) key: Key,
    /// The line that opened the stream.
    pub(crate) label: Label,
    /// `None` once it is closed. Borrowed for single system calls, never across user code.
    pub(crate) io: RefCell<Option<S::Io>>,
    pub(crate) state: State,
    pub(crate) handlers: Handlers<S>,
    pub(crate) queue: RefCell<WriteQueue>,
    mark: Cell<u32>,
    /// The generation of the key of the listener that accepted it; 0 is nobody's.
    pub(crate) host: Cell<u32>,
    pub(crate) activity: Activity,
    #[cfg(feature = "async")]
    waiters: OnceCell<Box<Waiters>>,
    /// The reads and sends of futures; see `has_had_its_share`.
    #[cfg(feature = "async")]
    pub(crate) polls: Cell<u64>,
    pub(crate) bytes_read: Cell<u64>,
    pub(crate) bytes_written: Cell<u64>,

    /// When bytes went either way last, in the loop's cached time.
    pub(crate) last_active: Cell<Nanos>,
}

impl<S: ByteStream> Flow<S> {
    pub(crate) fn attach(core: &Loop, key: Key, io: S::Io, label: Label) -> Rc<Flow<S>> {
        event::resource("open", S::NAME, key.to_word(), label);
        let flow = Rc::new(Flow {
            core: Rc::clone(core),
            key,
            label,
            io: RefCell::new(Some(io)),
            state: State::new(facts_at_first::<S>()),
            handlers: Handlers::new(),
            queue: RefCell::new(WriteQueue::default()),
            mark: Cell::new(HIGH_WATER_MARK),
            host: Cell::new(0),
            activity: Activity::default(),
            #[cfg(feature = "async")]
            waiters: OnceCell::new(),
            #[cfg(feature = "async")]
            polls: Cell::new(0),
            bytes_read: Cell::new(0),
            bytes_written: Cell::new(0),
            last_active: Cell::new(core.clock.cached()),
        });
        let source: Weak<Flow<S>> = Rc::downgrade(&flow);
        core.attach(key, source);
        flow
    }

    /// Installs a data handler. A stream that is closed has no use for it.
    pub(crate) fn install_data(self: &Rc<Self>, label: Label, handler: Box<OnData<S>>) {
        if !self.state.is(Facts::CLOSED) {
            self.displace_readers();
            self.handlers.data.fill(label, handler);
            self.reader_installed();
        }
    }

    /// Hands the stream to the loop: from now on it lives until it is closed.
    fn reader_installed(self: &Rc<Self>) {
        self.state.set(Facts::HAS_READER);
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
        if self.state.is(Facts::CLOSED) {
            return;
        }
        self.displace_readers();
        // It may keep bytes, which are the new one's.
        drop(self.handlers.data.clear());
        self.handlers.value.fill(label, handler);
        self.state.set(Facts::OPEN_OWED | Facts::VALUE_READS);
        self.reader_installed();
        let flow = Rc::clone(self);
        self.core.defer(label, move |_| flow.tell_open());
    }

    /// Calls a handler as a task. An error that it returns is logged, and closes this stream only.
    #[inline]
    pub(crate) fn call(self: &Rc<Self>, label: Label, f: impl FnOnce() -> Result<()>) {
        self.core.task(label, || {
            if let Err(error) = f() {
                self.handler_failed(label, &error);
            }
            Ok(())
        });
    }

    #[cold]
    fn handler_failed(self: &Rc<Self>, label: Label, error: &Error) {
        event::resource_failed(S::NAME, label, error);
        self.note_failure(error);
        self.close();
    }

    /// Calls the handler value's `method`, or else the closure in `place`. Returns whether there
    /// was either.
    pub(crate) fn emit(
        self: &Rc<Self>,
        kind: CallbackKind,
        stream: &S,
        method: impl FnOnce(&mut dyn Handler<S>, &S),
        place: fn(&Extras<S>) -> &Place<OnStream<S>>,
    ) -> bool {
        let is_the_pipes = kind == CallbackKind::End && !self.state.is(Facts::VALUE_READS);
        let value = (!is_the_pipes).then_some(&self.handlers.value);
        let to_value = value.and_then(|value| {
            value.lend(&self.core, |handler, label| {
                let label = label.with_kind(kind);
                self.call(label, || {
                    method(handler, stream);
                    Ok(())
                });
            })
        });
        let called = to_value.or_else(|| {
            let place = place(self.handlers.extras()?);
            place.lend(&self.core, |handler, label| {
                self.call(label.with_kind(kind), || handler(stream));
            })
        });
        called.is_some()
    }

    /// Tells the handler value that the stream is open, if it does not know. It may close or pause
    /// the stream: whoever has more to tell looks again.
    #[inline]
    pub(crate) fn tell_open(self: &Rc<Self>) {
        if self.state.is(Facts::OPEN_OWED) {
            self.emit_open();
        }
    }

    #[cold]
    fn emit_open(self: &Rc<Self>) {
        self.state.clear(Facts::OPEN_OWED);
        if !self.state.is(Facts::CLOSED) {
            let stream = S::of_flow(Rc::clone(self));
            self.handlers.value.lend(&self.core, |handler, label| {
                let label = label.with_kind(CallbackKind::Open);
                self.call(label, || {
                    handler.open(&stream);
                    Ok(())
                });
            });
        }
    }

    /// Tells of an I/O error, and closes the stream.
    pub(crate) fn fail(self: &Rc<Self>, error: Error) {
        self.state.set(Facts::FAILED);
        self.tell_open();
        if self.state.is(Facts::CLOSED) {
            return;
        }
        let stream = S::of_flow(Rc::clone(self));
        self.emit_error(&stream, error.clone());
        self.fail_flushes(&error);
        self.close();
    }

    fn emit_error(self: &Rc<Self>, stream: &S, error: Error) {
        self.note_failure(&error);
        let kind = CallbackKind::Error;
        let mut error = Some(error);
        let told = self.handlers.value.lend(&self.core, |handler, label| {
            let label = label.with_kind(kind);
            let error = error.take();
            self.call(label, || {
                error.into_iter().for_each(|error| handler.error(stream, error));
                Ok(())
            });
        });
        told.or_else(|| {
            self.handlers.extras()?.error.lend(&self.core, |handler, label| {
                let label = label.with_kind(kind);
                let error = error.take();
                self.call(label, || error.map_or(Ok(()), |error| handler(stream, error)));
            })
        });
        if let Some(error) = error.filter(|_| !self.is_failure_taken()) {
            self.log_failure(&error);
        }
    }

    /// The same for a failure that was met inside a call of the user's: told in the next turn.
    pub(crate) fn fail_later(self: &Rc<Self>, error: Error) {
        if self.state.is(Facts::CLOSED) || self.state.replace(Facts::FAILED, true) {
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
        if self.state.replace(Facts::CLOSED, true) {
            return;
        }
        event::resource("close", S::NAME, self.key.to_word(), self.label);
        self.shut();
        #[cfg(feature = "async")]
        self.wake_at_close();
        self.core.close_source(self.label, self, Flow::finish);
    }

    /// Closes the stream and leaves its descriptor open, for whoever asks for it. `None` if it is
    /// closed already.
    pub(crate) fn take_io(self: &Rc<Self>) -> Option<S::Io> {
        let mut io = self.io.take()?;
        let held = self.core.deregister(self.key, &mut io);
        self.close();
        drop(held);
        Some(io)
    }

    /// Gives up the descriptor and everything that waits for it.
    fn shut(&self) {
        let io = self.io.take();
        self.queue.borrow_mut().clear();
        self.queue_changed();
        self.activity.set_active(&self.core, false);
        self.stop_idle_timer();
        let held = io.and_then(|mut io| self.core.deregister(self.key, &mut io));
        // Possibly the last owner but the caller.
        drop(held);
    }

    /// The close callback, which is the last; then the handlers go, and with them their cycles.
    fn finish(self: &Rc<Self>) {
        let stream = S::of_flow(Rc::clone(self));
        self.cancel_flushes();
        let kind = CallbackKind::Close;
        self.emit(kind, &stream, |handler, stream| handler.close(stream), |extras| &extras.close);
        self.state.clear(Facts::HAS_READER);
        self.tell_joined();
        let then = self.handlers.extras().map(|extras| extras.after_close.take());
        self.core.drop_value(self.label, self.handlers.retire());
        then.into_iter().flatten().for_each(|then| then());
    }

    /// Calls `then` when the close was told. A stream of which that was told already has no use for
    /// it.
    pub(crate) fn after_close(&self, then: impl FnOnce() + 'static) {
        if let Some(extras) = self.handlers.extras_to_fill() {
            extras.after_close.borrow_mut().push(Box::new(then));
        }
    }

    /// Called when a handle is dropped: the last one takes an unowned stream with it, once what
    /// it accepted is sent.
    #[inline]
    pub(crate) fn handle_dropped(self: &Rc<Self>) {
        if Rc::strong_count(self) == 1 && !self.state.is(Facts::CLOSED) {
            self.forget();
        }
    }

    #[cold]
    fn forget(self: &Rc<Self>) {
        if !self.state.of(Facts::QUEUED | Facts::FAILED, Facts::QUEUED) {
            return self.close();
        }
        self.state.set(Facts::FORGOTTEN);
        self.core.hold(self.key, Rc::clone(self) as Rc<dyn Source>);
        self.end();
    }

    /// Of 32 bits, so that the stream's host has room beside it: the largest means none.
    pub(crate) fn high_water_mark(&self) -> usize {
        let mark = self.mark.get();
        if mark == u32::MAX { usize::MAX } else { mark as usize }
    }

    /// A queue that is above the mark no more holds reading up no more.
    pub(crate) fn set_high_water_mark(&self, bytes: usize) {
        self.mark.set(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.queue_changed();
        self.go_on_reading();
    }

    /// Keeps the facts about the queue, after each change of it or of the mark.
    pub(crate) fn queue_changed(&self) {
        let length = self.queue.borrow().length();
        self.state.put(Facts::QUEUED, length > 0 || self.state.is(Facts::LENT));
        self.state.put(Facts::FULL, length > self.high_water_mark());
    }

    /// Active: being read, or with something to send.
    pub(crate) fn update_activity(&self) {
        let reads =
            self.state.of(Facts::HAS_READER | Facts::PAUSED | Facts::READ_ENDED, Facts::HAS_READER);
        let busy = reads || self.state.is(Facts::QUEUED) || self.is_awaited();
        let active = busy && !self.state.is(Facts::CLOSED);
        self.activity.set_active(&self.core, active);
    }

    /// Made when the first future waits: a stream with handlers has none.
    #[cfg(feature = "async")]
    #[inline]
    pub(crate) fn waiters(&self) -> &Waiters {
        self.waiters.get_or_init(Box::default)
    }

    /// Whether a future waits to read, or to write.
    #[inline]
    pub(crate) fn is_awaited(&self) -> bool {
        self.state.is(Facts::READ_AWAITED | Facts::WRITE_AWAITED)
    }

    pub(crate) fn set_referenced(&self, referenced: bool) {
        let op = if referenced { "ref" } else { "unref" };
        event::resource(op, S::NAME, self.key.to_word(), self.label);
        self.activity.set_referenced(&self.core, referenced);
    }

    pub(crate) fn touch(&self) {
        self.last_active.set(self.core.clock.cached());
    }

    fn doing(&self) -> &'static str {
        if self.state.is(Facts::QUEUED | Facts::WRITE_AWAITED) {
            "writing to"
        } else if self.state.is(Facts::READ_AWAITED) {
            "reading"
        } else if self.state.is(Facts::PAUSED) {
            "paused"
        } else if S::READS && self.state.is(Facts::READ_ENDED) {
            "half open to"
        } else if self.state.is(Facts::HAS_READER) {
            "reading"
        } else {
            "idle"
        }
    }
}

/// A new stream's buffer is empty: the first write need not wait to hear of it. A direction that a
/// stream does not have is one that has ended.
fn facts_at_first<S: Kind>() -> Facts {
    match (S::READS, S::WRITES) {
        (true, false) => Facts::ENDING | Facts::WRITE_ENDED,
        (false, true) => Facts::WRITABLE | Facts::READ_ENDED,
        _ => Facts::WRITABLE,
    }
}

impl<S: ByteStream> Source for Flow<S> {
    fn ready(self: Rc<Self>, readiness: Readiness, buffer: &mut [u8]) {
        self.state.note(readiness);
        if readiness == Readiness::NONE {
            self.state.clear(Facts::REQUEUED);
        } else if self.state.is(Facts::REQUEUED) {
            // It has had its share of this turn, or will have it in the next.
            return;
        }
        // A handle for the callbacks. If they drop all others, its drop closes the stream.
        let stream = S::of_flow(self);
        let flow = stream.flow();
        flow.tell_open();
        if flow.state.is(Facts::QUEUED) {
            flow.write_ready(&stream);
        }
        if S::READS {
            flow.read_ready(&stream, buffer);
        } else if readiness.contains(Readiness::READ_CLOSED) {
            flow.reader_gone();
        }
        #[cfg(feature = "async")]
        if flow.is_awaited() {
            flow.wake_waiters();
        }
    }

    fn describe(&self) -> Resource {
        let peer = self.io.borrow().as_ref().map(Io::describe);
        let state =
            peer.map_or_else(|| "closed".to_owned(), |peer| format!("{} {peer}", self.doing()));
        Resource {
            kind: ResourceKind::Stream,
            at: self.label.at,
            state: state.into(),
            bytes: self.queue.borrow().length() + self.handlers.bytes(),
            holds: self.activity.holds(),
        }
    }

    fn run_ends(&self) {
        self.send_the_rest();
    }

    fn guest_of(self: Rc<Self>, host: u32) -> Option<Weak<dyn Guest>> {
        let guest: Weak<Flow<S>> = Rc::downgrade(&self);
        (self.host.get() == host).then_some(guest as Weak<dyn Guest>)
    }

    fn abandon(&self) {
        self.send_the_rest();
        self.state.set(Facts::CLOSED);
        self.shut();
        self.state.clear(Facts::HAS_READER);
        drop(self.handlers.retire());
        #[cfg(feature = "async")]
        drop(self.take_waiters());
    }
}
