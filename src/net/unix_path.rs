//! The path of a bound Unix socket, which is a file that the system leaves behind.

use std::fs;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::{Interest, Registry, Token};

/// A socket, and the path that goes with it.
#[cfg_attr(not(feature = "async"), expect(unreachable_pub, reason = "awaited, it is named"))]
pub struct Bound<Io> {
    /// Before the socket, so that nobody finds a path at which nobody receives.
    _path: Option<BoundPath>,
    io: Io,
}

impl<Io> Bound<Io> {
    /// One that was just bound to this address.
    pub(crate) fn to(address: &SocketAddr, io: Io) -> io::Result<Bound<Io>> {
        let path = address.as_pathname().map(BoundPath::made).transpose()?;
        Ok(Bound { _path: path, io })
    }

    /// One without a name, or whose path is somebody else's.
    pub(crate) fn without_path(io: Io) -> Bound<Io> {
        Bound { _path: None, io }
    }
}

impl<Io> Deref for Bound<Io> {
    type Target = Io;

    fn deref(&self) -> &Io {
        &self.io
    }
}

impl<Io: AsFd> AsFd for Bound<Io> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<Io: Source> Source for Bound<Io> {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.io.register(to, token, interests)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.io.reregister(to, token, interests)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        self.io.deregister(from)
    }
}

/// A path that binding has made; dropping it removes it.
///
/// Unless it is not ours any more: somebody may have removed it, and bound another socket there.
struct BoundPath {
    /// Absolute, as the working directory may be another by then.
    path: PathBuf,
    identity: (u64, u64),
}

impl BoundPath {
    fn made(path: &Path) -> io::Result<BoundPath> {
        let path = std::path::absolute(path)?;
        let identity = identity(&path)?;
        Ok(BoundPath { path, identity })
    }
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            // Nobody is left who could be told that the directory does not allow it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Of the file itself, not of one that it links to.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
