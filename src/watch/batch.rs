//! What happened since the last time that anybody was told, made short.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::sys::inotify::{self, Wd};
use crate::watch::event::{WatchEvent, WatchKind};
use crate::watch::notice::Notice;

/// Events that belong together: what one look at the queue has brought.
#[derive(Default)]
pub(super) struct Batch {
    events: Vec<WatchEvent>,
    /// Where the last event about a path stands.
    last: HashMap<PathBuf, usize>,
    /// Renames of which only the first half is here.
    halves: Vec<Half>,
}

/// The first half of a rename.
pub(super) struct Half {
    cookie: u32,
    /// Its event, which says `Removed` until the other half is found.
    event: usize,
    pub(super) wd: Wd,
    pub(super) name: OsString,
    pub(super) is_dir: bool,
}

/// What a notice means to a tree of directories.
pub(super) enum Effect {
    None,
    Appeared,
    Moved(Half),
    Went,
}

impl Batch {
    pub(super) fn has_halves(&self) -> bool {
        !self.halves.is_empty()
    }

    /// Adds an event, unless the last one about its path says as much.
    pub(super) fn add(&mut self, kind: WatchKind, path: &Path) {
        let last = self.last.get(path).map(|event| &self.events[*event].kind);
        if last.is_none_or(|last| !covers(last, &kind)) {
            self.push(kind, path);
        }
    }

    fn push(&mut self, kind: WatchKind, path: &Path) -> usize {
        let place = self.events.len();
        self.events.push(WatchEvent::new(kind, path.to_owned()));
        self.last.insert(path.to_owned(), place);
        place
    }

    /// Takes in a notice about `path`, the entry `name` of a watched directory.
    pub(super) fn take_in(&mut self, notice: &Notice<'_>, name: &OsStr, path: &Path) -> Effect {
        let effect = match () {
            () if notice.has(inotify::MOVED_FROM) => return self.first_half(notice, name, path),
            () if notice.has(inotify::MOVED_TO) => return self.second_half(notice.cookie, path),
            () if notice.has(inotify::CREATE) => (WatchKind::Created, Effect::Appeared),
            () if notice.has(inotify::DELETE) => (WatchKind::Removed, Effect::Went),
            () if notice.has(inotify::MODIFY) => (WatchKind::Modified, Effect::None),
            () if notice.has(inotify::ATTRIB) => (WatchKind::Attributes, Effect::None),
            () => return Effect::None,
        };
        self.add(effect.0, path);
        effect.1
    }

    fn first_half(&mut self, notice: &Notice<'_>, name: &OsStr, path: &Path) -> Effect {
        let event = self.push(WatchKind::Removed, path);
        self.halves.push(Half {
            cookie: notice.cookie,
            event,
            wd: notice.wd,
            name: name.to_owned(),
            is_dir: notice.has(inotify::ISDIR),
        });
        Effect::None
    }

    fn second_half(&mut self, cookie: u32, path: &Path) -> Effect {
        let Some(place) = self.halves.iter().position(|half| half.cookie == cookie) else {
            self.push(WatchKind::Created, path);
            return Effect::Appeared;
        };
        let half = self.halves.swap_remove(place);
        let event = &mut self.events[half.event];
        let from = std::mem::replace(&mut event.path, path.to_owned());
        event.kind = WatchKind::Renamed { from };
        self.last.insert(path.to_owned(), half.event);
        Effect::Moved(half)
    }

    /// All events, and the halves whose others have not come: they say `Removed`.
    pub(super) fn finish(&mut self) -> (Vec<WatchEvent>, Vec<Half>) {
        self.last.clear();
        let (mut events, halves) =
            (std::mem::take(&mut self.events), std::mem::take(&mut self.halves));
        for half in halves.iter().filter(|half| half.is_dir) {
            leave_out_what_left(&mut events, half.event);
        }
        (events, halves)
    }
}

/// A directory was moved out: what happened in it from then on happened elsewhere.
fn leave_out_what_left(events: &mut Vec<WatchEvent>, moved: usize) {
    let Some(WatchEvent { path: directory, .. }) = events.get(moved).cloned() else { return };
    let mut place = 0;
    events.retain(|event| {
        place += 1;
        let is_in_it = event.path.starts_with(&directory) && event.path != directory;
        place <= moved || !is_in_it
    });
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
