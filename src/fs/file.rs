//! Open files.

use std::fmt;
use std::fs::{self, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, fchown};
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fs::attributes::FileTimes;
#[cfg(feature = "async")]
use crate::fs::file_futures::Cursor;
use crate::fs::{vectored, whole};
use crate::pool::Lane;
use crate::request::{Request, Stop};
use crate::sys;
use crate::sys::file::{Lock, try_lock};
use crate::trace::At;

/// An open file.
///
/// Its requests read and write at offsets, so that there is no position that two of them could
/// disagree about. Awaited, it is a reader, a writer and a seeker of `futures-io` as well: those go by
/// a position that each handle has for itself. After a write that failed it stands behind what was
/// accepted, written or not: seek before you go on. Of what has no offsets, such as a pipe, what was
/// read ahead is lost when it is written to or sought in; a [`read_stream`](crate::fs::read_stream) and
/// a [`write_stream`](crate::fs::write_stream) are for those.
///
/// Cloning it gives a second handle of the same open file. The file is closed when the last handle
/// is gone and nothing uses it: by [`close`](File::close) on the pool, else right where the handle is
/// dropped.
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
#[derive(Clone)]
pub struct File {
    pub(super) inner: Arc<Inner>,
    #[cfg(feature = "async")]
    pub(super) cursor: Cursor,
}

pub(super) struct Inner {
    pub(super) file: fs::File,
    pub(super) path: PathBuf,
    /// Where it was opened.
    #[cfg_attr(not(feature = "async"), expect(dead_code, reason = "shown for what is awaited"))]
    pub(super) at: At,
}

impl File {
    /// Reads up to `length` bytes at `offset`: fewer only at the end of the file, none behind it.
    /// Where the request is [aborted](Request::abort_on), reading ends within a few megabytes.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File`]'s reads. What was read before an error is lost.
    #[track_caller]
    pub fn read_at(&self, offset: u64, length: usize) -> Request<Vec<u8>> {
        let inner = Arc::clone(&self.inner);
        Request::stoppable_job(Location::caller(), Lane::Fs, "read", move |stop| {
            inner.run("read", |file| read_at(file, offset, length, stop))
        })
    }

    /// Writes all of `contents` at `offset`.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File`]'s writes: `StorageFull` and others. A part may have been written then.
    #[track_caller]
    pub fn write_at(&self, offset: u64, contents: impl Into<Vec<u8>>) -> Request<()> {
        let contents = contents.into();
        self.job(Location::caller(), "write", move |file| write_at(file, offset, &contents))
    }

    /// Writes all of these one behind the other, at `offset`, in one job and as few system calls as
    /// it takes: however many they are.
    ///
    /// # Errors
    ///
    /// As [`write_at`](File::write_at).
    #[track_caller]
    pub fn write_vectored_at(&self, offset: u64, contents: Vec<Vec<u8>>) -> Request<()> {
        self.job(Location::caller(), "write", move |file| vectored::write(file, offset, &contents))
    }

    /// Fills these buffers, one after the other, with what is at `offset`: gives them back, and how
    /// many bytes there were. They are fewer than there is room for only at the end of the file.
    ///
    /// # Errors
    ///
    /// As [`read_at`](File::read_at).
    #[track_caller]
    pub fn read_vectored_at(
        &self,
        offset: u64,
        mut buffers: Vec<Vec<u8>>,
    ) -> Request<(usize, Vec<Vec<u8>>)> {
        self.job(Location::caller(), "read", move |file| {
            let length = vectored::read(file, offset, &mut buffers)?;
            Ok((length, buffers))
        })
    }

    /// Waits until the contents have reached the storage, and of the metadata what they need.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::sync_data`].
    #[track_caller]
    pub fn sync_data(&self) -> Request<()> {
        self.job(Location::caller(), "sync", fs::File::sync_data)
    }

    /// Sets who may do what with the file.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::set_permissions`].
    #[track_caller]
    pub fn set_permissions(&self, permissions: Permissions) -> Request<()> {
        self.job(Location::caller(), "set the permissions of", |file| {
            file.set_permissions(permissions)
        })
    }

    /// Sets whose file it is: a user and a group, or `None` to leave it.
    ///
    /// # Errors
    ///
    /// As [`std::os::unix::fs::fchown`].
    #[track_caller]
    pub fn chown(&self, user: Option<u32>, group: Option<u32>) -> Request<()> {
        self.job(Location::caller(), "set the owner of", move |file| fchown(file, user, group))
    }

