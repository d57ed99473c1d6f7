//! How a loop is configured.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::env;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{self, Clock};
use crate::error::{Error, Result};
use crate::event_loop::EventLoop;
#[cfg(feature = "async")]
use crate::event_loop::buffer;
use crate::event_loop::checkpoint::{Hosted, Queues};
use crate::event_loop::core::{Core, Loop};
use crate::event_loop::frame::Frames;
use crate::event_loop::hook::Hooks;
use crate::event_loop::immediate::Immediates;
use crate::event_loop::lifetime::Lifetime;
use crate::event_loop::mail::Mail;
use crate::event_loop::phase::Phase;
use crate::event_loop::rejection::Rejections;
use crate::event_loop::remote::Shared;
use crate::event_loop::source::SourceCounts;
use crate::event_loop::watch::Watch;
use crate::metrics::Counters;
use crate::pool::Pool;
use crate::reactor::Reactor;
use crate::timer::Timers;
use crate::trace::{At, Causes, event};

const POOL_THREADS: usize = 4;
const MOST_POOL_THREADS: usize = 1024;
const POOL_VARIABLE: &str = "UNSPIN_THREADPOOL_SIZE";

/// 60 Hz.
const FRAME_INTERVAL: Duration = Duration::from_nanos(16_666_667);

/// What the web calls a long task.
const SLOW: Duration = Duration::from_millis(50);

