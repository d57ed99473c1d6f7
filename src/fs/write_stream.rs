//! Files written chunk by chunk.

use std::fmt;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::Location;
use std::path::Path;
use std::rc::Rc;

use crate::abort::AbortSignal;
use crate::error::{Error, Outcome};
use crate::event_loop::context::current;
use crate::fs::file::File;
use crate::fs::opening;
use crate::fs::writer::Writer;
use crate::fs::writing::Writing;
use crate::stream::{Done, Writable};
use crate::trace::{At, CallbackKind, Label};

/// Writes a file chunk by chunk: creates it, or replaces what was in it. [`WriteOptions`] with their
/// defaults.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("file");
/// unspin::run(|| {
///     let stream = unspin::fs::write_stream(&path);
///     stream.write(b"one line\n");
///     stream.end();
///     stream.on_finish(|_| println!("it is written"));
///     stream.on_error(|_, error| println!("{error}"));
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn write_stream(path: impl AsRef<Path>) -> WriteStream {
    WriteOptions::new().stream_at(Location::caller(), path.as_ref())
}

/// How a file is written chunk by chunk.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::fs::WriteOptions;
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("log");
/// unspin::run(|| {
///     let log = WriteOptions::new().append(true).stream(&path);
///     log.write(b"started\n");
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WriteOptions {
    append: bool,
    create_new: bool,
    start: Option<u64>,
    mode: u32,
    syncs: bool,
    high_water_mark: usize,
}

/// Four chunks of a [`ReadStream`](crate::fs::ReadStream): one is written while others come.
const HIGH_WATER_MARK: usize = 256 * 1024;

impl WriteOptions {
    /// The file is created or emptied, and 256 KiB may wait to be written.
    #[expect(clippy::new_without_default, reason = "like OpenOptions, which has none either")]
    pub fn new() -> WriteOptions {
        WriteOptions {
            append: false,
            create_new: false,
            start: None,
            mode: 0o666,
            syncs: false,
            high_water_mark: HIGH_WATER_MARK,
        }
    }

    /// Writes at the end of what is there.
    pub fn append(mut self, append: bool) -> WriteOptions {
        self.append = append;
        self
    }

    /// Fails with `AlreadyExists` if there is such a file.
    pub fn create_new(mut self, create_new: bool) -> WriteOptions {
        self.create_new = create_new;
        self
    }

    /// Writes from this offset on, and leaves the rest of the file.
    pub fn start(mut self, offset: u64) -> WriteOptions {
        self.start = Some(offset);
        self
    }

    /// Sets the permissions of a file that is created: `0o666` unless it is set, less what the
    /// process masks out.
    pub fn mode(mut self, mode: u32) -> WriteOptions {
        self.mode = mode;
        self
    }

    /// Has the last bytes reach the storage before the end is told.
    pub fn sync(mut self, sync: bool) -> WriteOptions {
        self.syncs = sync;
        self
    }

    /// Sets how many bytes may wait before `write` says `false`.
    pub fn high_water_mark(mut self, bytes: usize) -> WriteOptions {
        self.high_water_mark = bytes;
        self
    }

    /// Writes a file in this way. It is opened for the first bytes, or by the end.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn stream(&self, path: impl AsRef<Path>) -> WriteStream {
        self.stream_at(Location::caller(), path.as_ref())
    }

    /// Writes to an open file, from its start unless another is set. The stream has a handle of it
    /// until it is closed.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn stream_to(&self, file: &File) -> WriteStream {
        let writer = Writer::of_file(&file.inner, self.start.unwrap_or(0), self.syncs);
        self.open(Location::caller(), writer)
    }

    fn stream_at(&self, at: At, path: &Path) -> WriteStream {
        let mut how = opening::options();
        how.write(true).append(self.append).create(true).create_new(self.create_new);
        how.truncate(!self.append && self.start.is_none()).mode(self.mode);
        self.open(at, Writer::of_path(path, how, self.start.unwrap_or(0), self.syncs))
    }

    pub(super) fn open(&self, at: At, writer: Writer) -> WriteStream {
        let core = current();
        let label = core.label(CallbackKind::Drain, at);
        WriteStream::of(&Writing::new(&core, label, writer, self.high_water_mark))
    }
}

impl File {
    /// Writes to the file chunk by chunk from its start: see [`WriteOptions::stream_to`].
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn write_stream(&self) -> WriteStream {
        WriteOptions::new().open(Location::caller(), Writer::of_file(&self.inner, 0, false))
    }
}

