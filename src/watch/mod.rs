//! Watching files: what happens to them, as events. [`fs`](crate::fs) is where users find it.

mod batch;
mod event;
mod file;
mod flat;
#[cfg(feature = "async")]
mod futures;
mod hub;
mod nodes;
mod notice;
mod poll;
mod ready;
mod scan;
mod tree;
mod watcher;
mod watching;

use std::fs;
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::error::Result;
use crate::event_loop::context::current;
use crate::event_loop::core::Loop;
use crate::request::{Request, Underway};
use crate::trace::{At, CallbackKind, Label};

pub use event::{WatchEvent, WatchKind};
use file::File;
use flat::Flat;
#[cfg(feature = "async")]
pub use futures::WatchEvents;
use poll::Poller;
use tree::Tree;
pub use watcher::Watcher;
use watching::Watching;

/// Watches a file, or what is directly in a directory: [`WatchOptions`] with their defaults.
///
/// ```no_run
/// use unspin::fs;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let watcher = fs::watch("settings.toml")?;
///     watcher.on_event(|_, event| println!("{:?}: read the settings again", event.kind));
///     Ok(())
/// })
/// # }
/// ```
///
/// # What is promised
///
/// * Events come in the order in which things happened. Those that the system has ready together
///   are a batch, in which an event that says nothing new is left out: several changes of one file,
///   or a change of one that was created just before.
/// * A rename within what is watched is one event. Half of one, from or to elsewhere, is `Removed`
///   or `Created`, as is one that only a new directory entry tells of.
/// * A **file** is watched by its name in its directory. So it stays watched when an editor saves by
///   renaming another file over it (`Created`), and when it is removed and made again. A symbolic
///   link is followed, with the same for each name on its way: a link that leads elsewhere is
///   `Created`, or `Removed` if it leads nowhere. The path of the events is the watched one. What is
///   done through a hard link of the same file is not seen.
/// * A **directory** is watched until it is removed or moved, which is told as `Removed` of its own
///   path; then the watcher closes. So does that of a file whose directory goes. That a directory
///   above was moved is not seen.
/// * What was lost is told as `Overflow`, and the watcher goes on.
/// * Watchers know nothing of each other, also of one path. All of a loop share one queue of the
///   system's, but that a recursive one has its own.
/// * An idle watcher makes no system call and has no thread.
///
/// These are the promises of `inotify(7)` made handy; Node's `fs.watch` and libuv's `uv_fs_event_t`
/// tell no more than "change" or "rename", and do not watch trees on Linux.
///
/// # Errors
///
/// `NotFound` if there is no such path, `PermissionDenied` if its directory may not be read;
/// `QuotaExceeded` if a limit of the system's is reached, and the message says which and how to
/// raise it; `Unsupported` on other systems than Linux, where [`poll_watch`] works.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn watch(path: impl AsRef<Path>) -> Result<Watcher> {
    WatchOptions::new().watch_at(Location::caller(), path.as_ref())
}

/// The next event of a path, once: what [`watch`] tells first. It is watched from when the request
/// is used.
///
/// ```
/// use unspin::fs;
///
/// # fn main() -> unspin::Result<()> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("new");
/// # let directory = directory.path().to_owned();
/// unspin::run(move || {
///     fs::watch_once(directory).promise().then(|event| println!("{:?}", event.path));
///     fs::write(path, "").callback(|_| ());
/// })
/// # }
/// ```
///
/// # Errors
///
/// The request's, as for [`watch`].
///
/// # Cancel safety
///
/// An event that came is lost if the future is dropped before it was told of it.
#[track_caller]
pub fn watch_once(path: impl AsRef<Path>) -> Request<WatchEvent> {
    let path = path.as_ref().to_owned();
    Request::new(Location::caller(), move |core, label, complete| {
        match WatchOptions::new().open(core, label, path) {
            Ok(watching) => {
                watching.install_once(complete);
                let watching = Rc::downgrade(&watching);
                Underway::Other(Box::new(move |_| {
                    watching.upgrade().is_some_and(|watching| watching.cancel_once())
                }))
            }
            Err(error) => {
                core.defer(label, move |core| complete(core, Err(error)));
                Underway::Job(None)
            }
        }
    })
}

