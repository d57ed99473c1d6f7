//! What a loop is made of.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use crate::clock::{self, Clock};
use crate::error::Result;
use crate::event_loop::buffer::{self, Buffer};
use crate::event_loop::checkpoint::Queues;
use crate::event_loop::frame::Frames;
#[cfg(feature = "async")]
use crate::event_loop::futures::Futures;
use crate::event_loop::hook::Hooks;
use crate::event_loop::immediate::Immediates;
use crate::event_loop::job::Jobs;
use crate::event_loop::lifetime::Lifetime;
use crate::event_loop::mail::Mail;
use crate::event_loop::phase::{Phase, Work};
use crate::event_loop::rejection::Rejections;
use crate::event_loop::remote::{Message, Shared};
use crate::event_loop::source::{SourceCounts, SourceSlot};
use crate::event_loop::timers::TimerTask;
#[cfg(feature = "async")]
use crate::event_loop::wake::Home;
use crate::event_loop::watch::Watch;
use crate::metrics::{Counters, Metrics};
use crate::pool::Pool;
use crate::reactor::Reactor;
use crate::timer::Timers;
use crate::trace::{At, CallbackKind, Causes, Label};

/// How services and handles refer to a loop. It may be torn down already: whatever is asked of it
/// then does nothing.
pub(crate) type Loop = Rc<Core>;

/// A closure in a queue.
pub(crate) type Callback = Box<dyn FnOnce() -> Result<()>>;

/// The state of a loop.
///
/// Rule for all `RefCell`s here: none is borrowed while a callback, a waker or a subscriber runs,
/// or while something of the user's is dropped. Take it out, release, then call or drop it.
pub(crate) struct Core {
    pub(crate) built_at: At,
    pub(crate) clock: Clock,
    pub(crate) counters: Counters,
    pub(crate) causes: Causes,
    pub(crate) watch: Watch,

    /// `None` once the loop is torn down, so that its descriptors are closed although handles
    /// live on.
    pub(crate) reactor: RefCell<Option<Reactor<SourceSlot>>>,
    pub(crate) sources: SourceCounts,
    pub(crate) mail: Mail,
    pub(crate) pool: Pool,
    /// Jobs that have not come back.
    pub(crate) jobs: RefCell<Jobs>,
    /// Those of `jobs` that do not keep the loop alive.
    pub(crate) unreferenced_jobs: Cell<usize>,
    pub(crate) shared: Arc<Shared>,
    /// `None` once the loop is torn down, so that nothing can be posted although handles live on.
    pub(crate) inbox: RefCell<Option<Receiver<Message>>>,

    pub(crate) phase: Cell<Phase>,
    /// The task queue: what the running phase found ready. Empty between phases.
    pub(crate) tasks: RefCell<VecDeque<Work>>,
    /// For the next turn's Pending phase.
    pub(crate) pending: RefCell<VecDeque<Work>>,
    /// For this turn's Close phase.
    pub(crate) closing: RefCell<VecDeque<Work>>,
    pub(crate) queues: Queues,
    pub(crate) timers: RefCell<Timers<TimerTask>>,
    pub(crate) immediates: RefCell<Immediates>,
    pub(crate) frames: RefCell<Frames>,

    pub(crate) rejections: Rejections,
    #[cfg(feature = "async")]
    pub(crate) futures: RefCell<Futures>,
    #[cfg(feature = "async")]
    pub(crate) home: Home,
    pub(crate) hooks: Hooks,
    pub(crate) lifetime: Lifetime,
    /// Lent to one stream at a time, for the length of one read and its callback.
    pub(crate) read_buffer: Cell<Option<Buffer>>,
    #[cfg(feature = "async")]
    pub(crate) spare_buffers: buffer::Spare,
}

impl Core {
    pub(crate) fn metrics(&self) -> Metrics {
        self.counters.snapshot(clock::now(), clock::thread_cpu())
    }

    /// A label for something registered at `at` by what is running now.
    #[inline]
    pub(crate) fn label(&self, kind: CallbackKind, at: At) -> Label {
        Label::new(kind, at, self.causes.here())
    }

    /// Queues loop code for the next turn's Pending phase. What it calls is a task of its own.
    pub(crate) fn defer(&self, label: Label, work: impl FnOnce(&Loop) + 'static) {
        self.pending.borrow_mut().push_back(Work::deferred(label, work));
    }

    /// The same for this turn's Close phase; until it has run, the loop is alive.
    pub(crate) fn defer_to_close(&self, label: Label, work: impl FnOnce(&Loop) + 'static) {
        self.closing.borrow_mut().push_back(Work::deferred(label, work));
    }

    /// The buffer that reads go into. Whoever takes it puts it back.
    #[inline]
    pub(crate) fn take_read_buffer(&self) -> Buffer {
        self.read_buffer.take().unwrap_or_else(buffer::new)
    }

    #[inline]
    pub(crate) fn put_read_buffer(&self, buffer: Buffer) {
        self.read_buffer.set(Some(buffer));
    }
}