/// A file that is written chunk by chunk: a cheap handle, to be cloned at will.
///
/// What waits is written by one job at a time, all that there is with one system call as a rule. So
/// many small writes are few jobs, and they are written in order.
///
/// **Who owns it.** Its handles. When the last is gone, what was accepted is written, and it is
/// closed.
///
/// **Alive.** It keeps the loop alive while it writes.
pub struct WriteStream(Rc<Writing>);

impl WriteStream {
    pub(super) fn of(writing: &Rc<Writing>) -> WriteStream {
        writing.handle_added();
        WriteStream(Rc::clone(writing))
    }

    pub(super) fn writing(&self) -> &Rc<Writing> {
        &self.0
    }

    /// Takes a copy of `bytes` to be written.
    ///
    /// Returns whether less than the high-water mark waits. `false` is a request to wait for
    /// `drain`; the bytes are accepted all the same. On a stream that is closed or has failed they
    /// are dropped, and the result is `false`. A write after [`end`](WriteStream::end) fails the
    /// stream with `BrokenPipe`.
    pub fn write(&self, bytes: &[u8]) -> bool {
        self.0.write(bytes)
    }

    /// The same without a copy.
    pub fn write_owned(&self, bytes: impl Into<Vec<u8>>) -> bool {
        self.0.write_owned(bytes.into())
    }

    /// Says that no more will come: when all is written, the file and the stream are closed.
    pub fn end(&self) {
        self.0.end();
    }

    /// Closes the stream now. What waits is dropped; a write that has begun is done.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether it is closed: after its end, by an error, or by a call.
    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    /// Bytes that were accepted and are not written yet; 0 once the stream is closed.
    pub fn queued(&self) -> usize {
        if self.is_closed() { 0 } else { self.0.unwritten.get() }
    }

    /// Calls `handler` when all is written after a `write` had returned `false`.
    #[track_caller]
    pub fn on_drain<R: Outcome>(
        &self,
        mut handler: impl FnMut(&WriteStream) -> R + 'static,
    ) -> &WriteStream {
        let run = move |stream: &WriteStream| handler(stream).into_result();
        self.0.handlers.drain.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when all is written after [`end`](WriteStream::end). The stream is closed
    /// next.
    #[track_caller]
    pub fn on_finish<R: Outcome>(
        &self,
        mut handler: impl FnMut(&WriteStream) -> R + 'static,
    ) -> &WriteStream {
        let run = move |stream: &WriteStream| handler(stream).into_result();
        self.0.handlers.finish.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when the file cannot be opened or written, or a signal is aborted; the stream
    /// is closed next. Without one, the failure is logged at WARN.
    #[track_caller]
    pub fn on_error<R: Outcome>(
        &self,
        mut handler: impl FnMut(&WriteStream, Error) -> R + 'static,
    ) -> &WriteStream {
        let run = move |stream: &WriteStream, error| handler(stream, error).into_result();
        self.0.handlers.error.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when the stream is closed, for whatever reason: the last call, in the Close
    /// phase.
    #[track_caller]
    pub fn on_close<R: Outcome>(
        &self,
        mut handler: impl FnMut(&WriteStream) -> R + 'static,
    ) -> &WriteStream {
        let run = move |stream: &WriteStream| handler(stream).into_result();
        self.0.handlers.close.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Fails the stream when the signal is aborted, or in the next turn if it is aborted already:
    /// what waits is dropped.
    ///
    /// For the error, [`is_abort`](Error::is_abort) holds.
    pub fn abort_on(&self, signal: &AbortSignal) -> &WriteStream {
        self.0.abort_on(signal);
        self
    }

    /// Lets the loop end though it writes: what waits is lost then.
    pub fn unref(&self) -> &WriteStream {
        self.0.set_referenced(false);
        self
    }

    /// Keeps the loop alive while it writes, as it does from the start.
    pub fn ref_(&self) -> &WriteStream {
        self.0.set_referenced(true);
        self
    }

    /// Whether it keeps the loop alive while it writes.
    pub fn has_ref(&self) -> bool {
        self.0.presence.is_referenced()
    }

    fn label(&self, at: At) -> Label {
        self.0.core.label(CallbackKind::Drain, at)
    }
}

impl Writable for WriteStream {
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

impl Clone for WriteStream {
    fn clone(&self) -> WriteStream {
        WriteStream::of(&self.0)
    }
}

impl Drop for WriteStream {
    fn drop(&mut self) {
        self.0.handle_gone();
    }
}

impl fmt::Debug for WriteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteStream")
            .field("queued", &self.queued())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
