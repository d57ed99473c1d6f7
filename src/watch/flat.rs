//! One directory, or one file: a name in its directory.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::error::Result;
use crate::sys::inotify::{self, Wd};
use crate::watch::batch::{Batch, Moving};
use crate::watch::event::{WatchEvent, WatchKind};
use crate::watch::hub::{self, Hub};
use crate::watch::notice::Notice;
use crate::watch::watching::{Origin, Watching};

pub(super) struct Flat {
    /// `None` once it is stopped.
    hub: Cell<Option<Rc<Hub>>>,
    wd: Wd,
    /// The file's name; `None` means everything in the directory.
    name: Option<OsString>,
    /// Whether there is something that could be removed.
    is_there: Cell<bool>,
}

impl Flat {
    pub(super) fn directory(watching: &Rc<Watching>) -> Result<Box<dyn Origin>> {
        Flat::open(watching, &watching.path, None, true)
    }

    /// A file is watched by its name: a descriptor or an inode would stay with the old one when an
    /// editor renames a new one over it.
    pub(super) fn file(watching: &Rc<Watching>, is_there: bool) -> Result<Box<dyn Origin>> {
        let (directory, name) = hub::failed(&watching.path, split(&watching.path))?;
        Flat::open(watching, &directory, Some(name), is_there)
    }

    fn open(
        watching: &Rc<Watching>,
        directory: &Path,
        name: Option<OsString>,
        is_there: bool,
    ) -> Result<Box<dyn Origin>> {
        let joined = Hub::shared(&watching.core, watching.label)
            .and_then(|hub| Ok((hub.join(directory, Rc::downgrade(watching))?, hub)));
        let (wd, hub) = hub::failed(&watching.path, joined)?;
        watching.ready.at_once();
        let (hub, is_there) = (Cell::new(Some(hub)), Cell::new(is_there));
        Ok(Box::new(Flat { hub, wd, name, is_there }))
    }

    /// The directory is gone, and with it what was watched.
    fn gone(&self, watching: &Watching, batch: &mut Batch) {
        if self.is_there.get() {
            batch.add(WatchKind::Removed, &watching.path);
        }
        watching.end();
    }

    fn entry(&self, watching: &Watching, batch: &mut Batch, notice: &Notice<'_>, name: &OsStr) {
        match &self.name {
            Some(own) if own != name => {}
            Some(_) => {
                batch.take_in(notice, &watching.path, Moving::default());
                self.is_there.set(!notice.has(inotify::DELETE | inotify::MOVED_FROM));
            }
            None => {
                batch.take_in(notice, &watching.path.join(name), Moving::default());
            }
        }
    }
}

/// A path's directory, and its name there.
fn split(path: &Path) -> io::Result<(PathBuf, OsString)> {
    // What has no name has one when it is made absolute: `.` or `..`.
    let path = if path.file_name().is_some() { path.to_owned() } else { path.canonicalize()? };
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok((directory, name))
}

impl Origin for Flat {
    fn notice(&self, watching: &Watching, batch: &mut Batch, notice: &Notice<'_>) {
        match notice.name {
            _ if notice.has(inotify::Q_OVERFLOW) => batch.add(WatchKind::Overflow, &watching.path),
            Some(name) => self.entry(watching, batch, notice, name),
            None if notice.is_farewell() => self.gone(watching, batch),
            None if self.name.is_none() && notice.has(inotify::ATTRIB) => {
                batch.add(WatchKind::Attributes, &watching.path);
            }
            None => {}
        }
    }

    fn finish(&self, _: &Rc<Watching>, batch: &mut Batch) -> Vec<WatchEvent> {
        batch.finish().0
    }

    fn stop(&self, watching: &Watching) {
        if let Some(hub) = self.hub.take() {
            hub.leave(self.wd, watching);
        }
    }

    fn name(&self) -> &'static str {
        if self.name.is_some() { "the file" } else { "the directory" }
    }
}
