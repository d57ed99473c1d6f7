//! An inotify instance of a loop, and whom its notices are for.
//!
//! A user may have 128 instances, so the watchers of single directories share one; each recursive
//! watcher has its own, which can be left unread while its tree is scanned.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use mio::unix::SourceFd;

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::phase::Work;
use crate::event_loop::source::Source;
use crate::reactor::Readiness;
use crate::slots::Key;
use crate::sys::inotify::{Inotify, Q_OVERFLOW, Wd};
use crate::trace::{Label, Resource, ResourceKind, event};
use crate::watch::notice::Notice;
use crate::watch::watching::Watching;

/// So many reads of the loop's buffer, and others have their turn: some sixteen thousand notices.
const READS: usize = 8;

thread_local! {
    /// The shared hubs. A thread has one loop nearly always. Owned by the watchers.
    static HUBS: RefCell<Vec<Weak<Hub>>> = const { RefCell::new(Vec::new()) };
}

pub(super) struct Hub {
    core: Loop,
    key: Key,
    label: Label,
    inotify: Arc<Inotify>,
    audience: RefCell<Audience>,
    /// Who was given notices, and has not been told that those were all.
    touched: RefCell<Vec<Rc<Watching>>>,
    /// It is not read for now.
    held: Cell<bool>,
    /// It goes on in the next turn's Pending phase.
    put_off: Cell<bool>,
}

enum Audience {
    Sole(Weak<Watching>),
    Shared(HashMap<Wd, Vec<Weak<Watching>>>),
}

impl Hub {
    /// The hub that the loop's watchers share.
    pub(super) fn shared(core: &Loop, label: Label) -> io::Result<Rc<Hub>> {
        let hub = HUBS.with_borrow_mut(|hubs| {
            hubs.retain(|hub| hub.strong_count() > 0);
            hubs.iter().filter_map(Weak::upgrade).find(|hub| Rc::ptr_eq(&hub.core, core))
        });
        if let Some(hub) = hub {
            return Ok(hub);
        }
        let hub = Hub::open(core, label, Audience::Shared(HashMap::new()))?;
        HUBS.with_borrow_mut(|hubs| hubs.push(Rc::downgrade(&hub)));
        Ok(hub)
    }

    /// A hub for one watcher alone.
    pub(super) fn sole(core: &Loop, label: Label, watching: Weak<Watching>) -> io::Result<Rc<Hub>> {
        Hub::open(core, label, Audience::Sole(watching))
    }

    fn open(core: &Loop, label: Label, audience: Audience) -> io::Result<Rc<Hub>> {
        let inotify = Arc::new(Inotify::new().map_err(explained)?);
        let key = core.register(&mut SourceFd(&inotify.as_raw_fd()), true)?;
        let hub = Rc::new(Hub {
            core: Rc::clone(core),
            key,
            label,
            inotify,
            audience: RefCell::new(audience),
            touched: RefCell::default(),
            held: Cell::new(false),
            put_off: Cell::new(false),
        });
        let source: Weak<Hub> = Rc::downgrade(&hub);
        core.attach(key, source);
        Ok(hub)
    }

    pub(super) fn inotify(&self) -> &Arc<Inotify> {
        &self.inotify
    }

    /// Watches a directory from now on, for one of those who share the hub. It may do so already.
    pub(super) fn join(&self, directory: &Path, watching: Weak<Watching>) -> io::Result<Wd> {
        self.hand_out_what_was();
        let wd = self.inotify.watch(directory).map_err(explained)?;
        if let Audience::Shared(listeners) = &mut *self.audience.borrow_mut() {
            let there = listeners.entry(wd).or_default();
            if !there.iter().any(|other| other.ptr_eq(&watching)) {
                there.push(watching);
            }
        }
        Ok(wd)
    }

    /// What happened before somebody joins is for the others.
    fn hand_out_what_was(&self) {
        let mut buffer = self.core.take_read_buffer();
        self.read(&mut buffer[..]);
        self.core.put_read_buffer(buffer);
        if !self.touched.borrow().is_empty() {
            self.put_off();
        }
    }

