//! What happened since the last time that anybody was told, made short.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::sys::inotify::{self, Wd};
use crate::watch::event::{WatchEvent, WatchKind};
use crate::watch::notice::Notice;

/// Events that belong together: what one look at the queue has brought.
#[derive(Default)]
pub(super) struct Batch {
    told: Vec<Told>,
    /// Where the last event about a path stands.
    last: HashMap<PathBuf, usize>,
    /// Renames of which only the first half is here.
    halves: Vec<Half>,
}

struct Told {
    event: WatchEvent,
    /// The directory on its way elsewhere in which it happened.
    within: Option<Wd>,
}

/// The first half of a rename.
struct Half {
    cookie: u32,
    /// Its event, which says `Removed` until the other half is found.
    event: usize,
    /// What is renamed, if that is a watched directory.
    directory: Option<Wd>,
}

/// Which watched directories are on their way: their names are free, and it is not known yet where
/// they go.
#[derive(Clone, Copy, Default)]
pub(super) struct Moving {
    /// The one that a notice tells of.
    pub(super) what: Option<Wd>,
    /// The one in which it happened.
    pub(super) within: Option<Wd>,
}

/// What a notice means to a tree of directories.
pub(super) enum Effect {
    None,
    Appeared,
    /// A directory, if it was watched, has a new name or place.
    Moved(Option<Wd>),
    Went,
}

impl Batch {
    pub(super) fn has_halves(&self) -> bool {
        !self.halves.is_empty()
    }

    /// Adds an event, unless the last one about its path says as much.
    pub(super) fn add(&mut self, kind: WatchKind, path: &Path) {
        self.add_within(None, kind, path);
    }

    fn add_within(&mut self, within: Option<Wd>, kind: WatchKind, path: &Path) {
        let last = self.last.get(path).map(|event| &self.told[*event].event.kind);
        if last.is_none_or(|last| !covers(last, &kind)) {
            self.push(kind, path, within);
        }
    }

    fn push(&mut self, kind: WatchKind, path: &Path, within: Option<Wd>) -> usize {
        let place = self.told.len();
        self.told.push(Told { event: WatchEvent::new(kind, path.to_owned()), within });
        self.last.insert(path.to_owned(), place);
        place
    }

    /// Takes in a notice about `path`, an entry of a watched directory.
    pub(super) fn take_in(&mut self, notice: &Notice<'_>, path: &Path, moving: Moving) -> Effect {
        let effect = match () {
            () if notice.has(inotify::MOVED_FROM) => return self.first_half(notice, path, moving),
            () if notice.has(inotify::MOVED_TO) => return self.second_half(notice, path, moving),
            () if notice.has(inotify::CREATE) => (WatchKind::Created, Effect::Appeared),
            () if notice.has(inotify::DELETE) => (WatchKind::Removed, Effect::Went),
            () if notice.has(inotify::MODIFY) => (WatchKind::Modified, Effect::None),
            () if notice.has(inotify::ATTRIB) => (WatchKind::Attributes, Effect::None),
            () => return Effect::None,
        };
        self.add_within(moving.within, effect.0, path);
        effect.1
    }

    fn first_half(&mut self, notice: &Notice<'_>, path: &Path, moving: Moving) -> Effect {
        let event = self.push(WatchKind::Removed, path, moving.within);
        self.halves.push(Half { cookie: notice.cookie, event, directory: moving.what });
        Effect::None
    }

    fn second_half(&mut self, notice: &Notice<'_>, path: &Path, moving: Moving) -> Effect {
        // It mostly comes next: those that never come must not be gone through each time.
        let Some(place) = self.halves.iter().rposition(|half| half.cookie == notice.cookie) else {
            self.push(WatchKind::Created, path, moving.within);
            return Effect::Appeared;
        };
        let half = self.halves.swap_remove(place);
        let told = &mut self.told[half.event];
        let from = std::mem::replace(&mut told.event.path, path.to_owned());
        told.event.kind = WatchKind::Renamed { from };
        // One of its ends may be here.
        told.within = None;
        self.last.insert(path.to_owned(), half.event);
        Effect::Moved(half.directory)
    }

    /// All events, and the watched directories that were moved out: halves whose others have not
    /// come, which say `Removed`. What happened in them from then on happened elsewhere.
    pub(super) fn finish(&mut self) -> (Vec<WatchEvent>, HashSet<Wd>) {
        self.last.clear();
        let halves = std::mem::take(&mut self.halves);
        let gone = HashSet::from_iter(halves.into_iter().filter_map(|half| half.directory));
        let told = std::mem::take(&mut self.told).into_iter();
        let here = told.filter(|told| told.within.is_none_or(|wd| !gone.contains(&wd)));
        (here.map(|told| told.event).collect(), gone)
    }
}

/// Whether who was told `last` learns nothing from `next`.
fn covers(last: &WatchKind, next: &WatchKind) -> bool {
    use WatchKind::{Attributes, Created, Modified, Overflow, Removed};
    match next {
        Created => *last == Created,
        Modified => matches!(last, Created | Modified),
        Attributes => matches!(last, Created | Attributes),
        Removed => *last == Removed,
        Overflow => *last == Overflow,
        WatchKind::Renamed { .. } => false,
    }
}
