//! Files and directories that no other program has.

use std::panic::Location;
use std::path::{Path, PathBuf};

use crate::fs::file::File;
use crate::fs::{on_path, with_context};
use crate::pool::Lane;
use crate::request::Request;
use crate::sys;

/// Creates a directory that did not exist before and that only this user may enter; gives its path,
/// which is `prefix` and six more letters. It is not removed by itself.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::fs;
///
/// unspin::run(|| {
///     fs::create_temp_dir(std::env::temp_dir().join("notes-")).callback(|dir| {
///         let dir = dir?;
///         fs::remove_dir(dir).callback(|removed| removed);
///         Ok(())
///     });
/// })
/// # }
/// ```
///
/// # Errors
///
/// `NotFound` if the directory that it should be in does not exist, `PermissionDenied` and others.
#[track_caller]
pub fn create_temp_dir(prefix: impl AsRef<Path>) -> Request<PathBuf> {
    on_path(Location::caller(), "create a directory", prefix, sys::temporary::directory)
}

/// Creates a file likewise, and opens it for reading and writing; [`File::path`] is its path.
///
/// # Errors
///
/// As [`create_temp_dir`].
#[track_caller]
pub fn create_temp_file(prefix: impl AsRef<Path>) -> Request<File> {
    let prefix = prefix.as_ref().to_owned();
    File::request(Location::caller(), Lane::Fs, "create a file", move || {
        with_context("create a file", &prefix, sys::temporary::file)
    })
}
