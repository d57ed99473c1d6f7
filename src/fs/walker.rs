//! The job that reads directories, a batch of entries at a time.

use std::fs;
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fs::dir::DirEntry;
use crate::request::Stop;

/// Entries of a batch: enough that the way to the pool and back is a small part of what it costs,
/// and few enough to be handed over in one turn.
const ENTRIES: usize = 512;

/// Directories that are opened for a batch, at most: a tree without files is told of, too.
const OPENED: usize = 128;

/// A question about an entry, asked on the pool.
pub(super) type Ask = Box<dyn FnMut(&DirEntry) -> bool + Send>;

/// Where it got to: one directory is open, and the others are names.
pub(super) struct Walker {
    /// The last one is next.
    pending: Vec<Directory>,
    current: Option<(fs::ReadDir, Directory)>,
    /// What was found in the one that is open, in order.
    inside: Vec<Directory>,
    rules: Rules,
}

/// What is read of a tree.
pub(super) struct Rules {
    pub(super) max_depth: usize,
    pub(super) follow_links: bool,
    pub(super) filter: Option<Ask>,
    pub(super) descend: Option<Ask>,
}

struct Directory {
    path: PathBuf,
    depth: usize,
    /// Known where links are followed, which may lead back up.
    identity: Option<Arc<Identity>>,
}

/// A directory that is on the way to others.
struct Identity {
    device: u64,
    inode: u64,
    above: Option<Arc<Identity>>,
}

/// What a job brings back.
pub(super) struct Batch {
    pub(super) entries: Vec<Result<DirEntry>>,
    /// To go on with; `None` at the end.
    pub(super) walker: Option<Walker>,
}

impl Walker {
    pub(super) fn new(path: &Path, rules: Rules) -> Walker {
        let top = Directory { path: path.to_owned(), depth: 0, identity: None };
        Walker { pending: vec![top], current: None, inside: Vec::new(), rules }
    }

    /// # Errors
    ///
    /// If the directory that it begins with cannot be read. Other failures are entries.
    pub(super) fn batch(mut self, stop: &Stop) -> Result<Batch> {
        let mut entries = Vec::new();
        let mut opened = 0;
        while entries.len() < ENTRIES && opened < OPENED && !stop.is_set() {
            match &mut self.current {
                Some((names, _)) => match names.next() {
                    Some(entry) => entries.extend(self.found(entry).transpose()),
                    None => self.leave(),
                },
                None => {
                    let Some(next) = self.pending.pop() else {
                        return Ok(Batch { entries, walker: None });
                    };
                    opened += 1;
                    let is_top = next.depth == 0;
                    match self.open(next) {
                        Err(error) if is_top => return Err(error),
                        other => entries.extend(other.err().map(Err)),
                    }
                }
            }
        }
        Ok(Batch { entries, walker: Some(self) })
    }

    /// All that is left, in one go; it ends at the first failure.
    pub(super) fn all(self, stop: &Stop) -> Result<Vec<DirEntry>> {
        let (mut all, mut walker) = (Vec::new(), Some(self));
        while let Some(next) = walker {
            stop.check()?;
            let batch = next.batch(stop)?;
            for entry in batch.entries {
                all.push(entry?);
            }
            walker = batch.walker;
        }
        Ok(all)
    }

    fn open(&mut self, mut directory: Directory) -> Result<()> {
        let in_context = |error| failed("list", &directory.path, error);
        let names = fs::read_dir(&directory.path).map_err(in_context)?;
        if directory.depth == 0 && self.rules.follow_links {
            let metadata = fs::metadata(&directory.path).map_err(in_context)?;
            directory.identity = Some(Identity::below(None, &metadata));
        }
        self.current = Some((names, directory));
        Ok(())
    }

    /// What is in it comes next, in the order in which it was found.
    fn leave(&mut self) {
        self.current = None;
        self.pending.extend(self.inside.drain(..).rev());
    }

    fn found(&mut self, entry: io::Result<fs::DirEntry>) -> Result<Option<DirEntry>> {
        let Some((_, directory)) = &self.current else { return Ok(None) };
        let in_context = |error| failed("list", &directory.path, error);
        let (entry, depth) = (entry.map_err(in_context)?, directory.depth + 1);
        let file_type = entry.file_type().map_err(in_context)?;
        let mut found = DirEntry { path: entry.path(), inode: entry.ino(), file_type, depth };
        let mut identity = None;
        if self.rules.follow_links && (file_type.is_symlink() || file_type.is_dir()) {
            // A link that leads nowhere is a link.
            if let Ok(metadata) = fs::metadata(&found.path) {
                (found.file_type, found.inode) = (metadata.file_type(), metadata.ino());
                identity = Some(Identity::below(directory.identity.as_ref(), &metadata));
            }
        }
        if self.rules.filter.as_mut().is_some_and(|filter| !filter(&found)) {
            return Ok(None);
        }
        self.note_directory(&found, identity)?;
        Ok(Some(found))
    }

    /// Notes a directory that is to be read later.
    fn note_directory(&mut self, found: &DirEntry, identity: Option<Arc<Identity>>) -> Result<()> {
        if !found.file_type.is_dir() || found.depth >= self.rules.max_depth {
            return Ok(());
        }
        if self.rules.descend.as_mut().is_some_and(|descend| !descend(found)) {
            return Ok(());
        }
        if identity.as_ref().is_some_and(|identity| identity.is_below_itself()) {
            return Err(failed("follow", &found.path, io::Error::from_raw_os_error(libc::ELOOP)));
        }
        self.inside.push(Directory { path: found.path.clone(), depth: found.depth, identity });
        Ok(())
    }
}

impl Identity {
    fn below(above: Option<&Arc<Identity>>, metadata: &fs::Metadata) -> Arc<Identity> {
        let (device, inode) = (metadata.dev(), metadata.ino());
        Arc::new(Identity { device, inode, above: above.cloned() })
    }

    fn is_below_itself(&self) -> bool {
        let mut above = self.above.as_deref();
        while let Some(other) = above {
            if (other.device, other.inode) == (self.device, self.inode) {
                return true;
            }
            above = other.above.as_deref();
        }
        false
    }
}

/// A deep tree is a long chain, whose links would each drop the next.
impl Drop for Identity {
    fn drop(&mut self) {
        let mut above = self.above.take();
        while let Some(mut next) = above.and_then(Arc::into_inner) {
            above = next.above.take();
        }
    }
}

fn failed(verb: &str, path: &Path, error: io::Error) -> Error {
    Error::io(format!("{verb} {}", path.display()), error)
}
