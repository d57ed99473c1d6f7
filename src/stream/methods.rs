//! The methods of byte streams, written once: those that all have, and those of each direction.
//!
//! A macro and no trait, so that a program calls them without an import, and so that each type's
//! page in the docs shows them.

/// What the macro names.
pub(crate) mod names {
    pub(crate) use std::fmt;
    pub(crate) use std::io::IoSlice;
    pub(crate) use std::panic::Location;
    pub(crate) use std::rc::Rc;
    pub(crate) use std::time::Duration;

    pub(crate) use crate::error::{Error, Outcome, Result};
    pub(crate) use crate::event_loop::place::Place;
    pub(crate) use crate::event_loop::source::Source;
    pub(crate) use crate::request::Request;
    pub(crate) use crate::stream::{
        ByteStream, Done, Extras, Facts, Flow, Handler, Kind, OnError, OnStream, Readable, Reader,
        Writable,
    };
    pub(crate) use crate::trace::{At, CallbackKind, Label};
}

/// Gives a handle of a [`Flow`](crate::stream::Flow), `pub struct $Stream(Rc<Flow<$Stream>>)`, what
/// streams that go both ways have: methods, ownership, and the traits of futures-io.
macro_rules! byte_stream {
    ($Stream:ident, $Io:ty, $name:literal) => {
        $crate::stream::methods::any_direction!($Stream, $Io, $name, reads: true, writes: true);
        $crate::stream::methods::reading_side!($Stream);
        $crate::stream::methods::writing_side!($Stream);

        const _: () = {
            use $crate::stream::methods::names::*;

            impl $Stream {
                /// Whether the stream stays open for writing after the peer has ended its side.
                /// Default: no.
                pub fn allow_half_open(&self, allow: bool) {
                    self.0.state.put(Facts::HALF_OPEN_ALLOWED, allow);
                }
            }
        };
    };
}

/// The same for a stream that is only ever read.
macro_rules! byte_reader {
    ($Stream:ident, $Io:ty, $name:literal) => {
        $crate::stream::methods::any_direction!($Stream, $Io, $name, reads: true, writes: false);
        $crate::stream::methods::reading_side!($Stream);
    };
}

/// The same for a stream that is only ever written.
macro_rules! byte_writer {
    ($Stream:ident, $Io:ty, $name:literal) => {
        $crate::stream::methods::any_direction!($Stream, $Io, $name, reads: false, writes: true);
        $crate::stream::methods::writing_side!($Stream);
    };
}

/// What a stream has, whichever way it goes.
macro_rules! any_direction {
    ($Stream:ident, $Io:ty, $name:literal, reads: $reads:literal, writes: $writes:literal) => {
        const _: () = {
            use $crate::stream::methods::names::*;

            impl $Stream {
                /// Calls `handler` when nothing was sent or received for the idle timeout. The
                /// stream stays open; without such a handler it fails with `TimedOut`.
                #[track_caller]
                pub fn on_idle<R: Outcome>(
                    &self,
                    handler: impl FnMut(&$Stream) -> R + 'static,
                ) -> &$Stream {
                    self.on(Location::caller(), |extras| &extras.idle, handler)
                }

                /// Calls `handler` when the stream fails, before it is closed. Without one, the
                /// failure is logged at WARN.
                #[track_caller]
                pub fn on_error<R: Outcome>(
                    &self,
                    mut handler: impl FnMut(&$Stream, Error) -> R + 'static,
                ) -> &$Stream {
                    let run: Box<OnError<$Stream>> =
                        Box::new(move |stream, error| handler(stream, error).into_result());
                    self.0.handlers.fill(
                        |extras| &extras.error,
                        self.label(Location::caller()),
                        run,
                    );
                    self
                }

                /// Calls `handler` when the stream is closed, for whatever reason: the last call,
                /// in the Close phase.
                #[track_caller]
                pub fn on_close<R: Outcome>(
                    &self,
                    handler: impl FnMut(&$Stream) -> R + 'static,
                ) -> &$Stream {
                    self.on(Location::caller(), |extras| &extras.close, handler)
                }

                /// Closes the stream at once. What is queued is dropped; what the system has taken
                /// is sent.
                pub fn close(&self) {
                    self.0.close();
                }

                /// Whether the stream is closed, or about to tell so.
                pub fn is_closed(&self) -> bool {
                    self.0.state.is(Facts::CLOSED)
                }

                /// Watches for silence: after this time without a byte either way, the idle handler
                /// is called, or the stream fails with `TimedOut`. `None` turns it off (default).
                ///
                /// The time counts from the turn in which bytes went last. The watch does not keep
                /// the loop alive.
                #[track_caller]
                pub fn set_idle_timeout(&self, timeout: Option<Duration>) {
                    let label = self.0.core.label(CallbackKind::Idle, Location::caller());
                    self.0.set_idle_timeout(label, timeout);
                }

                /// Lets the loop end although this stream is active.
                pub fn unref(&self) -> &$Stream {
                    self.0.set_referenced(false);
                    self
                }

                /// Makes this stream keep the loop alive while it is active, as it does from the
                /// start.
                pub fn ref_(&self) -> &$Stream {
                    self.0.set_referenced(true);
                    self
                }

                /// Whether this stream keeps the loop alive while it is active.
                pub fn has_ref(&self) -> bool {
                    self.0.activity.is_referenced()
                }

                fn on<R: Outcome>(
                    &self,
                    at: At,
                    place: fn(&Extras<$Stream>) -> &Place<OnStream<$Stream>>,
                    mut handler: impl FnMut(&$Stream) -> R + 'static,
                ) -> &$Stream {
                    let run = Box::new(move |stream: &$Stream| handler(stream).into_result());
                    self.0.handlers.fill(place, self.label(at), run);
                    self
                }

                fn label(&self, at: At) -> Label {
                    // The kind is set when the handler is lent.
                    self.0.core.label(CallbackKind::Data, at)
                }
            }

            impl Kind for $Stream {
                type Io = $Io;
                const NAME: &'static str = $name;
                const READS: bool = $reads;
                const WRITES: bool = $writes;

                fn of_flow(flow: Rc<Flow<$Stream>>) -> $Stream {
                    $Stream(flow)
                }

                fn flow(&self) -> &Rc<Flow<$Stream>> {
                    &self.0
                }
            }

            impl ByteStream for $Stream {}

            impl Clone for $Stream {
                fn clone(&self) -> $Stream {
                    $Stream(Rc::clone(&self.0))
                }
            }

            impl Drop for $Stream {
                #[inline]
                fn drop(&mut self) {
                    self.0.handle_dropped();
                }
            }

            impl fmt::Debug for $Stream {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}({})", stringify!($Stream), self.0.describe().state)
                }
            }
        };
    };
}

