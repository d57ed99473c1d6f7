//! One directory.

use std::cell::Cell;
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
}

impl Flat {
    pub(super) fn open(watching: &Rc<Watching>) -> Result<Box<dyn Origin>> {
        let joined = Hub::shared(&watching.core, watching.label)
            .and_then(|hub| Ok((hub.join(&watching.path, Rc::downgrade(watching))?, hub)));
        let (wd, hub) = hub::failed(&watching.path, joined)?;
        watching.ready.at_once();
        Ok(Box::new(Flat { hub: Cell::new(Some(hub)), wd }))
    }
}

impl Origin for Flat {
    fn notice(&self, watching: &Watching, batch: &mut Batch, notice: &Notice<'_>) {
        match notice.name {
            _ if notice.has(inotify::Q_OVERFLOW) => batch.add(WatchKind::Overflow, &watching.path),
            Some(name) => {
                batch.take_in(notice, &watching.path.join(name), Moving::default());
            }
            None if notice.is_farewell() => {
                batch.add(WatchKind::Removed, &watching.path);
                watching.end();
            }
            None if notice.has(inotify::ATTRIB) => {
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
        "the directory"
    }
}