/// Options of a loop; [`EventLoop::builder`] makes one.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use std::time::Duration;
///
/// // A year passes at once.
/// let event_loop = unspin::EventLoop::builder().virtual_time().build()?;
/// event_loop.run(|| {
///     unspin::set_timeout(Duration::from_secs(365 * 24 * 3600), || println!("a year later"));
/// })?;
/// # Ok(())
/// # }
/// ```
pub struct Builder {
    pool_threads: Option<usize>,
    frame_interval: Duration,
    slow_after: Duration,
    virtual_time: bool,
    host: Option<Box<dyn FnMut() -> Hosted>>,
}

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder {
            pool_threads: None,
            frame_interval: FRAME_INTERVAL,
            slow_after: SLOW,
            virtual_time: false,
            host: None,
        }
    }

    /// The most threads the pool may have, from 1 to 1024.
    ///
    /// Default: the environment variable `UNSPIN_THREADPOOL_SIZE`, else 4. Threads start when
    /// there is work and end when there has been none for a second.
    pub fn pool_threads(mut self, threads: usize) -> Builder {
        self.pool_threads = Some(threads);
        self
    }

    /// The shortest time from one frame to the next. Default: 1/60 s.
    pub fn frame_interval(mut self, interval: Duration) -> Builder {
        self.frame_interval = interval;
        self
    }

    /// How long a task, a turn or a checkpoint may take before a warning is logged (target
    /// `unspin::watch`). Default: 50 ms. [`Duration::MAX`] turns the warnings off.
    pub fn warn_after(mut self, limit: Duration) -> Builder {
        self.slow_after = limit;
        self
    }

    /// Runs the loop on a clock that stands still while callbacks run.
    ///
    /// When the loop would sleep for a timer or a frame, and nothing outside is outstanding (no
    /// socket at work, no request, no [`KeepAlive`](crate::KeepAlive), nothing posted), the clock
    /// jumps to that deadline instead. With something outstanding the loop really sleeps, and the
    /// clock goes on by as much. [`advance`](crate::advance) moves it from inside a callback.
    pub fn virtual_time(mut self) -> Builder {
        self.virtual_time = true;
        self
    }

    /// Hosts an engine that has a job queue of its own.
    ///
    /// `hook` is called at every checkpoint, once ticks and microtasks are drained. It runs the
    /// engine's jobs and says whether it has more. What those jobs queue here is drained next,
    /// then the hook is called again, until both are quiet.
    ///
    /// ```
    /// # fn main() -> unspin::Result<()> {
    /// use std::{cell::RefCell, collections::VecDeque, rc::Rc};
    ///
    /// let jobs: Rc<RefCell<VecDeque<&str>>> = Rc::default();
    /// let engine = Rc::clone(&jobs);
    /// let event_loop = unspin::EventLoop::builder()
    ///     .checkpoint_hook(move || {
    ///         while let Some(job) = { let next = engine.borrow_mut().pop_front(); next } {
    ///             println!("{job}");
    ///         }
    ///         unspin::Hosted::Quiet
    ///     })
    ///     .build()?;
    /// event_loop.run(move || {
    ///     unspin::next_tick(|| println!("first"));
    ///     jobs.borrow_mut().push_back("second");
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn checkpoint_hook(mut self, hook: impl FnMut() -> Hosted + 'static) -> Builder {
        self.host = Some(Box::new(hook));
        self
    }

    /// Builds the loop. It belongs to this thread.
    ///
    /// # Errors
    ///
    /// An error with a sentence if a setting is out of range (also that of the environment
    /// variable), and what the system says where it cannot give the descriptors for polling and
    /// waking: `ErrorKind::Other` with `EMFILE` or `ENFILE` in `raw_os_error`.
    #[track_caller]
    pub fn build(self) -> Result<EventLoop> {
        let at = Location::caller();
        let threads = self.checked_pool_threads()?;
        if self.frame_interval.is_zero() {
            return Err(Error::new("the frame interval is zero: set one above, such as 1/60 s"));
        }
        Ok(EventLoop::of(self.assemble(threads, at)?))
    }

    fn checked_pool_threads(&self) -> Result<usize> {
        let threads = match (self.pool_threads, env::var(POOL_VARIABLE)) {
            (Some(threads), _) => Some(threads),
            (None, Err(env::VarError::NotPresent)) => Some(POOL_THREADS),
            (None, Ok(text)) => text.trim().parse().ok(),
            (None, Err(env::VarError::NotUnicode(_))) => None,
        };
        threads.filter(|threads| (1..=MOST_POOL_THREADS).contains(threads)).ok_or_else(|| {
            Error::new(format!(
                "the pool has from 1 to {MOST_POOL_THREADS} threads: \
                 mend `Builder::pool_threads` or {POOL_VARIABLE}"
            ))
        })
    }

    fn assemble(self, threads: usize, at: At) -> Result<Loop> {
        let reactor = Reactor::new()?;
        let (post, inbox) = crossbeam_channel::unbounded();
        let shared = Arc::new(Shared::new(reactor.notifier()?, post));
        let wake = Arc::clone(&shared);
        let pool = Pool::new(threads, Arc::new(move || wake.notifier().notify()));
        event::start(threads, self.virtual_time);
        Ok(Rc::new(Core {
            built_at: at,
            clock: if self.virtual_time { Clock::standing_still() } else { Clock::real() },
            counters: Counters::new(clock::now(), clock::thread_cpu()),
            causes: Causes::new(),
            watch: Watch::new(self.slow_after),
            reactor: RefCell::new(Some(reactor)),
            sources: SourceCounts::default(),
            mail: Mail::new(),
            pool,
            jobs: RefCell::new(crate::slots::Slots::new()),
            unreferenced_jobs: Cell::new(0),
            #[cfg(feature = "async")]
            home: crate::event_loop::wake::Home::new(&shared)?,
            shared,
            inbox: RefCell::new(Some(inbox)),
            phase: Cell::new(Phase::Outside),
            tasks: RefCell::new(VecDeque::new()),
            pending: RefCell::new(VecDeque::new()),
            closing: RefCell::new(VecDeque::new()),
            queues: Queues::new(self.host),
            timers: RefCell::new(Timers::new()),
            immediates: RefCell::new(Immediates::new()),
            frames: RefCell::new(Frames::new(self.frame_interval)),
            rejections: Rejections::default(),
            #[cfg(feature = "async")]
            futures: RefCell::default(),
            hooks: Hooks::new(),
            lifetime: Lifetime::default(),
            read_buffer: Cell::new(None),
            #[cfg(feature = "async")]
            spare_buffers: buffer::Spare::default(),
        }))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("pool_threads", &self.pool_threads)
            .field("frame_interval", &self.frame_interval)
            .field("slow_after", &self.slow_after)
            .field("virtual_time", &self.virtual_time)
            .field("hosts_an_engine", &self.host.is_some())
            .finish()
    }
}
