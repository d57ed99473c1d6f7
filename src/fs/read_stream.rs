//! Files read chunk by chunk.

use std::fmt;
use std::ops::RangeBounds;
use std::panic::Location;
use std::path::Path;
use std::rc::Rc;

use crate::abort::AbortSignal;
use crate::error::{Error, Outcome};
use crate::event_loop::context::current;
use crate::fs::file::File;
use crate::fs::reader::{Reader, Span};
use crate::fs::reading::Reading;
use crate::stream::{self, Readable};
use crate::trace::{At, CallbackKind, Label};

/// Reads a file chunk by chunk, in constant memory: [`ReadOptions`] with their defaults.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let stream = unspin::fs::read_stream("Cargo.toml");
///     stream.on_data(|_, chunk| println!("{} bytes", chunk.len()));
///     stream.on_end(|_| println!("that was all"));
///     stream.on_error(|_, error| println!("{error}"));
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn read_stream(path: impl AsRef<Path>) -> ReadStream {
    ReadOptions::new()
        .stream_at(Location::caller(), |span, size| Reader::of_path(path.as_ref(), span, size))
}

/// What is read of a file, and in what pieces.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let first = unspin::fs::ReadOptions::new().range(..9).stream("Cargo.toml");
///     first.on_data(|_, chunk| assert_eq!(chunk, b"[package]"));
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ReadOptions {
    span: Span,
    chunk_size: usize,
    high_water_mark: usize,
}

/// As in Node.
const CHUNK_SIZE: usize = 64 * 1024;

/// Four chunks: enough that the pool is asked for more seldom, and few enough to stay in the cache.
const HIGH_WATER_MARK: usize = 4 * CHUNK_SIZE;

impl ReadOptions {
    /// The whole file, in chunks of 64 KiB, of which four are read ahead.
    #[expect(clippy::new_without_default, reason = "like OpenOptions, which has none either")]
    pub fn new() -> ReadOptions {
        let (chunk_size, high_water_mark) = (CHUNK_SIZE, HIGH_WATER_MARK);
        ReadOptions { span: Span::ALL, chunk_size, high_water_mark }
    }

    /// Reads only the bytes at these offsets, as far as the file has them.
    pub fn range(mut self, range: impl RangeBounds<u64>) -> ReadOptions {
        self.span = Span::of(&range);
        self
    }

    /// Sets the size of a chunk, which is one read of the file. Zero becomes 1.
    pub fn chunk_size(mut self, bytes: usize) -> ReadOptions {
        self.chunk_size = bytes.max(1);
        self
    }

    /// Sets how many bytes are read ahead while nobody takes them: whole chunks, and at least one.
    pub fn high_water_mark(mut self, bytes: usize) -> ReadOptions {
        self.high_water_mark = bytes;
        self
    }

    /// Reads a file in this way. It is opened when the first bytes are asked for.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn stream(&self, path: impl AsRef<Path>) -> ReadStream {
        self.stream_at(Location::caller(), |span, size| Reader::of_path(path.as_ref(), span, size))
    }

    /// Reads an open file in this way. The stream has a handle of it until it is closed.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn stream_of(&self, file: &File) -> ReadStream {
        self.stream_at(Location::caller(), |span, size| Reader::of_file(&file.inner, span, size))
    }

    #[track_caller]
    pub(super) fn stream_at(
        &self,
        at: At,
        reader: impl FnOnce(Span, usize) -> Reader,
    ) -> ReadStream {
        let core = current();
        let label = core.label(CallbackKind::Data, at);
        let reader = reader(self.span, self.chunk_size);
        let capacity = self.high_water_mark / self.chunk_size;
        ReadStream::of(&Reading::new(&core, label, reader, capacity))
    }
}

impl File {
    /// Reads the file chunk by chunk from its start: see [`ReadOptions::stream_of`].
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn read_stream(&self) -> ReadStream {
        ReadOptions::new()
            .stream_at(Location::caller(), |span, size| Reader::of_file(&self.inner, span, size))
    }
}

