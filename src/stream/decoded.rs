//! A source whose bytes are cut into items, which are handed to a handler or waited for.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use crate::codec::{FrameDecoder, LineDecoder};
use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::place::Place;
#[cfg(feature = "async")]
use crate::stream::Wakers;
use crate::stream::framed::Encoder;
use crate::stream::readable::{is_closed_early, is_displaced};
use crate::stream::{Readable, Reader};
use crate::trace::{At, CallbackKind, Label, event};

/// A decoder of items.
pub(super) trait Decode: 'static {
    /// What logs call such a source.
    const NAME: &'static str;
    /// What goes with it, and is not away while a handler runs.
    type Kit;
    fn decode<'a, 'c: 'a>(&'a mut self, bytes: &mut &'c [u8]) -> Result<Option<&'a [u8]>>;
    fn finish(&mut self) -> Result<Option<&[u8]>>;
}

impl Decode for LineDecoder {
    const NAME: &'static str = "lines";
    type Kit = ();

    fn decode<'a, 'c: 'a>(&'a mut self, bytes: &mut &'c [u8]) -> Result<Option<&'a [u8]>> {
        self.decode(bytes)
    }

    fn finish(&mut self) -> Result<Option<&[u8]>> {
        self.finish()
    }
}

impl Decode for FrameDecoder {
    const NAME: &'static str = "frames";
    type Kit = Encoder;

    fn decode<'a, 'c: 'a>(&'a mut self, bytes: &mut &'c [u8]) -> Result<Option<&'a [u8]>> {
        self.decode(bytes)
    }

    fn finish(&mut self) -> Result<Option<&[u8]>> {
        self.finish().map(|()| None)
    }
}

/// The source, and what stands between it and whoever wants its items.
pub(super) struct Decoded<R, D: Decode> {
    core: Loop,
    label: Label,
    pub(super) source: R,
    /// Away while a handler has one of its items.
    pub(super) decoder: Cell<Option<D>>,
    pub(super) kit: D::Kit,
    /// Bytes that came when nobody wanted items: less than one chunk more than the source gives
    /// after it was paused.
    pub(super) backlog: RefCell<Backlog>,
    on_item: Place<OnItem<R, D>>,
    on_end: Place<OnEnd<R, D>>,
    on_error: Place<OnError<R, D>>,
    attached: Cell<bool>,
    paused: Cell<bool>,
    /// A turn to go on in was asked for.
    has_turn: Cell<bool>,
    /// How the source ended; told when all items are.
    pub(super) outcome: Cell<Option<Result<()>>>,
    /// There are no items any more.
    pub(super) over: Cell<bool>,
    /// A future was told how it ended.
    #[cfg(feature = "async")]
    pub(super) told: Cell<bool>,
    handles: Cell<usize>,
    #[cfg(feature = "async")]
    pub(super) wakers: Wakers,
}

pub(super) type OnItem<R, D> = dyn FnMut(&Rc<Decoded<R, D>>, &[u8]) -> Result<()>;
pub(super) type OnEnd<R, D> = dyn FnMut(&Rc<Decoded<R, D>>) -> Result<()>;
pub(super) type OnError<R, D> = dyn FnMut(&Rc<Decoded<R, D>>, Error) -> Result<()>;

/// Bytes from a certain place on.
#[derive(Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    start: usize,
}

impl Backlog {
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Forgets all but the last bytes.
    pub(super) fn keep_last(&mut self, length: usize) {
        self.start = self.bytes.len() - length;
        if length == 0 {
            // An idle connection needs none.
            *self = Backlog::default();
        }
    }
}

impl<R: Readable, D: Decode> Decoded<R, D> {
    pub(super) fn new(
        core: Loop,
        at: At,
        source: R,
        (decoder, kit): (D, D::Kit),
    ) -> Rc<Decoded<R, D>> {
        Rc::new(Decoded {
            label: core.label(CallbackKind::Data, at),
            core,
            source,
            decoder: Cell::new(Some(decoder)),
            kit,
            backlog: RefCell::default(),
            on_item: Place::default(),
            on_end: Place::default(),
            on_error: Place::default(),
            attached: Cell::new(false),
            paused: Cell::new(false),
            has_turn: Cell::new(false),
            outcome: Cell::new(None),
            over: Cell::new(false),
            #[cfg(feature = "async")]
            told: Cell::new(false),
            handles: Cell::new(0),
            #[cfg(feature = "async")]
            wakers: Wakers::default(),
        })
    }

