//! Files, read and written on the pool.
//!
//! Each function makes one [`Request`], and each request is one job on one pool thread, however
//! many system calls it takes: the file is opened, read and closed in one go. Errors are those of
//! [`std::fs`], with what was being done in front of the message. A [`ReadStream`] hands over a large
//! file chunk by chunk.
//!
//! ```
//! # fn main() -> unspin::Result<()> {
//! use unspin::fs;
//!
//! unspin::run(|| {
//!     fs::read_to_string("Cargo.toml").callback(|text| {
//!         println!("{} lines", text?.lines().count());
//!         Ok(())
//!     });
//!     fs::read("no such file").callback(|bytes| {
//!         let error = bytes.expect_err("it does not exist");
//!         assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
//!     });
//! })
//! # }
//! ```

mod dir;
mod file;
mod pipe;
#[cfg(feature = "async")]
mod read_futures;
mod read_stream;
mod reader;
mod reading;
mod whole;

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::panic::Location;
use std::path::Path;

pub use dir::{DirEntry, create_dir_all, read_dir, remove_dir_all};
pub use file::{File, OpenOptions, create, open};
#[cfg(feature = "async")]
pub use read_futures::Chunk;
pub use read_stream::{ReadOptions, ReadStream, read_stream};

use crate::error::{Error, Result};
use crate::pool::Lane;
use crate::request::Request;
use crate::trace::At;

/// Reads a whole file.
///
/// # Errors
///
/// As [`std::fs::read`]: `NotFound`, `PermissionDenied`, `IsADirectory` and others.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> Request<Vec<u8>> {
    on_path(Location::caller(), "read", path, whole::read)
}

/// Reads a whole file as text.
///
/// # Errors
///
/// As [`read`], and `InvalidData` if it is not UTF-8.
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> Request<String> {
    on_path(Location::caller(), "read", path, whole::read_to_string)
}

/// Writes a whole file: creates it, or replaces what was in it.
///
/// # Errors
///
/// As [`std::fs::write`]: `NotFound` if its directory does not exist, `PermissionDenied`,
/// `StorageFull` and others.
#[track_caller]
pub fn write(path: impl AsRef<Path>, contents: impl Into<Vec<u8>>) -> Request<()> {
    let contents = contents.into();
    on_path(Location::caller(), "write", path, move |path| fs::write(path, contents))
}

/// Writes at the end of a file, which is created if it does not exist.
///
/// # Errors
///
/// As [`write`](write()).
#[track_caller]
pub fn append(path: impl AsRef<Path>, contents: impl Into<Vec<u8>>) -> Request<()> {
    let contents = contents.into();
    on_path(Location::caller(), "append to", path, move |path| {
        fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(&contents)
    })
}

/// What the system knows of a file, following symbolic links.
///
/// # Errors
///
/// As [`std::fs::metadata`]: `NotFound`, `PermissionDenied` and others.
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> Request<Metadata> {
    on_path(Location::caller(), "look at", path, |path| fs::metadata(path))
}

/// Removes a file.
///
/// # Errors
///
/// As [`std::fs::remove_file`]: `NotFound`, `PermissionDenied`, `IsADirectory` and others.
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> Request<()> {
    on_path(Location::caller(), "remove", path, |path| fs::remove_file(path))
}

/// Renames a file or directory; replaces a file that has the new name.
///
/// # Errors
///
/// As [`std::fs::rename`]: `NotFound`, `CrossesDevices` and others.
#[track_caller]
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Request<()> {
    let to = to.as_ref().to_owned();
    on_path(Location::caller(), "rename", from, move |from| fs::rename(from, to))
}

/// Copies a file with its permissions, replacing what is there; gives the number of bytes.
///
/// # Errors
///
/// As [`std::fs::copy`]: `NotFound`, `InvalidInput` if `from` is not a file, and others.
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Request<u64> {
    let to = to.as_ref().to_owned();
    on_path(Location::caller(), "copy", from, move |from| fs::copy(from, to))
}

/// A request for one job on a path. `verb` names it in logs and, with the path, in errors.
fn on_path<T: Send + 'static>(
    at: At,
    verb: &'static str,
    path: impl AsRef<Path>,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Request<T> {
    let path = path.as_ref().to_owned();
    Request::job(at, Lane::Fs, verb, move || with_context(verb, &path, work))
}

fn with_context<T>(
    verb: &str,
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<T> {
    work(path).map_err(|error| Error::io(format!("{verb} {}", path.display()), error))
}
