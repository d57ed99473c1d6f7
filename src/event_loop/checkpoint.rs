//! The checkpoint: the tick queue and the microtask queue, emptied after every task.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;

use crate::error::{Outcome, Result};
use crate::event_loop::context::current;
use crate::event_loop::core::{Callback, Core};
#[cfg(feature = "async")]
use crate::event_loop::wake::FutureId;
use crate::metrics::Counter;
use crate::trace::{CallbackKind, Label, event};

/// How often a long checkpoint looks at the clock, in callbacks.
const LOOK_EVERY: u64 = 256;

/// A queued tick or microtask.
pub(crate) struct Queued<W> {
    pub(crate) label: Label,
    pub(crate) work: W,
}

/// What a microtask does. Not two kinds of fat pointers: those were copied through memory, sixteen
/// bytes at a time that had just been written as twice eight, which stalls.
pub(crate) enum Microtask {
    /// The next of the queued callbacks, which wait in a line of their own.
    Call,
    /// A promise reaction: what fails in it is a rejection.
    Job(QueuedJob),
    /// The poll of a future that was woken.
    #[cfg(feature = "async")]
    Poll(FutureId),
}

/// A promise reaction. It is part of the promise that it settles: nothing is made to queue it.
pub(crate) trait Job {
    fn run(self: Rc<Self>);
    /// Lets go of what it would have needed: it will never run.
    fn abandon(self: Rc<Self>);
}

/// A job that runs, or is abandoned when it is dropped.
pub(crate) struct QueuedJob(Option<Rc<dyn Job>>);

impl QueuedJob {
    #[inline]
    pub(crate) fn new(job: Rc<dyn Job>) -> QueuedJob {
        QueuedJob(Some(job))
    }

    #[inline]
    fn run(mut self) {
        if let Some(job) = self.0.take() {
            job.run();
        }
    }
}

impl Drop for QueuedJob {
    #[inline]
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            job.abandon();
        }
    }
}

/// Whether a hosted engine has run all its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosted {
    /// Its job queue is empty.
    Quiet,
    /// It stopped early and has more: the loop will not sleep, and calls the hook again in the
    /// next turn.
    More,
}

/// Drains a hosted engine's jobs.
type HostHook = Box<dyn FnMut() -> Hosted>;

pub(crate) struct Queues {
    ticks: RefCell<VecDeque<Queued<Callback>>>,
    microtasks: RefCell<VecDeque<Queued<Microtask>>>,
    /// The callbacks among the microtasks, in their order.
    calls: RefCell<VecDeque<Callback>>,
    /// Which of the two is being drained: where to go on after a panic.
    in_microtasks: Cell<bool>,
    /// A checkpoint never runs inside a checkpoint.
    running: Cell<bool>,
    /// Whether anything may be in a queue: one look per task, where nearly always nothing is.
    filled: Cell<bool>,
    /// Set when the loop is torn down: promises may outlive it, and nothing runs any more.
    closed: Cell<bool>,
    is_hosting: bool,
    host: RefCell<Option<HostHook>>,
    host_has_more: Cell<bool>,
    /// Streams that gather the writes of this task.
    corked: RefCell<Vec<Callback>>,
}

impl Queues {
    pub(crate) fn new(host: Option<HostHook>) -> Queues {
        Queues {
            ticks: RefCell::new(VecDeque::new()),
            microtasks: RefCell::new(VecDeque::new()),
            calls: RefCell::new(VecDeque::new()),
            in_microtasks: Cell::new(false),
            running: Cell::new(false),
            filled: Cell::new(false),
            closed: Cell::new(false),
            is_hosting: host.is_some(),
            host: RefCell::new(host),
            host_has_more: Cell::new(false),
            corked: RefCell::new(Vec::new()),
        }
    }

    #[inline]
    pub(crate) fn push_tick(&self, label: Label, work: Callback) {
        if self.closed.get() {
            return;
        }
        self.filled.set(true);
        self.ticks.borrow_mut().push_back(Queued { label, work });
    }

    #[inline]
    pub(crate) fn push_microtask(&self, label: Label, work: Microtask) {
        if self.closed.get() {
            return;
        }
        self.filled.set(true);
        self.microtasks.borrow_mut().push_back(Queued { label, work });
    }

