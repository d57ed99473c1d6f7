//! The path of a bound Unix socket, which is a file that the system leaves behind.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A path that binding has made; dropping it removes it.
///
/// Unless it is not ours any more: somebody may have removed it, and bound another socket there.
pub(crate) struct BoundPath {
    /// Absolute, as the working directory may be another by then.
    path: PathBuf,
    identity: (u64, u64),
}

impl BoundPath {
    pub(crate) fn made(path: &Path) -> io::Result<BoundPath> {
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