/// What a stream has that can be read.
macro_rules! reading_side {
    ($Stream:ident) => {
        const _: () = {
            use $crate::stream::methods::names::*;

            impl $Stream {
                /// Calls `handler` with each chunk of bytes that comes, lent for the call.
                ///
                /// An error that it returns is logged at WARN and closes this stream, and nothing
                /// else.
                #[track_caller]
                pub fn on_data<R: Outcome>(
                    &self,
                    mut handler: impl FnMut(&$Stream, &[u8]) -> R + 'static,
                ) -> &$Stream {
                    let run =
                        move |stream: &$Stream, chunk: &[u8]| handler(stream, chunk).into_result();
                    self.0.install_data(self.label(Location::caller()), Box::new(run));
                    self
                }

                /// Calls `handler` when the peer has sent all it will send.
                ///
                /// Afterwards this side, where there is one, is ended too, unless half-open streams
                /// are allowed. The end is only seen by a stream that is read.
                #[track_caller]
                pub fn on_end<R: Outcome>(
                    &self,
                    handler: impl FnMut(&$Stream) -> R + 'static,
                ) -> &$Stream {
                    self.on(Location::caller(), |extras| &extras.end, handler)
                }

                /// Installs a handler value: it gets every call, and closures that are installed
                /// get none.
                #[track_caller]
                pub fn handle(&self, handler: impl Handler<$Stream> + 'static) -> &$Stream {
                    self.0.install(self.label(Location::caller()), Box::new(handler));
                    self
                }

                /// Stops reading. Nothing is told to the system: the peer notices when its bytes
                /// pile up.
                pub fn pause(&self) {
                    self.0.pause();
                }

                /// Starts reading again, from the next turn on.
                pub fn resume(&self) {
                    self.0.resume();
                }

                /// Bytes received so far.
                pub fn bytes_read(&self) -> u64 {
                    self.0.bytes_read.get()
                }
            }

            impl Readable for $Stream {
                fn attach_reader(&self, reader: Reader) {
                    self.0.attach_reader(reader);
                }

                fn pause(&self) {
                    self.0.pause();
                }

                fn resume(&self) {
                    self.0.resume();
                }

                fn close(&self) {
                    self.0.close();
                }
            }
        };

        #[cfg(feature = "async")]
        $crate::stream::futures::awaited_reading!($Stream);
    };
}

