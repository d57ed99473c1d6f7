//! The writing half of a stream.

use std::io::{self, ErrorKind};
use std::rc::Rc;

use crate::error::Error;
#[cfg(feature = "async")]
use crate::stream::Side;
use crate::stream::flow::Flow;
use crate::stream::queue::WriteQueue;
use crate::stream::state::Facts;
use crate::stream::{ByteStream, Io};
use crate::trace::CallbackKind;

/// Sends of one stream in one turn: a peer that reads as fast as we send does not keep the others
/// waiting.
const SENDS_PER_TURN: usize = 16;

/// What decides whether bytes are sent at once.
const SENDS: Facts = Facts::WRITABLE
    .and(Facts::QUEUED)
    .and(Facts::CORKED)
    .and(Facts::LENT)
    .and(Facts::ENDING)
    .and(Facts::FAILED)
    .and(Facts::CLOSED);

impl<S: ByteStream> Flow<S> {
    pub(crate) fn write(self: &Rc<Self>, bytes: &[u8]) -> bool {
        let Some(sent) = self.send_at_once(bytes) else { return false };
        if sent < bytes.len() {
            self.queue.borrow_mut().push(&bytes[sent..]);
            self.queued();
        }
        self.has_room()
    }

    pub(crate) fn write_owned(self: &Rc<Self>, bytes: Vec<u8>) -> bool {
        let Some(sent) = self.send_at_once(&bytes) else { return false };
        if sent < bytes.len() {
            self.queue.borrow_mut().push_owned(bytes, sent);
            self.queued();
        }
        self.has_room()
    }

    /// Sends what the system takes now, if nothing is queued in front. `None` if the bytes are not
    /// accepted, or if that failed.
    #[inline]
    fn send_at_once(self: &Rc<Self>, bytes: &[u8]) -> Option<usize> {
        if !self.state.of(SENDS, Facts::WRITABLE) || bytes.is_empty() {
            return self.accepts().then_some(0);
        }
        match self.send_once(bytes) {
            Ok(sent) => Some(sent),
            Err(error) => {
                self.fail_later(Error::io("write", error));
                None
            }
        }
    }

    /// Whether bytes can be accepted; a write after the end is a mistake, and fails the stream.
    #[cold]
    fn accepts(self: &Rc<Self>) -> bool {
        if self.state.is(Facts::CLOSED | Facts::FAILED) {
            return false;
        }
        if self.state.is(Facts::ENDING) {
            let error = io::Error::new(ErrorKind::BrokenPipe, "`end` was called before");
            self.fail_later(Error::io("write", error));
            return false;
        }
        true
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.state.is(Facts::WRITABLE)
    }

