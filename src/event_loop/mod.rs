//! The event loop: one thread that sleeps in one place.

#[cfg(feature = "async")]
pub(crate) mod body;
pub(crate) mod buffer;
pub(crate) mod builder;
pub(crate) mod checkpoint;
pub(crate) mod context;
pub(crate) mod core;
mod explain;
mod frame;
#[cfg(feature = "async")]
pub(crate) mod futures;
pub(crate) mod guest;
mod hook;
mod immediate;
mod job;
#[cfg(feature = "async")]
pub(crate) mod join;
pub(crate) mod lifetime;
mod liveness;
pub(crate) mod mail;
pub(crate) mod phase;
pub(crate) mod place;
pub(crate) mod rejection;
mod remote;
mod sleep;
pub(crate) mod source;
mod task;
mod teardown;
pub(crate) mod timers;
#[cfg(feature = "async")]
pub(crate) mod wake;
mod watch;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::Location;
use std::rc::Rc;
use std::time::Instant;

pub use builder::Builder;
pub use checkpoint::{Hosted, next_tick, queue_microtask};
pub use explain::{resources, stack, why_alive};
pub use frame::{FrameRequest, request_frame};
pub use hook::{
    Hook, before_exit, on_exit, on_prepare, on_rejection_handled, on_uncaught,
    on_unhandled_rejection,
};
pub use immediate::{Immediate, set_immediate};
pub use lifetime::{exit, exit_code, set_exit_code, stop};
pub use rejection::Rejection;
pub use remote::{KeepAlive, LoopGone, Remote, keep_alive, remote};
pub use task::Uncaught;
pub use timers::Timer;

use crate::error::{Error, Outcome, Result};
use crate::event_loop::context::{Entered, current};
use crate::event_loop::core::{Core, Loop};
use crate::event_loop::liveness::Sleep;
use crate::event_loop::phase::Phase;
use crate::metrics::Metrics;
use crate::trace::{CallbackKind, Cause, Label, Resource};

impl Core {
    /// One turn. The order of these lines is the order that `docs/ordering.md` promises.
    fn turn(self: &Rc<Self>, sleep: impl FnOnce(&Loop) -> Sleep) -> io::Result<()> {
        let before = self.begin_turn();
        self.phase(Phase::Pending, Core::run_pending);
        self.phase(Phase::Prepare, Core::run_prepare);
        self.poll(sleep(self))?;
        self.phase(Phase::Poll, Core::run_polled);
        self.phase(Phase::Check, Core::run_immediates);
        self.phase(Phase::Render, Core::run_frames);
        self.phase(Phase::Close, Core::run_closing);
        self.phase(Phase::Timers, Core::run_timers);
        self.end_turn(before);
        Ok(())
    }

    /// Turns as long as anything is alive; then asks the hooks, and goes on if they start anything.
    fn turn_while_alive(self: &Rc<Self>) -> io::Result<()> {
        loop {
            // An already due timer precedes an immediate: both were set by `main`.
            let mut alive = self.goes_on();
            if alive {
                self.phase(Phase::Timers, Core::run_timers);
            }
            // Not asked again after these timers, as in libuv: what is unreferenced has its turn.
            while alive && self.may_go_on() {
                self.turn(Core::sleep)?;
                alive = self.goes_on();
            }
            if !self.may_go_on() || !self.run_before_exit_hooks() {
                return Ok(());
            }
            if !self.goes_on() {
                return Ok(());
            }
        }
    }

    /// Returns the tasks run so far.
    fn begin_turn(&self) -> u64 {
        self.counters.turns.add(1);
        self.watch.turn_began();
        self.counters.tasks.get()
    }

    fn end_turn(&self, tasks_before: u64) {
        self.phase.set(Phase::Outside);
        let tasks = self.counters.tasks.get() - tasks_before;
        self.counters.turns_empty.add(u64::from(tasks == 0));
        self.watch.turn_ended(self.counters.turns.get(), tasks);
    }
}

/// How long [`EventLoop::turn`] may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Turn {
    /// Until something happens, as [`EventLoop::run`] does.
    Block,
    /// Not at all.
    NoWait,
    /// Until something happens, but not past this instant.
    Until(Instant),
}

