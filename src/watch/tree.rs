//! A directory with all below it.
//!
//! Linux watches single directories, so a tree is one watch for each. New directories are scanned on
//! the pool, and while that lasts the kernel keeps the events: what a scan found and what was queued
//! meanwhile are then told as one batch, in which nothing is missing and nothing is twice.

use std::cell::{Cell, RefCell};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::pool::Lane;
use crate::sys::inotify::{self, Wd};
use crate::watch::batch::{Batch, Effect, Moving};
use crate::watch::event::{WatchEvent, WatchKind};
use crate::watch::hub::{self, Hub};
use crate::watch::nodes::Nodes;
use crate::watch::notice::Notice;
use crate::watch::scan::{Found, Scan, Scanned, Start};
use crate::watch::watching::{NAME, Origin, Watching};

pub(super) struct Tree(Rc<State>);

struct State {
    /// `None` once it is stopped: then its descriptor is closed.
    hub: RefCell<Option<Rc<Hub>>>,
    nodes: RefCell<Nodes>,
    /// Directories to be scanned when the batch is told: where they are, and their names there.
    appeared: RefCell<Vec<(Wd, OsString)>>,
    /// Events were lost: everything is to be scanned.
    lost: Cell<bool>,
    /// These notices were queued during a scan: it may have missed what was renamed meanwhile.
    unsure: Cell<bool>,
    stop: Arc<AtomicBool>,
}

impl Tree {
    /// Watches the root now, and what is below it from when `ready` tells.
    pub(super) fn open(watching: &Rc<Watching>) -> Result<Box<dyn Origin>> {
        let opened = Hub::sole(&watching.core, watching.label, Rc::downgrade(watching))
            .and_then(|hub| Ok((hub.join(&watching.path, Weak::new())?, hub)));
        let (root, hub) = hub::failed(&watching.path, opened)?;
        let state = Rc::new(State {
            hub: RefCell::new(Some(hub)),
            nodes: RefCell::new(Nodes::new(root)),
            appeared: RefCell::default(),
            lost: Cell::new(false),
            unsure: Cell::new(false),
            stop: Arc::default(),
        });
        state.scan_everything(watching);
        Ok(Box::new(Tree(state)))
    }
}

impl Origin for Tree {
    fn notice(&self, watching: &Watching, batch: &mut Batch, notice: &Notice<'_>) {
        let state = &*self.0;
        if notice.has(inotify::Q_OVERFLOW) {
            batch.add(WatchKind::Overflow, &watching.path);
            state.lost.set(true);
            return;
        }
        match notice.name {
            Some(name) => state.entry(watching, batch, notice, name),
            None => state.directory(watching, batch, notice),
        }
    }

    fn finish(&self, watching: &Rc<Watching>, batch: &mut Batch) -> Vec<WatchEvent> {
        let state = &self.0;
        state.unsure.set(false);
        let (events, gone) = batch.finish();
        gone.into_iter().for_each(|directory| state.moved_out(directory));
        if !watching.is_ending() {
            state.scan_what_is_new(watching);
        }
        events
    }

    fn stop(&self, _: &Watching) {
        self.0.stop.store(true, Ordering::Relaxed);
        drop(self.0.hub.take());
    }

    fn name(&self) -> &'static str {
        "the tree"
    }
}

impl State {
    fn hub(&self) -> Option<Rc<Hub>> {
        self.hub.borrow().clone()
    }

    /// Something happened to an entry of a watched directory.
    fn entry(&self, watching: &Watching, batch: &mut Batch, notice: &Notice<'_>, name: &OsStr) {
        let directory = self.nodes.borrow().path(&watching.path, notice.wd);
        // It is watched no more: it went, or was moved out.
        let Some(directory) = directory else { return };
        let place = (notice.wd, name);
        let leaves = notice.has(inotify::ISDIR) && notice.has(inotify::MOVED_FROM);
        // At once: before it is known where it went, another may take its name.
        let what = leaves.then(|| self.nodes.borrow_mut().detach(place.0, place.1)).flatten();
        let within = self.within(batch, notice.wd);
        let effect = batch.take_in(notice, &directory.join(name), Moving { what, within });
        if !notice.has(inotify::ISDIR) {
            return;
        }
        match effect {
            Effect::None => {}
            Effect::Appeared => self.is_new(place),
            Effect::Went => drop(self.nodes.borrow_mut().remove_child(place.0, place.1)),
            Effect::Moved(directory) => {
                let mut nodes = self.nodes.borrow_mut();
                let known = directory.filter(|wd| nodes.contains(*wd));
                known.map(|wd| nodes.insert(place.0, place.1, wd));
                if known.is_none() || self.unsure.get() {
                    self.is_new(place);
                }
            }
        }
    }

    fn is_new(&self, (wd, name): (Wd, &OsStr)) {
        self.appeared.borrow_mut().push((wd, name.to_owned()));
    }

