//! Sending datagrams.

use std::io::{self, ErrorKind};
use std::rc::{Rc, Weak};

use crate::error::{Error, Result};
use crate::event_loop::Timer;
use crate::event_loop::core::Loop;
use crate::event_loop::timers::Body;
use crate::net::datagram_endpoint::{Endpoint, Post};
use crate::net::datagram_outbox::{Fate, Number};
use crate::reactor::Readiness;
use crate::request::{Complete, Underway};
use crate::stream::Facts;
use crate::sys::datagram::{self, BATCH};
use crate::trace::{CallbackKind, Label};

/// How long to wait, at most, before it is tried again to send to a receiver that is full, where
/// nobody says when it has room. A receiver that works has some soon, so that the first wait is a
/// millisecond; each further one in vain is twice as long.
const LONGEST_WAIT: u64 = 10;

/// A datagram to be sent: its bytes and its address, where the socket has no peer.
pub(crate) type Outgoing<'a, A> = (&'a [u8], Option<A>);

impl<S: Post> Endpoint<S> {
    /// Queues a datagram. Returns whether the queue is below the mark.
    pub(crate) fn write(self: &Rc<Self>, bytes: &[u8], to: Result<Option<S::Address>>) -> bool {
        if self.state.is(Facts::CLOSED) {
            return false;
        }
        match to {
            Ok(to) => {
                self.outbox.borrow_mut().push(bytes, to, None);
                self.queued();
            }
            Err(error) => self.fail_later(error),
        }
        self.has_room()
    }

    /// Begins a request to send a datagram.
    pub(crate) fn begin_send(
        self: &Rc<Self>,
        core: &Loop,
        label: Label,
        (bytes, to): (&[u8], Result<Option<S::Address>>),
        complete: Complete<()>,
    ) -> Underway {
        let open = if self.state.is(Facts::CLOSED) { Err(closed()) } else { Ok(()) };
        match open.and(to) {
            Ok(to) => {
                let number = self.outbox.borrow_mut().push(bytes, to, Some(complete));
                self.queued();
                let endpoint = Rc::downgrade(self);
                Underway::Other(Box::new(move |_| withdraw(&endpoint, number, label)))
            }
            Err(error) => {
                core.defer(label, move |core| complete(core, Err(error)));
                Underway::Job(None)
            }
        }
    }

    /// A datagram waits at the end of the queue. It is sent at the end of this turn, so that those
    /// of many callbacks go together; a whole batch, and what is above the mark, goes now.
    fn queued(&self) {
        self.queue_changed();
        let whole = self.outbox.borrow().datagrams() >= BATCH;
        if whole || self.state.is(Facts::FULL) {
            self.flush(1);
        }
        self.update_activity();
        self.go_on();
    }

    fn queue_changed(&self) {
        let outbox = self.outbox.borrow();
        self.state.put(Facts::QUEUED, !outbox.is_empty());
        self.state.put(Facts::FULL, outbox.length() > self.high_water_mark.get());
    }

    pub(crate) fn set_high_water_mark(&self, bytes: usize) {
        self.high_water_mark.set(bytes);
        self.queue_changed();
        self.go_on();
    }

    fn has_room(&self) -> bool {
        let room = self.outbox.borrow().length() < self.high_water_mark.get();
        if !room {
            self.state.set(Facts::NEEDS_DRAIN);
        }
        room
    }

    pub(crate) fn can_flush(&self) -> bool {
        let these = Facts::QUEUED | Facts::WRITABLE;
        self.state.of(these, these)
    }

    /// Sends what is queued, a batch by each system call. What is to be told of it waits until
    /// `tell_fates`: this is called inside user code, too.
    pub(crate) fn flush(&self, batches: usize) {
        let due = self.can_flush();
        for _ in 0..batches {
            if !self.can_flush() {
                break;
            }
            self.send_front();
            self.queue_changed();
        }
        if self.can_stop_watching() {
            // If this fails, the loop is woken for nothing now and then, and that is all.
            let _ = self.watch_writable(false);
        }
        if due {
            self.update_activity();
        }
    }

    fn can_stop_watching(&self) -> bool {
        self.state.of(Facts::QUEUED | Facts::WRITABLE, Facts::WRITABLE)
    }

    fn send_front(&self) {
        let sent = match &*self.io.borrow() {
            Some(io) => datagram::send(io, self.outbox.borrow().front()),
            None => Err(ErrorKind::NotConnected.into()),
        };
        match sent {
            Ok(count) => {
                self.waited.set(0);
                self.outbox.borrow_mut().sent(count, &mut self.fates.borrow_mut());
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => self.blocked(),
                ErrorKind::Interrupted => {}
                _ => self.not_sent(error),
            },
        }
    }

    /// The system's buffer is full, or the receiver's.
    #[cold]
    fn blocked(&self) {
        let to = self.outbox.borrow().next_to().cloned();
        if let Err(error) = self.wait_for_room(to.as_ref()) {
            // Nobody would say when to go on.
            self.state.set(Facts::WRITABLE);
            self.not_sent(error);
        }
    }

    /// `to` is whom the datagram is for that found no room.
    fn wait_for_room(&self, to: Option<&S::Address>) -> io::Result<()> {
        self.state.clear(Facts::WRITABLE);
        let told = S::tells_of_room(to);
        if !told {
            self.try_again_later();
        }
        // Each try at a receiver that is full makes an event that the sender could send: watching
        // for that would be spinning.
        self.watch_writable(told)
    }

