//! A path that is looked at again and again.

use std::cell::Cell;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::event_loop::Timer;
use crate::event_loop::timers::Body;
use crate::pool::{JobId, Lane};
use crate::time::whole_millis;
use crate::timer::Millis;
use crate::trace::CallbackKind;
use crate::watch::batch::Batch;
use crate::watch::event::{WatchEvent, WatchKind};
use crate::watch::notice::Notice;
use crate::watch::watching::{Origin, Watching};

pub(super) struct Poller(Rc<State>);

struct State {
    interval: Millis,
    /// For the next look, between two.
    timer: Cell<Option<Timer>>,
    /// The look that is under way.
    job: Cell<Option<JobId>>,
    /// `None` until the first look: that is what others are compared with.
    last: Cell<Option<Seen>>,
    /// The error that was told last, until a look succeeds.
    failure: Cell<Option<Failure>>,
}

/// What was there, if anything was.
type Seen = Option<Box<Metadata>>;
type Failure = (io::ErrorKind, Option<i32>);

impl Poller {
    pub(super) fn open(watching: &Rc<Watching>, interval: Duration) -> Box<dyn Origin> {
        let state = Rc::new(State {
            interval: whole_millis(interval),
            timer: Cell::new(None),
            job: Cell::new(None),
            last: Cell::new(None),
            failure: Cell::new(None),
        });
        state.look(watching);
        Box::new(Poller(state))
    }
}

impl Origin for Poller {
    fn notice(&self, _: &Watching, _: &mut Batch, _: &Notice<'_>) {}

    fn finish(&self, _: &Rc<Watching>, _: &mut Batch) -> Vec<WatchEvent> {
        Vec::new()
    }

    /// A look that has begun is left behind, and its result is dropped.
    fn stop(&self, watching: &Watching) {
        if let Some(timer) = self.0.timer.take() {
            timer.clear();
        }
        if let Some(job) = self.0.job.take() {
            watching.core.cancel_job(job);
        }
    }

    fn name(&self) -> &'static str {
        "now and then"
    }

    fn is_polled(&self) -> bool {
        true
    }
}

impl State {
    fn look(self: &Rc<Self>, watching: &Rc<Watching>) {
        let path = watching.path.clone();
        let (state, weak) = (Rc::clone(self), Rc::downgrade(watching));
        let complete = move |_: &_, seen: Result<Seen>| {
            state.job.set(None);
            if let Some(watching) = weak.upgrade().filter(|watching| !watching.is_closed()) {
                state.seen(&watching, seen);
            }
        };
        let (core, label) = (&watching.core, watching.label);
        self.job.set(core.submit(Lane::Fs, label, "look at", move || see(&path), complete));
    }

    fn seen(self: &Rc<Self>, watching: &Rc<Watching>, seen: Result<Seen>) {
        self.wait(watching);
        let told = match seen {
            Ok(now) => self.compare(&watching.path, now).map(Ok),
            Err(error) => self.fail(error).map(Err),
        };
        let is_first = !watching.ready.is_ready();
        watching.tell(told);
        if is_first && !watching.is_closed() {
            watching.ready.reached(&watching.core);
            watching.count();
        }
        watching.handle_dropped();
    }

    /// The next look begins so long after this one has ended, so that none piles up.
    fn wait(self: &Rc<Self>, watching: &Rc<Watching>) {
        let (state, weak) = (Rc::clone(self), Rc::downgrade(watching));
        let body = Body::Deferred(Box::new(move || {
            if let Some(watching) = weak.upgrade().filter(|watching| !watching.is_closed()) {
                state.look(&watching);
            }
        }));
        let label = watching.label.with_kind(CallbackKind::Timer);
        // It keeps nothing alive: the watcher does.
        let timer = watching.core.start_timer(label, self.interval, body, false);
        self.timer.set(Some(timer));
    }

    fn compare(&self, path: &Path, now: Seen) -> Option<WatchEvent> {
        self.failure.set(None);
        let before = self.last.replace(Some(now.clone()))?;
        let kind = match (&before, &now) {
            (None, None) => return None,
            (None, Some(_)) => WatchKind::Created,
            (Some(_), None) => WatchKind::Removed,
            (Some(before), Some(now)) => difference(before, now)?,
        };
        let (before, now) = (before.map(|found| *found), now.map(|found| *found));
        Some(WatchEvent::polled(kind, path.to_owned(), before, now))
    }

    /// Where the first look fails, nothing was seen.
    fn fail(&self, error: Error) -> Option<Error> {
        self.last.set(Some(self.last.take().flatten()));
        let failure = Some((error.kind(), error.raw_os_error()));
        (self.failure.replace(failure) != failure).then_some(error)
    }
}

/// On the pool.
fn see(path: &Path) -> Result<Seen> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(Box::new(found))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(format!("look at {}", path.display()), error)),
    }
}

fn difference(before: &Metadata, now: &Metadata) -> Option<WatchKind> {
    // A number of a file that is gone is given again: the time of its birth tells them apart.
    let file = |of: &Metadata| (of.dev(), of.ino(), of.created().ok());
    let contents = |of: &Metadata| (file(of), of.size(), of.mtime(), of.mtime_nsec());
    // Not every file system has a time for the change of the rest.
    let changed = |of: &Metadata| (of.ctime(), of.ctime_nsec(), of.mode(), of.uid(), of.gid());
    match () {
        () if contents(before) != contents(now) => Some(WatchKind::Modified),
        () if changed(before) != changed(now) => Some(WatchKind::Attributes),
        () => None,
    }
}
