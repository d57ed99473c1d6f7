//! Opening a file so that opening does not wait.
//!
//! To open a named pipe waits until somebody opens its other end, and holds a thread of the pool
//! until then: four such paths would be the end of all file operations. So everything is opened
//! non-blocking, which means nothing to a file, and what is not one is told to wait again once it
//! is open.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::sys::file::let_it_block;

/// Options that allow nothing yet, and do not wait.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(libc::O_NONBLOCK);
    options
}

/// Opens a file for reading.
pub(super) fn to_read(path: &Path) -> io::Result<File> {
    ready(options().read(true).open(path)?)
}

/// What was opened by such options, as it is to be used.
pub(super) fn ready(file: File) -> io::Result<File> {
    if !file.metadata()?.is_file() {
        let_it_block(&file)?;
    }
    Ok(file)
}
