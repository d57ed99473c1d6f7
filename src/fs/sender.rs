//! The job that sends a piece of a file to a socket, as far as the socket takes it.
//!
//! On the pool, because to send what is not in memory waits for the disk; and without waiting for
//! the socket, so that a slow peer holds no thread.

use std::fs::File as StdFile;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;

use crate::error::{Error, Result};
use crate::fs::file::Inner;
use crate::fs::reader::Span;
use crate::request::Stop;
use crate::stream::WriteQueue;
use crate::sys::{send_file, sigpipe};

/// What one job sends: then others have their turn, and the progress is told.
const PIECE: usize = 8 << 20;

/// What is read where the system cannot send by itself.
const READ: usize = 64 * 1024;

/// What a job did.
pub(super) struct Sent {
    /// What is left of the bytes that come first, and how many were sent.
    pub(super) head: WriteQueue,
    pub(super) head_length: u64,
    /// Of the file.
    pub(super) length: u64,
    pub(super) then: Result<Then>,
}

pub(super) enum Then {
    /// All of the span is sent, or the file is shorter.
    Done,
    /// There may be more.
    More,
    /// The socket is full.
    Full,
}

pub(super) fn send(
    mut head: WriteQueue,
    from: &Inner,
    span: Span,
    to: &StdFile,
    stop: &Stop,
) -> Sent {
    let before = head.length();
    let (length, then) = match send_head(&mut head, to) {
        Ok(false) => send_span(from, span, to, stop),
        Ok(true) => (0, Ok(Then::Full)),
        Err(error) => (0, Err(error)),
    };
    let head_length = (before - head.length()) as u64;
    let then = then.map_err(|error| Error::io(format!("send {}", from.path.display()), error));
    Sent { head, head_length, length, then }
}

/// Returns whether the socket is full.
fn send_head(head: &mut WriteQueue, mut to: &StdFile) -> io::Result<bool> {
    while head.length() > 0 {
        let sent = held_back(|| {
            head.with_front(|front| match front.many {
                [] => to.write(front.one),
                many => to.write_vectored(many),
            })
        });
        match sent {
            Ok(sent) => head.advance(sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn send_span(from: &Inner, span: Span, to: &StdFile, stop: &Stop) -> (u64, io::Result<Then>) {
    let mut length = 0;
    while length < PIECE as u64 && !stop.is_set() {
        let left = usize::try_from(span.length() - length).unwrap_or(usize::MAX);
        if left == 0 {
            return (length, Ok(Then::Done));
        }
        match send_once(&from.file, span.start + length, left.min(PIECE), to) {
            Ok(0) => return (length, Ok(Then::Done)),
            Ok(sent) => length += sent as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return (length, Ok(Then::Full));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (length, Err(error)),
        }
    }
    (length, Ok(Then::More))
}

fn send_once(from: &StdFile, offset: u64, length: usize, to: &StdFile) -> io::Result<usize> {
    held_back(|| match send_file::send(from, offset, length, to) {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            read_and_write(from, offset, length, to)
        }
        // What the socket does not take could not be read again.
        Err(error) if error.kind() == ErrorKind::NotSeekable => {
            let message =
                "it has no offsets, as a pipe: read it with a `read_stream`, and `pipe` that";
            Err(io::Error::new(ErrorKind::NotSeekable, message))
        }
        other => other,
    })
}

/// Makes a call that raises SIGPIPE where the peer is gone, and sees that it kills nobody.
fn held_back(send: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
    if sigpipe::is_deadly() { sigpipe::held_back(send) } else { send() }
}

/// What the socket does not take is read again.
fn read_and_write(
    from: &StdFile,
    offset: u64,
    length: usize,
    mut to: &StdFile,
) -> io::Result<usize> {
    let mut buffer = vec![0; READ.min(length)];
    match from.read_at(&mut buffer, offset)? {
        0 => Ok(0),
        read => to.write(&buffer[..read]),
    }
}
