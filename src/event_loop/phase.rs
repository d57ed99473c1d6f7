//! The phases of a turn, and the task queue that each fills and empties.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::event_loop::core::{Core, Loop};
use crate::event_loop::frame::FrameEntry;
use crate::event_loop::remote::Message;
use crate::pool::Job;
use crate::slots::Key;
use crate::trace::{CallbackKind, Cause, Label, event};

/// A part of a turn, in their order; `Outside` is `main` and whatever else runs between turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Outside,
    Pending,
    Prepare,
    Poll,
    Check,
    Render,
    Close,
    Timers,
}

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::Outside => "outside",
            Phase::Pending => "pending",
            Phase::Prepare => "prepare",
            Phase::Poll => "poll",
            Phase::Check => "check",
            Phase::Render => "render",
            Phase::Close => "close",
            Phase::Timers => "timers",
        }
    }
}

/// An entry of the task queue: small, what is large is boxed.
pub(crate) enum Work {
    /// A source had used up its budget, and goes on. May turn into several tasks, or none.
    Resume(Key),
    Completion(Box<Job>),
    Message(Message),
    /// A port has messages.
    Mail(Key),
    Frame(Box<FrameEntry>),
    /// The loop's own code, which makes tasks or not.
    Deferred(Box<Deferred>),
}

pub(crate) struct Deferred {
    pub(crate) label: Label,
    pub(crate) run: Box<dyn FnOnce(&Loop)>,
}

impl Work {
    pub(crate) fn deferred(label: Label, run: impl FnOnce(&Loop) + 'static) -> Work {
        Work::Deferred(Box::new(Deferred { label, run: Box::new(run) }))
    }
}

impl Core {
    /// Runs one phase, and tells the log what it did if it did anything.
    #[inline(always)]
    pub(crate) fn phase(self: &Rc<Self>, phase: Phase, run: impl FnOnce(&Loop)) {
        if self.lifetime.has_ended() {
            return;
        }
        self.phase.set(phase);
        let report = event::is_telling_phases().then(|| event::PhaseReport::begin(&self.counters));
        run(self);
        if let Some(report) = report {
            report.end(&self.counters, phase.name(), || self.left_in(phase));
        }
    }

    /// What Poll found: readiness first, in the kernel's order; then what other threads sent, and
    /// mail.
    #[inline]
    pub(crate) fn run_polled(self: &Rc<Self>) {
        if self.sources_ready() > 0 {
            self.run_sources();
        }
        if !self.tasks.borrow().is_empty() {
            self.run_tasks();
        }
    }

    /// How many entries the running phase has before it. Readiness stays in the reactor's own
    /// list, the front of the queue, until it is its turn.
    pub(crate) fn queued_tasks(&self) -> usize {
        self.sources_ready() + self.tasks.borrow().len()
    }

    /// Pops one entry at a time and runs it. What tasks add to the source of the phase is not in
    /// this queue, so it waits for the next turn.
    pub(crate) fn run_tasks(self: &Rc<Self>) {
        while !self.lifetime.has_ended() {
            let next = self.tasks.borrow_mut().pop_front();
            let Some(work) = next else { return };
            self.run_work(work);
        }
    }

    fn run_work(self: &Rc<Self>, work: Work) {
        match work {
            Work::Resume(key) => self.resume_source(key),
            Work::Completion(job) => self.complete_job(job),
            Work::Message(message) => self.run_message(message),
            Work::Mail(key) => self.deliver_mail(key),
            Work::Frame(entry) => self.run_frame(*entry),
            Work::Deferred(deferred) => (deferred.run)(self),
        }
    }

    fn run_message(self: &Rc<Self>, message: Message) {
        match message {
            Message::Call(posted) => {
                let kind = CallbackKind::Posted;
                let label = Label::new(kind, posted.at, Cause::OUTSIDE);
                self.task(label, posted.run);
            }
            Message::Mail(key) => self.deliver_mail(key),
            #[cfg(feature = "async")]
            Message::Wake(id) => self.wake_has_arrived(id),
        }
    }

    #[inline]
    pub(crate) fn run_pending(self: &Rc<Self>) {
        self.run_queued(&self.pending);
        // What was queued, or left by a hosted engine, while no task was running.
        if self.checkpoint_is_due() {
            self.checkpoint_of_nobody();
        }
    }

    /// What it takes is neither the tasks' before it nor the next one's.
    #[cold]
    fn checkpoint_of_nobody(self: &Rc<Self>) {
        self.watch.look();
        self.checkpoint();
        self.watch.pass_over();
    }

    #[inline]
    pub(crate) fn run_prepare(self: &Rc<Self>) {
        if !self.hooks.prepare.is_empty() {
            self.run_prepare_hooks();
        }
    }

    #[inline]
    pub(crate) fn run_closing(self: &Rc<Self>) {
        self.run_queued(&self.closing);
    }

    /// Runs what is in a queue now.
    #[inline]
    fn run_queued(self: &Rc<Self>, queue: &RefCell<VecDeque<Work>>) {
        if !queue.borrow().is_empty() {
            self.tasks.borrow_mut().append(&mut queue.borrow_mut());
            self.run_tasks();
        }
    }

    /// What the phase's source holds for the next turn.
    fn left_in(&self, phase: Phase) -> usize {
        match phase {
            Phase::Pending | Phase::Poll => self.pending.borrow().len(),
            Phase::Check => self.immediates.borrow().len(),
            Phase::Render => self.frames.borrow().len(),
            Phase::Close => self.closing.borrow().len(),
            Phase::Timers => self.timers.borrow().armed(),
            Phase::Outside | Phase::Prepare => 0,
        }
    }
}
