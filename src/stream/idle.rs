//! The idle timeout of a stream.
//!
//! Bytes going either way store the loop's cached time and do nothing else. The timer looks at it
//! when it fires, and is set again for what is left: once a timeout, not once a read.

use std::io::{Error as IoError, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use crate::clock::nanos;
use crate::error::Error;
use crate::event_loop::Timer;
use crate::event_loop::timers::Body;
use crate::stream::ByteStream;
use crate::stream::flow::Flow;
use crate::stream::state::Facts;
use crate::trace::{CallbackKind, Label};

/// A stream's idle timeout.
pub(crate) struct Idle {
    timeout: Duration,
    label: Label,
    timer: Timer,
}

impl<S: ByteStream> Flow<S> {
    pub(crate) fn set_idle_timeout(self: &Rc<Self>, label: Label, timeout: Option<Duration>) {
        self.stop_idle_timer();
        if let (Some(timeout), false) = (timeout, self.state.is(Facts::CLOSED)) {
            self.touch();
            self.start_idle_timer(label, timeout, timeout);
        }
    }

    pub(crate) fn stop_idle_timer(&self) {
        if let Some(idle) = self.handlers.extras().and_then(|extras| extras.watch.take()) {
            idle.timer.clear();
        }
    }

    /// The timer holds neither the loop nor the stream.
    fn start_idle_timer(self: &Rc<Self>, label: Label, timeout: Duration, left: Duration) {
        let flow = Rc::downgrade(self);
        let millis = left.as_nanos().div_ceil(1_000_000).max(1) as u64;
        let body = Body::Deferred(Box::new(move || {
            // A handle: if the callback drops all others, its drop closes the stream.
            if let Some(stream) = flow.upgrade().map(S::of_flow) {
                stream.flow().look_whether_idle();
            }
        }));
        let timer = self.core.start_timer(label, millis, body, false);
        match self.handlers.extras_to_fill() {
            Some(extras) => extras.watch.set(Some(Idle { timeout, label, timer })),
            None => timer.clear(),
        }
    }

    fn look_whether_idle(self: &Rc<Self>) {
        let watch = self.handlers.extras().and_then(|extras| extras.watch.take());
        let Some(Idle { timeout, label, .. }) = watch else { return };
        let quiet = self.core.clock.cached().saturating_sub(self.last_active.get());
        match nanos(timeout).checked_sub(quiet) {
            None | Some(0) => {
                self.touch();
                self.start_idle_timer(label, timeout, timeout);
                self.emit_idle();
            }
            Some(left) => self.start_idle_timer(label, timeout, Duration::from_nanos(left)),
        }
    }

    /// With nobody to ask, an idle stream has failed.
    fn emit_idle(self: &Rc<Self>) {
        self.tell_open();
        if self.state.is(Facts::CLOSED) {
            return;
        }
        let stream = S::of_flow(Rc::clone(self));
        let kind = CallbackKind::Idle;
        if !self.emit(kind, &stream, |handler, stream| handler.idle(stream), |extras| &extras.idle)
        {
            let error = IoError::new(ErrorKind::TimedOut, "nothing was sent or received");
            self.fail(Error::io("idle", error));
        }
    }
}
