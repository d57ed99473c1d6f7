//! A stream as its listener sees it again: see [`crate::event_loop::guest`].

use std::rc::Rc;

use crate::clock::Nanos;
use crate::event_loop::guest::Guest;
use crate::stream::ByteStream;
use crate::stream::flow::Flow;
use crate::stream::state::Facts;

/// While one of these is so, the program is at it, or bytes are on their way.
const BUSY: Facts = Facts::QUEUED
    .and(Facts::CORKED)
    .and(Facts::PAUSED)
    .and(Facts::READABLE)
    .and(Facts::READ_ENDED)
    .and(Facts::WRITE_AWAITED);

impl<S: ByteStream> Guest for Flow<S> {
    /// A program that does not wait for the peer's bytes is making an answer: a paused stream, or
    /// one whose future waits for something else.
    fn quiet_since(&self) -> Option<Nanos> {
        let waits = self.state.is(Facts::HAS_READER | Facts::READ_AWAITED);
        (waits && !self.state.is(BUSY)).then(|| self.last_active.get())
    }

    fn leave(self: Rc<Self>) {
        // A handle: if the last other one is dropped meanwhile, its drop closes the stream.
        let stream = S::of_flow(self);
        let flow = stream.flow();
        flow.tell_open();
        if flow.state.is(Facts::CLOSED | Facts::READ_ENDED) {
            return;
        }
        if flow.state.is(Facts::HAS_READER) {
            return flow.end_reading(&stream);
        }
        flow.state.set(Facts::READ_ENDED);
        #[cfg(feature = "async")]
        flow.wake_waiters();
    }

    fn cut_off(self: Rc<Self>) {
        self.close();
    }

    fn when_closed(&self, then: Box<dyn FnOnce()>) {
        self.after_close(then);
    }
}
