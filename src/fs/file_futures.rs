//! Files as readers, writers and seekers, by a position.
//!
//! Both directions are streams inside, made when they are needed: a read has one that reads ahead, a
//! write one that writes what waits, a batch at a time. There is one at a time, so that what was
//! written is read.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::io::{self, ErrorKind, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};

use crate::error::{Error, Result};
use crate::fs::file::File;
use crate::fs::read_stream::{ReadOptions, ReadStream};
use crate::fs::reader::Reader;
use crate::fs::write_stream::{WriteOptions, WriteStream};
use crate::fs::writer::Writer;
use crate::request::RequestFuture;
use crate::stream::Ticket;

/// Where a handle reads and writes next, and what it does there.
#[derive(Default)]
pub(super) struct Cursor {
    position: u64,
    reading: Option<ReadStream>,
    writing: Option<WriteStream>,
    /// A look at the length, for a seek from the end.
    looking: Option<RequestFuture<std::fs::Metadata>>,
}

/// The position is copied; what one handle does there is its own.
impl Clone for Cursor {
    fn clone(&self) -> Cursor {
        Cursor { position: self.position, ..Cursor::default() }
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({})", self.position)
    }
}

impl File {
    /// Reads at the position, and moves it: what there is, up to the length of `buffer`; 0 is the
    /// end. More is read ahead.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File`]'s reads, and what an earlier write has failed with.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the position has moved only if the future was done.
    pub fn read<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = Result<usize>> + 'a {
        poll_fn(move |cx| self.poll_read_at_position(cx, buffer))
    }

    /// Reads from the position to the end, and adds it to `bytes`; gives the number of bytes.
    ///
    /// # Errors
    ///
    /// As [`read`](File::read). What was read before an error stays in `bytes`.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was read is in `bytes`, and the position behind it.
    pub async fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> Result<usize> {
        let before = bytes.len();
        loop {
            let filled = bytes.len();
            bytes.resize(filled + STEP, 0);
            let mut rest = Filling { bytes, filled };
            let read = self.read(&mut rest.bytes[filled..]).await?;
            rest.filled += read;
            if read == 0 {
                return Ok(filled - before);
            }
        }
    }

    /// Writes all of `bytes` at the position, and moves it. They are accepted then, and written
    /// behind the back of this call: [`flush`](File::flush) waits for that. Also those are written
    /// whose file is dropped.
    ///
    /// # Errors
    ///
    /// What an earlier write has failed with, once.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it was not done, nothing of it is written.
    pub fn write_all<'a>(&'a mut self, bytes: &'a [u8]) -> impl Future<Output = Result<()>> + 'a {
        poll_fn(move |cx| self.poll_write_at_position(cx, bytes).map_ok(drop))
    }

    /// Waits until what was accepted is written. For the storage, see [`sync_all`](File::sync_all).
    ///
    /// # Errors
    ///
    /// What a write has failed with, once.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it only waits.
    pub fn flush(&mut self) -> impl Future<Output = Result<()>> + '_ {
        poll_fn(|cx| self.poll_written(cx))
    }

    /// Moves the position; gives the new one, which may be behind the end.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for one before the start; what an earlier write has failed with.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread, for one from the end.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the position has moved only if the future was done.
    pub fn seek(&mut self, to: SeekFrom) -> impl Future<Output = Result<u64>> + '_ {
        self.cursor.looking = None;
        poll_fn(move |cx| self.poll_position(cx, to))
    }

    /// Where this handle reads and writes next.
    pub fn position(&self) -> u64 {
        self.cursor.position
    }

    fn poll_read_at_position(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_written(cx))?;
        (self.cursor.writing, self.cursor.looking) = (None, None);
        let stream = match self.cursor.reading.take() {
            Some(stream) => stream,
            None => self.read_from_here(),
        };
        let read = stream.reading().poll_read(cx, buffer);
        if let Poll::Ready(Ok(read @ 1..)) = read {
            self.cursor.position += read as u64;
        }
        // After the end or an error the next read begins anew: the file may have grown.
        if matches!(read, Poll::Pending | Poll::Ready(Ok(1..))) {
            self.cursor.reading = Some(stream);
        }
        read
    }

    fn read_from_here(&self) -> ReadStream {
        let options = ReadOptions::new().range(self.cursor.position..);
        options.stream_at(self.inner.at, |span, size| Reader::of_file(&self.inner, span, size))
    }

    fn poll_write_at_position(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        (self.cursor.reading, self.cursor.looking) = (None, None);
        let stream = match self.cursor.writing.take() {
            Some(stream) => stream,
            None => {
                let writer = Writer::of_file(&self.inner, self.cursor.position, false);
                WriteOptions::new().open(self.inner.at, writer)
            }
        };
        let written = stream.writing().poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = written {
            self.cursor.position += written as u64;
        }
        if !matches!(written, Poll::Ready(Err(_))) {
            self.cursor.writing = Some(stream);
        }
        written
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(stream) = &self.cursor.writing else { return Poll::Ready(Ok(())) };
        let written = stream.writing().poll_written(cx, &Ticket::polled());
        if matches!(written, Poll::Ready(Err(_))) {
            self.cursor.writing = None;
        }
        written
    }

    fn poll_position(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<Result<u64>> {
        if !matches!(to, SeekFrom::End(_)) {
            self.cursor.looking = None;
        }
        ready!(self.poll_written(cx))?;
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.cursor.position.checked_add_signed(by),
            SeekFrom::End(by) => ready!(self.poll_length(cx))?.checked_add_signed(by),
        };
        let Some(position) = position else {
            let error = io::Error::new(ErrorKind::InvalidInput, "before the start of the file");
            return Poll::Ready(Err(Error::io(format!("seek {}", self.path().display()), error)));
        };
        // What was read ahead is old by now, unless this only asks where it is.
        if position != self.cursor.position || to != SeekFrom::Current(0) {
            self.cursor = Cursor { position, ..Cursor::default() };
        }
        Poll::Ready(Ok(position))
    }

    fn poll_length(&mut self, cx: &mut Context<'_>) -> Poll<Result<u64>> {
        let mut looking = match self.cursor.looking.take() {
            Some(looking) => looking,
            None => self.look(self.inner.at).into_future(),
        };
        let found = Pin::new(&mut looking).poll(cx);
        if found.is_pending() {
            self.cursor.looking = Some(looking);
        }
        found.map_ok(|metadata| metadata.len())
    }
}

/// What is asked for at once where all is wanted.
const STEP: usize = 64 * 1024;

/// Cuts off what was not filled, however it ends.
struct Filling<'a> {
    bytes: &'a mut Vec<u8>,
    filled: usize,
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        self.bytes.truncate(self.filled);
    }
}

impl AsyncRead for File {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_read_at_position(cx, buffer).map_err(Error::into_io)
    }
}

impl AsyncWrite for File {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_at_position(cx, bytes).map_err(Error::into_io)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(cx).map_err(Error::into_io)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        self.get_mut().poll_position(cx, to).map_err(Error::into_io)
    }
}
