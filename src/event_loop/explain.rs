//! The loop in words: what it holds, why it is alive, why it sleeps.

use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use crate::clock::Nanos;
use crate::event_loop::context::current;
use crate::event_loop::core::Core;
use crate::event_loop::phase::{Deferred, Work};
use crate::sys::fd;
use crate::trace::{At, Line, Resource, ResourceKind, Stack};

/// The running callback and what caused it.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::set_immediate(|| {
///         let stack = unspin::stack();
///         assert_eq!(stack.running().map(|frame| frame.kind().name()), Some("immediate"));
///         assert_eq!(stack.depth(), 2); // the immediate, and main that set it
///     });
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn stack() -> Stack {
    Stack { frames: current().causes.chain() }
}

/// Everything the loop holds: resources, requests and queued closures, each with its line.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn resources() -> Vec<Resource> {
    current().resources()
}

/// What keeps the loop alive, each with the line that started it; empty if it is about to end.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let timer = unspin::set_timeout(std::time::Duration::from_millis(5), || ());
///     assert_eq!(unspin::why_alive().len(), 1);
///     timer.unref();
///     assert!(unspin::why_alive().is_empty());
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn why_alive() -> Vec<Resource> {
    current().why_alive()
}

impl Core {
    pub(crate) fn why_alive(self: &Rc<Self>) -> Vec<Resource> {
        self.resources().into_iter().filter(|resource| resource.holds).collect()
    }

    pub(crate) fn resources(self: &Rc<Self>) -> Vec<Resource> {
        let mut all: Vec<Resource> = Vec::new();
        // A source speaks for itself, so nothing of the loop is borrowed here.
        all.extend(self.all_sources().iter().map(|source| source.describe()));
        all.extend(self.mail.all().iter().map(|port| port.describe()));
        self.add_timers(&mut all);
        self.add_queued(&mut all);
        self.add_jobs(&mut all);
        self.add_from_elsewhere(&mut all);
        self.add_hooks(&mut all);
        all
    }

    fn add_timers(&self, all: &mut Vec<Resource>) {
        let now = self.clock.cached();
        for (task, deadline, holds) in self.timers.borrow().iter() {
            let state = format!("{} in {}", task.label.kind(), millis(deadline, now));
            all.push(resource(ResourceKind::Timer, task.label.at, state, task.bytes(), holds));
        }
        self.frames.borrow().each(|label, bytes| {
            all.push(resource(ResourceKind::Frame, label.at, "requested", bytes, true));
        });
    }

    fn add_queued(&self, all: &mut Vec<Resource>) {
        let (mut ticks, mut microtasks) = (Vec::new(), Vec::new());
        self.queues.each(
            |label, bytes| ticks.push((label, bytes)),
            |label, bytes| microtasks.push((label, bytes)),
        );
        for (kind, queued) in [(ResourceKind::Tick, ticks), (ResourceKind::Microtask, microtasks)] {
            for (label, bytes) in queued {
                all.push(resource(kind, label.at, "queued", bytes, true));
            }
        }
        self.immediates.borrow().each(|label, bytes, holds| {
            all.push(resource(ResourceKind::Immediate, label.at, "queued", bytes, holds));
        });
        for work in self.pending.borrow().iter().chain(self.closing.borrow().iter()) {
            if let Work::Deferred(deferred) = work {
                let Deferred { label, run } = &**deferred;
                let state = label.kind().name();
                let bytes = size_of_val(&**run);
                all.push(resource(ResourceKind::Deferred, label.at, state, bytes, true));
            }
        }
    }

    fn add_jobs(&self, all: &mut Vec<Resource>) {
        for (_, entry) in self.jobs.borrow().iter() {
            all.push(resource(
                ResourceKind::Request,
                entry.label.at,
                entry.name,
                entry.bytes(),
                entry.referenced,
            ));
        }
    }

    fn add_from_elsewhere(&self, all: &mut Vec<Resource>) {
        for at in self.shared.kept_at() {
            all.push(resource(ResourceKind::KeepAlive, at, "held", 0, true));
        }
        let posted = self.posted();
        if posted > 0 {
            let state = format!("{posted} posted");
            all.push(resource(ResourceKind::Inbox, self.built_at, state, 0, true));
        }
    }

    fn add_hooks(&self, all: &mut Vec<Resource>) {
        let hooks = &self.hooks;
        let lists = [
            hooks.prepare.labels_and_sizes(),
            hooks.uncaught.labels_and_sizes(),
            hooks.before_exit.labels_and_sizes(),
            hooks.exit.labels_and_sizes(),
        ];
        for (label, bytes) in lists.into_iter().flatten() {
            all.push(resource(ResourceKind::Hook, label.at, label.kind().name(), bytes, false));
        }
    }