/// A file that is read chunk by chunk: a cheap handle, to be cloned at will.
///
/// A pool thread reads ahead up to the high-water mark, and gives its place to others then; so a
/// stream that is paused, or whose chunks nobody takes, holds no thread. Buffers are used again.
///
/// **Who owns it.** As with a [`TcpStream`](crate::net::TcpStream): until a data handler is
/// installed its handles do, then the loop, until it is closed. That is at its end, at its first
/// error, or by [`close`](ReadStream::close).
///
/// **Alive.** It keeps the loop alive while it reads. A paused one does not.
pub struct ReadStream(Rc<Reading>);

impl ReadStream {
    pub(super) fn of(reading: &Rc<Reading>) -> ReadStream {
        reading.handle_added();
        ReadStream(Rc::clone(reading))
    }

    #[cfg(feature = "async")]
    pub(super) fn reading(&self) -> &Rc<Reading> {
        &self.0
    }

    /// Calls `handler` with each chunk, lent for the call, in the order of the file. Reading begins
    /// with this.
    ///
    /// An error that it returns is logged at WARN and closes this stream, and nothing else.
    #[track_caller]
    pub fn on_data<R: Outcome>(
        &self,
        mut handler: impl FnMut(&ReadStream, &[u8]) -> R + 'static,
    ) -> &ReadStream {
        let run = move |stream: &ReadStream, chunk: &[u8]| handler(stream, chunk).into_result();
        self.0.install_data(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when all chunks have been handed over. The stream is closed next.
    #[track_caller]
    pub fn on_end<R: Outcome>(
        &self,
        mut handler: impl FnMut(&ReadStream) -> R + 'static,
    ) -> &ReadStream {
        let run = move |stream: &ReadStream| handler(stream).into_result();
        self.0.handlers.end.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when the file cannot be opened or read, or a signal is aborted; the stream is
    /// closed next. Without one, the failure is logged at WARN.
    #[track_caller]
    pub fn on_error<R: Outcome>(
        &self,
        mut handler: impl FnMut(&ReadStream, Error) -> R + 'static,
    ) -> &ReadStream {
        let run = move |stream: &ReadStream, error| handler(stream, error).into_result();
        self.0.handlers.error.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when the stream is closed, for whatever reason: the last call, in the Close
    /// phase.
    #[track_caller]
    pub fn on_close<R: Outcome>(
        &self,
        mut handler: impl FnMut(&ReadStream) -> R + 'static,
    ) -> &ReadStream {
        let run = move |stream: &ReadStream| handler(stream).into_result();
        self.0.handlers.close.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls no data handler until [`resume`](ReadStream::resume). What is read already stays.
    pub fn pause(&self) {
        self.0.pause();
    }

    /// Goes on after [`pause`](ReadStream::pause), in the next turn.
    pub fn resume(&self) {
        self.0.resume();
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.0.is_paused()
    }

    /// Ends the stream with an error when the signal is aborted, or at once if it is aborted
    /// already. Its thread is free after the read that it is in, of one chunk.
    ///
    /// For the error, [`is_abort`](Error::is_abort) holds.
    pub fn abort_on(&self, signal: &AbortSignal) -> &ReadStream {
        self.0.abort_on(signal);
        self
    }

    /// Closes the stream now. What was read and not handed over is dropped.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether it is closed: at its end, by an error, or by a call.
    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    /// Lets the loop end though it reads.
    pub fn unref(&self) -> &ReadStream {
        self.0.set_referenced(false);
        self
    }

    /// Keeps the loop alive while it reads, as it does from the start.
    pub fn ref_(&self) -> &ReadStream {
        self.0.set_referenced(true);
        self
    }

    /// Whether it keeps the loop alive while it reads.
    pub fn has_ref(&self) -> bool {
        self.0.presence.is_referenced()
    }

    fn label(&self, at: At) -> Label {
        self.0.core.label(CallbackKind::Data, at)
    }
}

impl Readable for ReadStream {
    fn attach_reader(&self, reader: stream::Reader) {
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

impl Clone for ReadStream {
    fn clone(&self) -> ReadStream {
        ReadStream::of(&self.0)
    }
}

impl Drop for ReadStream {
    fn drop(&mut self) {
        self.0.handle_gone();
    }
}

impl fmt::Debug for ReadStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadStream").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
