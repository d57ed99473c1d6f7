//! Frames: callbacks for the Render phase, at most one batch a frame interval.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use crate::clock::Nanos;
use crate::error::{Outcome, Result};
use crate::event_loop::context::current;
use crate::event_loop::core::{Core, Loop};
use crate::event_loop::phase::Work;
use crate::trace::{CallbackKind, Label, event};

pub(crate) struct Frames {
    /// Callbacks for the next frame.
    requested: VecDeque<FrameEntry>,
    next_id: u64,
    interval: Nanos,
    /// When the next frame may come. In the past, as long as nobody has asked for a while.
    next: Nanos,
    /// The time that every callback of the running frame gets.
    timestamp: Nanos,
}

pub(crate) struct FrameEntry {
    id: u64,
    label: Label,
    run: Box<dyn FnOnce(Duration) -> Result<()>>,
}

impl Frames {
    pub(crate) fn new(interval: Duration) -> Frames {
        Frames {
            requested: VecDeque::new(),
            next_id: 0,
            interval: crate::clock::nanos(interval),
            next: 0,
            timestamp: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.requested.len()
    }

    /// When the loop must wake for a frame: only if one was asked for.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        (!self.requested.is_empty()).then_some(self.next)
    }

    pub(crate) fn each(&self, mut each: impl FnMut(Label, usize)) {
        self.requested.iter().for_each(|entry| each(entry.label, size_of_val(&*entry.run)));
    }

    pub(crate) fn take_all(&mut self) -> VecDeque<FrameEntry> {
        std::mem::take(&mut self.requested)
    }

    /// Starts a frame at `now`: frames keep to their grid, and one that is late starts a new grid.
    fn begin(&mut self, now: Nanos) -> VecDeque<FrameEntry> {
        let on_grid = self.next.saturating_add(self.interval);
        self.next = if on_grid > now { on_grid } else { now.saturating_add(self.interval) };
        self.timestamp = now;
        std::mem::take(&mut self.requested)
    }
}

impl Core {
    /// The Render phase: nothing at all, unless a frame was asked for and is due.
    #[inline]
    pub(crate) fn run_frames(self: &Rc<Self>) {
        let deadline = self.frames.borrow().deadline();
        if let Some(deadline) = deadline {
            self.run_frames_due(deadline);
        }
    }

    fn run_frames_due(self: &Rc<Self>, deadline: Nanos) {
        let now = self.clock.refresh();
        if now < deadline {
            return;
        }
        let batch = self.frames.borrow_mut().begin(now);
        self.counters.frames.add(1);
        self.tasks.borrow_mut().extend(batch.into_iter().map(|entry| Work::Frame(Box::new(entry))));
        self.run_tasks();
    }

    pub(crate) fn run_frame(self: &Rc<Self>, entry: FrameEntry) {
        let timestamp = Duration::from_nanos(self.frames.borrow().timestamp);
        self.task(entry.label, || (entry.run)(timestamp));
    }
}

/// A frame that was requested. Dropping it cancels nothing.
#[derive(Clone)]
pub struct FrameRequest {
    core: Loop,
    id: u64,
}

impl FrameRequest {
    /// Takes the callback out, also out of the frame that is running.
    pub fn cancel(&self) {
        let requested = {
            let mut frames = self.core.frames.borrow_mut();
            let place = frames.requested.iter().position(|entry| entry.id == self.id);
            place.and_then(|index| frames.requested.remove(index))
        };
        let running = {
            let mut tasks = self.core.tasks.borrow_mut();
            let is_this = |work: &Work| matches!(work, Work::Frame(entry) if entry.id == self.id);
            tasks.iter().position(is_this).and_then(|index| tasks.remove(index))
        };
        drop((requested, running));
    }
}

impl fmt::Debug for FrameRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameRequest").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Asks for the next frame: `callback` runs in the Render phase, with the frame's timestamp.
///
/// The timestamp is the loop's time since it was built, the same for all callbacks of one frame.
/// Frames come 60 times a second at most, or as set by
/// [`Builder::frame_interval`](crate::Builder::frame_interval). A callback that asks again gets
/// the next frame. A requested frame keeps the loop alive; where nobody asks, no frame comes, and
/// the loop does not wake for one. This is
/// [`requestAnimationFrame`](https://html.spec.whatwg.org/#dom-animationframeprovider-requestanimationframe)
/// of HTML.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::request_frame(|timestamp| println!("drawing at {timestamp:?}"));
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn request_frame<R: Outcome>(callback: impl FnOnce(Duration) -> R + 'static) -> FrameRequest {
    let core = current();
    let label = core.label(CallbackKind::Frame, Location::caller());
    event::queued(label);
    let id = {
        let mut frames = core.frames.borrow_mut();
        frames.next_id += 1;
        let id = frames.next_id;
        let run = Box::new(move |timestamp| callback(timestamp).into_result());
        frames.requested.push_back(FrameEntry { id, label, run });
        id
    };
    FrameRequest { core, id }
}
