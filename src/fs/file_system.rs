//! The file system that a path is on.

use std::panic::Location;
use std::path::Path;

use crate::fs::on_path;
use crate::request::Request;
use crate::sys;

/// What the system knows of the file system that `path` is on.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::fs::file_system(".").callback(|disk| {
///         let disk = disk?;
///         println!("{} of {} bytes are left", disk.available_bytes(), disk.total_bytes());
///         Ok(())
///     });
/// })
/// # }
/// ```
///
/// # Errors
///
/// `NotFound`, `PermissionDenied` and others.
#[track_caller]
pub fn file_system(path: impl AsRef<Path>) -> Request<FileSystem> {
    on_path(Location::caller(), "look at the file system of", path, |path| {
        sys::path::file_system(&sys::path::to_c(path)?).map(FileSystem::of)
    })
}

/// A file system, as it was when it was asked.
#[derive(Clone, Copy, Debug)]
pub struct FileSystem {
    kind: u64,
    block_size: u64,
    blocks: [u64; 3],
    files: [u64; 2],
}

impl FileSystem {
    /// How many bytes it can hold in all.
    pub fn total_bytes(&self) -> u64 {
        self.blocks[0].saturating_mul(self.block_size)
    }

    /// How many bytes are free.
    pub fn free_bytes(&self) -> u64 {
        self.blocks[1].saturating_mul(self.block_size)
    }

    /// How many of them are for everybody, and not kept for the system.
    pub fn available_bytes(&self) -> u64 {
        self.blocks[2].saturating_mul(self.block_size)
    }

    /// The size of a block in bytes: what it reads and writes best.
    pub fn block_size(&self) -> u64 {
        self.block_size
    }

    /// How many files it can hold in all; zero where it does not count them.
    pub fn total_files(&self) -> u64 {
        self.files[0]
    }

    /// How many more files it can hold.
    pub fn free_files(&self) -> u64 {
        self.files[1]
    }

    /// The number that the system has for its type: on Linux, those of `statfs(2)`.
    pub fn kind(&self) -> u64 {
        self.kind
    }

    #[allow(clippy::unnecessary_cast, reason = "each system has types of its own for these")]
    fn of(found: libc::statfs) -> FileSystem {
        FileSystem {
            kind: found.f_type as u64,
            block_size: found.f_bsize as u64,
            blocks: [found.f_blocks as u64, found.f_bfree as u64, found.f_bavail as u64],
            files: [found.f_files as u64, found.f_ffree as u64],
        }
    }
}