/// What a turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turned {
    /// How many tasks ran.
    pub tasks: u64,
    /// Whether anything is left that keeps the loop alive.
    pub alive: bool,
    /// The exit code, if [`exit`] was called. No turn will run anything any more.
    pub exit: Option<i32>,
}

/// An event loop: Node's, on one thread.
///
/// [`run`](crate::run()) is the short way. A loop of one's own is for options
/// ([`EventLoop::builder`]), for the exit code, and for embedding: a host drives it by
/// [`turn`](EventLoop::turn), sleeps for it in a poll of its own
/// ([`AsFd`], [`next_deadline`](EventLoop::next_deadline)), and enters it
/// with [`enter`](EventLoop::enter).
///
/// Dropping a loop drops each callback that it still holds exactly once, without calling it, closes
/// its descriptors, and waits up to a second for pool jobs that are running.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// let event_loop = unspin::EventLoop::new()?;
/// let code = event_loop.run(|| unspin::set_exit_code(3))?;
/// assert_eq!(code, 3);
/// # Ok(())
/// # }
/// ```
pub struct EventLoop {
    core: Loop,
}

impl EventLoop {
    /// A loop with the default options.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    #[track_caller]
    pub fn new() -> Result<EventLoop> {
        EventLoop::builder().build()
    }

    /// The options of a loop.
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn of(core: Loop) -> EventLoop {
        EventLoop { core }
    }

    /// Runs `main` as the first task, and then the loop until nothing is alive.
    ///
    /// Returns the exit code: 0, or what [`exit`] or [`set_exit_code`] said. The exit hooks have
    /// run by then, unless [`stop`] ended the run: then the work that is left stays, and the loop
    /// can be run again.
    ///
    /// # Errors
    ///
    /// The uncaught error that ended the loop. `is_loop_busy` if a loop is running on this thread
    /// already; `is_loop_ended` if this one has ended by `exit` or a failure before; what the
    /// system says if it cannot poll.
    ///
    /// # Panics
    ///
    /// With the panic of a callback, if no [`on_uncaught`] hook takes it.
    #[track_caller]
    pub fn run<R: Outcome>(&self, main: impl FnOnce() -> R) -> Result<i32> {
        let label = label_at(CallbackKind::Main, Location::caller());
        let entered = self.enter_loop()?;
        self.core.task(label, || main().into_result());
        self.core.turn_while_alive()?;
        if self.core.may_go_on() {
            self.core.run_exit_hooks();
        }
        self.core.watch.look();
        self.core.report_exit();
        self.core.lifetime.clear_stop();
        drop(entered);
        self.core.outcome()
    }

    /// Makes one turn, for a host that drives the loop.
    ///
    /// The host calls it as long as [`Turned::alive`] says so. Hooks of
    /// [`before_exit`] and [`on_exit`] are not run: the host knows when it is over.
    ///
    /// # Errors
    ///
    /// As [`run`](EventLoop::run).
    ///
    /// # Panics
    ///
    /// As [`run`](EventLoop::run).
    pub fn turn(&self, mode: Turn) -> Result<Turned> {
        let entered = self.enter_loop()?;
        let before = self.core.counters.tasks.get();
        self.core.turn(|core| core.sleep_in(mode))?;
        self.core.watch.look();
        // It has kept this turn from sleeping. A host that goes on means to, and must not spin.
        self.core.lifetime.clear_stop();
        drop(entered);
        self.core.outcome()?;
        Ok(Turned {
            tasks: self.core.counters.tasks.get() - before,
            alive: !self.core.lifetime.has_ended() && self.core.is_alive(),
            exit: self.core.lifetime.has_ended().then(|| self.core.lifetime.code()),
        })
    }

