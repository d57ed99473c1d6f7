//! A child that runs, as the loop sees it.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::rc::{Rc, Weak};

use mio::unix::SourceFd;

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::phase::Work;
use crate::event_loop::place::Place;
use crate::event_loop::source::{Activity, Source};
use crate::process::child::Child;
use crate::process::command::Command;
use crate::process::output::Collecting;
use crate::process::stdio::Pipes;
use crate::process::stop::Stop;
use crate::reactor::Readiness;
use crate::request::Complete;
use crate::signal::{self, Signal};
use crate::slots::Key;
use crate::sys::process;
use crate::sys::signal::Watch;
use crate::sys::spawn;
use crate::trace::{CallbackKind, Label, Resource, ResourceKind, event};

const NAME: &str = "child process";

/// How the loop hears of the end: by a descriptor that is the child, or by one that is an edge at
/// each signal.
pub(super) struct Ear {
    fd: OwnedFd,
    /// Keeps SIGCHLD caught, where that is the way.
    watch: Option<Watch>,
}

impl Ear {
    pub(super) fn of_pidfd(fd: OwnedFd) -> Ear {
        Ear { fd, watch: None }
    }

    /// To be there before the child is, whose end it could miss: what rang since is told when it is
    /// registered.
    pub(super) fn of_signals() -> io::Result<Ear> {
        let watch = Watch::new(libc::SIGCHLD)?;
        Ok(Ear { fd: watch.ear()?, watch: Some(watch) })
    }
}

pub(super) struct Running {
    pub(super) core: Loop,
    key: Key,
    pub(super) label: Label,
    pub(super) pid: u32,
    pub(super) program: String,
    /// `None` once it has ended.
    ear: RefCell<Option<Ear>>,
    activity: Activity,
    unreferenced: Cell<bool>,
    /// Filled when it has ended. Until it is reaped nobody else can get its number.
    outcome: OnceCell<Result<ExitStatus>>,
    /// It leads a process group, which has its number for as long as it is not reaped.
    leads_group: bool,
    reaped: Cell<bool>,
    told: Cell<bool>,
    closed: Cell<bool>,
    open_pipes: Cell<usize>,
    pub(super) pipes: RefCell<Weak<Pipes>>,
    pub(super) on_exit: Place<OnExit>,
    pub(super) on_close: Place<OnExit>,
    waiting: RefCell<Vec<(u64, Complete<ExitStatus>)>>,
    waited: Cell<u64>,
    pub(super) collecting: RefCell<Option<Rc<Collecting>>>,
    pub(super) stop: Stop,
    pub(super) kills_on_drop: bool,
}

type OnExit = dyn FnMut(&Child, ExitStatus) -> Result<()>;

impl Running {
    /// The loop owns it until its end was told: so it is waited for, whoever else has forgotten it.
    pub(super) fn attach(
        core: &Loop,
        label: Label,
        command: &Command,
        program: String,
        pid: libc::pid_t,
        ear: io::Result<Ear>,
    ) -> Result<Rc<Running>> {
        let registered = ear.and_then(|ear| {
            let key = core.register(&mut SourceFd(&ear.fd.as_raw_fd()), true)?;
            Ok((key, ear))
        });
        let (key, ear) = registered.map_err(|error| {
            // Nobody could wait for it.
            let _ = signal::kill(pid.unsigned_abs(), Signal::KILL);
            spawn::reap(pid);
            Error::io(format!("watch {program}"), error)
        })?;
        let running = Rc::new(Running {
            core: Rc::clone(core),
            key,
            label,
            pid: pid.unsigned_abs(),
            program,
            ear: RefCell::new(Some(ear)),
            activity: Activity::default(),
            unreferenced: Cell::new(false),
            outcome: OnceCell::new(),
            leads_group: command.detached || command.stop_group,
            reaped: Cell::new(false),
            told: Cell::new(false),
            closed: Cell::new(false),
            open_pipes: Cell::new(0),
            pipes: RefCell::default(),
            on_exit: Place::default(),
            on_close: Place::default(),
            waiting: RefCell::default(),
            waited: Cell::new(0),
            collecting: RefCell::default(),
            stop: Stop::new(command.stop_signal, command.stop_group, command.grace),
            kills_on_drop: command.kill_on_drop,
        });
        event::resource("open", NAME, key.to_word(), label);
        let source: Weak<Running> = Rc::downgrade(&running);
        core.attach(key, source);
        core.hold(key, Rc::clone(&running) as Rc<dyn Source>);
        running.activity.set_active(core, true);
        running.stop_at(command.timeout, command.abort.as_ref());
        Ok(running)
    }

