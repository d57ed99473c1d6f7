//! One file: its name in its directory, and where that leads.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use crate::error::Result;
use crate::sys::inotify::{self, Wd};
use crate::watch::batch::{Batch, Moving};
use crate::watch::event::{WatchEvent, WatchKind};
use crate::watch::hub::{self, Hub};
use crate::watch::notice::Notice;
use crate::watch::watching::{Origin, Watching};

/// As many links as Linux follows, by `path_resolution(7)`.
const MOST_LINKS: usize = 40;

const COMES: u32 = inotify::CREATE | inotify::MOVED_TO;
const GOES: u32 = inotify::DELETE | inotify::MOVED_FROM;

/// A file is watched by names: a descriptor or an inode would stay with the old one when an editor
/// renames a new one over it.
pub(super) struct File {
    /// `None` once it is stopped.
    hub: RefCell<Option<Rc<Hub>>>,
    /// The names that decide what the path is, in their order: that in its own directory, those of
    /// the links that are followed, and at last the file's own, or the first that is missing.
    steps: RefCell<Vec<Step>>,
    /// Whether there is something that could be removed.
    is_there: Cell<bool>,
    look: Cell<Look>,
    is_following: Cell<bool>,
}

struct Step {
    wd: Wd,
    name: OsString,
}

/// Why the steps are to be gone once more, when a batch ends.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    #[default]
    None,
    /// What has come, and is told of already, may be a link.
    Came,
    /// Notices are lost.
    Lost,
    /// The path leads elsewhere.
    Elsewhere,
}

impl File {
    pub(super) fn open(watching: &Rc<Watching>) -> Result<Box<dyn Origin>> {
        let hub = hub::failed(&watching.path, Hub::shared(&watching.core, watching.label))?;
        let file = File {
            hub: RefCell::new(Some(hub)),
            steps: RefCell::default(),
            is_there: Cell::new(false),
            look: Cell::default(),
            is_following: Cell::new(false),
        };
        let followed = file.follow(watching);
        if followed.is_err() {
            file.stop(watching);
        }
        hub::failed(&watching.path, followed)?;
        watching.ready.at_once();
        Ok(Box::new(file))
    }

    /// Goes the steps anew.
    fn follow(&self, watching: &Rc<Watching>) -> io::Result<()> {
        let Some(hub) = self.hub.borrow().as_ref().map(Rc::clone) else { return Ok(()) };
        let before = self.steps.take();
        self.is_following.set(true);
        let found = self.walk(&hub, watching);
        self.is_following.set(false);
        self.is_there.set(matches!(found, Ok(true)));
        for Step { wd, .. } in before {
            if self.steps.borrow().iter().all(|step| step.wd != wd) {
                hub.leave(wd, watching);
            }
        }
        found.map(drop)
    }

