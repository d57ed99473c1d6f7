//! Directories.

use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::panic::Location;
use std::path::{Path, PathBuf};

use crate::fs::on_path;
use crate::request::Request;

/// One entry of a directory.
#[derive(Clone, Debug)]
pub struct DirEntry {
    pub(super) path: PathBuf,
    pub(super) inode: u64,
    pub(super) file_type: FileType,
    pub(super) depth: usize,
}

impl DirEntry {
    /// The directory's path with the entry's name behind it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same, without a copy.
    pub fn into_path(self) -> PathBuf {
        self.path
    }

    /// The name alone.
    pub fn file_name(&self) -> &OsStr {
        // An entry is never `..`, and so has a name.
        self.path.file_name().unwrap_or_default()
    }

    /// What it is; a symbolic link is one, unless links are followed.
    pub fn file_type(&self) -> FileType {
        self.file_type
    }

    /// The number of its inode.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// How far down a tree it is: 1 in the top directory.
    pub fn depth(&self) -> usize {
        self.depth
    }
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