    /// Waits for the close of our ends of its pipes, which is a condition of its own close.
    pub(super) fn watch_pipes(self: &Rc<Self>, pipes: &Rc<Pipes>) {
        *self.pipes.borrow_mut() = Rc::downgrade(pipes);
        let running = Rc::clone(self);
        let closed = Rc::new(move || {
            running.open_pipes.set(running.open_pipes.get() - 1);
            running.close_if_all_is_over();
        });
        self.open_pipes.set(pipes.after_each_close(&closed));
    }

    pub(super) fn outcome(&self) -> Option<Result<ExitStatus>> {
        self.outcome.get().cloned()
    }

    /// Asks the system for its status. Returns whether it is known now.
    fn has_ended(&self) -> bool {
        if self.outcome.get().is_some() {
            return true;
        }
        let pid = self.pid as libc::pid_t;
        // A leader is reaped when it is closed: until then its group can be signalled.
        let status = if self.leads_group { process::peek(pid) } else { process::try_wait(pid) };
        let outcome = match status {
            Ok(None) => return false,
            Ok(Some(status)) => Ok(ExitStatus::from_raw(status)),
            Err(error) => Err(taken_away(&self.program, error)),
        };
        // It is empty: that was asked first.
        let _ = self.outcome.set(outcome);
        // What it has left behind is under the same limits.
        if !self.outlasts_its_end() {
            self.stop.disarm();
        }
        true
    }

    /// The same from inside of user code: what follows is told in the next turn.
    pub(super) fn reap_now(self: &Rc<Self>) -> Option<Result<ExitStatus>> {
        if self.outcome.get().is_none() && self.has_ended() {
            let running = Rc::clone(self);
            self.core.defer(self.label, move |_| running.tell_exit());
        }
        self.outcome()
    }

    /// Gives the number of a leader back.
    fn reap_leader(&self) {
        let has_ended = matches!(self.outcome.get(), Some(Ok(_)));
        if self.leads_group && has_ended && !self.reaped.replace(true) {
            // It has ended: this does not fail.
            let _ = process::try_wait(self.pid as libc::pid_t);
        }
    }

    fn look(self: &Rc<Self>) {
        if self.has_ended() {
            self.tell_exit();
        }
    }

    fn tell_exit(self: &Rc<Self>) {
        if self.told.replace(true) {
            return;
        }
        event::resource("close", NAME, self.key.to_word(), self.label);
        let held = self.shut();
        match self.outcome.get() {
            Some(Ok(status)) => self.emit(&self.on_exit, CallbackKind::Child, *status),
            Some(Err(error)) if self.on_exit.is_filled() => {
                event::resource_failed(NAME, self.label, error);
            }
            _ => {}
        }
        for (_, complete) in self.waiting.take() {
            complete(&self.core, self.outcome.get().cloned().unwrap_or_else(|| unreachable!()));
        }
        if self.stop.reason().is_some() {
            self.give_up_rest();
        }
        self.close_if_all_is_over();
        drop(held);
    }

    fn emit(self: &Rc<Self>, place: &Place<OnExit>, kind: CallbackKind, status: ExitStatus) {
        let child = Child::again(self);
        place.lend(&self.core, |handler, label| {
            self.core.task(label.with_kind(kind), || handler(&child, status));
        });
    }

    /// Ends the registration; what the loop owned is given back, to be dropped at last.
    fn shut(&self) -> Option<Rc<dyn Source>> {
        self.activity.set_active(&self.core, false);
        let ear = self.ear.take()?;
        let held = self.core.deregister(self.key, &mut SourceFd(&ear.fd.as_raw_fd()));
        drop(ear);
        held
    }

    fn close_if_all_is_over(self: &Rc<Self>) {
        let over = self.told.get() && self.open_pipes.get() == 0;
        if over && !self.closed.replace(true) {
            let running = Rc::clone(self);
            self.core.defer_to_close(self.label, move |_| running.finish());
        }
    }

    fn finish(self: &Rc<Self>) {
        if let Some(Ok(status)) = self.outcome.get() {
            self.emit(&self.on_close, CallbackKind::Close, *status);
        }
        self.stop.disarm();
        self.reap_leader();
        if let Some(collecting) = self.collecting.take() {
            collecting.finish(&self.core, self.outcome());
        }
        let handlers = (self.on_exit.retire(), self.on_close.retire());
        self.core.drop_value(self.label, handlers);
    }

