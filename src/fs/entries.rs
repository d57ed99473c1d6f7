//! Directories and trees, read a batch at a time.

use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::rc::Rc;

use crate::abort::AbortSignal;
use crate::error::{Error, Outcome};
use crate::event_loop::context::current;
use crate::fs::dir::DirEntry;
use crate::fs::listing::Listing;
use crate::fs::walker::{Ask, Rules, Walker};
use crate::pool::Lane;
use crate::request::Request;
use crate::trace::{At, CallbackKind, Label};

/// Reads a directory, a batch of entries at a time, however many it has: in no order, without `.`
/// and `..`. For a short one, [`read_dir_all`] is one request.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let entries = unspin::fs::read_dir("src");
///     entries.on_entry(|_, entry| println!("{}", entry.path().display()));
///     entries.on_error(|_, error| println!("{error}"));
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> Entries {
    Entries::open(Location::caller(), path.as_ref(), Rules::one_directory())
}

/// Reads a whole directory in one job: its entries in no order, without `.` and `..`.
///
/// # Errors
///
/// As [`std::fs::read_dir`]: `NotFound`, `NotADirectory`, `PermissionDenied` and others.
#[track_caller]
pub fn read_dir_all(path: impl AsRef<Path>) -> Request<Vec<DirEntry>> {
    let path = path.as_ref().to_owned();
    Request::stoppable_job(Location::caller(), Lane::Fs, "list", move |stop| {
        Walker::new(&path, Rules::one_directory()).all(stop)
    })
}

/// Reads a directory and all that are in it: [`WalkOptions`] with their defaults.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::fs;
///
/// unspin::block_on(async {
///     let (entries, mut files) = (fs::walk("src"), 0);
///     while let Some(entry) = entries.next_entry().await? {
///         files += usize::from(entry.file_type().is_file());
///     }
///     println!("{files} files");
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn walk(path: impl AsRef<Path>) -> Entries {
    WalkOptions::new().walk_at(Location::caller(), path.as_ref())
}

/// What is read of a tree of directories.
///
/// A directory comes before what is in it, and the entries of one directory come together, in the
/// order of the system; then those of the first directory among them, and so on down. The top itself
/// is no entry. One directory is open at a time, and of those that wait to be read the names are
/// kept. A directory that cannot be read is an error, and no end of the walk.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::fs::WalkOptions;
///
/// unspin::run(|| {
///     let sources = WalkOptions::new()
///         .descend(|dir| !dir.file_name().as_encoded_bytes().starts_with(b"."))
///         .max_depth(4)
///         .walk("src");
///     sources.on_entry(|_, entry| println!("{}", entry.path().display()));
/// })
/// # }
/// ```
#[must_use = "nothing is read before `walk`"]
pub struct WalkOptions(Rules);

impl WalkOptions {
    /// All of it, and symbolic links are entries like others.
    #[expect(clippy::new_without_default, reason = "like OpenOptions, which has none either")]
    pub fn new() -> WalkOptions {
        WalkOptions(Rules {
            max_depth: usize::MAX,
            follow_links: false,
            filter: None,
            descend: None,
        })
    }

    /// Reads no deeper than this: with 1, the top directory alone.
    pub fn max_depth(mut self, depth: usize) -> WalkOptions {
        self.0.max_depth = depth;
        self
    }

    /// Takes a symbolic link for what it leads to. One that leads to a directory above itself is an
    /// error instead of an entry, with the system's number for such loops. It costs a look at every
    /// link and directory.
    pub fn follow_links(mut self, follow: bool) -> WalkOptions {
        self.0.follow_links = follow;
        self
    }

    /// Leaves out what `filter` says no to, and of a directory all that is in it. Asked on a pool
    /// thread.
    pub fn filter(mut self, filter: impl FnMut(&DirEntry) -> bool + Send + 'static) -> WalkOptions {
        self.0.filter = Some(Box::new(filter) as Ask);
        self
    }

    /// Does not go into directories that `descend` says no to; they are entries all the same. Asked
    /// on a pool thread.
    pub fn descend(
        mut self,
        descend: impl FnMut(&DirEntry) -> bool + Send + 'static,
    ) -> WalkOptions {
        self.0.descend = Some(Box::new(descend) as Ask);
        self
    }

    /// Reads a tree in this way.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn walk(self, path: impl AsRef<Path>) -> Entries {
        self.walk_at(Location::caller(), path.as_ref())
    }

    fn walk_at(self, at: At, path: &Path) -> Entries {
        Entries::open(at, path, self.0)
    }
}