    /// What ends the sleep that begins now: `timer src/main.rs:12 in 99.4 ms; 2 jobs`.
    pub(crate) fn sleep_reason(self: &Rc<Self>) -> String {
        let mut why = String::new();
        let now = self.clock.cached();
        let nearest = {
            let timers = self.timers.borrow();
            let nearest = timers.iter().min_by_key(|(_, deadline, _)| *deadline);
            nearest.map(|(task, deadline, _)| (task.label, deadline))
        };
        if let Some((label, deadline)) = nearest {
            add(
                &mut why,
                format_args!(
                    "{label_kind} {at} in {left}",
                    label_kind = label.kind(),
                    at = Line(label.at),
                    left = millis(deadline, now)
                ),
            );
        }
        if let Some(deadline) = self.frames.borrow().deadline() {
            add(&mut why, format_args!("frame in {}", millis(deadline, now)));
        }
        let jobs = self.jobs.borrow().len();
        if jobs > 0 {
            add(&mut why, format_args!("{jobs} {}", plural(jobs, "job", "jobs")));
        }
        self.add_sources_to(&mut why);
        if self.shared.keep_alives() > 0 {
            add(&mut why, format_args!("{} kept alive", self.shared.keep_alives()));
        }
        why
    }

    fn add_sources_to(self: &Rc<Self>, why: &mut String) {
        let sources = self.sources.active();
        if sources == 1 {
            // One is worth its name; a thousand are worth their number.
            let all = self.all_sources();
            let active = all.iter().map(|source| source.describe()).find(|source| source.holds);
            if let Some(source) = active {
                let line = Line(source.at);
                return add(why, format_args!("{} {} {line}", source.kind, source.state));
            }
        }
        if sources > 0 {
            add(why, format_args!("{sources} {}", plural(sources, "socket", "sockets")));
        }
    }

    /// What ended the sleep: what is in the task queue now, or the clock.
    pub(crate) fn wake_reason(&self) -> String {
        let (mut completions, mut posted) = (0, 0);
        for work in self.tasks.borrow().iter() {
            match work {
                Work::Completion(_) => completions += 1,
                Work::Message(_) => posted += 1,
                _ => {}
            }
        }
        let mut by = String::new();
        for (count, one, many) in [
            (self.sources_ready(), "socket", "sockets"),
            (completions, "job", "jobs"),
            (posted, "remote", "remotes"),
        ] {
            match count {
                0 => {}
                1 => add(&mut by, format_args!("{one}")),
                n => add(&mut by, format_args!("{n} {many}")),
            }
        }
        if by.is_empty() {
            let due = self.deadline().is_some_and(|deadline| deadline <= self.clock.cached());
            by.push_str(if due { "clock" } else { "wake" });
        }
        by
    }

    /// Who cannot run while a checkpoint goes on and on; `None` if nobody waits.
    pub(crate) fn who_waits(&self) -> Option<String> {
        let mut who = String::new();
        let now = self.clock.refresh();
        if self.timers.borrow().next_deadline().is_some_and(|deadline| deadline <= now) {
            add(&mut who, format_args!("timers"));
        }
        let queued = self.queued_tasks() + self.immediates.borrow().len();
        if queued > 0 {
            add(&mut who, format_args!("{queued} {}", plural(queued, "task", "tasks")));
        }
        if self.mail.is_waiting() {
            add(&mut who, format_args!("messages"));
        }
        if self.has_unread_events() {
            add(&mut who, format_args!("I/O"));
        }
        (!who.is_empty()).then_some(who)
    }

    fn has_unread_events(&self) -> bool {
        let reactor = self.reactor.borrow();
        reactor.as_ref().is_some_and(fd::is_readable)
    }
}

fn resource(
    kind: ResourceKind,
    at: At,
    state: impl Into<std::borrow::Cow<'static, str>>,
    bytes: usize,
    holds: bool,
) -> Resource {
    Resource { kind, at, state: state.into(), bytes, holds }
}

fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    if !text.is_empty() {
        text.push_str("; ");
    }
    // Writing to a String cannot fail.
    let _ = text.write_fmt(more);
}

fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// The time from `now` to `deadline`, as text.
fn millis(deadline: Nanos, now: Nanos) -> String {
    let left = Duration::from_nanos(deadline.saturating_sub(now));
    format!("{:.1} ms", left.as_secs_f64() * 1e3)
}