    #[inline]
    fn push_call(&self, label: Label, call: Callback) {
        if !self.closed.get() {
            self.calls.borrow_mut().push_back(call);
            self.push_microtask(label, Microtask::Call);
        }
    }

    /// The callback whose microtask is gone: what told the log of it panicked.
    #[cold]
    fn take_call_out_of_step(&self) -> Option<Callback> {
        let is_call = |queued: &&Queued<Microtask>| matches!(queued.work, Microtask::Call);
        let due = self.microtasks.borrow().iter().filter(is_call).count();
        let mut calls = self.calls.borrow_mut();
        if calls.len() > due { calls.pop_front() } else { None }
    }

    /// Makes the next checkpoint take place, for something that it does besides the queues.
    pub(crate) fn mark_filled(&self) {
        self.filled.set(true);
    }

    pub(crate) fn are_empty(&self) -> bool {
        self.ticks.borrow().is_empty() && self.microtasks.borrow().is_empty()
    }

    /// The label and the size of each tick, and of each microtask.
    pub(crate) fn each(
        &self,
        mut tick: impl FnMut(Label, usize),
        mut micro: impl FnMut(Label, usize),
    ) {
        for queued in self.ticks.borrow().iter() {
            tick(queued.label, size_of_val(&*queued.work));
        }
        let calls = self.calls.borrow();
        let mut calls = calls.iter().map(|call| size_of_val(&**call));
        for queued in self.microtasks.borrow().iter() {
            let bytes = match &queued.work {
                Microtask::Call => calls.next().unwrap_or(0),
                work => work.bytes(),
            };
            micro(queued.label, bytes);
        }
    }

    pub(crate) fn take_all(&self) -> Taken {
        (self.ticks.take(), self.microtasks.take(), self.calls.take(), self.corked.take())
    }

    /// From now on what is queued is dropped.
    pub(crate) fn close(&self) {
        self.closed.set(true);
    }

    pub(crate) fn are_closed(&self) -> bool {
        self.closed.get()
    }

    pub(crate) fn take_host(&self) -> Option<HostHook> {
        self.host.take()
    }
}

type Taken =
    (VecDeque<Queued<Callback>>, VecDeque<Queued<Microtask>>, VecDeque<Callback>, Vec<Callback>);

impl Microtask {
    fn bytes(&self) -> usize {
        match self {
            Microtask::Call => 0,
            Microtask::Job(job) => job.0.as_deref().map_or(0, size_of_val),
            #[cfg(feature = "async")]
            Microtask::Poll(_) => 0,
        }
    }

    fn run(self, core: &Rc<Core>) -> Result<()> {
        match self {
            Microtask::Call => {
                let next = core.queues.calls.borrow_mut().pop_front();
                return next.map_or(Ok(()), |call| call());
            }
            Microtask::Job(job) => job.run(),
            #[cfg(feature = "async")]
            Microtask::Poll(id) => core.poll_future(id),
        }
        Ok(())
    }
}

impl Core {
    /// Whether ticks or microtasks wait although no task will end soon.
    #[inline]
    pub(crate) fn checkpoint_is_due(&self) -> bool {
        self.queues.filled.get() || self.queues.host_has_more.get()
    }

    /// The checkpoint, at the end of every task.
    #[inline]
    pub(crate) fn checkpoint(self: &Rc<Self>) {
        if self.queues.filled.get() || self.queues.is_hosting {
            self.drain_until_quiet();
        }
    }

    /// Runs all ticks, then all microtasks, and again until both are empty and the hosted engine
    /// is quiet, and rejections nobody handled are reported. Then corked streams write what they gathered.
    ///
    /// A tick queued by a microtask waits until the microtasks are done, as in Node.
    fn drain_until_quiet(self: &Rc<Self>) {
        if self.lifetime.has_ended() || self.queues.running.replace(true) {
            return;
        }
        let report = event::DrainReport::begin(&self.counters);
        self.watch.checkpoint_began();
        loop {
            self.drain_queues();
            let ended = self.lifetime.has_ended();
            if ended || !(self.run_hosted_jobs() || self.report_rejections()) {
                break;
            }
        }
        self.queues.running.set(false);
        self.queues.filled.set(false);
        self.flush_corked();
        report.end(&self.counters);
    }

