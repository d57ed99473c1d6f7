//! What a watcher tells.

use std::fs::Metadata;
use std::path::PathBuf;

/// Something that happened to what is watched.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WatchEvent {
    /// What happened.
    pub kind: WatchKind,
    /// To what: the watched path as it was given, with the names below it behind it. Of something
    /// that was renamed, the new path.
    pub path: PathBuf,
    found: Option<Box<Found>>,
}

/// What a polling watcher saw before and now.
#[derive(Clone, Debug)]
struct Found {
    previous: Option<Metadata>,
    current: Option<Metadata>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WatchKind {
    /// It is there now: it was made, or moved here from where nobody watches, or it has taken the
    /// place of what had its name.
    Created,
    /// Its contents changed.
    Modified,
    /// Its owner, its permissions or its times were changed.
    Attributes,
    /// It is there no more: it was removed, or moved to where nobody watches.
    Removed,
    /// It has another name, perhaps in another directory.
    Renamed {
        /// The path that it had.
        from: PathBuf,
    },
    /// More happened than the queue could hold, and some of it is not told. Look for yourself; the
    /// watcher goes on.
    Overflow,
}

impl WatchEvent {
    pub(super) fn new(kind: WatchKind, path: PathBuf) -> WatchEvent {
        WatchEvent { kind, path, found: None }
    }

    pub(super) fn polled(
        kind: WatchKind,
        path: PathBuf,
        previous: Option<Metadata>,
        current: Option<Metadata>,
    ) -> WatchEvent {
        WatchEvent { kind, path, found: Some(Box::new(Found { previous, current })) }
    }

    /// What [`poll_watch`](crate::fs::poll_watch) saw before; `None` if nothing was there, and from
    /// other watchers.
    pub fn previous(&self) -> Option<&Metadata> {
        self.found.as_ref()?.previous.as_ref()
    }

    /// What [`poll_watch`](crate::fs::poll_watch) saw now; `None` if nothing is there, and from other
    /// watchers.
    pub fn current(&self) -> Option<&Metadata> {
        self.found.as_ref()?.current.as_ref()
    }
}
