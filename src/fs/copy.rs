//! Copying a file.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::panic::Location;
use std::path::Path;

use crate::fs::{on_paths_until, opening};
use crate::request::{Request, Stop};
use crate::sys;

/// What is copied between two looks at whether the copy is still wanted.
const PIECE: u64 = 16 << 20;

/// Copies a file with its permissions, replacing what is there; gives the number of bytes.
///
/// The copy shares its blocks with the original where the file system can do that. A copy of a file
/// onto itself leaves it as it is. See [`CopyOptions`] for what else there is.
///
/// # Errors
///
/// `NotFound`, `InvalidInput` if `from` is not a file, `StorageFull` and others. A file that was
/// created for the copy is removed then.
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Request<u64> {
    CopyOptions::new().copy_at(Location::caller(), from, to)
}

/// How a file is copied.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::fs::CopyOptions;
///
/// # let dir = tempfile::tempdir()?;
/// # let to = dir.path().join("copy");
/// unspin::run(|| {
///     CopyOptions::new().exclusive(true).copy("Cargo.toml", to).callback(|bytes| {
///         println!("{} bytes", bytes?);
///         Ok(())
///     });
/// })
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CopyOptions {
    exclusive: bool,
    reflink: Reflink,
}

/// Whether a copy shares its blocks with the original until one of them is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reflink {
    /// Where the file system can do that.
    Auto,
    /// Or the copy fails.
    Always,
}

impl CopyOptions {
    /// Replaces what is there, and shares blocks where that can be.
    #[expect(clippy::new_without_default, reason = "like OpenOptions, which has none either")]
    pub fn new() -> CopyOptions {
        CopyOptions { exclusive: false, reflink: Reflink::Auto }
    }

    /// Fails with `AlreadyExists` instead of replacing what is there.
    pub fn exclusive(mut self, exclusive: bool) -> CopyOptions {
        self.exclusive = exclusive;
        self
    }

    /// Sets whether blocks are shared. With [`Reflink::Always`] a copy fails with `Unsupported` or
    /// `CrossesDevices` where they cannot be.
    pub fn reflink(mut self, reflink: Reflink) -> CopyOptions {
        self.reflink = reflink;
        self
    }

    /// Copies a file in this way; gives the number of bytes. It can be aborted halfway.
    ///
    /// # Errors
    ///
    /// As [`copy`].
    #[track_caller]
    pub fn copy(self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Request<u64> {
        self.copy_at(Location::caller(), from, to)
    }

    fn copy_at(
        self,
        at: crate::trace::At,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
    ) -> Request<u64> {
        on_paths_until(at, "copy", from, to, move |from, to, stop| self.run(from, to, stop))
    }

    fn run(self, from: &Path, to: &Path, stop: &Stop) -> io::Result<u64> {
        let source = opening::to_read(from)?;
        let about = source.metadata()?;
        if !about.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let (target, created) = self.open_target(to, &about)?;
        let there = target.metadata()?;
        if (there.dev(), there.ino()) == (about.dev(), about.ino()) {
            return Ok(about.len());
        }
        let copied = self.fill(&source, &about, &target, stop);
        if copied.is_err() && created {
            // What went wrong first is what is told.
            let _ = fs::remove_file(to);
        }
        copied
    }

    /// Opens it, and says whether it was created for that. What is in it stays for now: it may be
    /// the original.
    fn open_target(self, to: &Path, about: &fs::Metadata) -> io::Result<(File, bool)> {
        let mut options = opening::options();
        options.write(true).mode(about.permissions().mode() & 0o777);
        match options.clone().create_new(true).open(to) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && !self.exclusive => {
                Ok((opening::ready(options.create(true).open(to)?)?, false))
            }
            opened => Ok((opened?, true)),
        }
    }

    fn fill(
        self,
        source: &File,
        about: &fs::Metadata,
        target: &File,
        stop: &Stop,
    ) -> io::Result<u64> {
        let there = target.metadata()?;
        if there.is_file() {
            target.set_len(0)?;
            target.set_permissions(about.permissions())?;
        }
        if self.reflink == Reflink::Always {
            sys::file::share_blocks(source, target)?;
            return Ok(about.len());
        }
        let (mut source, mut target, mut copied) = (source, target, 0);
        loop {
            stop.check()?;
            // std has the kernel do it, which shares blocks where it can.
            match io::copy(&mut (&mut source).take(PIECE), &mut target)? {
                0 => return Ok(copied),
                piece => copied += piece,
            }
        }
    }
}