    /// Drains both queues until they are empty, or the loop has ended.
    ///
    /// One `catch_unwind` serves all callbacks that do not panic; after a panic the drain goes on
    /// where it stopped.
    fn drain_queues(self: &Rc<Self>) {
        let before = self.causes.running();
        while let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.drain())) {
            let failed = self.causes.running();
            if let Some(label) = failed {
                self.drop_value(label, self.queues.take_call_out_of_step());
                self.uncaught_panic(payload, label);
            }
        }
        self.causes.leave(before);
    }

    fn drain(self: &Rc<Self>) {
        while !self.lifetime.has_ended() {
            if !self.queues.in_microtasks.get() {
                self.drain_queue(&self.queues.ticks, &self.counters.ticks, |run| run());
                self.queues.in_microtasks.set(true);
            }
            let (queue, counter) = (&self.queues.microtasks, &self.counters.microtasks);
            self.drain_queue(queue, counter, |work: Microtask| work.run(self));
            self.queues.in_microtasks.set(false);
            if self.queues.ticks.borrow().is_empty() {
                return;
            }
        }
    }

    fn drain_queue<W>(
        self: &Rc<Self>,
        queue: &RefCell<VecDeque<Queued<W>>>,
        counter: &Counter,
        run: impl Fn(W) -> Result<()>,
    ) {
        while !self.lifetime.has_ended() {
            // Not `while let`: its scrutinee would stay borrowed while the callback queues more.
            let next = queue.borrow_mut().pop_front();
            let Some(Queued { label, work }) = next else { return };
            counter.add(1);
            self.causes.enter(label);
            event::microtask(label);
            if let Err(error) = run(work) {
                self.uncaught(error, label);
            }
            if counter.get() % LOOK_EVERY == 0 {
                self.watch.checkpoint_goes_on(label, || self.who_waits());
            }
        }
    }

    /// Lets the hosted engine drain its jobs. Returns whether ours have to be drained again.
    fn run_hosted_jobs(self: &Rc<Self>) -> bool {
        if !self.queues.is_hosting {
            return false;
        }
        let Some(mut host) = self.queues.host.take() else { return false };
        let label = self.label(CallbackKind::Hosted, self.built_at);
        let before = self.causes.running();
        self.causes.enter(label);
        let outcome = catch_unwind(AssertUnwindSafe(&mut host));
        self.queues.host.replace(Some(host));
        match outcome {
            Ok(hosted) => self.queues.host_has_more.set(hosted == Hosted::More),
            Err(payload) => self.uncaught_panic(payload, label),
        }
        self.causes.leave(before);
        !self.queues.are_empty()
    }

    /// Calls `flush` at the end of this task's checkpoint.
    pub(crate) fn at_end_of_checkpoint(&self, flush: Callback) {
        self.queues.filled.set(true);
        self.queues.corked.borrow_mut().push(flush);
    }

    fn flush_corked(&self) {
        if self.queues.corked.borrow().is_empty() {
            return;
        }
        for flush in self.queues.corked.take() {
            // Only sends bytes: what fails is told to the stream in the next turn.
            let _ = flush();
        }
    }
}

/// Queues a tick: it runs after the current task or microtask queue, before the loop goes on.
///
/// Ticks run before microtasks, oldest first, those that they queue included. A tick queued by a
/// microtask waits until all microtasks are done. Ticks that queue ticks for ever keep the loop
/// from everything else; it warns about that. This is Node's
/// [`process.nextTick`](https://nodejs.org/api/process.html#processnexttickcallback-args).
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::queue_microtask(|| println!("second"));
///     unspin::next_tick(|| println!("first"));
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn next_tick<R: Outcome>(callback: impl FnOnce() -> R + 'static) {
    let core = current();
    let label = core.label(CallbackKind::Tick, Location::caller());
    let run: Callback = Box::new(move || callback().into_result());
    event::queued(label);
    core.queues.push_tick(label, run);
}

/// Queues a microtask: it runs in this task's checkpoint, behind the microtasks queued before.
///
/// This is [`queueMicrotask`](https://nodejs.org/api/globals.html#queuemicrotaskcallback) of Node
/// and HTML.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn queue_microtask<R: Outcome>(callback: impl FnOnce() -> R + 'static) {
    let core = current();
    let label = core.label(CallbackKind::Microtask, Location::caller());
    let run: Callback = Box::new(move || callback().into_result());
    event::queued(label);
    core.queues.push_call(label, run);
}
