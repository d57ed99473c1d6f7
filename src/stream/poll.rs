//! Streams as futures see them: what can be polled, and who is woken.
//!
//! A future takes the bytes itself, so nothing is read before somebody asks. Handlers and futures
//! do not mix on one stream: bytes would go to whoever is quicker.

use std::cell::Cell;
use std::io::{Error as IoError, ErrorKind};
use std::ops::Deref;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};
use crate::event_loop::buffer::Buffer;
use crate::event_loop::core::Loop;
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
    pub(crate) read: Wakers,
    pub(crate) write: Wakers,
    /// Counts on from the most that all turns before this one could have: so it begins anew with
    /// each turn by itself.
    polls: Cell<u64>,
}

impl Waiters {
    pub(crate) fn take_all(&self) -> Vec<Waker> {
        self.read.take_each().chain(self.write.take_each()).collect()
    }

    /// Whether anybody waits to read, and whether to write.
    pub(crate) fn awaited_for(&self) -> (bool, bool) {
        (!self.read.is_empty(), !self.write.is_empty())
    }

    pub(crate) fn of(&self, side: Side) -> &Wakers {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }
}

/// A chunk of received bytes, in a buffer that goes back to the loop when it is dropped.
pub struct Chunk {
    core: Loop,
    /// Taken by the drop.
    buffer: Option<Buffer>,
    length: usize,
}

impl Deref for Chunk {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |buffer| &buffer[..self.length])
    }
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({} bytes)", self.length)
    }
}

impl Drop for Chunk {
    #[inline]
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.core.spare_buffers.give_back(buffer);
        }
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
        loop {
            match self.poll_readable(cx, ticket) {
                // The system would take it for the end.
                Poll::Ready(Ok(true)) if buffer.is_empty() => return Poll::Ready(Ok(0)),
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(0)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
            if let Some(received) = self.receive(buffer) {
                return Poll::Ready(received);
            }
        }
    }

    /// Receives into a pooled buffer, which is taken only when there is something to read.
    pub(crate) fn poll_chunk(
        &self,
        cx: &mut Context<'_>,
        ticket: &Ticket,
    ) -> Poll<Result<Option<Chunk>>> {
        loop {
            match self.poll_readable(cx, ticket) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
            let mut buffer = self.core.spare_buffers.lend();
            let received = self.receive(&mut buffer[..]);
            if let Some(Ok(length @ 1..)) = received {
                let (core, buffer) = (Rc::clone(&self.core), Some(buffer));
                return Poll::Ready(Ok(Some(Chunk { core, buffer, length })));
            }
            self.core.spare_buffers.give_back(buffer);
            if let Some(end) = received {
                return Poll::Ready(end.map(|_| None));
            }
        }
    }

    /// Whether there may be something to read: `false` at the end.
    #[inline]
    fn poll_readable(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<bool>> {
        let hindrances = Facts::HAS_READER | Facts::READ_ENDED | Facts::CLOSED;
        let is_readable = self.state.of(hindrances | Facts::READABLE, Facts::READABLE);
        if is_readable && !self.has_had_its_share() {
            return Poll::Ready(Ok(true));
        }
        self.poll_unreadable(cx, ticket)
    }

    fn poll_unreadable(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<bool>> {
        if self.state.is(Facts::HAS_READER) {
            return Poll::Ready(Err(mixed()));
        }
        if self.state.is(Facts::READ_ENDED) {
            return Poll::Ready(Ok(false));
        }
        if self.state.is(Facts::CLOSED) {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        }
        if self.state.is(Facts::READABLE) {
            // It has had its share of this turn.
            self.requeue();
        }
        self.wait(cx, ticket, Side::Read)
    }

    /// One receive; `None` if there was nothing after all.
    fn receive(&self, buffer: &mut [u8]) -> Option<Result<usize>> {
        let received = match &*self.io.borrow() {
            Some(io) => io.recv(buffer),
            None => Err(ErrorKind::NotConnected.into()),
        };
        match received {
            Ok(0) => {
                self.state.set(Facts::READ_ENDED);
                Some(Ok(0))
            }
            Ok(length) => {
                self.received(length, buffer.len());
                Some(Ok(length))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.clear_readable();
                None
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => None,
            Err(error) => Some(Err(Error::io("read", error))),
        }
    }

    /// Sends what the system takes of `bytes`, behind what is queued.
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
    fn poll_unwritable(
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
        self.wait(cx, ticket, Side::Write)
    }

    /// Waits until all that was accepted is handed to the system.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<Result<()>> {
        if !self.state.is(Facts::QUEUED) {
            return Poll::Ready(Ok(()));
        }
        if self.state.is(Facts::CLOSED | Facts::FAILED) {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        }
        self.wait(cx, ticket, Side::Write)
    }

    fn wait<T>(&self, cx: &mut Context<'_>, ticket: &Ticket, side: Side) -> Poll<T> {
        let before = self.waiters().of(side).wait(ticket, cx);
        if !self.activity.is_active() {
            self.update_activity();
        }
        drop(before);
        Poll::Pending
    }

    /// A future was dropped: it waits no more.
    #[inline]
    pub(crate) fn stop_waiting(&self, ticket: &Ticket, side: Side) {
        if let Some(waker) = self.waiters().of(side).leave(ticket) {
            self.update_activity();
            drop(waker);
        }
    }

    /// Wakes those for whom something has changed: a task for each, whose microtask is the poll.
    pub(crate) fn wake_waiters(self: &Rc<Self>) {
        let over = self.state.is(Facts::CLOSED | Facts::FAILED);
        if over || self.state.is(Facts::READ_ENDED | Facts::READABLE) {
            self.wake(Side::Read);
        }
        if over || self.state.of(Facts::QUEUED | Facts::WRITABLE, Facts::WRITABLE) {
            self.wake(Side::Write);
        }
    }

    /// The stream is closed: whoever waits is told. Nothing is called but the wakers.
    pub(crate) fn wake_at_close(&self) {
        self.take_waiters().into_iter().for_each(Waker::wake);
    }

    /// The same where what waits on one side has become a mistake.
    pub(crate) fn wake_now(&self, side: Side) {
        if self.is_awaited() {
            self.waiters().of(side).take_each().for_each(Waker::wake);
            self.update_activity();
        }
    }

    #[inline]
    fn wake(self: &Rc<Self>, side: Side) {
        if !self.waiters().of(side).is_empty() {
            self.wake_each(side);
        }
    }

    fn wake_each(self: &Rc<Self>, side: Side) {
        for waker in self.waiters().of(side).take_each() {
            let label = self.label.with_kind(CallbackKind::Future);
            let core = &self.core;
            core.task(label, || {
                core.wake(waker);
                Ok(())
            });
            // Mostly it waits again.
            if self.waiters().of(side).is_empty() {
                self.update_activity();
            }
        }
    }

    #[inline]
    fn has_had_its_share(&self) -> bool {
        let (turn, polls) = (self.core.counters.turns.get(), &self.waiters().polls);
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

fn mixed() -> Error {
    Error::new(IoError::new(
        ErrorKind::InvalidInput,
        "a data handler is installed on this stream, and gets its bytes: read it there, or \
         install none",
    ))
}