/// Watches a path by looking at it every `interval`: where the system has no events to tell, as on
/// network file systems and in `/proc`. Fractions of a millisecond are rounded up.
///
/// The first look is what the later ones are compared with. Something that is not there is no
/// error: it is `Created` when it comes. An event has what was seen
/// [before](WatchEvent::previous) and [now](WatchEvent::current). A look that fails is told to
/// [`on_error`](Watcher::on_error), once until another error or a success. Each look is a job on the
/// pool, and the next one begins `interval` after it has ended; symbolic links are followed. As
/// Node's `fs.watchFile` and libuv's `uv_fs_poll_t`.
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let watcher = unspin::fs::poll_watch("Cargo.toml", Duration::from_secs(5));
///     watcher.on_event(|_, event| println!("{:?}", event.kind));
///     watcher.unref(); // the loop may end all the same
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn poll_watch(path: impl AsRef<Path>, interval: Duration) -> Watcher {
    let core = current();
    let label = core.label(CallbackKind::Change, Location::caller());
    let path = path.as_ref().to_owned();
    let polled = |watching: &Rc<Watching>| Ok(Poller::open(watching, interval));
    let watching = Watching::open(&core, label, path, polled);
    Watcher(watching.expect("to look comes later, and cannot fail here"))
}

/// What is watched, and how.
///
/// ```no_run
/// use unspin::fs::WatchOptions;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let tree = WatchOptions::new().recursive(true).watch("src")?;
///     tree.on_event(|_, event| println!("{:?} {}", event.kind, event.path.display()));
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WatchOptions {
    recursive: bool,
    may_be_missing: bool,
}

impl WatchOptions {
    /// A file that is there, or a directory without what is below its own directories.
    #[expect(clippy::new_without_default, reason = "like OpenOptions, which has none either")]
    pub fn new() -> WatchOptions {
        WatchOptions { recursive: false, may_be_missing: false }
    }

    /// Sets whether the directories below are watched, too, also those that come later; by default
    /// they are not. It changes nothing for a file.
    ///
    /// They are found on the pool, and [`ready`](Watcher::ready) says when all are watched. Of a
    /// directory that comes later, everything in it is told as `Created`, however fast it was
    /// filled; of one that goes, only the directory. One that is renamed stays watched under its new
    /// name. Symbolic links are not followed. Each directory takes one of the system's watches.
    pub fn recursive(mut self, recursive: bool) -> WatchOptions {
        self.recursive = recursive;
        self
    }

    /// Sets whether a path at which nothing is may be watched, for a file that will come; by default
    /// that is an error. Its directory must be there.
    pub fn may_be_missing(mut self, may_be_missing: bool) -> WatchOptions {
        self.may_be_missing = may_be_missing;
        self
    }

    /// Watches a path in this way: see [`watch`].
    ///
    /// # Errors
    ///
    /// As [`watch`].
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn watch(&self, path: impl AsRef<Path>) -> Result<Watcher> {
        self.watch_at(Location::caller(), path.as_ref())
    }

    fn watch_at(&self, at: At, path: &Path) -> Result<Watcher> {
        let core = current();
        let label = core.label(CallbackKind::Change, at);
        self.open(&core, label, path.to_owned()).map(Watcher)
    }

    fn open(&self, core: &Loop, label: Label, path: PathBuf) -> Result<Rc<Watching>> {
        let is_directory = hub::failed(&path, self.is_directory(&path))?;
        Watching::open(core, label, path, |watching| match is_directory {
            true if self.recursive => Tree::open(watching),
            true => Flat::open(watching),
            false => File::open(watching),
        })
    }

    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(found) => Ok(found.is_dir()),
            // A link that leads nowhere is there, and may lead to a file one day.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && (self.may_be_missing || fs::symlink_metadata(path).is_ok()) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
