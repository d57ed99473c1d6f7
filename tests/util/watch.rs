//! What the tests of watchers share: a directory, and words for what is told of it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use unspin::fs::{WatchEvent, WatchKind, Watcher};

use crate::util::Log;

/// A directory that goes with the test.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Place {
        Place(tempfile::tempdir().expect("there is room for a directory"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str) {
        fs::write(self.at(name), "text").expect("it can be written");
    }

    pub fn make(&self, directory: &str) {
        fs::create_dir_all(self.at(directory)).expect("it can be made");
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.at(name)).expect("it can be removed");
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.at(from), self.at(to)).expect("it can be renamed");
    }

    /// Has a watcher say what it is told, and close when `end` is made.
    pub fn log(&self, watcher: &Watcher, log: &Log) {
        let (root, log) = (self.path().to_owned(), log.clone());
        watcher.on_event(move |watcher, event| {
            if event.path.ends_with("end") {
                return watcher.close();
            }
            log.say(words(&root, &event));
        });
    }

    /// The same for a watcher that is not told of `end`: it closes with so many words.
    pub fn log_of(&self, watcher: &Watcher, log: &Log, most: usize) {
        let (root, log) = (self.path().to_owned(), log.clone());
        watcher.on_event(move |watcher, event| {
            log.say(words(&root, &event));
            if log.words().len() >= most {
                watcher.close();
            }
        });
    }
}

/// An event in words, without the root: `created a`, `renamed a to b`.
pub fn words(root: &Path, event: &WatchEvent) -> String {
    let short = |path: &Path| match path.strip_prefix(root) {
        Ok(name) if name.as_os_str().is_empty() => ".".to_owned(),
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => path.to_string_lossy().into_owned(),
    };
    let path = short(&event.path);
    match &event.kind {
        WatchKind::Renamed { from } => format!("renamed {} to {path}", short(from)),
        WatchKind::Created => format!("created {path}"),
        WatchKind::Modified => format!("modified {path}"),
        WatchKind::Attributes => format!("attributes {path}"),
        WatchKind::Removed => format!("removed {path}"),
        WatchKind::Overflow => format!("overflow {path}"),
        other => format!("{other:?} {path}"),
    }
}
