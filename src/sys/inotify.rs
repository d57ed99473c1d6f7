//! inotify: the kernel's queue of what happens in directories.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;

/// What the kernel calls a watched directory.
pub(crate) type Wd = i32;

// The kernel's own numbers, the same on every architecture. libc has them on Linux only, and what
// reads them is compiled everywhere.
pub(crate) const MODIFY: u32 = 0x2;
pub(crate) const ATTRIB: u32 = 0x4;
pub(crate) const MOVED_FROM: u32 = 0x40;
pub(crate) const MOVED_TO: u32 = 0x80;
pub(crate) const CREATE: u32 = 0x100;
pub(crate) const DELETE: u32 = 0x200;
pub(crate) const DELETE_SELF: u32 = 0x400;
pub(crate) const MOVE_SELF: u32 = 0x800;
pub(crate) const UNMOUNT: u32 = 0x2000;
pub(crate) const Q_OVERFLOW: u32 = 0x4000;
pub(crate) const IGNORED: u32 = 0x8000;
pub(crate) const ISDIR: u32 = 0x4000_0000;

const ONLYDIR: u32 = 0x0100_0000;
const DONT_FOLLOW: u32 = 0x0200_0000;
const EXCL_UNLINK: u32 = 0x0400_0000;

/// All watches of an instance ask for the same: a directory that is watched twice has one `Wd`, and
/// the later mask would replace the earlier.
const CHANGES: u32 = MODIFY
    | ATTRIB
    | MOVED_FROM
    | MOVED_TO
    | CREATE
    | DELETE
    | DELETE_SELF
    | MOVE_SELF
    | ONLYDIR
    // A file that was removed while somebody has it open is nobody's business any more.
    | EXCL_UNLINK;

/// An instance: a queue with its watched directories, which may be used from any thread.
#[derive(Debug)]
pub(crate) struct Inotify(File);

impl Inotify {
    /// # Errors
    ///
    /// What the system says; `Unsupported` where there is no inotify.
    pub(crate) fn new() -> io::Result<Inotify> {
        calls::open().map(|fd| Inotify(File::from(fd)))
    }

    /// Watches a directory; one that is watched already keeps its `Wd`.
    pub(crate) fn watch(&self, path: &Path) -> io::Result<Wd> {
        calls::add(self.0.as_raw_fd(), path, CHANGES)
    }

    /// The same for what a scan has found: nothing, if it is a symbolic link by now.
    pub(crate) fn watch_found(&self, path: &Path) -> io::Result<Wd> {
        calls::add(self.0.as_raw_fd(), path, CHANGES | DONT_FOLLOW)
    }

    /// Ends a watch. One that is over already is no error.
    pub(crate) fn forget(&self, wd: Wd) {
        calls::remove(self.0.as_raw_fd(), wd);
    }

    /// Takes events off the queue, as many as fit; `WouldBlock` if there are none.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }
}

impl AsRawFd for Inotify {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod calls {
    use std::ffi::CString;
    use std::os::fd::FromRawFd;
    use std::os::unix::ffi::OsStrExt;

    use super::{OwnedFd, Path, RawFd, Wd, io};

    pub(super) fn open() -> io::Result<OwnedFd> {
        // SAFETY: the call takes no pointer.
        let fd = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was opened just now, and nobody else knows of it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    pub(super) fn add(fd: RawFd, path: &Path, mask: u32) -> io::Result<Wd> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the pointer is to a string that ends with a zero and lives until the call returns;
        // the descriptor is open, since its owner is borrowed.
        let wd = unsafe { libc::inotify_add_watch(fd, path.as_ptr(), mask) };
        if wd < 0 { Err(io::Error::last_os_error()) } else { Ok(wd) }
    }

    pub(super) fn remove(fd: RawFd, wd: Wd) {
        // SAFETY: the call takes no pointer, and refuses a number that is no watch of `fd`, which is
        // open, since its owner is borrowed.
        unsafe { libc::inotify_rm_watch(fd, wd) };
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod calls {
    use super::{OwnedFd, Path, RawFd, Wd, io};

    pub(super) fn open() -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn add(_: RawFd, _: &Path, _: u32) -> io::Result<Wd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn remove(_: RawFd, _: Wd) {}
}
