//! The end of a pipe that is read.

use std::io;
use std::os::fd::OwnedFd;
use std::panic::Location;
use std::path::Path;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::event_loop::core::Loop;
use crate::pipes::fifo::{self, Access};
use crate::pipes::io::PipeIo;
use crate::request::Request;
use crate::stream::{self, Flow, byte_reader};
use crate::trace::{CallbackKind, Label};

/// The end of a pipe that is read: a cheap handle, to be cloned at will.
///
/// **Who owns it.** Until a data handler is installed, its handles do, and dropping the last one
/// closes it; then the loop does, until it is closed.
///
/// **The end.** When the last writer has closed, [`on_end`](PipeReader::on_end) is called, and then
/// the pipe is closed. Whoever writes to a pipe whose reader is closed fails with `BrokenPipe`.
///
/// **Alive.** A pipe that is read keeps the loop alive; an idle or a paused one does not.
pub struct PipeReader(Rc<Flow<PipeReader>>);

impl PipeReader {
    /// Opens a FIFO for reading. It does not wait for a writer: bytes come when there is one, and
    /// the end when the last one has closed.
    ///
    /// ```no_run
    /// use unspin::pipes::PipeReader;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     PipeReader::open("/run/orders").callback(|orders| {
    ///         orders?.on_data(|_, chunk| println!("{}", String::from_utf8_lossy(chunk)));
    ///         Ok(())
    ///     });
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `NotFound`, `PermissionDenied`; `InvalidInput` if it is no FIFO.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> Request<PipeReader> {
        fifo::open(Location::caller(), path.as_ref(), Access::Read, PipeReader::adopt)
    }

    /// Takes over a descriptor: of a pipe, or of whatever else has readiness, such as a terminal.
    ///
    /// It is set not to block, which everybody notices who shares what is open there.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` for what has no readiness, such as a file or a directory; what else the
    /// system says.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn from_fd(fd: impl Into<OwnedFd>) -> Result<PipeReader> {
        let core = current();
        let label = core.label(CallbackKind::Open, Location::caller());
        let io = PipeIo::unblocked(fd.into(), "a descriptor");
        PipeReader::adopt(&core, label, io.map_err(in_context)?)
    }

    /// Gives the descriptor back, for another use: it blocks. All handles are closed by that.
    ///
    /// Nothing is lost: what was not delivered is still in the pipe.
    ///
    /// # Errors
    ///
    /// `NotConnected` if it is closed, and what the system says.
    pub fn into_fd(self) -> Result<OwnedFd> {
        let io = self.0.take_io().ok_or(io::ErrorKind::NotConnected)?;
        Ok(io.into_blocking()?)
    }

    pub(crate) fn adopt(core: &Loop, label: Label, mut io: PipeIo) -> Result<PipeReader> {
        let key = core.register(&mut io, true).map_err(in_context)?;
        Ok(stream::attach(core, key, io, label))
    }
}

fn in_context(error: io::Error) -> Error {
    Error::io("read from a descriptor", error)
}

byte_reader!(PipeReader, PipeIo, "pipe reader");
