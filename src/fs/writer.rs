//! The job that writes a batch, and brings the open file back for the next one.

use std::fs::File as StdFile;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fs::file::Inner;
use crate::fs::{opening, vectored};

/// Where a stream's bytes go to, and how far it got.
pub(super) struct Writer {
    target: Target,
    offset: u64,
    /// Whether the last bytes must have reached the storage before it is told of.
    syncs: bool,
}

enum Target {
    /// Not open yet.
    Path(PathBuf, OpenOptions),
    Own(PathBuf, StdFile),
    Shared(Arc<Inner>),
}

impl Writer {
    pub(super) fn of_path(path: &Path, how: OpenOptions, offset: u64, syncs: bool) -> Writer {
        Writer { target: Target::Path(path.to_owned(), how), offset, syncs }
    }

    pub(super) fn of_file(file: &Arc<Inner>, offset: u64, syncs: bool) -> Writer {
        Writer { target: Target::Shared(Arc::clone(file)), offset, syncs }
    }

    pub(super) fn path(&self) -> &Path {
        match &self.target {
            Target::Path(path, _) | Target::Own(path, _) => path,
            Target::Shared(inner) => &inner.path,
        }
    }

    /// Writes a batch; after the last one the file is closed, and there is no writer any more.
    pub(super) fn run(mut self, batch: &[Vec<u8>], is_last: bool) -> Result<Option<Writer>> {
        self.open()?;
        let length: usize = batch.iter().map(Vec::len).sum();
        let done = self.file().map_or(Ok(()), |file| vectored::write(file, self.offset, batch));
        done.map_err(|error| self.failed("write", error))?;
        self.offset += length as u64;
        if !is_last {
            return Ok(Some(self));
        }
        if let (true, Some(file)) = (self.syncs, self.file()) {
            file.sync_all().map_err(|error| self.failed("sync", error))?;
        }
        Ok(None)
    }

    fn open(&mut self) -> Result<()> {
        if let Target::Path(path, how) = &self.target {
            let opened = how.open(path).and_then(opening::ready);
            let file = opened.map_err(|error| self.failed("open", error))?;
            self.target = Target::Own(path.clone(), file);
        }
        Ok(())
    }

    fn file(&self) -> Option<&StdFile> {
        match &self.target {
            Target::Path(..) => None,
            Target::Own(_, file) => Some(file),
            Target::Shared(inner) => Some(&inner.file),
        }
    }

    fn failed(&self, verb: &str, error: std::io::Error) -> Error {
        Error::io(format!("{verb} {}", self.path().display()), error)
    }
}
