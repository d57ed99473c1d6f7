//! Open files.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fs::with_context;
use crate::pool::Lane;
use crate::request::Request;
use crate::trace::At;

/// An open file, read and written at offsets: there is no position that two requests could
/// disagree about.
///
/// Cloning it gives a second handle of the same open file. The file is closed when the last handle
/// is gone and no request uses it: by [`close`](File::close) on the pool, else right where the
/// handle is dropped.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::fs::open("Cargo.toml").callback(|file| {
///         let file = file?;
///         file.read_at(0, 9).callback(|bytes| {
///             assert_eq!(bytes?, b"[package]");
///             Ok(())
///         });
///         Ok(())
///     });
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct File(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) file: fs::File,
    pub(super) path: PathBuf,
}

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
#[derive(Clone, Debug)]
pub struct OpenOptions(fs::OpenOptions);

impl OpenOptions {
    /// Options that allow nothing yet.
    #[expect(clippy::new_without_default, reason = "std's OpenOptions has no default either")]
    pub fn new() -> OpenOptions {
        OpenOptions(fs::OpenOptions::new())
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
        Request::job(at, Lane::Fs, "open", move || {
            let file = with_context("open", &path, |path| self.0.open(path))?;
            Ok(File(Arc::new(Inner { file, path })))
        })
    }
}

impl File {
    /// Reads up to `length` bytes at `offset`: fewer only at the end of the file, none behind it.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File`]'s reads. What was read before an error is lost.
    #[track_caller]
    pub fn read_at(&self, offset: u64, length: usize) -> Request<Vec<u8>> {
        self.job(Location::caller(), "read", move |file| read_at(file, offset, length))
    }

    /// Writes all of `contents` at `offset`.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File`]'s writes: `StorageFull` and others. A part may have been written then.
    #[track_caller]
    pub fn write_at(&self, offset: u64, contents: impl Into<Vec<u8>>) -> Request<()> {
        let contents = contents.into();
        self.job(Location::caller(), "write", move |file| file.write_all_at(&contents, offset))
    }

    /// Waits until contents and metadata have reached the storage.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::sync_all`].
    #[track_caller]
    pub fn sync_all(&self) -> Request<()> {
        self.job(Location::caller(), "sync", fs::File::sync_all)
    }

    /// Cuts the file off, or fills it up with zeros.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::set_len`].
    #[track_caller]
    pub fn set_len(&self, length: u64) -> Request<()> {
        self.job(Location::caller(), "set the length of", move |file| file.set_len(length))
    }

    /// What the system knows of the file.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::metadata`].
    #[track_caller]
    pub fn metadata(&self) -> Request<Metadata> {
        self.job(Location::caller(), "look at", fs::File::metadata)
    }

    /// Closes this handle on the pool: on some file systems closing takes a while.
    ///
    /// # Errors
    ///
    /// None. What fails when a file is closed has no way to be told: call
    /// [`sync_all`](File::sync_all) first where it matters.
    #[track_caller]
    pub fn close(self) -> Request<()> {
        Request::job(Location::caller(), Lane::Fs, "close", move || {
            drop(self);
            Ok(())
        })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    fn job<T: Send + 'static>(
        &self,
        at: At,
        verb: &'static str,
        work: impl FnOnce(&fs::File) -> io::Result<T> + Send + 'static,
    ) -> Request<T> {
        let inner = Arc::clone(&self.0);
        Request::job(at, Lane::Fs, verb, move || -> Result<T> {
            work(&inner.file)
                .map_err(|error| Error::io(format!("{verb} {}", inner.path.display()), error))
        })
    }
}

fn read_at(file: &fs::File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