/// What a stream has that can be written.
macro_rules! writing_side {
    ($Stream:ident) => {
        const _: () = {
            use $crate::stream::methods::names::*;

            impl $Stream {
                /// Calls `handler` when the write queue is empty after a `write` had returned
                /// `false`.
                #[track_caller]
                pub fn on_drain<R: Outcome>(
                    &self,
                    handler: impl FnMut(&$Stream) -> R + 'static,
                ) -> &$Stream {
                    self.on(Location::caller(), |extras| &extras.drain, handler)
                }

                /// Writes bytes: sends them at once as far as the system takes them, and queues a
                /// copy of the rest.
                ///
                /// Returns whether the queue is below the high-water mark. `false` is a request to
                /// wait for `drain`; the bytes are accepted all the same. On a stream that is
                /// closed or has failed the bytes are dropped, and the result is `false`. A write
                /// after [`end`](Self::end) fails the stream with `BrokenPipe`. Other failures are
                /// told to the error handler in the next turn.
                pub fn write(&self, bytes: &[u8]) -> bool {
                    self.0.write(bytes)
                }

                /// Writes bytes as [`write`](Self::write) does, without copying what must be
                /// queued.
                pub fn write_owned(&self, bytes: impl Into<Vec<u8>>) -> bool {
                    self.0.write_owned(bytes.into())
                }

                /// Writes several slices as if they were one, by one system call where they fit:
                /// in all else as [`write`](Self::write).
                pub fn write_vectored(&self, slices: &[IoSlice<'_>]) -> bool {
                    self.0.write_vectored(slices)
                }

                /// Sends what the system takes of the bytes now, and queues nothing. Returns how many
                /// were sent: at least one, unless there was none to send.
                ///
                /// # Errors
                ///
                /// `WouldBlock` if the system takes nothing now, or if bytes that were written before
                /// are queued; `BrokenPipe` after [`end`](Self::end) and where the peer has closed;
                /// `NotConnected` if the stream is closed or has failed; `ConnectionReset` and what
                /// else the system says. The stream stays as it was.
                pub fn try_write(&self, bytes: &[u8]) -> Result<usize> {
                    self.0.try_write(&[IoSlice::new(bytes)])
                }

                /// The same for several slices, by one system call.
                ///
                /// # Errors
                ///
                /// As [`try_write`](Self::try_write).
                pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> Result<usize> {
                    self.0.try_write(slices)
                }

                /// Tells when all that was written until it is begun has been handed to the system:
                /// what Node tells the callback of a `write`. It is told in a later task, and before the
                /// close.
                ///
                /// The request keeps the loop alive, also if the stream is unreferenced. Dropping or
                /// cancelling it takes nothing back.
                ///
                /// # Errors
                ///
                /// The failure of the stream; `NotConnected` if it was closed before.
                #[track_caller]
                pub fn flushed(&self) -> Request<()> {
                    self.0.flushed(Location::caller())
                }

                /// Ends this side: the peer sees the end of the stream once all that was written is
                /// sent.
                ///
                /// The other side, where there is one, stays open until the peer ends it; then the
                /// stream is closed.
                pub fn end(&self) {
                    self.0.end();
                }

                /// Gathers the writes that follow into as few system calls as possible, until
                /// [`uncork`](Self::uncork) or the end of this task's checkpoint.
                pub fn cork(&self) {
                    self.0.cork();
                }

                /// Sends what [`cork`](Self::cork) held back.
                pub fn uncork(&self) {
                    self.0.uncork();
                }

                /// How many queued bytes make `write` return `false`. Default: 64 KiB.
                pub fn high_water_mark(&self) -> usize {
                    self.0.high_water_mark()
                }

                /// Sets the high-water mark, in bytes. From 4 GiB on there is none.
                pub fn set_high_water_mark(&self, bytes: usize) {
                    self.0.set_high_water_mark(bytes);
                }

                /// Bytes that are accepted and not yet sent.
                pub fn writable_length(&self) -> usize {
                    self.0.queue.borrow().length()
                }

                /// Bytes handed to the system so far.
                pub fn bytes_written(&self) -> u64 {
                    self.0.bytes_written.get()
                }
            }

            impl Writable for $Stream {
                fn write(&self, bytes: &[u8]) -> bool {
                    self.0.write(bytes)
                }

                fn when_drained(&self, then: Box<dyn FnOnce()>) {
                    self.0.when_drained(then);
                }

                fn when_done(&self, done: Done) {
                    self.0.when_done(done);
                }

                fn end(&self) {
                    self.0.end();
                }

                fn close(&self) {
                    self.0.close();
                }
            }
        };

        #[cfg(feature = "async")]
        $crate::stream::futures::awaited_writing!($Stream);
    };
}

pub(crate) use {any_direction, byte_reader, byte_stream, byte_writer, reading_side, writing_side};