    /// The last one to leave a directory ends its watch.
    pub(super) fn leave(&self, wd: Wd, watching: &Watching) {
        let Audience::Shared(listeners) = &mut *self.audience.borrow_mut() else { return };
        let Some(there) = listeners.get_mut(&wd) else { return };
        there.retain(|other| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), watching));
        if there.is_empty() {
            listeners.remove(&wd);
            self.inotify.forget(wd);
        }
    }

    /// Leaves the queue to the kernel until `tell_of`.
    pub(super) fn hold(&self) {
        self.held.set(true);
    }

    /// Reads what has gathered meanwhile, and tells a watcher of it next to what its batch has
    /// already. Runs user code.
    pub(super) fn tell_of(&self, watching: &Rc<Watching>) {
        if watching.is_touched_first() {
            self.touched.borrow_mut().push(Rc::clone(watching));
        }
        self.held.set(false);
        self.core.resume_source(self.key);
    }

    /// Looks at the queue once more before long, without a sleep.
    pub(super) fn put_off(&self) {
        if !self.put_off.replace(true) {
            self.core.pending.borrow_mut().push_back(Work::Resume(self.key));
        }
    }

    /// Hands out what is in the queue. An error is that the descriptor is gone.
    fn read(&self, buffer: &mut [u8]) {
        for _ in 0..READS {
            match self.inotify.read(buffer) {
                Ok(length) => {
                    Notice::all(&buffer[..length]).for_each(|notice| self.hand_out(&notice));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.kind() != io::ErrorKind::WouldBlock {
                        event::resource_failed("file watcher", self.label, &Error::from(error));
                    }
                    return;
                }
            }
        }
        self.put_off();
    }

    fn hand_out(&self, notice: &Notice<'_>) {
        match &*self.audience.borrow() {
            Audience::Sole(watching) => self.give(watching, notice),
            Audience::Shared(listeners) if notice.has(Q_OVERFLOW) => {
                listeners.values().flatten().for_each(|watching| self.give(watching, notice));
            }
            Audience::Shared(listeners) => {
                let there = listeners.get(&notice.wd).into_iter().flatten();
                there.for_each(|watching| self.give(watching, notice));
            }
        }
    }

    fn give(&self, watching: &Weak<Watching>, notice: &Notice<'_>) {
        let Some(watching) = watching.upgrade() else { return };
        watching.notice(notice);
        if watching.is_touched_first() {
            self.touched.borrow_mut().push(watching);
        }
    }

    /// Tells everyone that these were all. From here on user code runs.
    fn settle(&self) {
        for watching in self.touched.take() {
            if watching.waits_for_a_half() {
                // The kernel queues both halves in one go: the other is on its way, or never comes.
                self.put_off();
                self.touched.borrow_mut().push(watching);
            } else {
                watching.settle();
            }
        }
    }
}

impl Source for Hub {
    fn ready(self: Rc<Self>, _: Readiness, buffer: &mut [u8]) {
        self.put_off.set(false);
        if self.held.get() {
            return;
        }
        self.read(buffer);
        self.settle();
    }

    fn describe(&self) -> Resource {
        let listeners = match &*self.audience.borrow() {
            Audience::Sole(_) => 1,
            Audience::Shared(listeners) => listeners.len(),
        };
        Resource {
            kind: ResourceKind::FileWatcher,
            at: self.label.at,
            state: "a queue of the system's".into(),
            bytes: listeners * size_of::<(Wd, Vec<Weak<Watching>>)>(),
            holds: false,
        }
    }

    fn abandon(&self) {
        drop(self.core.deregister(self.key, &mut SourceFd(&self.inotify.as_raw_fd())));
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// "No space left on device" means neither a device nor space here.
pub(super) fn explained(error: io::Error) -> io::Error {
    let text = match error.raw_os_error() {
        Some(libc::ENOSPC) => {
            "the system's limit of watched directories is reached: raise it with `sysctl \
             fs.inotify.max_user_watches=…`, or watch fewer directories"
        }
        // Who can open something else is short of this alone.
        Some(libc::EMFILE) if File::open("/dev/null").is_ok() => {
            "the system's limit of inotify instances is reached: raise it with `sysctl \
             fs.inotify.max_user_instances=…`, or watch fewer trees"
        }
        Some(libc::EMFILE) => "out of descriptors: raise `ulimit -n`, or close some",
        _ => return error,
    };
    io::Error::new(io::ErrorKind::QuotaExceeded, text)
}

pub(super) fn in_context(path: &Path, error: io::Error) -> Error {
    Error::io(format!("watch {}", path.display()), error)
}

/// For who has no use for the `io::Error`.
pub(super) fn failed<T>(path: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|error| in_context(path, error))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::explained;

    #[test]
    fn a_limit_is_explained_with_what_raises_it() {
        for (code, word) in
            [(libc::ENOSPC, "max_user_watches"), (libc::EMFILE, "max_user_instances")]
        {
            let error = explained(io::Error::from_raw_os_error(code));
            assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
            assert!(error.to_string().contains(word), "{error}");
        }
        let other = explained(io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(other.kind(), io::ErrorKind::NotFound);
    }
}