    /// Counts what was sent, and remembers when the system takes no more.
    pub(crate) fn note_sent(&self, sent: io::Result<usize>, offered: usize) -> io::Result<usize> {
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            // Nothing was sent, and the next try may: the socket stays writable.
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(0),
            Err(error) => return Err(error),
        };
        if sent < offered {
            self.state.clear(Facts::WRITABLE);
        }
        self.bytes_written.set(self.bytes_written.get() + sent as u64);
        self.touch();
        Ok(sent)
    }

    /// One send, past the queue.
    #[inline(always)]
    pub(crate) fn send_once(&self, bytes: &[u8]) -> io::Result<usize> {
        let sent = match &*self.io.borrow() {
            Some(io) => io.send(bytes),
            None => Err(ErrorKind::NotConnected.into()),
        };
        self.note_sent(sent, bytes.len())
    }

    pub(crate) fn queued(&self) {
        self.queue_changed();
        self.update_activity();
        if self.is_writable() && !self.state.is(Facts::CORKED | Facts::LENT) {
            self.requeue();
        }
    }

    /// What `write` returns: whether the queue is below the mark. If not, `drain` will follow.
    pub(crate) fn has_room(&self) -> bool {
        if !self.state.is(Facts::QUEUED) {
            return true;
        }
        let room = self.queue.borrow().length() < self.high_water_mark();
        if !room {
            self.state.set(Facts::NEEDS_DRAIN);
        }
        room
    }

    /// Sends what is queued, as the socket has become writable, and does what waited for that.
    #[cold]
    pub(crate) fn write_ready(self: &Rc<Self>, stream: &S) {
        let hindrances = Facts::CORKED | Facts::LENT | Facts::FAILED;
        if !self.state.of(Facts::QUEUED | hindrances, Facts::QUEUED) {
            return;
        }
        let sent = self.send_queued();
        self.tell_flushed();
        match sent {
            Err(error) => self.fail(Error::io("write", error)),
            Ok(()) if self.state.is(Facts::CLOSED) => {}
            Ok(()) if !self.state.is(Facts::QUEUED) => self.drained(stream),
            Ok(()) if self.is_writable() => self.requeue(),
            Ok(()) => {}
        }
    }

    fn send_queued(&self) -> io::Result<()> {
        for _ in 0..SENDS_PER_TURN {
            if !self.state.of(Facts::WRITABLE | Facts::QUEUED, Facts::WRITABLE | Facts::QUEUED) {
                break;
            }
            let (sent, offered) = self.send_front();
            let sent = self.note_sent(sent, offered)?;
            self.queue.borrow_mut().advance(sent);
            self.queue_changed();
        }
        Ok(())
    }

    /// Offers the front of the queue to the system; returns what it took, and of how much.
    fn send_front(&self) -> (io::Result<usize>, usize) {
        let io = self.io.borrow();
        let Some(io) = &*io else { return (Err(ErrorKind::NotConnected.into()), 0) };
        self.queue.borrow().with_front(|front| {
            let sent = match front.many {
                [] => io.send(front.one),
                many => io.send_vectored(many),
            };
            (sent, front.length())
        })
    }

    /// Sends all that is queued, and waits for it: there will be no other turn.
    pub(crate) fn send_the_rest(&self) {
        if !S::Io::SENT_AT_THE_END {
            return;
        }
        self.state.clear(Facts::CORKED);
        while self.state.of(Facts::QUEUED | Facts::FAILED | Facts::CLOSED, Facts::QUEUED) {
            self.state.set(Facts::WRITABLE);
            let wait = || self.io.borrow().as_ref().map_or(Ok(()), Io::wait_for_room);
            let sent = self.send_queued();
            if sent.is_err() || !self.is_writable() && wait().is_err() {
                return;
            }
        }
    }

    /// The queue is empty: whoever waited for that goes on.
    fn drained(self: &Rc<Self>, stream: &S) {
        self.update_activity();
        if self.state.replace(Facts::NEEDS_DRAIN, false) && !self.state.is(Facts::ENDING) {
            let kind = CallbackKind::Drain;
            self.emit(
                kind,
                stream,
                |handler, stream| handler.drain(stream),
                |extras| &extras.drain,
            );
        }
        // Not while it is borrowed: what is called may pipe anew.
        let then = self.handlers.extras().map(|extras| extras.after_drain.take());
        then.into_iter().flatten().for_each(|then| then());
        if self.state.of(Facts::ENDING | Facts::QUEUED, Facts::ENDING) {
            self.finish_writing();
        }
    }

    /// Ends this side, once the queue is written.
    pub(crate) fn end(self: &Rc<Self>) {
        if self.state.is(Facts::CLOSED | Facts::FAILED) || self.state.replace(Facts::ENDING, true) {
            return;
        }
        // A future that waits to write learns that it is too late.
        #[cfg(feature = "async")]
        self.wake_now(Side::Write);
        if !self.state.is(Facts::QUEUED) {
            self.finish_writing();
        }
    }

    fn finish_writing(self: &Rc<Self>) {
        if self.state.is(Facts::CLOSED) {
            return;
        }
        self.state.set(Facts::WRITE_ENDED);
        // Closing says the same to the peer, and a system call less does it.
        if self.state.is(Facts::READ_ENDED | Facts::FORGOTTEN) {
            return self.close();
        }
        let shut = self.io.borrow().as_ref().map(Io::shut_down_write);
        match shut {
            // A reset that nobody has read yet: the read tells what happened, as in Node.
            Some(Err(error)) if error.kind() == ErrorKind::NotConnected => {
                let error = Error::io("end", error);
                self.tell_writers(|| Err(error.clone()));
            }
            Some(Err(error)) => self.fail_later(Error::io("end", error)),
            _ => self.tell_writers(|| Ok(())),
        }
    }

    /// Nobody will read what is written. If nothing is, or will be, there is nothing to tell but the
    /// close; the next send tells whoever has something to send.
    pub(crate) fn reader_gone(self: &Rc<Self>) {
        if !self.state.is(Facts::QUEUED) && !self.is_awaited() {
            self.close();
        }
    }

    /// Holds writes back until `uncork`, or until the checkpoint of this task is over.
    pub(crate) fn cork(self: &Rc<Self>) {
        if !self.state.replace(Facts::CORKED, true) {
            // A handle: if it is the last one by then, its drop ends the stream.
            let stream = S::of_flow(Rc::clone(self));
            self.core.at_end_of_checkpoint(Box::new(move || {
                stream.flow().uncork();
                Ok(())
            }));
        }
    }

    /// Sends what was held back. What follows from that is told in the next turn.
    pub(crate) fn uncork(self: &Rc<Self>) {
        if self.state.replace(Facts::CORKED, false) {
            self.send_held_back();
        }
    }

    fn send_held_back(self: &Rc<Self>) {
        if self.state.is(Facts::CLOSED | Facts::FAILED | Facts::CORKED | Facts::LENT) {
            return;
        }
        match self.send_queued() {
            Err(error) => self.fail_later(Error::io("write", error)),
            Ok(()) => self.uncorked(),
        }
    }

    /// Lets somebody else write to the descriptor, what is in the queue first, until it is given
    /// back: what is written here meanwhile waits.
    pub(crate) fn lend(&self) -> WriteQueue {
        self.state.set(Facts::LENT);
        let queue = self.queue.take();
        self.queue_changed();
        self.update_activity();
        queue
    }

    /// What was in the queue and is not sent comes before what was written since.
    pub(crate) fn give_back(self: &Rc<Self>, unsent: WriteQueue) {
        self.state.clear(Facts::LENT);
        if self.state.is(Facts::CLOSED) {
            return;
        }
        let later = self.queue.replace(unsent);
        self.queue.borrow_mut().append(later);
        self.queue_changed();
        self.update_activity();
        // Whoever waits for the queue waits for this, too.
        if self.handlers.extras().is_some_and(|extras| !extras.after_drain.borrow().is_empty()) {
            self.state.set(Facts::NEEDS_DRAIN);
        }
        self.send_held_back();
    }

    /// Counts what somebody else has sent.
    pub(crate) fn note_lent_sent(&self, sent: u64) {
        self.bytes_written.set(self.bytes_written.get() + sent);
        self.touch();
    }

    fn uncorked(self: &Rc<Self>) {
        self.update_activity();
        if self.has_flushed() {
            self.tell_flushed_later(self.label);
        }
        let empty = !self.state.is(Facts::QUEUED);
        if empty && self.state.is(Facts::ENDING) {
            self.finish_writing();
        } else if self.is_writable() && (!empty || self.is_awaited()) {
            self.requeue();
        }
        // What held reading up may be gone, and no event tells of that.
        self.go_on_reading();
        if empty && self.state.is(Facts::NEEDS_DRAIN) {
            let stream = S::of_flow(Rc::clone(self));
            self.core.defer(self.label, move |_| stream.flow().drained_by_uncork(&stream));
        }
    }

    fn drained_by_uncork(self: &Rc<Self>, stream: &S) {
        self.tell_open();
        if !self.state.is(Facts::CLOSED | Facts::QUEUED) {
            self.drained(stream);
            self.go_on_reading();
        }
    }
}