    pub(super) fn send(&self, signal: Signal) -> Result<()> {
        let sent = match (&*self.ear.borrow(), self.outcome.get()) {
            (_, Some(_)) => Err(io::Error::from_raw_os_error(libc::ESRCH)),
            (Some(ear), None) if ear.watch.is_none() => process::signal(&ear.fd, signal.as_raw()),
            // It has not been waited for: so the number is still its own.
            _ => crate::sys::signal::kill(self.pid as libc::pid_t, signal.as_raw()),
        };
        sent.map_err(|error| {
            let error = match error.raw_os_error() {
                Some(libc::ESRCH) => io::Error::new(io::ErrorKind::NotFound, "it has ended"),
                _ => error,
            };
            Error::io(format!("send {signal} to {} ({})", self.program, self.pid), error)
        })
    }

    pub(super) fn send_to_group(&self, signal: Signal) -> Result<()> {
        let is_gone = self.reaped.get() || matches!(self.outcome.get(), Some(Err(_)));
        let sent = match () {
            () if !self.leads_group => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it leads none; `detached` and `stop_group` start it as the leader of one",
            )),
            () if is_gone => Err(io::Error::new(io::ErrorKind::NotFound, "it is closed")),
            () => crate::sys::signal::kill(-(self.pid as libc::pid_t), signal.as_raw()),
        };
        sent.map_err(|error| {
            let group = format!("the group of {} ({})", self.program, self.pid);
            Error::io(format!("send {signal} to {group}"), error)
        })
    }

    /// Has `complete` called with how it ended. Returns a number to give that up by.
    pub(super) fn wait(self: &Rc<Self>, complete: Complete<ExitStatus>) -> u64 {
        self.waited.set(self.waited.get() + 1);
        if let (true, Some(outcome)) = (self.told.get(), self.outcome()) {
            self.core.defer(self.label, move |core| complete(core, outcome));
        } else {
            self.waiting.borrow_mut().push((self.waited.get(), complete));
            self.update_reference();
        }
        self.waited.get()
    }

    pub(super) fn stop_waiting(&self, number: u64) -> Option<Complete<ExitStatus>> {
        let mut waiting = self.waiting.borrow_mut();
        let place = waiting.iter().position(|(other, _)| *other == number)?;
        let (_, complete) = waiting.remove(place);
        drop(waiting);
        self.update_reference();
        Some(complete)
    }

    pub(super) fn has_ref(&self) -> bool {
        !self.unreferenced.get()
    }

    pub(super) fn set_referenced(&self, referenced: bool) {
        let op = if referenced { "ref" } else { "unref" };
        event::resource(op, NAME, self.key.to_word(), self.label);
        self.unreferenced.set(!referenced);
        self.update_reference();
    }

    /// A request keeps the loop alive, whatever it is about.
    fn update_reference(&self) {
        let asked = !self.waiting.borrow().is_empty();
        self.activity.set_referenced(&self.core, asked || self.has_ref());
    }
}

fn taken_away(program: &str, error: io::Error) -> Error {
    let error = match error.raw_os_error() {
        Some(libc::ECHILD) => io::Error::new(
            io::ErrorKind::NotFound,
            "its status was taken by another part of this process, or SIGCHLD is ignored",
        ),
        _ => error,
    };
    Error::io(format!("wait for {program}"), error)
}

impl Drop for Running {
    fn drop(&mut self) {
        self.reap_leader();
    }
}

impl Source for Running {
    /// Ends of children come last in Poll: what they wrote is read before.
    fn ready(self: Rc<Self>, _: Readiness, _: &mut [u8]) {
        let (core, label) = (Rc::clone(&self.core), self.label);
        core.tasks.borrow_mut().push_back(Work::deferred(label, move |_| self.look()));
    }

    fn describe(&self) -> Resource {
        Resource {
            kind: ResourceKind::Child,
            at: self.label.at,
            state: format!("{} ({})", self.program, self.pid).into(),
            bytes: self.on_exit.bytes() + self.on_close.bytes(),
            holds: self.activity.holds(),
        }
    }

    /// It goes on without us; one that has ended already is not left a zombie.
    fn abandon(&self) {
        self.has_ended();
        self.stop.disarm();
        let handlers = (self.on_exit.retire(), self.on_close.retire(), self.waiting.take());
        drop((self.shut(), handlers, self.collecting.take()));
    }
}
