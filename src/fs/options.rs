//! Opening files.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::Location;
use std::path::Path;

use crate::fs::file::File;
use crate::fs::{opening, with_context};
use crate::pool::Lane;
use crate::request::Request;
use crate::trace::At;

/// Opens a file for reading.
///
/// # Errors
///
/// As [`std::fs::File::open`]: `NotFound`, `PermissionDenied` and others.
#[track_caller]
pub fn open(path: impl AsRef<Path>) -> Request<File> {
    OpenOptions::new().read(true).open_at(Location::caller(), path)
}

/// Opens a file for reading and writing: creates it, or empties it.
///
/// # Errors
///
/// As [`std::fs::File::create`]: `NotFound` if its directory does not exist, `PermissionDenied` and
/// others.
#[track_caller]
pub fn create(path: impl AsRef<Path>) -> Request<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open_at(Location::caller(), path)
}

/// How a file is opened: [`std::fs::OpenOptions`], for the pool.
///
/// Opening does not wait for the other end of a named pipe: one that nobody reads cannot be opened
/// for writing, and one that nobody writes to is at its end.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::fs::OpenOptions;
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("file");
/// unspin::run(|| {
///     OpenOptions::new().write(true).create_new(true).open(path).callback(|file| {
///         println!("{} was not there before", file?.path().display());
///         Ok(())
///     });
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(fs::OpenOptions);

impl OpenOptions {
    /// Options that allow nothing yet.
    #[expect(clippy::new_without_default, reason = "std's OpenOptions has no default either")]
    pub fn new() -> OpenOptions {
        OpenOptions(opening::options())
    }

    /// Allows reading.
    pub fn read(mut self, read: bool) -> OpenOptions {
        self.0.read(read);
        self
    }

    /// Allows writing.
    pub fn write(mut self, write: bool) -> OpenOptions {
        self.0.write(write);
        self
    }

    /// Makes every write go to the end of the file, whatever its offset.
    pub fn append(mut self, append: bool) -> OpenOptions {
        self.0.append(append);
        self
    }

    /// Empties the file.
    pub fn truncate(mut self, truncate: bool) -> OpenOptions {
        self.0.truncate(truncate);
        self
    }

    /// Creates the file if it does not exist.
    pub fn create(mut self, create: bool) -> OpenOptions {
        self.0.create(create);
        self
    }

    /// Creates the file, and fails with `AlreadyExists` if it exists.
    pub fn create_new(mut self, create_new: bool) -> OpenOptions {
        self.0.create_new(create_new);
        self
    }

    /// Sets the permissions of a file that is created: `0o666` unless it is set, less what the
    /// process masks out.
    pub fn mode(mut self, mode: u32) -> OpenOptions {
        self.0.mode(mode);
        self
    }

    /// Passes flags of the system's `open`, such as `O_NOFOLLOW`.
    pub fn custom_flags(mut self, flags: i32) -> OpenOptions {
        self.0.custom_flags(flags | libc::O_NONBLOCK);
        self
    }

    /// Opens a file in this way.
    ///
    /// # Errors
    ///
    /// As [`std::fs::OpenOptions::open`].
    #[track_caller]
    pub fn open(self, path: impl AsRef<Path>) -> Request<File> {
        self.open_at(Location::caller(), path)
    }

    fn open_at(self, at: At, path: impl AsRef<Path>) -> Request<File> {
        let path = path.as_ref().to_owned();
        File::request(at, Lane::Fs, "open", move || {
            let file = with_context("open", &path, |path| opening::ready(self.0.open(path)?))?;
            Ok((file, path))
        })
    }
}