    pub(super) fn install(self: &Rc<Self>, at: At, handler: Box<OnItem<R, D>>) {
        if self.over.get() {
            return;
        }
        self.on_item.fill(self.core.label(CallbackKind::Data, at), handler);
        self.attach();
        // A future that waits for items learns that it gets none.
        #[cfg(feature = "async")]
        self.wakers.take_each().for_each(std::task::Waker::wake);
        if !self.paused.get() {
            self.resume();
        }
    }

    pub(super) fn install_end(&self, at: At, handler: Box<OnEnd<R, D>>) {
        self.on_end.fill(self.core.label(CallbackKind::End, at), handler);
    }

    pub(super) fn install_error(&self, at: At, handler: Box<OnError<R, D>>) {
        self.on_error.fill(self.core.label(CallbackKind::Error, at), handler);
    }

    pub(super) fn has_handler(&self) -> bool {
        self.on_item.is_filled()
    }

    /// Begins to read.
    pub(super) fn attach(self: &Rc<Self>) {
        if !self.attached.replace(true) {
            let (reading, ending) = (Rc::clone(self), Rc::clone(self));
            let on_data = move |chunk: &[u8]| reading.data(chunk);
            let on_done = move |outcome| ending.source_done(outcome);
            self.source.attach_reader(Reader::at(self.label.at, on_data, on_done));
        }
    }

    pub(super) fn pause(&self) {
        self.paused.set(true);
        self.source.pause();
    }

