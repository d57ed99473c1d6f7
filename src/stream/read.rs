//! The reading half of a stream.

use std::io::ErrorKind;
use std::rc::Rc;

use crate::error::Error;
use crate::event_loop::phase::Work;
use crate::stream::flow::Flow;
use crate::stream::state::Facts;
use crate::stream::{ByteStream, Io};
use crate::trace::CallbackKind;

/// Chunks read from one stream in one turn, so that a fast peer does not keep the others waiting.
const CHUNKS_PER_TURN: usize = 4;

/// What decides whether a stream is read.
const READS: Facts = Facts::READABLE
    .and(Facts::HAS_READER)
    .and(Facts::PAUSED)
    .and(Facts::READ_ENDED)
    .and(Facts::CLOSED)
    .and(Facts::FAILED)
    .and(Facts::FULL);

impl<S: ByteStream> Flow<S> {
    /// Reads what is there and hands it to the handler, chunk by chunk.
    #[inline]
    pub(crate) fn read_ready(self: &Rc<Self>, stream: &S, buffer: &mut [u8]) {
        for _ in 0..CHUNKS_PER_TURN {
            if !self.can_read() {
                return;
            }
            self.read_chunk(stream, buffer);
            // A handler may have installed its successor.
            self.tell_open();
        }
        self.go_on_reading();
    }

    /// Whether there may be something to read, and somebody who wants it now. A stream whose own
    /// write queue is above the mark is not read: its peer would drown us.
    fn can_read(&self) -> bool {
        self.state.of(READS, Facts::READABLE | Facts::HAS_READER)
    }

    /// Puts off what could be read to the next turn, which does not sleep before it.
    pub(crate) fn go_on_reading(&self) {
        if self.can_read() {
            self.requeue();
        }
    }

    pub(crate) fn requeue(&self) {
        if !self.state.replace(Facts::REQUEUED, true) {
            self.core.pending.borrow_mut().push_back(Work::Resume(self.key));
        }
    }

    #[inline]
    fn read_chunk(self: &Rc<Self>, stream: &S, buffer: &mut [u8]) {
        let received = match &*self.io.borrow() {
            Some(io) => io.recv(buffer),
            None => return,
        };
        match received {
            Ok(length @ 1..) => {
                self.received(length, buffer.len());
                self.emit_data(stream, &buffer[..length]);
            }
            Ok(_) => self.end_reading(stream),
            Err(error) => self.not_received(error),
        }
    }

    #[cold]
    fn not_received(self: &Rc<Self>, error: std::io::Error) {
        match error.kind() {
            ErrorKind::WouldBlock => self.clear_readable(),
            ErrorKind::Interrupted => {}
            _ => self.fail(Error::io("read", error)),
        }
    }

    pub(crate) fn received(&self, length: usize, room: usize) {
        // A short read has emptied the socket. Not so if the peer is done: no edge will follow, so
        // the end has to be read as well.
        let is_last = S::Io::SHORT_READ_IS_LAST && length < room;
        if is_last && !self.state.is(Facts::READ_CLOSED) {
            self.clear_readable();
        }
        self.bytes_read.set(self.bytes_read.get() + length as u64);
        self.touch();
    }

    pub(crate) fn clear_readable(&self) {
        self.state.clear(Facts::READABLE);
    }

    #[inline]
    fn emit_data(self: &Rc<Self>, stream: &S, chunk: &[u8]) {
        let kind = CallbackKind::Data;
        if self.state.is(Facts::VALUE_READS) {
            self.handlers.value.lend(&self.core, |handler, label| {
                self.call(label.with_kind(kind), || {
                    handler.data(stream, chunk);
                    Ok(())
                });
            });
        } else {
            self.handlers.data.lend(&self.core, |handler, label| {
                self.call(label, || handler(stream, chunk));
            });
        }
    }

    #[cold]
    pub(crate) fn end_reading(self: &Rc<Self>, stream: &S) {
        self.state.set(Facts::READ_ENDED);
        self.update_activity();
        let kind = CallbackKind::End;
        self.emit(kind, stream, |handler, stream| handler.end(stream), |extras| &extras.end);
        self.tell_readers(|| Ok(()));
        if self.state.is(Facts::WRITE_ENDED) {
            self.close();
        } else if !self.state.is(Facts::HALF_OPEN_ALLOWED) {
            self.end();
        }
    }

    pub(crate) fn pause(&self) {
        self.state.set(Facts::PAUSED);
        self.update_activity();
    }

    pub(crate) fn resume(&self) {
        self.state.clear(Facts::PAUSED);
        self.update_activity();
        self.go_on_reading();
    }
}
