//! Files, read and written on the pool.
//!
//! Each function makes one [`Request`], and each request is one job on one pool thread, however
//! many system calls it takes: the file is opened, read and closed in one go. Errors are those of
//! [`std::fs`], with what was being done in front of the message. A [`ReadStream`] hands over a large
//! file chunk by chunk, a [`WriteStream`] takes one, and [`read_dir`] and [`walk`] directories batch by batch.
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

mod attributes;
mod copy;
mod dir;
mod entries;
#[cfg(feature = "async")]
mod entries_futures;
mod file;
#[cfg(feature = "async")]
mod file_futures;
mod file_system;
mod links;
mod listing;
mod opening;
mod options;
mod pipe;
mod presence;
#[cfg(feature = "async")]
mod read_futures;
mod read_stream;
mod reader;
mod reading;
mod send_file;
mod sender;
mod temporary;
mod vectored;
mod walker;
mod whole;
#[cfg(feature = "async")]
mod write_futures;
mod write_stream;
mod writer;
mod writing;

use std::fs;
use std::io::{self, Write};
use std::panic::Location;
use std::path::Path;

pub use attributes::{
    Access, FileTimes, access, chown, exists, lchown, metadata, set_permissions, set_symlink_times,
    set_times, symlink_metadata,
};
pub use copy::{CopyOptions, Reflink, copy};
pub use dir::{DirEntry, create_dir, create_dir_all, remove_dir, remove_dir_all};
pub use entries::{Entries, WalkOptions, read_dir, read_dir_all, walk};
pub use file::File;
pub use file_system::{FileSystem, file_system};
pub use links::{canonicalize, hard_link, read_link, symlink};
pub use options::{OpenOptions, create, open};
#[cfg(feature = "async")]
pub use read_futures::Chunk;
pub use read_stream::{ReadOptions, ReadStream, read_stream};
pub use send_file::send_file;
pub use temporary::{create_temp_dir, create_temp_file};
pub use write_stream::{WriteOptions, WriteStream, write_stream};

#[cfg(feature = "async")]
pub use crate::watch::WatchEvents;
pub use crate::watch::{
    WatchEvent, WatchKind, WatchOptions, Watcher, poll_watch, watch, watch_once,
};

use crate::error::{Error, Result};
use crate::pool::Lane;
use crate::request::{Request, Stop};
use crate::trace::At;

/// Reads a whole file.
///
/// # Errors
///
/// As [`std::fs::read`]: `NotFound`, `PermissionDenied`, `IsADirectory` and others.
///
/// A named pipe that nobody has open for writing is empty: it is not waited for. Where the request
/// is [aborted](Request::abort_on), reading ends within a few megabytes.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> Request<Vec<u8>> {
    on_path_until(Location::caller(), "read", path, whole::read)
}

/// Reads a whole file as text.
///
/// # Errors
///
/// As [`read`], and `InvalidData` if it is not UTF-8.
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> Request<String> {
    on_path_until(Location::caller(), "read", path, whole::read_to_string)
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
    on_path(Location::caller(), "write", path, move |path| {
        let mut options = opening::options();
        options.write(true).create(true).truncate(true);
        opening::ready(options.open(path)?)?.write_all(&contents)
    })
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
        let file = opening::options().append(true).create(true).open(path)?;
        opening::ready(file)?.write_all(&contents)
    })
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
    on_paths(Location::caller(), "rename", from, to, |from, to| fs::rename(from, to))
}

/// Cuts a file off, or fills it up with zeros.
///
/// # Errors
///
/// As [`std::fs::File::set_len`], and what opening it for writing fails with: `NotFound` and others.
#[track_caller]
pub fn set_len(path: impl AsRef<Path>, length: u64) -> Request<()> {
    on_path(Location::caller(), "set the length of", path, move |path| {
        opening::options().write(true).open(path)?.set_len(length)
    })
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

/// The same for long work, which looks from time to time whether it is still wanted.
fn on_path_until<T: Send + 'static>(
    at: At,
    verb: &'static str,
    path: impl AsRef<Path>,
    work: impl FnOnce(&Path, &Stop) -> io::Result<T> + Send + 'static,
) -> Request<T> {
    let path = path.as_ref().to_owned();
    Request::stoppable_job(at, Lane::Fs, verb, move |stop| {
        with_context(verb, &path, |path| work(path, stop))
    })
}

/// A request for one job on two paths, both of which its errors name.
fn on_paths<T: Send + 'static>(
    at: At,
    verb: &'static str,
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    work: impl FnOnce(&Path, &Path) -> io::Result<T> + Send + 'static,
) -> Request<T> {
    on_paths_until(at, verb, from, to, move |from, to, _| work(from, to))
}

fn on_paths_until<T: Send + 'static>(
    at: At,
    verb: &'static str,
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    work: impl FnOnce(&Path, &Path, &Stop) -> io::Result<T> + Send + 'static,
) -> Request<T> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    Request::stoppable_job(at, Lane::Fs, verb, move |stop| {
        work(&from, &to, stop).map_err(|error| {
            Error::io(format!("{verb} {} to {}", from.display(), to.display()), error)
        })
    })
}

fn with_context<T>(
    verb: &str,
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<T> {
    work(path).map_err(|error| Error::io(format!("{verb} {}", path.display()), error))
}