impl fmt::Debug for WalkOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WalkOptions")
            .field("max_depth", &self.0.max_depth)
            .field("follow_links", &self.0.follow_links)
            .finish_non_exhaustive()
    }
}

impl Rules {
    fn one_directory() -> Rules {
        Rules { max_depth: 1, follow_links: false, filter: None, descend: None }
    }
}

/// The entries of a directory or of a tree, as they are found: a cheap handle, to be cloned at will.
///
/// A batch of some hundred is one job on the pool; the next one is read while this one is taken, and
/// no more than that. So one that is paused, or whose entries nobody takes, holds no thread.
///
/// **Who owns it.** As with a [`ReadStream`](crate::fs::ReadStream): until an entry handler is
/// installed its handles do, then the loop, until it is closed. That is at its end, at the first
/// error of its top directory, or by [`close`](Entries::close).
///
/// **Alive.** It keeps the loop alive while it reads. A paused one does not.
pub struct Entries(Rc<Listing>);

impl Entries {
    fn open(at: At, path: &Path, rules: Rules) -> Entries {
        let core = current();
        let label = core.label(CallbackKind::Data, at);
        let walker = Walker::new(path, rules);
        Entries::of(&Listing::new(&core, label, path.to_owned(), walker))
    }

    pub(super) fn of(listing: &Rc<Listing>) -> Entries {
        listing.handle_added();
        Entries(Rc::clone(listing))
    }

    #[cfg(feature = "async")]
    pub(super) fn listing(&self) -> &Rc<Listing> {
        &self.0
    }

    /// Calls `handler` with each entry, as a task of its own. Reading begins with this.
    ///
    /// An error that it returns is logged at WARN and ends this listing, and nothing else.
    #[track_caller]
    pub fn on_entry<R: Outcome>(
        &self,
        mut handler: impl FnMut(&Entries, DirEntry) -> R + 'static,
    ) -> &Entries {
        let run = move |entries: &Entries, entry| handler(entries, entry).into_result();
        self.0.install(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when all entries have been handed over. It is closed next.
    #[track_caller]
    pub fn on_end<R: Outcome>(&self, mut handler: impl FnMut(&Entries) -> R + 'static) -> &Entries {
        let run = move |entries: &Entries| handler(entries).into_result();
        self.0.handlers.end.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` with each error: of the top directory, or by a signal, and then it is closed;
    /// or of another one, and then it goes on. Without a handler errors are logged at WARN.
    #[track_caller]
    pub fn on_error<R: Outcome>(
        &self,
        mut handler: impl FnMut(&Entries, Error) -> R + 'static,
    ) -> &Entries {
        let run = move |entries: &Entries, error| handler(entries, error).into_result();
        self.0.handlers.error.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when it is closed, for whatever reason: the last call, in the Close phase.
    #[track_caller]
    pub fn on_close<R: Outcome>(
        &self,
        mut handler: impl FnMut(&Entries) -> R + 'static,
    ) -> &Entries {
        let run = move |entries: &Entries| handler(entries).into_result();
        self.0.handlers.close.fill(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls no entry handler until [`resume`](Entries::resume). What was found already stays.
    pub fn pause(&self) {
        self.0.pause();
    }

    /// Goes on after [`pause`](Entries::pause), in the next turn.
    pub fn resume(&self) {
        self.0.resume();
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.0.is_paused()
    }

    /// Ends it with an error when the signal is aborted, or at once if it is aborted already. Its
    /// thread is free after the entry that it is at.
    ///
    /// For the error, [`is_abort`](Error::is_abort) holds.
    pub fn abort_on(&self, signal: &AbortSignal) -> &Entries {
        self.0.abort_on(signal);
        self
    }

    /// Closes it now. What was found and not handed over is dropped.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether it is closed: at its end, by an error, or by a call.
    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    /// Lets the loop end though it reads.
    pub fn unref(&self) -> &Entries {
        self.0.set_referenced(false);
        self
    }

    /// Keeps the loop alive while it reads, as it does from the start.
    pub fn ref_(&self) -> &Entries {
        self.0.set_referenced(true);
        self
    }

    /// Whether it keeps the loop alive while it reads.
    pub fn has_ref(&self) -> bool {
        self.0.presence.is_referenced()
    }

    fn label(&self, at: At) -> Label {
        self.0.core.label(CallbackKind::Data, at)
    }
}

impl Clone for Entries {
    fn clone(&self) -> Entries {
        Entries::of(&self.0)
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        self.0.handle_gone();
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
