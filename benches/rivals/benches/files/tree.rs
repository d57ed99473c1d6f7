//! A tree of directories, and whether each entry is one.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use futures_lite::StreamExt;
use unspin_rivals::runtime::{Executor, Runtime, Tokio, Unspin};

/// What is still to be read, and how much was found.
struct Found {
    pending: Vec<PathBuf>,
    entries: usize,
}

impl Found {
    fn below(top: &Path) -> Found {
        Found { pending: vec![top.to_owned()], entries: 0 }
    }

    fn entry(&mut self, is_dir: bool, path: impl FnOnce() -> PathBuf) {
        self.entries += 1;
        if is_dir {
            self.pending.push(path());
        }
    }

    fn check(&self, count: usize) {
        // The first time fewer are asked for than there are.
        assert!(self.entries >= count, "{} entries", self.entries);
    }
}

pub(crate) fn std(top: &Path, count: usize) {
    let mut found = Found::below(top);
    while let Some(directory) = found.pending.pop() {
        for entry in fs::read_dir(directory).expect("it is there") {
            let entry = entry.expect("it can be read");
            found.entry(entry.file_type().expect("it is known").is_dir(), || entry.path());
        }
    }
    found.check(count);
}

pub(crate) fn unspin_callback(top: &Path, count: usize) {
    let (files, directories) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (top, some_files, some_directories) =
        (top.to_owned(), Rc::clone(&files), Rc::clone(&directories));
    unspin::run(move || {
        unspin::fs::walk(top).on_entry(move |_, entry| {
            let which = if entry.file_type().is_dir() { &some_directories } else { &some_files };
            which.set(which.get() + 1);
        });
    })
    .expect("nothing in it fails");
    assert!(files.get() + directories.get() >= count);
}

pub(crate) fn unspin_await(top: &Path, count: usize) {
    let top = top.to_owned();
    Unspin::run(move |_| async move {
        let entries = unspin::fs::walk(top);
        let (mut files, mut directories) = (0, 0);
        while let Some(entry) = entries.next_entry().await.expect("it can be read") {
            *if entry.file_type().is_dir() { &mut directories } else { &mut files } += 1;
        }
        assert!(files + directories >= count);
    });
}

pub(crate) fn tokio(top: &Path, count: usize) {
    let mut found = Found::below(top);
    Tokio::run(move |_| async move {
        while let Some(directory) = found.pending.pop() {
            let mut entries = tokio::fs::read_dir(directory).await.expect("it is there");
            while let Some(entry) = entries.next_entry().await.expect("it can be read") {
                let file_type = entry.file_type().await.expect("it is known");
                found.entry(file_type.is_dir(), || entry.path());
            }
        }
        found.check(count);
    });
}

/// A reader stays on the pool for as long as a directory has entries.
pub(crate) fn smol(top: &Path, count: usize) {
    let mut found = Found::below(top);
    Executor::run(move |_| async move {
        while let Some(directory) = found.pending.pop() {
            let opened = blocking::unblock(|| fs::read_dir(directory)).await;
            let mut entries = blocking::Unblock::new(opened.expect("it is there"));
            while let Some(entry) = entries.next().await {
                let entry = entry.expect("it can be read");
                found.entry(entry.file_type().expect("it is known").is_dir(), || entry.path());
            }
        }
        found.check(count);
    });
}
