//! Links, and the paths behind them.

use std::fs;
use std::panic::Location;
use std::path::{Path, PathBuf};

use crate::fs::{on_path, on_paths};
use crate::request::Request;

/// Gives a file a second name, on the same file system.
///
/// # Errors
///
/// As [`std::fs::hard_link`]: `NotFound`, `AlreadyExists`, `CrossesDevices` and others.
#[track_caller]
pub fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Request<()> {
    on_paths(Location::caller(), "link", original, link, |original, link| {
        fs::hard_link(original, link)
    })
}

/// Creates a symbolic link that leads to `original`, which need not exist.
///
/// # Errors
///
/// As [`std::os::unix::fs::symlink`]: `AlreadyExists`, `NotFound` if the link's directory does not
/// exist, and others.
#[track_caller]
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Request<()> {
    on_paths(Location::caller(), "link", original, link, |original, link| {
        std::os::unix::fs::symlink(original, link)
    })
}

/// Where a symbolic link leads to, as it says itself.
///
/// # Errors
///
/// As [`std::fs::read_link`]: `NotFound`, `InvalidInput` if it is no symbolic link, and others.
#[track_caller]
pub fn read_link(path: impl AsRef<Path>) -> Request<PathBuf> {
    on_path(Location::caller(), "read the link", path, |path| fs::read_link(path))
}

/// The path from the root, without `.`, `..` and symbolic links.
///
/// # Errors
///
/// As [`std::fs::canonicalize`]: `NotFound`, `NotADirectory` and others.
#[track_caller]
pub fn canonicalize(path: impl AsRef<Path>) -> Request<PathBuf> {
    on_path(Location::caller(), "find", path, |path| fs::canonicalize(path))
}