    /// Something happened to a watched directory itself. What has a parent in the tree was told of
    /// there.
    fn directory(&self, watching: &Watching, batch: &mut Batch, notice: &Notice<'_>) {
        let is_root = notice.wd == self.nodes.borrow().root();
        if is_root && notice.is_farewell() {
            batch.add(WatchKind::Removed, &watching.path);
            watching.end();
        } else if is_root && notice.has(inotify::ATTRIB) {
            batch.add(WatchKind::Attributes, &watching.path);
        } else if notice.has(inotify::IGNORED) {
            let below = self.nodes.borrow_mut().remove(notice.wd);
            self.forget(&below);
        }
    }

    /// The directory on its way elsewhere that this one is in.
    fn within(&self, batch: &Batch, wd: Wd) -> Option<Wd> {
        batch.has_halves().then(|| self.nodes.borrow().detached(wd)).flatten()
    }

    fn moved_out(&self, directory: Wd) {
        let gone = self.nodes.borrow_mut().remove(directory);
        self.forget(&gone);
    }

    fn forget(&self, gone: &[Wd]) {
        if let Some(hub) = self.hub() {
            gone.iter().for_each(|wd| hub.inotify().forget(*wd));
        }
    }

    fn scan_what_is_new(self: &Rc<Self>, watching: &Rc<Watching>) {
        let appeared = self.appeared.take();
        if self.lost.take() {
            return self.scan_everything(watching);
        }
        let nodes = self.nodes.borrow();
        let starts = appeared.into_iter().filter_map(|(wd, name)| {
            let path = nodes.path(&watching.path, wd)?.join(&name);
            Some(Start { path, at: Some((wd, name)) })
        });
        let starts: Vec<Start> = starts.collect();
        drop(nodes);
        if !starts.is_empty() {
            self.scan(watching, starts, true);
        }
    }

    fn scan_everything(self: &Rc<Self>, watching: &Rc<Watching>) {
        let root = Start { path: watching.path.clone(), at: None };
        self.scan(watching, vec![root], false);
    }

    fn scan(self: &Rc<Self>, watching: &Rc<Watching>, starts: Vec<Start>, with_names: bool) {
        let Some(hub) = self.hub() else { return };
        hub.hold();
        let inotify = Arc::clone(hub.inotify());
        let scan = Scan { inotify, starts, with_names, stop: Arc::clone(&self.stop) };
        let (state, weak) = (Rc::clone(self), Rc::downgrade(watching));
        let complete = move |_: &_, scanned: Result<Scanned>| {
            if let Some(watching) = weak.upgrade() {
                state.scanned(&watching, scanned);
            }
        };
        let (core, label) = (&watching.core, watching.label);
        core.submit(Lane::Fs, label, NAME, move || Ok(scan.run()), complete);
    }

    /// Takes in what a scan has found. Called in Poll; user code runs in the end.
    fn scanned(&self, watching: &Rc<Watching>, scanned: Result<Scanned>) {
        let Some(hub) = self.hub() else { return };
        let errors = match scanned {
            Ok(scanned) => self.take_in(watching, scanned),
            Err(error) => vec![error],
        };
        watching.queue(errors.into_iter().map(Err));
        self.unsure.set(true);
        let is_first = !watching.ready.is_ready();
        // What was queued meanwhile joins the batch.
        hub.tell_of(watching);
        if is_first && !watching.is_closed() {
            watching.ready.reached(&watching.core);
            watching.count();
        }
        watching.handle_dropped();
    }

    fn take_in(&self, watching: &Watching, scanned: Scanned) -> Vec<Error> {
        let Scanned { found, errors, is_gone } = scanned;
        if is_gone {
            watching.with_batch(|batch| batch.add(WatchKind::Removed, &watching.path));
            watching.end();
        }
        let is_everything = found.first().is_some_and(|found| found.at.is_none());
        if is_everything {
            self.replace(&found);
        } else {
            watching.with_batch(|batch| self.add(&watching.path, batch, &found));
        }
        errors
    }

    /// A scan of everything is the truth: what it has not found is watched no more.
    fn replace(&self, found: &[Found]) {
        let mut nodes = Nodes::new(found[0].wd);
        for Found { wd, at, .. } in found {
            if let Some((parent, name)) = at {
                nodes.insert(*parent, name, *wd);
            }
        }
        let before = self.nodes.replace(nodes);
        let after = self.nodes.borrow();
        let gone: Vec<Wd> = before.all().filter(|wd| !after.contains(*wd)).collect();
        self.forget(&gone);
    }

    /// What is in a directory that was not watched before is new.
    fn add(&self, root: &Path, batch: &mut Batch, found: &[Found]) {
        let mut nodes = self.nodes.borrow_mut();
        for Found { wd, at, names } in found {
            let Some((parent, name)) = at else { continue };
            if !nodes.insert(*parent, name, *wd) {
                // What it is in went while it was scanned.
                if !nodes.contains(*wd) {
                    self.forget(&[*wd]);
                }
                continue;
            }
            let Some(path) = nodes.path(root, *wd) else { continue };
            names.iter().for_each(|name| batch.add(WatchKind::Created, &path.join(name)));
        }
    }
}
