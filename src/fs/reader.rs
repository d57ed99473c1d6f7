//! The job that reads a file chunk by chunk, and gives its thread back when the queue is full.

use std::fs::File as StdFile;
use std::io::{self, Read};
use std::ops::{Bound, RangeBounds};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::event_loop::mail::Bell;
use crate::fs::file::Inner;
use crate::fs::opening;
use crate::fs::pipe::{Filled, Pipe};

/// Where a stream's bytes come from, and how far it got.
pub(super) struct Reader {
    source: Source,
    span: Span,
    chunk_size: usize,
}

enum Source {
    /// Not open yet.
    Path(PathBuf),
    Own(PathBuf, StdFile),
    Shared(Arc<Inner>),
}

/// What is left to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Span {
    pub(super) const ALL: Span = Span { start: 0, end: u64::MAX };

    pub(super) fn of(range: &impl RangeBounds<u64>) -> Span {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        Span { start, end }
    }

    pub(super) fn length(self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

impl Reader {
    pub(super) fn of_path(path: &Path, span: Span, chunk_size: usize) -> Reader {
        Reader { source: Source::Path(path.to_owned()), span, chunk_size }
    }

    pub(super) fn of_file(file: &Arc<Inner>, span: Span, chunk_size: usize) -> Reader {
        Reader { source: Source::Shared(Arc::clone(file)), span, chunk_size }
    }

    pub(super) fn path(&self) -> &Path {
        match &self.source {
            Source::Path(path) | Source::Own(path, _) => path,
            Source::Shared(inner) => &inner.path,
        }
    }

    /// Reads until the queue is full, and returns itself then, to go on later; `None` is the end.
    pub(super) fn run(mut self, pipe: &Pipe, bell: &Bell) -> Result<Option<Reader>> {
        self.open()?;
        while self.span.length() > 0 {
            let Some(mut buffer) = pipe.lend(self.chunk_size) else { return Ok(Some(self)) };
            match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    if pipe.push(Filled { buffer, length }) {
                        bell.ring();
                    }
                }
                Err(error) => return Err(self.failed("read", error)),
            }
        }
        Ok(None)
    }

    fn open(&mut self) -> Result<()> {
        if let Source::Path(path) = &mut self.source {
            let path = std::mem::take(path);
            self.source = match opening::to_read(&path) {
                Ok(file) => Source::Own(path, file),
                Err(error) => {
                    self.source = Source::Path(path);
                    return Err(self.failed("open", error));
                }
            };
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.span.length()).unwrap_or(usize::MAX).min(buffer.len());
        let length = loop {
            match self.read_once(&mut buffer[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.span.start += length as u64;
        Ok(length)
    }

    fn read_once(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.source {
            Source::Own(_, file) => file.read_at(buffer, self.span.start),
            Source::Shared(inner) => inner.file.read_at(buffer, self.span.start),
            Source::Path(_) => Err(io::ErrorKind::NotConnected.into()),
        }
        .or_else(|error| self.read_in_sequence(error, buffer))
    }

    /// What has no offsets, such as a pipe, is read as it comes.
    fn read_in_sequence(&self, error: io::Error, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.source {
            _ if error.kind() != io::ErrorKind::NotSeekable => Err(error),
            Source::Own(_, file) => (&*file).read(buffer),
            Source::Shared(inner) => (&inner.file).read(buffer),
            Source::Path(_) => Err(error),
        }
    }

    fn failed(&self, verb: &str, error: io::Error) -> Error {
        Error::io(format!("{verb} {}", self.path().display()), error)
    }
}
