//! Pipes that have a path.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::pipes::io::PipeIo;
use crate::pool::Lane;
use crate::request::{Request, Underway};
use crate::trace::{At, Label};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Opens a FIFO on the pool, since a path may lead anywhere, and makes a stream of it on the loop.
pub(super) fn open<S: 'static>(
    at: At,
    path: &Path,
    access: Access,
    adopt: fn(&Loop, Label, PipeIo) -> Result<S>,
) -> Request<S> {
    let path = path.to_owned();
    Request::new(at, move |core, label, complete| {
        let in_context =
            move |path: &Path, error| Error::io(format!("open {}", path.display()), error);
        let work = move || match open_at_once(&path, access) {
            Ok(file) => Ok(PipeIo::new(file.into(), path.display().to_string())),
            Err(error) => Err(in_context(&path, error)),
        };
        let adopted = move |core: &Loop, opened: Result<PipeIo>| {
            let stream = opened.and_then(|io| adopt(core, label, io));
            complete(core, stream);
        };
        Underway::Job(core.submit(Lane::Fs, label, "open", work, adopted))
    })
}

/// Looked at before, because to open a device may do something; and after, because it may have been
/// replaced.
fn open_at_once(path: &Path, access: Access) -> io::Result<File> {
    let only_fifos = |is_fifo| match is_fifo {
        true => Ok(()),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is no FIFO")),
    };
    only_fifos(path.metadata()?.file_type().is_fifo())?;
    let mut options = OpenOptions::new();
    options.read(access == Access::Read).write(access == Access::Write);
    let file = options.custom_flags(libc::O_NONBLOCK).open(path).map_err(explained)?;
    only_fifos(file.metadata()?.file_type().is_fifo())?;
    Ok(file)
}

/// "No such device or address" tells nobody what to do.
fn explained(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ENXIO) => {
            io::Error::new(ErrorKind::ConnectionRefused, "nobody has it open for reading")
        }
        _ => error,
    }
}
