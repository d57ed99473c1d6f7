//! The job that finds the directories of a tree, and watches each before it reads it: what is made
//! in it from then on is told, and what was made before is found.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::sys::inotify::{Inotify, Wd};
use crate::watch::hub::{explained, in_context};

/// What is to be scanned.
pub(super) struct Scan {
    pub(super) inotify: Arc<Inotify>,
    /// Directories that appeared, with the one that they are in.
    pub(super) starts: Vec<Start>,
    /// Whether the names of all that is found are wanted, and not only the directories.
    pub(super) with_names: bool,
    /// Set when nobody wants the result any more.
    pub(super) stop: Arc<AtomicBool>,
}

pub(super) struct Start {
    pub(super) path: PathBuf,
    pub(super) at: Place,
}

/// A directory's place in the tree: in which, and under what name. The root has none.
type Place = Option<(Wd, OsString)>;

#[derive(Default)]
pub(super) struct Scanned {
    /// Each comes after the one that it is in.
    pub(super) found: Vec<Found>,
    pub(super) errors: Vec<Error>,
    /// The root is not there any more.
    pub(super) is_gone: bool,
}

pub(super) struct Found {
    pub(super) wd: Wd,
    pub(super) at: Place,
    pub(super) names: Vec<OsString>,
}

impl Scan {
    pub(super) fn run(self) -> Scanned {
        let mut scanned = Scanned::default();
        let mut seen = HashSet::new();
        let mut open =
            Vec::from_iter(self.starts.iter().map(|Start { path, at }| (path.clone(), at.clone())));
        while let Some((path, at)) = open.pop() {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let is_root = at.is_none();
            match self.visit(path.clone(), at, &mut seen, &mut open) {
                Ok(Some(found)) => scanned.found.push(found),
                Ok(None) => {}
                // It was removed, or replaced by a file, since it was seen.
                Err(error) if is_absence(&error) => scanned.is_gone |= is_root,
                Err(error) => {
                    let is_limit = error.kind() == io::ErrorKind::QuotaExceeded;
                    scanned.errors.push(in_context(&path, error));
                    if is_limit {
                        break;
                    }
                }
            }
        }
        scanned
    }

    /// Watches one directory, and lists what is in it. One that was seen in another place is left
    /// alone, so that no mount can make a ring.
    fn visit(
        &self,
        path: PathBuf,
        at: Place,
        seen: &mut HashSet<Wd>,
        open: &mut Vec<(PathBuf, Place)>,
    ) -> io::Result<Option<Found>> {
        // Only the root may be a link: it was given so.
        let watched = match at {
            None => self.inotify.watch(&path),
            Some(_) => self.inotify.watch_found(&path),
        };
        let wd = watched.map_err(explained)?;
        if !seen.insert(wd) {
            return Ok(None);
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            if entry.file_type().is_ok_and(|file_type| file_type.is_dir()) {
                open.push((entry.path(), Some((wd, entry.file_name()))));
            }
            if self.with_names {
                names.push(entry.file_name());
            }
        }
        Ok(Some(Found { wd, at, names }))
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