    fn try_again_later(&self) {
        // One is enough, however often it was tried meanwhile.
        if let Some(timer) = self.again.take().filter(Timer::is_pending) {
            self.again.set(Some(timer));
            return;
        }
        let (core, key) = (Rc::clone(&self.core), self.key);
        let body = Body::Deferred(Box::new(move || {
            if let Some(endpoint) = core.source(key) {
                endpoint.ready(Readiness::WRITABLE, &mut []);
            }
        }));
        let wait = (2 * self.waited.get()).clamp(1, LONGEST_WAIT);
        self.waited.set(wait);
        // What keeps the loop alive is what waits to be sent.
        let timer = self.core.start_timer(self.label, wait, body, false);
        self.again.set(Some(timer));
    }

    /// Whether an error is about datagrams that were sent before: then they are told of, each with
    /// its address, and what failed can be tried again.
    #[cold]
    pub(crate) fn note_unarrived(&self) -> bool {
        let mut any = false;
        loop {
            let next = self.io.borrow().as_ref().and_then(S::take_unarrived);
            let Some((to, error)) = next else { break };
            let error = Error::io(format!("send to {}", S::show(&to)), error);
            self.fates.borrow_mut().push_back(Fate { complete: None, result: Err(error) });
            any = true;
        }
        if any {
            self.update_activity();
            self.requeue();
        }
        any
    }

    #[cold]
    fn not_sent(&self, error: io::Error) {
        if self.note_unarrived() {
            return;
        }
        let to = self.outbox.borrow().next_to().cloned();
        let error = self.in_sending(to, error);
        self.outbox.borrow_mut().failed(error, &mut self.fates.borrow_mut());
    }

    fn in_sending(&self, to: Option<S::Address>, error: io::Error) -> Error {
        if datagram::lacks_destination(&error) {
            return nowhere();
        }
        let to = to.or_else(|| self.peer.borrow().clone()).as_ref().map(S::show);
        Error::io(to.map_or_else(|| "send".to_owned(), |to| format!("send to {to}")), error)
    }

    /// A failure that was met inside a call of the user's: told in the next turn.
    fn fail_later(self: &Rc<Self>, error: Error) {
        let endpoint = Rc::clone(self);
        self.core.defer(self.label, move |_| {
            endpoint.failed(error);
            endpoint.handle_dropped();
        });
    }

    /// Tells what became of datagrams. One that a callback sends is told of in the next turn.
    pub(crate) fn tell_fates(self: &Rc<Self>) {
        let count = self.fates.borrow().len();
        for _ in 0..count {
            let Some(fate) = self.fates.borrow_mut().pop_front() else { break };
            match (fate.complete, fate.result) {
                (Some(complete), result) => complete(&self.core, result),
                (None, Err(error)) => self.failed(error),
                (None, Ok(())) => {}
            }
        }
        if count > 0 {
            self.update_activity();
        }
    }

    pub(crate) fn owes_drain(&self) -> bool {
        self.state.of(Facts::NEEDS_DRAIN | Facts::QUEUED | Facts::CLOSED, Facts::NEEDS_DRAIN)
    }

    pub(crate) fn tell_drain(self: &Rc<Self>, socket: &S) {
        if !self.owes_drain() {
            return;
        }
        self.state.clear(Facts::NEEDS_DRAIN);
        self.on_drain.lend(&self.core, |handler, label| {
            self.core.task(label.with_kind(CallbackKind::Drain), || handler(socket));
        });
    }

    /// Sends at once, behind what is queued, and returns how many the system took.
    pub(crate) fn try_send(&self, datagrams: &[Outgoing<'_, S::Address>]) -> Result<usize> {
        if self.state.is(Facts::CLOSED) {
            return Err(closed());
        }
        self.flush(usize::MAX);
        self.go_on();
        let mut sent = 0;
        while sent < datagrams.len() {
            match self.try_batch(&datagrams[sent..]) {
                Ok(count) => sent += count,
                // The next call meets it again, if it lasts.
                Err(_) if sent > 0 => break,
                Err(error) => return Err(self.in_sending(datagrams[0].1.clone(), error)),
            }
        }
        Ok(sent)
    }

    fn try_batch(&self, datagrams: &[Outgoing<'_, S::Address>]) -> io::Result<usize> {
        if !self.state.of(Facts::QUEUED | Facts::WRITABLE, Facts::WRITABLE) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let sent = match &*self.io.borrow() {
            Some(io) => {
                datagram::send(io, datagrams.iter().map(|(bytes, to)| (*bytes, to.as_ref())))
            }
            None => Err(ErrorKind::NotConnected.into()),
        };
        match sent {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.wait_for_room(datagrams[0].1.as_ref())?;
                Err(error)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Err(_) if self.note_unarrived() => Ok(0),
            sent => sent.inspect(|_| self.waited.set(0)),
        }
    }
}

/// Takes back a datagram that was not sent yet.
fn withdraw<S: Post>(endpoint: &Weak<Endpoint<S>>, number: Number, label: Label) -> bool {
    let Some(endpoint) = endpoint.upgrade() else { return false };
    let Some(complete) = endpoint.outbox.borrow_mut().withdraw(number) else { return false };
    endpoint.queue_changed();
    endpoint.update_activity();
    endpoint.core.defer(label, move |core| complete(core, Err(Error::cancelled())));
    true
}

pub(crate) fn closed() -> Error {
    ErrorKind::NotConnected.into()
}

/// The system's own error for this has no kind.
fn nowhere() -> Error {
    Error::new(io::Error::new(
        ErrorKind::NotConnected,
        "this socket is not connected: say where the datagram shall go",
    ))
}
