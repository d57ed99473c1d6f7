//! The descriptors of pipes, and of whatever else is read or written as a pipe is.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::stream::Io;
use crate::sys::{fd, sigpipe};

/// A non-blocking descriptor of anything that can be polled.
pub struct PipeIo {
    /// Not only of files: std's way to read and write any descriptor.
    file: File,
    name: Cow<'static, str>,
    /// Whoever has given SIGPIPE its default back has done so before there was a pipe, as a rule:
    /// so it is looked at once, and not at each write.
    holds_signal_back: bool,
}

impl PipeIo {
    /// `fd` does not block. `name` is what listings call it: "a pipe".
    pub(crate) fn new(fd: OwnedFd, name: impl Into<Cow<'static, str>>) -> PipeIo {
        let holds_signal_back = sigpipe::is_deadly();
        PipeIo { file: File::from(fd), name: name.into(), holds_signal_back }
    }

    /// The same for a descriptor that may block still.
    pub(crate) fn unblocked(fd: OwnedFd, name: impl Into<Cow<'static, str>>) -> io::Result<PipeIo> {
        fd::set_nonblocking(&fd, true)?;
        Ok(PipeIo::new(fd, name))
    }

    /// The descriptor, which blocks again: what programs expect of one.
    pub(crate) fn into_blocking(self) -> io::Result<OwnedFd> {
        fd::set_nonblocking(&self.file, false)?;
        Ok(self.file.into())
    }

    fn written(&self, write: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
        if self.holds_signal_back { sigpipe::held_back(write) } else { write() }
    }
}

impl Io for PipeIo {
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(buffer)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.written(|| (&self.file).write(bytes))
    }

    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.written(|| (&self.file).write_vectored(slices))
    }

    /// Not asked for: a stream of one direction is closed where its writing ends.
    fn shut_down_write(&self) -> io::Result<()> {
        Ok(())
    }

    fn describe(&self) -> String {
        self.name.to_string()
    }

    fn to_send_to(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

impl Source for PipeIo {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.file.as_raw_fd()).register(to, token, interests)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.file.as_raw_fd()).reregister(to, token, interests)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        SourceFd(&self.file.as_raw_fd()).deregister(from)
    }
}
