//! What the system knows of a file, and what of it can be changed.

use std::fmt;
use std::fs::{self, Metadata, Permissions};
use std::ops::BitOr;
use std::os::unix::fs::{chown as chown_path, lchown as lchown_path};
use std::panic::Location;
use std::path::Path;
use std::time::SystemTime;

use crate::fs::on_path;
use crate::request::Request;
use crate::sys;
use crate::sys::file_times::Stamp;

/// What the system knows of a file, following symbolic links.
///
/// # Errors
///
/// As [`std::fs::metadata`]: `NotFound`, `PermissionDenied` and others.
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> Request<Metadata> {
    on_path(Location::caller(), "look at", path, |path| fs::metadata(path))
}

/// The same of a symbolic link itself.
///
/// # Errors
///
/// As [`metadata`].
#[track_caller]
pub fn symlink_metadata(path: impl AsRef<Path>) -> Request<Metadata> {
    on_path(Location::caller(), "look at", path, |path| fs::symlink_metadata(path))
}

/// Whether there is something at a path, following symbolic links.
///
/// # Errors
///
/// As [`std::fs::exists`]: where it cannot be told, because a directory on the way may not be
/// looked into, say.
#[track_caller]
pub fn exists(path: impl AsRef<Path>) -> Request<bool> {
    on_path(Location::caller(), "look for", path, |path| fs::exists(path))
}

/// Asks whether this process may do something with a file.
///
/// It may be otherwise a moment later: who wants to open a file had better open it, and see.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::fs::{self, Access};
///
/// unspin::run(|| {
///     fs::access("Cargo.toml", Access::READ | Access::WRITE).callback(|allowed| match allowed {
///         Ok(()) => println!("it can be changed"),
///         Err(error) => println!("{error}"),
///     });
/// })
/// # }
/// ```
///
/// # Errors
///
/// `PermissionDenied`, `ReadOnlyFilesystem`, `NotFound`, and what else stands in the way.
#[track_caller]
pub fn access(path: impl AsRef<Path>, access: Access) -> Request<()> {
    on_path(Location::caller(), "access", path, move |path| {
        sys::path::access(&sys::path::to_c(path)?, access.0)
    })
}

/// What one may want to do with a file: a set, joined by `|`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Access(libc::c_int);

impl Access {
    /// Nothing but that it is there.
    pub const EXISTS: Access = Access(libc::F_OK);
    /// To read it.
    pub const READ: Access = Access(libc::R_OK);
    /// To write to it.
    pub const WRITE: Access = Access(libc::W_OK);
    /// To run it; for a directory, to look into it.
    pub const EXECUTE: Access = Access(libc::X_OK);
}

impl BitOr for Access {
    type Output = Access;

    fn bitor(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |access: Access| self.0 & access.0 != 0;
        let named = [(Access::READ, "r"), (Access::WRITE, "w"), (Access::EXECUTE, "x")];
        let letters = named.map(|(access, letter)| if has(access) { letter } else { "-" });
        write!(f, "Access({})", letters.concat())
    }
}

/// Sets who may do what with a file, following symbolic links.
///
/// # Errors
///
/// As [`std::fs::set_permissions`]: `NotFound`, `PermissionDenied` and others.
#[track_caller]
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> Request<()> {
    on_path(Location::caller(), "set the permissions of", path, |path| {
        fs::set_permissions(path, permissions)
    })
}

/// Sets whose file it is, following symbolic links: a user and a group, or `None` to leave it.
///
/// # Errors
///
/// As [`std::os::unix::fs::chown`]: `PermissionDenied`, `NotFound` and others.
#[track_caller]
pub fn chown(path: impl AsRef<Path>, user: Option<u32>, group: Option<u32>) -> Request<()> {
    on_path(Location::caller(), "set the owner of", path, move |path| chown_path(path, user, group))
}

/// The same of a symbolic link itself.
///
/// # Errors
///
/// As [`chown`].
#[track_caller]
pub fn lchown(path: impl AsRef<Path>, user: Option<u32>, group: Option<u32>) -> Request<()> {
    on_path(Location::caller(), "set the owner of", path, move |path| {
        lchown_path(path, user, group)
    })
}

/// Sets when a file was read and changed last, following symbolic links.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use std::time::SystemTime;
/// use unspin::fs::{self, FileTimes};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("file");
/// # std::fs::write(&path, "")?;
/// unspin::run(|| {
///     let times = FileTimes::new().accessed_now().modified(SystemTime::UNIX_EPOCH);
///     fs::set_times(path, times).callback(|set| set);
/// })
/// # }
/// ```
///
/// # Errors
///
/// `NotFound`, `PermissionDenied` and others; `InvalidInput` for a time that the system cannot tell.
#[track_caller]
pub fn set_times(path: impl AsRef<Path>, times: FileTimes) -> Request<()> {
    set_times_at(Location::caller(), path, times, true)
}

/// The same of a symbolic link itself.
///
/// # Errors
///
/// As [`set_times`].
#[track_caller]
pub fn set_symlink_times(path: impl AsRef<Path>, times: FileTimes) -> Request<()> {
    set_times_at(Location::caller(), path, times, false)
}

fn set_times_at(
    at: crate::trace::At,
    path: impl AsRef<Path>,
    times: FileTimes,
    follow: bool,
) -> Request<()> {
    on_path(at, "set the times of", path, move |path| {
        sys::file_times::set_at(&sys::path::to_c(path)?, times.0, follow)
    })
}

/// Times to be set, each of which may be left as it is.
#[derive(Clone, Copy, Debug)]
pub struct FileTimes(pub(super) [Stamp; 2]);

impl FileTimes {
    /// Changes neither.
    #[expect(clippy::new_without_default, reason = "like OpenOptions, which has none either")]
    pub fn new() -> FileTimes {
        FileTimes([Stamp::Omit; 2])
    }

    /// Sets when it was read last.
    pub fn accessed(self, time: SystemTime) -> FileTimes {
        FileTimes([Stamp::At(time), self.0[1]])
    }

    /// Sets when it was changed last.
    pub fn modified(self, time: SystemTime) -> FileTimes {
        FileTimes([self.0[0], Stamp::At(time)])
    }

    /// Says that it was read just now, by the clock of the kernel: its owner alone may say anything
    /// else.
    pub fn accessed_now(self) -> FileTimes {
        FileTimes([Stamp::Now, self.0[1]])
    }

    /// Says that it was changed just now, likewise.
    pub fn modified_now(self) -> FileTimes {
        FileTimes([self.0[0], Stamp::Now])
    }
}
