//! Streams as futures see them: what can be polled, and who is woken.
//!
//! A future takes the bytes itself, so nothing is read before somebody asks. Handlers and futures
//! do not mix on one stream: bytes would go to whoever is quicker.

use std::io::{Error as IoError, ErrorKind};
use std::ops::Deref;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use crate::error::{Error, Result};
use crate::event_loop::buffer::Lent;
use crate::stream::flow::Flow;
use crate::stream::state::Facts;
use crate::stream::wakers::{Ticket, Wakers};
use crate::stream::{ByteStream, Io};
use crate::trace::CallbackKind;

/// Reads and sends that one stream's futures make in a turn: one that is always ready would never
/// let the loop go on.
const POLLS_PER_TURN: u64 = 32;

/// Who waits for a stream.
#[derive(Default)]
pub(crate) struct Waiters {
    read: Wakers,
    write: Wakers,
}

impl Waiters {
    fn take_all(&self) -> Vec<Waker> {
        self.read.take_each().chain(self.write.take_each()).collect()
    }

    #[inline]
    fn of(&self, side: Side) -> &Wakers {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }
}

/// A chunk of received bytes, in a buffer that goes back to the loop when it is dropped.
pub struct Chunk(Rc<Lent>);

impl Deref for Chunk {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.0.filled()
    }
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({} bytes)", self.len())
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl<S: ByteStream> Flow<S> {
    /// Receives into `buffer`; 0 is the end.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        ticket: &Ticket,
        buffer: &mut [u8],
    ) -> Poll<Result<usize>> {
        while self.may_receive() {
            // The system would take it for the end.
            if buffer.is_empty() {
                return Poll::Ready(Ok(0));
            }
            if let Some(received) = self.receive(buffer).transpose() {
                return Poll::Ready(received);
            }
        }
        self.poll_unreadable(cx, ticket).map_ok(|()| 0)
    }

    /// Receives into a pooled buffer, which is taken only when there is something to read.
    #[inline]
    pub(crate) fn poll_chunk(
        &self,
        cx: &mut Context<'_>,
        ticket: &Ticket,
    ) -> Poll<Result<Option<Chunk>>> {
        while self.may_receive() {
            if let Some(received) = self.receive_chunk() {
                return Poll::Ready(received);
            }
        }
        self.poll_unreadable(cx, ticket).map_ok(|()| None)
    }

    /// Whether there may be something to read, for a future that has not had its share yet.
    #[inline]
    fn may_receive(&self) -> bool {
        let hindrances = Facts::HAS_READER | Facts::READ_ENDED | Facts::CLOSED;
        let is_readable = self.state.of(hindrances | Facts::READABLE, Facts::READABLE);
        is_readable && !self.has_had_its_share()
    }

    /// Ready at the end.
    #[inline]
    fn poll_unreadable(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<()>> {
        let unusual = Facts::HAS_READER | Facts::READ_ENDED | Facts::CLOSED | Facts::READABLE;
        if self.state.is(unusual) {
            return self.poll_unusual(cx, ticket);
        }
        self.wait(cx, ticket, Side::Read);
        Poll::Pending
    }

    #[cold]
    fn poll_unusual(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<()>> {
        if self.state.is(Facts::HAS_READER) {
            return Poll::Ready(Err(mixed()));
        }
        if self.state.is(Facts::READ_ENDED) {
            return Poll::Ready(Ok(()));
        }
        if self.state.is(Facts::CLOSED) {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        }
        // It has had its share of this turn.
        self.requeue();
        self.wait(cx, ticket, Side::Read);
        Poll::Pending
    }

    /// One receive into a buffer of its own; `None` if there was nothing after all.
    fn receive_chunk(&self) -> Option<Result<Option<Chunk>>> {
        let mut lent = self.core.spare_buffers.lend();
        match self.receive(Lent::room(&mut lent)) {
            Ok(Some(length @ 1..)) => {
                Lent::fill(&mut lent, length, &self.core);
                Some(Ok(Some(Chunk(lent))))
            }
            other => {
                self.core.spare_buffers.keep(lent);
                // Of no bytes: the end.
                other.map(|end| end.map(|_| None)).transpose()
            }
        }
    }

    /// One receive; `None` if there was nothing after all.
    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        let received = match &*self.io.borrow() {
            Some(io) => io.recv(buffer),
            None => Err(ErrorKind::NotConnected.into()),
        };
        match received {
            Ok(0) => {
                self.state.set(Facts::READ_ENDED);
                Ok(Some(0))
            }
            Ok(length) => {
                self.received(length, buffer.len());
                Ok(Some(length))
            }
            Err(error) => self.nothing_received(error),
        }
    }

    #[cold]
    fn nothing_received(&self, error: IoError) -> Result<Option<usize>> {
        match error.kind() {
            ErrorKind::WouldBlock => self.clear_readable(),
            ErrorKind::Interrupted => {}
            _ => return Err(Error::io("read", error)),
        }
        Ok(None)
    }

    /// Sends all of `rest`, which is always what has not been sent.
    pub(crate) fn poll_write_all(
        &self,
        cx: &mut Context<'_>,
        ticket: &Ticket,
        rest: &mut &[u8],
    ) -> Poll<Result<()>> {
        while !rest.is_empty() {
            let sent = ready!(self.poll_write(cx, ticket, rest))?;
            *rest = &rest[sent..];
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what the system takes of `bytes`, behind what is queued.
    #[inline]
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        ticket: &Ticket,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let hindrances = Facts::CLOSED | Facts::FAILED | Facts::ENDING | Facts::QUEUED;
        let is_writable = || self.state.of(hindrances | Facts::WRITABLE, Facts::WRITABLE);
        while is_writable() && !bytes.is_empty() && !self.has_had_its_share() {
            match self.send_once(bytes) {
                Ok(0) => {}
                Ok(sent) => return Poll::Ready(Ok(sent)),
                Err(error) => return Poll::Ready(Err(Error::io("write", error))),
            }
        }
        self.poll_unwritable(cx, ticket, bytes)
    }

    #[cold]
    pub(crate) fn poll_unwritable(
        &self,
        cx: &mut Context<'_>,
        ticket: &Ticket,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        if self.state.is(Facts::CLOSED | Facts::FAILED) {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        }
        if self.state.is(Facts::ENDING) {
            let error = IoError::new(ErrorKind::BrokenPipe, "`end` was called before");
            return Poll::Ready(Err(Error::io("write", error)));
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.state.of(Facts::QUEUED | Facts::WRITABLE, Facts::WRITABLE) {
            // It has had its share of this turn.
            self.requeue();
        }
        self.wait(cx, ticket, Side::Write);
        Poll::Pending
    }

    /// Waits until all that was accepted is handed to the system.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<()>> {
        if !self.state.is(Facts::QUEUED) {
            return Poll::Ready(Ok(()));
        }
        if self.state.is(Facts::CLOSED | Facts::FAILED) {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        }
        self.wait(cx, ticket, Side::Write);
        Poll::Pending
    }

    fn wait(&self, cx: &mut Context<'_>, ticket: &Ticket, side: Side) {
        let before = self.waiters().of(side).wait(ticket, cx);
        self.state.set(side.awaited());
        if !self.activity.is_active() {
            self.update_activity();
        }
        drop(before);
    }

    /// A future was dropped: it waits no more.
    #[inline]
    pub(crate) fn stop_waiting(&self, ticket: &Ticket, side: Side) {
        if self.state.is(side.awaited()) {
            self.leave(ticket, side);
        }
    }

    #[cold]
    fn leave(&self, ticket: &Ticket, side: Side) {
        let waker = self.waiters().of(side).leave(ticket);
        self.some_have_left(side);
        drop(waker);
    }

    /// Wakes those for whom something has changed: a task for each, whose microtask is the poll.
    #[inline]
    pub(crate) fn wake_waiters(&self) {
        let over = Facts::CLOSED | Facts::FAILED;
        let reads = over | Facts::READ_ENDED | Facts::READABLE;
        if self.state.is(Facts::READ_AWAITED) && self.state.is(reads) {
            self.wake(Side::Read);
        }
        if self.state.is(Facts::WRITE_AWAITED)
            && (self.state.is(over)
                || self.state.of(Facts::QUEUED | Facts::WRITABLE, Facts::WRITABLE))
        {
            self.wake(Side::Write);
        }
    }

    /// The stream is closed: whoever waits is told. Nothing is called but the wakers.
    pub(crate) fn wake_at_close(&self) {
        self.take_waiters().into_iter().for_each(Waker::wake);
    }

    /// The same where what waits on one side has become a mistake.
    pub(crate) fn wake_now(&self, side: Side) {
        if self.state.is(side.awaited()) {
            self.waiters().of(side).take_each().for_each(Waker::wake);
            self.some_have_left(side);
        }
    }

    fn wake(&self, side: Side) {
        let (core, wakers) = (&self.core, self.waiters().of(side));
        let label = self.label.with_kind(CallbackKind::Future);
        for waker in wakers.take_each() {
            self.state.put(side.awaited(), !wakers.is_empty());
            core.task(label, || {
                core.wake(waker);
                Ok(())
            });
            // Mostly it waits again.
            if wakers.is_empty() {
                self.update_activity();
            }
        }
    }

    /// Takes everybody out who waits, to be woken or dropped.
    pub(crate) fn take_waiters(&self) -> Vec<Waker> {
        if !self.is_awaited() {
            return Vec::new();
        }
        self.state.clear(Facts::READ_AWAITED | Facts::WRITE_AWAITED);
        self.waiters().take_all()
    }

    fn some_have_left(&self, side: Side) {
        self.state.put(side.awaited(), !self.waiters().of(side).is_empty());
        self.update_activity();
    }

    /// Whether the futures of this stream have read and sent enough for a turn.
    ///
    /// The count goes on from the most that it could have reached in all turns before: so it begins
    /// anew with each turn by itself.
    #[inline]
    pub(crate) fn has_had_its_share(&self) -> bool {
        let (turn, polls) = (self.core.counters.turns.get(), &self.polls);
        let before = polls.get().max(turn * POLLS_PER_TURN);
        let spent = before == (turn + 1) * POLLS_PER_TURN;
        polls.set(before + u64::from(!spent));
        spent
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Side {
    Read,
    Write,
}

impl Side {
    #[inline]
    fn awaited(self) -> Facts {
        match self {
            Side::Read => Facts::READ_AWAITED,
            Side::Write => Facts::WRITE_AWAITED,
        }
    }
}

fn mixed() -> Error {
    Error::new(IoError::new(
        ErrorKind::InvalidInput,
        "a data handler is installed on this stream, and gets its bytes: read it there, or \
         install none",
    ))
}