    /// Sets when it was read and changed last.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` and others; `InvalidInput` for a time that the system cannot tell.
    #[track_caller]
    pub fn set_times(&self, times: FileTimes) -> Request<()> {
        self.job(Location::caller(), "set the times of", move |file| {
            sys::file_times::set_of(file, times.0)
        })
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

    /// Locks the file for this open file alone; gives whether that is so now. Another open file, in
    /// this process or in another, may have it: ask again later, since to wait for it would take a
    /// thread from the pool. The lock goes with [`unlock`](File::unlock) or the last handle, and binds
    /// only who asks for it, as `flock(2)`.
    ///
    /// ```
    /// use unspin::fs;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("lock");
    /// unspin::block_on(async move {
    ///     let (first, second) = (fs::create(&path).await?, fs::create(&path).await?);
    ///     assert!(first.try_lock().await?);
    ///     assert!(!second.try_lock().await?);
    ///     first.unlock().await?;
    ///     assert!(second.try_lock().await?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `Unsupported` or another where the file system has no locks.
    #[track_caller]
    pub fn try_lock(&self) -> Request<bool> {
        self.job(Location::caller(), "lock", |file| try_lock(file, Lock::Exclusive))
    }

    /// The same, for as many as lock it in this way: nobody has it alone meanwhile.
    ///
    /// # Errors
    ///
    /// As [`try_lock`](File::try_lock).
    #[track_caller]
    pub fn try_lock_shared(&self) -> Request<bool> {
        self.job(Location::caller(), "lock", |file| try_lock(file, Lock::Shared))
    }

    /// Gives up the lock of this open file, if it has one.
    ///
    /// # Errors
    ///
    /// What the system says.
    #[track_caller]
    pub fn unlock(&self) -> Request<()> {
        self.job(Location::caller(), "unlock", |file| try_lock(file, Lock::None).map(drop))
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
        self.look(Location::caller())
    }

    pub(super) fn look(&self, at: At) -> Request<Metadata> {
        self.job(at, "look at", fs::File::metadata)
    }

    /// Closes this handle on the pool: on some file systems closing takes a while. What was written
    /// by its position and not flushed is written all the same.
    ///
    /// # Errors
    ///
    /// None. What fails when a file is closed has no way to be told: call
    /// [`sync_all`](File::sync_all) first where it matters.
    #[track_caller]
    pub fn close(self) -> Request<()> {
        let inner = self.inner;
        Request::job(Location::caller(), Lane::Fs, "close", move || {
            drop(inner);
            Ok(())
        })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Takes over an open file, to be called by this path in errors.
    #[track_caller]
    pub fn from_std(file: fs::File, path: impl Into<PathBuf>) -> File {
        File::of(Inner { file, path: path.into(), at: Location::caller() })
    }

    fn of(inner: Inner) -> File {
        File {
            inner: Arc::new(inner),
            #[cfg(feature = "async")]
            cursor: Cursor::default(),
        }
    }

    /// Gives the file back, if this is its only handle and nothing uses it; else a second
    /// descriptor of the same open file.
    ///
    /// # Errors
    ///
    /// If this process can open no more.
    pub fn into_std(self) -> Result<fs::File> {
        match Arc::try_unwrap(self.inner) {
            Ok(inner) => Ok(inner.file),
            Err(shared) => Ok(shared.file.try_clone()?),
        }
    }

    /// A request that opens a file.
    pub(super) fn request(
        at: At,
        lane: Lane,
        verb: &'static str,
        work: impl FnOnce() -> Result<(fs::File, PathBuf)> + Send + 'static,
    ) -> Request<File> {
        Request::job(at, lane, verb, work)
            .map(move |(file, path)| File::of(Inner { file, path, at }))
    }

    fn job<T: Send + 'static>(
        &self,
        at: At,
        verb: &'static str,
        work: impl FnOnce(&fs::File) -> io::Result<T> + Send + 'static,
    ) -> Request<T> {
        let inner = Arc::clone(&self.inner);
        Request::job(at, Lane::Fs, verb, move || inner.run(verb, work))
    }
}

impl Inner {
    fn run<T>(&self, verb: &str, work: impl FnOnce(&fs::File) -> io::Result<T>) -> Result<T> {
        work(&self.file)
            .map_err(|error| Error::io(format!("{verb} {}", self.path.display()), error))
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { file, path, .. } = &*self.inner;
        f.debug_struct("File").field("path", path).field("fd", &file.as_fd()).finish()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.file.as_fd()
    }
}

fn read_at(file: &fs::File, offset: u64, length: usize, stop: &Stop) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // The length is the caller's: it may be a wish, and be more than there is of the file. Memory
    // that is reserved costs nothing before it is filled.
    bytes.try_reserve_exact(length)?;
    let mut filled = 0;
    while filled < length {
        stop.check()?;
        if filled == bytes.len() {
            bytes.resize(length.min(filled + whole::PIECE), 0);
        }
        match read_once(file, &mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// What has no offsets, such as a pipe, is read and written as it comes.
fn read_once(mut file: &fs::File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    match file.read_at(bytes, offset) {
        Err(error) if error.kind() == io::ErrorKind::NotSeekable => file.read(bytes),
        other => other,
    }
}

fn write_at(mut file: &fs::File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    match file.write_all_at(bytes, offset) {
        // Nothing of it was written: the first call has failed.
        Err(error) if error.kind() == io::ErrorKind::NotSeekable => file.write_all(bytes),
        other => other,
    }
}