    pub(super) fn resume(self: &Rc<Self>) {
        self.paused.set(false);
        if self.over.get() || !self.attached.get() {
            return;
        }
        if self.has_something() {
            self.ask_for_a_turn();
        } else {
            self.source.resume();
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.get()
    }

    fn has_something(&self) -> bool {
        !self.backlog.borrow().rest().is_empty() || self.has_outcome()
    }

    fn has_outcome(&self) -> bool {
        let outcome = self.outcome.take();
        let has_outcome = outcome.is_some();
        self.outcome.set(outcome);
        has_outcome
    }

    fn ask_for_a_turn(self: &Rc<Self>) {
        if !self.has_turn.replace(true) {
            let decoded = Rc::clone(self);
            self.core.defer(self.label, move |core| {
                decoded.has_turn.set(false);
                core.task(decoded.label, || decoded.go_on());
            });
        }
    }

    /// Hands over what came while it was paused, and lets the source go on.
    fn go_on(self: &Rc<Self>) -> Result<()> {
        let mut backlog = self.backlog.take();
        let mut rest = backlog.rest();
        let result = self.deliver(&mut rest);
        let left = rest.len();
        // Cut and not copied: a handler that pauses at each item is handed one at a time.
        backlog.keep_last(left);
        if !self.over.get() {
            self.backlog.replace(backlog);
        }
        if let Err(error) = result {
            self.handler_failed(&error);
        } else if self.emits() {
            self.settle();
        }
        if self.emits() {
            self.source.resume();
        }
        Ok(())
    }

    fn emits(&self) -> bool {
        self.has_handler() && !self.paused.get() && !self.over.get()
    }

    fn data(self: &Rc<Self>, chunk: &[u8]) -> Result<()> {
        if self.over.get() {
            return Ok(());
        }
        if !self.emits() || !self.backlog.borrow().rest().is_empty() {
            self.backlog.borrow_mut().push(chunk);
            self.source.pause();
            #[cfg(feature = "async")]
            self.wakers.take_each().for_each(std::task::Waker::wake);
            return Ok(());
        }
        let mut rest = chunk;
        let result = self.deliver(&mut rest);
        if result.is_err() {
            // The source tells of it, and closes.
            self.end();
        } else if !rest.is_empty() && !self.over.get() {
            self.backlog.borrow_mut().push(rest);
        }
        result
    }

    /// Hands items over as long as they are wanted, and takes their bytes off.
    fn deliver(self: &Rc<Self>, bytes: &mut &[u8]) -> Result<()> {
        while self.emits() && !bytes.is_empty() {
            let Some(mut decoder) = self.decoder.take() else { break };
            let handled = match decoder.decode(bytes) {
                Ok(Some(item)) => self.hand_over(item),
                Ok(None) => Ok(()),
                Err(error) => {
                    self.fail(error);
                    Ok(())
                }
            };
            self.decoder.set(Some(decoder));
            handled?;
        }
        Ok(())
    }

    /// Lends an item to the handler.
    fn hand_over(self: &Rc<Self>, item: &[u8]) -> Result<()> {
        self.call(&self.on_item, |handler| handler(self, item)).unwrap_or(Ok(()))
    }

    /// Calls a handler, if there is one. If it panics no other is called: the rest is lost with it.
    fn call<F: ?Sized>(
        self: &Rc<Self>,
        place: &Place<F>,
        call: impl FnOnce(&mut F) -> Result<()>,
    ) -> Option<Result<()>> {
        let caught = |handler: &mut F, _| catch_unwind(AssertUnwindSafe(|| call(handler)));
        let called = place.lend(&self.core, caught)?;
        Some(called.unwrap_or_else(|payload| {
            self.close();
            resume_unwind(payload)
        }))
    }

    fn source_done(self: &Rc<Self>, outcome: Result<()>) {
        if self.over.get() {
            return;
        }
        // Another's source is not this one's to close.
        self.attached.set(!outcome.as_ref().is_err_and(is_displaced));
        self.outcome.set(Some(outcome));
        let decoded = Rc::clone(self);
        self.core.as_task(self.label, move || {
            #[cfg(feature = "async")]
            decoded.wakers.take_each().for_each(std::task::Waker::wake);
            if decoded.emits() {
                decoded.settle();
            }
            Ok(())
        });
    }

    /// Tells how the source ended, if it has, and if all items are handed over.
    fn settle(self: &Rc<Self>) {
        if !self.backlog.borrow().rest().is_empty() {
            return;
        }
        match self.outcome.take() {
            None => {}
            Some(Ok(())) => self.finish(),
            // Nobody needs to be told of what this side did.
            Some(Err(error)) if is_closed_early(&error) => self.end(),
            Some(Err(error)) if is_displaced(&error) => {
                self.tell_failure(error);
                self.end();
            }
            Some(Err(error)) => self.fail(error),
        }
    }

    fn finish(self: &Rc<Self>) {
        let Some(mut decoder) = self.decoder.take() else { return };
        let handled = match decoder.finish() {
            Ok(Some(last)) => self.hand_over(last),
            Ok(None) => Ok(()),
            Err(error) => return self.fail(error),
        };
        if handled.is_ok() && self.paused.get() && !self.over.get() {
            self.decoder.set(Some(decoder));
            return self.outcome.set(Some(Ok(())));
        }
        let told = handled.and_then(|()| self.tell_end());
        match told {
            Ok(()) => self.end(),
            Err(error) => self.handler_failed(&error),
        }
    }

    fn tell_end(self: &Rc<Self>) -> Result<()> {
        if self.over.get() {
            return Ok(());
        }
        self.call(&self.on_end, |handler| handler(self)).unwrap_or(Ok(()))
    }

    /// Tells of a failure, and closes the source.
    pub(super) fn fail(self: &Rc<Self>, error: Error) {
        self.tell_failure(error);
        self.close();
    }

    fn tell_failure(self: &Rc<Self>, error: Error) {
        let mut error = Some(error);
        let told = self.call(&self.on_error, |handler| {
            error.take().map_or(Ok(()), |error| handler(self, error))
        });
        let untold = error.or_else(|| told.and_then(Result::err));
        if let Some(error) = untold {
            event::resource_failed(D::NAME, self.label, &error);
        }
    }

    /// An error that a handler returned closes this source, and nothing else.
    fn handler_failed(self: &Rc<Self>, error: &Error) {
        event::resource_failed(D::NAME, self.label, error);
        self.close();
    }

    pub(super) fn close(self: &Rc<Self>) {
        self.end();
        self.source.close();
    }

    /// No items come any more: lets go of the handlers, which may hold this.
    pub(super) fn end(self: &Rc<Self>) {
        if self.over.replace(true) {
            return;
        }
        let handlers = (self.on_item.retire(), self.on_end.retire(), self.on_error.retire());
        self.core.drop_value(self.label, (handlers, self.backlog.take()));
        #[cfg(feature = "async")]
        self.wakers.take_each().for_each(std::task::Waker::wake);
    }

    pub(super) fn handle_added(&self) {
        self.handles.set(self.handles.get() + 1);
    }

    /// The last handle takes a source with it that nobody gets items of any more.
    pub(super) fn handle_gone(self: &Rc<Self>) {
        self.handles.set(self.handles.get() - 1);
        if self.handles.get() == 0 && self.attached.get() && !self.has_handler() {
            self.close();
        }
    }
}