    /// Returns whether something is at the end.
    fn walk(&self, hub: &Hub, watching: &Rc<Watching>) -> io::Result<bool> {
        let (mut here, name) = split(&watching.path)?;
        let mut ahead = vec![name];
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            let path = here.join(&name);
            // A directory on the way: as that of the path itself, it is taken to stay.
            if name == ".." || !ahead.is_empty() && is_plain_directory(&path) {
                here = path;
                continue;
            }
            let wd = hub.join(&here, Rc::downgrade(watching))?;
            self.steps.borrow_mut().push(Step { wd, name });
            // What is done from here on is told.
            let Some(target) = look_at(&path)? else { return Ok(false) };
            let Some(target) = target else {
                // If more were to come, this would be a directory.
                return Ok(ahead.is_empty());
            };
            links += 1;
            if links > MOST_LINKS {
                return Err(io::Error::from_raw_os_error(libc::ELOOP));
            }
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            ahead.extend(names(&target).rev());
        }
        Ok(true)
    }

    fn entry(&self, watching: &Watching, batch: &mut Batch, notice: &Notice<'_>) {
        let steps = self.steps.borrow();
        let is_own = |step: &Step| step.wd == notice.wd && Some(&*step.name) == notice.name;
        let Some(place) = steps.iter().position(is_own) else { return };
        let is_last = place + 1 == steps.len() && !self.is_following.get();
        if !is_last {
            if notice.has(COMES | GOES) {
                self.look_again(Look::Elsewhere);
            }
        } else if self.look.get() < Look::Elsewhere {
            self.own_entry(watching, batch, notice);
        }
    }

    fn own_entry(&self, watching: &Watching, batch: &mut Batch, notice: &Notice<'_>) {
        // It was looked at since then.
        if notice.has(GOES) && !self.is_there.get() {
            return;
        }
        batch.take_in(notice, &watching.path, Moving::default());
        self.is_there.set(!notice.has(GOES));
        if notice.has(COMES) {
            self.look_again(Look::Came);
        }
    }

    fn look_again(&self, look: Look) {
        self.look.set(self.look.get().max(look));
    }

    fn farewell(&self, watching: &Watching, batch: &mut Batch, wd: Wd) {
        let steps = self.steps.borrow();
        if steps.first().is_some_and(|first| first.wd == wd) {
            // The directory is gone, and with it what was watched.
            if self.is_there.get() {
                batch.add(WatchKind::Removed, &watching.path);
            }
            watching.end();
        } else if steps.iter().any(|step| step.wd == wd) {
            self.look_again(Look::Elsewhere);
        }
    }

    fn look_now(&self, watching: &Rc<Watching>, batch: &mut Batch, look: Look) -> io::Result<()> {
        let was_there = self.is_there.get();
        let followed = self.follow(watching);
        let is_link = self.steps.borrow().len() > 1;
        match (was_there, self.is_there.get()) {
            (_, true) if look == Look::Elsewhere => batch.add(WatchKind::Created, &watching.path),
            (false, true) => batch.add(WatchKind::Created, &watching.path),
            // It went meanwhile, and that is told next.
            (true, false) if look == Look::Came && !is_link && followed.is_ok() => {
                self.is_there.set(true);
            }
            (true, false) => batch.add(WatchKind::Removed, &watching.path),
            _ => {}
        }
        followed
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

fn is_plain_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// What is there, if anything is: a link, and then where it leads, or something else.
fn look_at(path: &Path) -> io::Result<Option<Option<PathBuf>>> {
    match fs::read_link(path) {
        Ok(target) => Ok(Some(Some(target))),
        // It is no link.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(Some(None)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn names(target: &Path) -> impl DoubleEndedIterator<Item = OsString> + '_ {
    target.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    })
}

impl Origin for File {
    fn notice(&self, watching: &Watching, batch: &mut Batch, notice: &Notice<'_>) {
        match notice.name {
            _ if notice.has(inotify::Q_OVERFLOW) => {
                batch.add(WatchKind::Overflow, &watching.path);
                self.look_again(Look::Lost);
            }
            Some(_) => self.entry(watching, batch, notice),
            None if notice.is_farewell() => self.farewell(watching, batch, notice.wd),
            None => {}
        }
    }

    fn finish(&self, watching: &Rc<Watching>, batch: &mut Batch) -> Vec<WatchEvent> {
        let look = self.look.take();
        let mut looked = Ok(());
        if look != Look::None && !watching.is_ending() {
            looked = self.look_now(watching, batch, look);
        }
        let events = batch.finish().0;
        let Err(error) = looked else { return events };
        watching.queue(events.into_iter().map(Ok));
        watching.queue([Err(hub::in_context(&watching.path, error))]);
        Vec::new()
    }

    fn stop(&self, watching: &Watching) {
        if let Some(hub) = self.hub.take() {
            self.steps.take().iter().for_each(|step| hub.leave(step.wd, watching));
        }
    }

    fn name(&self) -> &'static str {
        "the file"
    }
}
