//! The descriptor of a standard stream: how it is read and written without waiting.

use std::cell::{RefCell, RefMut};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, IsTerminal, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::stdio::DescriptorKind;
use crate::stdio::kept::Kept;
use crate::stdio::stored::Stored;
use crate::stream::Io;
use crate::sys::{fd, signal, sigpipe, socket, terminal};
use crate::terminal::Terminal;

/// One end of a standard stream.
pub struct Channel {
    file: File,
    kind: DescriptorKind,
    how: How,
    name: &'static str,
    /// Never borrowed across user code.
    kept: RefCell<Kept>,
    /// A write to a pipe that nobody reads would end the process.
    holds_signal_back: bool,
}

/// How a call is kept from waiting.
enum How {
    /// What is open there is ours, and does not block.
    Own,
    /// It is shared, and each call is told not to wait.
    Told,
    /// It is shared, and asked before each call.
    Asked,
    /// It does not wait, and has no readiness.
    Never,
    /// It is read on the pool.
    Stored(Stored),
}

/// So much can be written to a pipe that says it has room (POSIX).
const PIPE_BUF: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
}

impl Channel {
    pub(super) fn new(file: File, name: &'static str, direction: Direction) -> io::Result<Channel> {
        let kind = DescriptorKind::of_file(&file)?;
        let (file, how) = match kind {
            DescriptorKind::Terminal | DescriptorKind::Pipe => match again(&file, direction) {
                Ok(own) => (own, How::Own),
                Err(_) => (file, How::Asked),
            },
            DescriptorKind::Socket => (file, How::Told),
            DescriptorKind::Device => (file, How::Asked),
            DescriptorKind::File => match direction {
                Direction::In => {
                    let stored = Stored::new(file.try_clone()?);
                    (file, How::Stored(stored))
                }
                Direction::Out => (file, How::Never),
            },
        };
        let kept = match direction {
            Direction::In => Kept::left(),
            Direction::Out => Kept::default(),
        };
        let holds_signal_back = sigpipe::is_deadly();
        Ok(Channel { file, kind, how, name, kept: RefCell::new(kept), holds_signal_back })
    }

    pub(super) fn kind(&self) -> DescriptorKind {
        self.kind
    }

    pub(super) fn terminal(&self) -> Option<Terminal> {
        Terminal::of(&self.file).ok()
    }

    /// What was read and nobody has had: the next reader gets that first.
    pub(super) fn kept(&self) -> RefMut<'_, Kept> {
        self.kept.borrow_mut()
    }

    /// What reads on the pool, if that is how it is done.
    pub(super) fn stored(&self) -> Option<&Stored> {
        match &self.how {
            How::Stored(stored) => Some(stored),
            _ => None,
        }
    }

    fn has_readiness(&self) -> bool {
        !matches!(self.how, How::Never | How::Stored(_))
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.how {
            // A question may be the last, and what is read ahead is in nobody's hands.
            How::Stored(stored) => stored.take(buffer, !self.kept().is_asked()),
            How::Told => socket::recv_at_once(&self.file, buffer),
            How::Asked if !fd::is_readable(&self.file) => Err(ErrorKind::WouldBlock.into()),
            _ => (&self.file).read(buffer),
        }
    }

    /// Writes until nothing more is taken now: that is what a short write says.
    fn write_asked(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        for part in bytes.chunks(PIPE_BUF) {
            if !fd::is_writable(&self.file) {
                break;
            }
            written += (&self.file).write(part)?;
        }
        if written == 0 && !bytes.is_empty() {
            Err(ErrorKind::WouldBlock.into())
        } else {
            Ok(written)
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.how {
            How::Told => socket::send_at_once(&self.file, bytes),
            How::Asked => self.write_asked(bytes),
            // Nobody would tell when there is room for the rest.
            How::Never => (&self.file).write_all(bytes).map(|()| bytes.len()),
            How::Own | How::Stored(_) => (&self.file).write(bytes),
        }
    }
}

/// Opens the same terminal or pipe once more, so that whether it blocks is ours to say.
fn again(file: &File, direction: Direction) -> io::Result<File> {
    if terminal::is_master(file) {
        return Err(ErrorKind::InvalidInput.into());
    }
    // Not the path of the terminal: it may be on another mount, or another terminal by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let mut options = OpenOptions::new();
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    if file.is_terminal() {
        // Both ways, so that it can be told things whichever stream it is the terminal of.
        if let Ok(own) = options.read(true).write(true).open(&path) {
            return Ok(own);
        }
    }
    options.read(direction == Direction::In).write(direction == Direction::Out).open(&path)
}

impl Io for Channel {
    /// A terminal gives a line at a time, however many there are.
    const SHORT_READ_IS_LAST: bool = false;
    const SENT_AT_THE_END: bool = true;

    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(length) = self.kept().read(buffer) {
            return Ok(length);
        }
        match self.receive(buffer) {
            // It was hung up, or nobody is left in the foreground who could type.
            Err(error)
                if self.kind == DescriptorKind::Terminal
                    && error.raw_os_error() == Some(libc::EIO) =>
            {
                Ok(0)
            }
            other => other,
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.holds_signal_back {
            sigpipe::held_back(|| self.write(bytes))
        } else {
            self.write(bytes)
        }
    }

    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if matches!(self.how, How::Own) && !self.holds_signal_back {
            return (&self.file).write_vectored(slices);
        }
        let mut sent = 0;
        for slice in slices {
            match self.send(slice) {
                Ok(length) => {
                    sent += length;
                    if length < slice.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && sent > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Not asked for: a stream of one direction is closed where its writing ends.
    fn shut_down_write(&self) -> io::Result<()> {
        Ok(())
    }

    fn wait_for_room(&self) -> io::Result<()> {
        let asked = signal::requests_to_end();
        match fd::wait_until_writable(&self.file) {
            Err(error) if error.kind() == ErrorKind::Interrupted => match asked {
                asked if asked == signal::requests_to_end() => Ok(()),
                _ => Err(error),
            },
            other => other,
        }
    }

    fn describe(&self) -> String {
        format!("standard {}, {}", self.name, self.kind.name())
    }
}

impl Source for Channel {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        if !self.has_readiness() {
            return Ok(());
        }
        let registered = SourceFd(&self.file.as_raw_fd()).register(to, token, interests);
        match registered {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                self.how = How::Never;
                Ok(())
            }
            other => other,
        }
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self.has_readiness() {
            true => SourceFd(&self.file.as_raw_fd()).reregister(to, token, interests),
            false => Ok(()),
        }
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        match self.has_readiness() {
            true => SourceFd(&self.file.as_raw_fd()).deregister(from),
            false => Ok(()),
        }
    }
}
