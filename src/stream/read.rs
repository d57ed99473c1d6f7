//! The reading half of a stream.

use std::io::ErrorKind;
use std::rc::Rc;

use crate::error::Error;
use crate::event_loop::core::Core;
use crate::event_loop::phase::Work;
use crate::reactor::Readiness;
use crate::stream::flow::Flow;
use crate::stream::{ByteStream, Io};
use crate::trace::CallbackKind;

/// Chunks read from one stream in one turn, so that a fast peer does not keep the others waiting.
const CHUNKS_PER_TURN: usize = 4;

impl<S: ByteStream> Flow<S> {
    /// Reads what is there and hands it to the handler, chunk by chunk.
    pub(crate) fn read_ready(self: &Rc<Self>, stream: &S) {
        for _ in 0..CHUNKS_PER_TURN {
            // A handler may have installed its successor.
            self.tell_open();
            if !self.can_read() {
                return;
            }
            self.read_chunk(stream);
        }
        self.go_on_reading();
    }

    /// Whether there may be something to read, and somebody who wants it now. A stream whose own
    /// write queue is above the mark is not read: its peer would drown us.
    fn can_read(&self) -> bool {
        self.readiness.get().contains(Readiness::READABLE)
            && !self.paused.get()
            && !self.read_ended.get()
            && !self.closed.get()
            && !self.failed.get()
            && self.handlers.has_reader()
            && self.queue.borrow().length() <= self.high_water_mark.get()
    }

    /// Puts off what could be read to the next turn, which does not sleep before it.
    pub(crate) fn go_on_reading(&self) {
        if self.can_read() {
            self.requeue();
        }
    }

    pub(crate) fn requeue(&self) {
        if !self.requeued.replace(true) {
            let again = Work::Ready(self.key, Readiness::NONE);
            self.core.pending.borrow_mut().push_back(again);
        }
    }

    fn read_chunk(self: &Rc<Self>, stream: &S) {
        let mut buffer = ReadBuffer::take(&self.core);
        let received = match &*self.io.borrow() {
            Some(io) => io.recv(&mut buffer.bytes),
            None => return,
        };
        match received {
            Ok(0) => self.end_reading(stream),
            Ok(length) => {
                self.received(length, buffer.bytes.len());
                self.emit_data(stream, &buffer.bytes[..length]);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.clear_readable(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                drop(buffer);
                self.fail(Error::io("read", error));
            }
        }
    }

    pub(crate) fn received(&self, length: usize, room: usize) {
        // A short read has emptied the socket. Not so if the peer is done: no edge will follow, so
        // the end has to be read as well.
        if length < room && !self.readiness.get().contains(Readiness::READ_CLOSED) {
            self.clear_readable();
        }
        self.bytes_read.set(self.bytes_read.get() + length as u64);
        self.touch();
    }

    pub(crate) fn clear_readable(&self) {
        self.readiness.set(self.readiness.get().without(Readiness::READABLE));
    }

    fn emit_data(self: &Rc<Self>, stream: &S, chunk: &[u8]) {
        let kind = CallbackKind::Data;
        let value = self.value_for(kind).and_then(|value| value.lend(kind));
        if let Some(mut handler) = value {
            self.call(handler.label, move || {
                handler.data(stream, chunk);
                Ok(())
            });
        } else if let Some(mut handler) = self.handlers.data.lend(kind) {
            self.call(handler.label, move || handler(stream, chunk));
        }
    }

    fn end_reading(self: &Rc<Self>, stream: &S) {
        self.read_ended.set(true);
        self.update_activity();
        let kind = CallbackKind::End;
        self.emit(kind, stream, |handler, stream| handler.end(stream), &self.handlers.end);
        if self.write_ended.get() {
            self.close();
        } else if !self.half_open_allowed.get() {
            self.end();
        }
    }

    pub(crate) fn pause(&self) {
        self.paused.set(true);
        self.update_activity();
    }

    pub(crate) fn resume(&self) {
        self.paused.set(false);
        self.update_activity();
        self.go_on_reading();
    }
}

/// The loop's read buffer, put back when the chunk in it has been handled.
struct ReadBuffer<'a> {
    core: &'a Core,
    bytes: Box<[u8]>,
}

impl ReadBuffer<'_> {
    fn take(core: &Core) -> ReadBuffer<'_> {
        ReadBuffer { core, bytes: core.take_read_buffer() }
    }
}

impl Drop for ReadBuffer<'_> {
    fn drop(&mut self) {
        self.core.read_buffer.set(Some(std::mem::take(&mut self.bytes)));
    }
}
