//! Directories.

use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};

use crate::fs::on_path;
use crate::request::Request;

/// One entry of a directory.
#[derive(Clone, Debug)]
pub struct DirEntry {
    path: PathBuf,
    name: OsString,
    file_type: FileType,
}

impl DirEntry {
    /// The directory's path with the entry's name behind it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name alone.
    pub fn file_name(&self) -> &OsStr {
        &self.name
    }

    /// What it is; a symbolic link is not followed.
    pub fn file_type(&self) -> FileType {
        self.file_type
    }
}

/// Reads a directory: its entries in no order, without `.` and `..`.
///
/// # Errors
///
/// As [`std::fs::read_dir`]: `NotFound`, `NotADirectory`, `PermissionDenied` and others.
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> Request<Vec<DirEntry>> {
    on_path(Location::caller(), "list", path, |path| {
        fs::read_dir(path)?.map(|entry| DirEntry::of(&entry?)).collect()
    })
}

/// Creates a directory.
///
/// # Errors
///
/// As [`std::fs::create_dir`]: `AlreadyExists`, `NotFound` if the one above it does not exist,
/// `PermissionDenied` and others.
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> Request<()> {
    on_path(Location::caller(), "create", path, |path| fs::create_dir(path))
}

/// Removes an empty directory.
///
/// # Errors
///
/// As [`std::fs::remove_dir`]: `DirectoryNotEmpty`, `NotFound`, `NotADirectory` and others.
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> Request<()> {
    on_path(Location::caller(), "remove", path, |path| fs::remove_dir(path))
}

/// Creates a directory and those above it that are missing. One that exists is no error.
///
/// # Errors
///
/// As [`std::fs::create_dir_all`]: `AlreadyExists` if it is a file, `PermissionDenied` and others.
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> Request<()> {
    on_path(Location::caller(), "create", path, |path| fs::create_dir_all(path))
}

/// Removes a directory with all that is in it. Symbolic links are removed and not followed.
///
/// # Errors
///
/// As [`std::fs::remove_dir_all`]: `NotFound`, `NotADirectory`, `PermissionDenied` and others.
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> Request<()> {
    on_path(Location::caller(), "remove", path, |path| fs::remove_dir_all(path))
}

impl DirEntry {
    fn of(entry: &fs::DirEntry) -> io::Result<DirEntry> {
        let file_type = entry.file_type()?;
        Ok(DirEntry { path: entry.path(), name: entry.file_name(), file_type })
    }
}
