//! Names that nobody else has.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::sys::path::to_c;

/// Six letters that the system replaces.
const PLACE: &str = "XXXXXX";

/// Creates a directory that only this user may enter, called `prefix` and six more letters.
pub(crate) fn directory(prefix: &Path) -> io::Result<PathBuf> {
    let name = template(prefix)?.into_raw();
    // SAFETY: the name ends with six X and a zero, and may be written to: it is owned here.
    let made = unsafe { libc::mkdtemp(name) };
    let failure = io::Error::last_os_error();
    // SAFETY: it came from `into_raw`, and its length is the same: letters were exchanged.
    let name = unsafe { CString::from_raw(name) };
    if made.is_null() { Err(failure) } else { Ok(to_path(name)) }
}

/// Creates and opens a file that only this user may read and write, called likewise.
pub(crate) fn file(prefix: &Path) -> io::Result<(File, PathBuf)> {
    let name = template(prefix)?.into_raw();
    // SAFETY: the name ends with six X and a zero, and may be written to: it is owned here.
    let fd = unsafe { libc::mkostemp(name, libc::O_CLOEXEC) };
    let failure = io::Error::last_os_error();
    // SAFETY: it came from `into_raw`, and its length is the same: letters were exchanged.
    let name = unsafe { CString::from_raw(name) };
    if fd < 0 {
        return Err(failure);
    }
    // SAFETY: the call has succeeded: the descriptor is new, open, and owned by nobody yet.
    Ok((unsafe { File::from_raw_fd(fd) }, to_path(name)))
}

fn template(prefix: &Path) -> io::Result<CString> {
    let mut name = OsString::from(prefix);
    name.push(PLACE);
    to_c(Path::new(&name))
}

fn to_path(name: CString) -> PathBuf {
    PathBuf::from(OsString::from_vec(name.into_bytes()))
}
