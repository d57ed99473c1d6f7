//! Frames of a source.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::codec::{FrameDecoder, Framing};
use crate::error::{Error, Outcome, Result};
use crate::event_loop::context::current;
use crate::stream::decoded::Decoded;
use crate::stream::items::items;
use crate::stream::{Readable, Writable};

/// A larger buffer is not kept for the next frame.
const KEPT: usize = 64 * 1024;

/// Reads a source frame by frame.
///
/// ```no_run
/// use unspin::codec::Framing;
/// use unspin::net::TcpListener;
/// use unspin::stream::framed;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let listener = TcpListener::bind("127.0.0.1:7000")?;
///     listener.on_connection(|stream, _peer| {
///         framed(stream.clone(), Framing::u32().limit(1024)).on_frame(|frames, frame| {
///             frames.write_frame(frame)?;
///             Ok(())
///         });
///     });
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn framed<R: Readable>(source: R, framing: Framing) -> Framed<R> {
    let kit = Encoder { framing: framing.clone(), scratch: Cell::default() };
    let parts = (FrameDecoder::new(framing), kit);
    Framed::of(&Decoded::new(current(), Location::caller(), source, parts))
}

/// The frames of a source: see [`framed`].
///
/// By a handler or awaited, and not both. Frames that come in one chunk are handed over in one task.
/// A frame that is longer than the limit fails with `InvalidData`, as soon as its length is known;
/// an end of the source within a frame with `UnexpectedEof`.
///
/// **Who owns it.** With a handler, the source does. Without one, dropping the last handle closes a
/// source that was read from.
///
/// A protocol that changes to other bytes half-way is better read by a
/// [`FrameDecoder`](crate::codec::FrameDecoder) of its own: what was read ahead here is not given back.
pub struct Framed<R: Readable>(Rc<Decoded<R, FrameDecoder>>);

items!(Framed, FrameDecoder);

/// What frames are written with.
pub(super) struct Encoder {
    framing: Framing,
    /// Where one is put together, again and again.
    scratch: Cell<Vec<u8>>,
}

impl Encoder {
    fn encode(&self, frame: &[u8], sink: &impl Writable) -> Result<bool> {
        let mut scratch = self.scratch.take();
        let encoded = self.framing.encode(frame, &mut scratch);
        let taken = encoded.map(|()| sink.write(&scratch));
        scratch.clear();
        if scratch.capacity() <= KEPT {
            self.scratch.set(scratch);
        }
        taken
    }
}

impl<R: Readable> Framed<R> {
    /// Calls `handler` with each frame, without what tells it from others, unless its length stands
    /// [within a header](Framing::after).
    ///
    /// An error that the handler returns is logged at WARN and closes this source, and nothing else.
    #[track_caller]
    pub fn on_frame<O: Outcome>(
        &self,
        mut handler: impl FnMut(&Framed<R>, &[u8]) -> O + 'static,
    ) -> &Framed<R> {
        let run = move |decoded: &Rc<Decoded<R, FrameDecoder>>, frame: &[u8]| {
            handler(&Framed::of(decoded), frame).into_result()
        };
        self.0.install(Location::caller(), Box::new(run));
        self
    }
}

impl<R: Readable + Writable> Framed<R> {
    /// Writes a frame where frames are read, with what tells it from others. Returns what the
    /// stream's `write` does: `false` is a request to wait for its drain.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is no such frame: see [`encode`](Framing::encode). Nothing is written
    /// then.
    pub fn write_frame(&self, frame: &[u8]) -> Result<bool> {
        self.0.kit.encode(frame, &self.0.source)
    }
}

#[cfg(feature = "async")]
mod awaited {
    use super::*;

    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use crate::stream::decoded_futures::next;

    impl<R: Readable> Framed<R> {
        /// The next frame; `None` at the end.
        ///
        /// # Errors
        ///
        /// `InvalidData` if it is longer than the limit, or if its length is none; `UnexpectedEof`
        /// if the source ends within it. These, and what the source fails with, once: then it is at
        /// its end. `NotConnected` if the source is closed; `InvalidInput` if a handler is installed.
        ///
        /// # Cancel safety
        ///
        /// Cancel safe: no byte is lost when the future is dropped.
        pub fn next_frame(&self) -> impl Future<Output = Result<Option<Vec<u8>>>> + '_ {
            next(&self.0, |frame| Ok(frame.to_vec()))
        }
    }

    /// The frames.
    impl<R: Readable> futures_core::Stream for Framed<R> {
        type Item = Result<Vec<u8>>;

        fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.0.poll_stream(cx, |frame| Ok(frame.to_vec()))
        }
    }
}