    /// Runs `f` as a task, with its checkpoint: for code that comes from outside of the loop, such
    /// as a host's own event handlers. Inside of it the free functions act on this loop.
    ///
    /// Returns what `f` returned, or `None` if [`exit`] unwound it.
    ///
    /// # Errors
    ///
    /// As [`run`](EventLoop::run).
    ///
    /// # Panics
    ///
    /// As [`run`](EventLoop::run).
    #[track_caller]
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> Result<Option<T>> {
        let label = label_at(CallbackKind::Enter, Location::caller());
        let entered = self.enter_loop()?;
        let mut value = None;
        self.core.task(label, || {
            value = Some(f());
            Ok(())
        });
        self.core.watch.look();
        drop(entered);
        self.core.outcome()?;
        Ok(value)
    }

    /// When the host must call [`turn`](EventLoop::turn) at the latest: now, while anything is
    /// pending; the nearest timer's or frame's deadline; `None` if only the descriptor can bring
    /// news.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.core.is_something_pending() {
            return Some(crate::clock::now());
        }
        self.core.clock.instant(self.core.deadline()?)
    }

    /// Whether anything keeps the loop alive.
    pub fn is_alive(&self) -> bool {
        self.core.is_alive()
    }

    /// What keeps the loop alive: see [`why_alive`](crate::why_alive).
    pub fn why_alive(&self) -> Vec<Resource> {
        self.core.why_alive()
    }

    /// Everything the loop holds: see [`resources`](crate::resources).
    pub fn resources(&self) -> Vec<Resource> {
        self.core.resources()
    }

    /// What the loop has counted since it was built.
    pub fn metrics(&self) -> Metrics {
        self.core.metrics()
    }

    /// This loop, as other threads may hold it.
    pub fn remote(&self) -> Remote {
        Remote::of(&self.core)
    }

    /// For the free functions that make a loop: a second one on a running one's thread is a
    /// likelier mistake than whatever building it would run into.
    #[track_caller]
    pub(crate) fn new_unless_busy() -> Result<EventLoop> {
        if context::try_current().is_some() {
            return Err(Error::loop_busy());
        }
        EventLoop::new()
    }

    /// Tears the loop down; then ends the process, if `exit` or an exit code asks for that.
    pub(crate) fn tear_down_and_end(self, code: i32) {
        let asked_to = self.core.lifetime.has_ended();
        drop(self);
        if asked_to || code != 0 {
            lifetime::end_process(code);
        }
    }

    fn enter_loop(&self) -> Result<Entered> {
        if self.core.lifetime.has_ended() {
            return Err(Error::loop_ended());
        }
        let entered = Entered::alone(&self.core)?;
        self.core.clock.refresh();
        self.core.watch.entered(self.core.clock.system());
        Ok(entered)
    }
}

/// The descriptor that becomes readable when a turn has something to do: for a host's own poll.
impl AsFd for EventLoop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        crate::sys::fd::borrow(self)
    }
}

impl AsRawFd for EventLoop {
    fn as_raw_fd(&self) -> RawFd {
        // Only teardown takes the reactor out, and then there is no EventLoop to be asked.
        self.core.reactor.borrow().as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.core.tear_down();
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop").field("alive", &self.is_alive()).finish_non_exhaustive()
    }
}

/// Runs `main` on a new loop of this thread until nothing is alive.
///
/// If [`exit`] was called, or an exit code other than 0 was set, the process ends with that code,
/// after the loop is torn down.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::set_timeout(std::time::Duration::from_millis(1), || println!("and done"));
/// })
/// # }
/// ```
///
/// # Errors
///
/// The uncaught error that ended the loop, and as [`EventLoop::new`] and [`EventLoop::run`].
///
/// # Panics
///
/// With the panic of a callback, if no [`on_uncaught`] hook takes it.
#[track_caller]
pub fn run<R: Outcome>(main: impl FnOnce() -> R) -> Result<()> {
    let event_loop = EventLoop::new_unless_busy()?;
    let code = event_loop.run(main)?;
    event_loop.tear_down_and_end(code);
    Ok(())
}

/// What this thread's loop has counted since it was built.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn metrics() -> Metrics {
    current().metrics()
}

/// A label for what comes from outside of all callbacks.
fn label_at(kind: CallbackKind, at: &'static Location<'static>) -> Label {
    Label::new(kind, at, Cause::OUTSIDE)
}
