//! The end of a pipe that is written.

use std::io;
use std::os::fd::OwnedFd;
use std::panic::Location;
use std::path::Path;
use std::rc::Rc;

use mio::Interest;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::event_loop::core::Loop;
use crate::pipes::fifo::{self, Access};
use crate::pipes::io::PipeIo;
use crate::request::Request;
use crate::stream::{self, Facts, Flow, byte_writer};
use crate::trace::{CallbackKind, Label};

/// The end of a pipe that is written: a cheap handle, to be cloned at will.
///
/// **Who owns it.** Its handles do: dropping the last one ends it, once what was written is sent.
///
/// **A reader that is gone** is noticed at once, and not only by the next write: with bytes that
/// are queued the pipe fails with `BrokenPipe`, otherwise it is simply closed. No signal is raised.
///
/// **Backpressure** is as for [`TcpStream`](crate::net::TcpStream): [`write`](PipeWriter::write)
/// returns `false` above the high-water mark, and `drain` follows.
///
/// **Alive.** A pipe that has bytes to send keeps the loop alive.
pub struct PipeWriter(Rc<Flow<PipeWriter>>);

impl PipeWriter {
    /// Opens a FIFO for writing.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if nobody has it open for reading, since nothing waits for a reader (the
    /// system says ENXIO); `NotFound`, `PermissionDenied`; `InvalidInput` if it is no FIFO.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> Request<PipeWriter> {
        fifo::open(Location::caller(), path.as_ref(), Access::Write, PipeWriter::adopt)
    }

    /// Takes over a descriptor: of a pipe, or of whatever else has readiness, such as a terminal.
    ///
    /// It is set not to block, which everybody notices who shares what is open there.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` for what has no readiness, such as a file; what else the system says.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn from_fd(fd: impl Into<OwnedFd>) -> Result<PipeWriter> {
        let core = current();
        let label = core.label(CallbackKind::Open, Location::caller());
        let io = PipeIo::unblocked(fd.into(), "a descriptor");
        PipeWriter::adopt(&core, label, io.map_err(in_context)?)
    }

    /// Gives the descriptor back, for another use: it blocks. All handles are closed by that.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if bytes are queued that the pipe had no room for, and the pipe stays as it is
    /// if there is another handle; `NotConnected` if it is closed; what the system says.
    pub fn into_fd(self) -> Result<OwnedFd> {
        if self.0.state.is(Facts::QUEUED) {
            let error = io::Error::new(io::ErrorKind::WouldBlock, "bytes wait to be written");
            return Err(Error::io("give a pipe away", error));
        }
        let io = self.0.take_io().ok_or(io::ErrorKind::NotConnected)?;
        Ok(io.into_blocking()?)
    }

    /// It is never read: what comes the other way through a terminal would wake the loop for
    /// nothing.
    pub(crate) fn adopt(core: &Loop, label: Label, mut io: PipeIo) -> Result<PipeWriter> {
        let key = core.register_for(&mut io, Interest::WRITABLE).map_err(in_context)?;
        Ok(stream::attach(core, key, io, label))
    }
}

fn in_context(error: io::Error) -> Error {
    Error::io("write to a descriptor", error)
}

byte_writer!(PipeWriter, PipeIo, "pipe writer");
