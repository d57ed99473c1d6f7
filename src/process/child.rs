//! The handle of a child.

use std::fmt;
use std::panic::Location;
use std::process::ExitStatus;
use std::rc::Rc;

use crate::error::{Error, Outcome, Result};
use crate::pipes::{PipeReader, PipeWriter};
use crate::process::running::Running;
use crate::process::stdio::Pipes;
use crate::request::{Request, Underway};
use crate::signal::Signal;
use crate::trace::CallbackKind;

/// A child process: a cheap handle, to be cloned at will.
///
/// **Who owns it.** The loop does, until its end was told: so it is waited for, and leaves no
/// zombie, whoever has dropped the handles. Pipes that nobody has taken are closed with the last
/// handle.
///
/// **The end** comes in two steps, as in Node: [`on_exit`](Child::on_exit) when the process has
/// ended, last in Poll; [`on_close`](Child::on_close) when all pipes that were made for it are
/// closed as well, in the Close phase. Another program that it left behind may still write.
///
/// **Alive.** It keeps the loop alive until it has ended, unless it is [`unref`](Child::unref)ed.
/// When the loop ends before, the child goes on, detached or not.
#[derive(Clone)]
pub struct Child {
    pub(super) running: Rc<Running>,
    pub(super) pipes: Rc<Pipes>,
}

impl Child {
    pub(super) fn new(running: Rc<Running>, pipes: Pipes) -> Child {
        let pipes = Rc::new(pipes);
        running.watch_pipes(&pipes);
        Child { running, pipes }
    }

    /// A handle for a callback; the pipes may be gone.
    pub(super) fn again(running: &Rc<Running>) -> Child {
        let pipes = running.pipes.borrow().upgrade().unwrap_or_default();
        Child { running: Rc::clone(running), pipes }
    }

    /// Its process id. After its end the system may give it to another process.
    pub fn id(&self) -> u32 {
        self.running.pid
    }

    /// Takes the pipe to its standard input, if there is one and nobody has taken it.
    pub fn stdin(&self) -> Option<PipeWriter> {
        self.writer(0)
    }

    /// Takes the pipe from its standard output, if there is one and nobody has taken it.
    pub fn stdout(&self) -> Option<PipeReader> {
        self.reader(1)
    }

    /// Takes the pipe from its standard error, if there is one and nobody has taken it.
    pub fn stderr(&self) -> Option<PipeReader> {
        self.reader(2)
    }

    /// Takes the pipe from any of its descriptors.
    pub fn reader(&self, number: u32) -> Option<PipeReader> {
        self.pipes.take_reader(number)
    }

    /// Takes the pipe to any of its descriptors.
    pub fn writer(&self, number: u32) -> Option<PipeWriter> {
        self.pipes.take_writer(number)
    }

    /// Waits for its end. Several may wait, also after it has ended.
    ///
    /// ```
    /// use unspin::process::Command;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::block_on(async {
    ///     let child = Command::new("true").spawn()?;
    ///     assert!(child.wait().await?.success());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `NotFound` if its status was taken by another part of this process, as one that waits for
    /// *any* child, or if `SIGCHLD` is ignored.
    ///
    /// # Cancel safety
    ///
    /// The child goes on if the future is dropped.
    #[track_caller]
    pub fn wait(&self) -> Request<ExitStatus> {
        let running = Rc::clone(&self.running);
        Request::new(Location::caller(), move |_, _, complete| {
            let number = running.wait(complete);
            let running = Rc::downgrade(&running);
            Underway::Other(Box::new(move |_| {
                let Some(running) = running.upgrade() else { return false };
                let Some(complete) = running.stop_waiting(number) else { return false };
                let cancelled = Err(Error::cancelled());
                running.core.defer(running.label, move |core| complete(core, cancelled));
                true
            }))
        })
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    ///
    /// As [`wait`](Child::wait).
    pub fn try_wait(&self) -> Result<Option<ExitStatus>> {
        self.running.reap_now().transpose()
    }

    /// Calls `handler` when the process has ended; never, if it has been told already. Of its
    /// output, the last may still be on its way.
    #[track_caller]
    pub fn on_exit<R: Outcome>(
        &self,
        mut handler: impl FnMut(&Child, ExitStatus) -> R + 'static,
    ) -> &Child {
        let label = self.running.core.label(CallbackKind::Child, Location::caller());
        let run = move |child: &Child, status| handler(child, status).into_result();
        self.running.on_exit.fill(label, Box::new(run));
        self
    }

    /// Calls `handler` when the process has ended and all pipes that were made for it are closed:
    /// the last call. A pipe that is neither read nor closed holds it up.
    #[track_caller]
    pub fn on_close<R: Outcome>(
        &self,
        mut handler: impl FnMut(&Child, ExitStatus) -> R + 'static,
    ) -> &Child {
        let label = self.running.core.label(CallbackKind::Close, Location::caller());
        let run = move |child: &Child, status| handler(child, status).into_result();
        self.running.on_close.fill(label, Box::new(run));
        self
    }

    /// Kills it: `SIGKILL`, which no program can refuse.
    ///
    /// # Errors
    ///
    /// As [`signal`](Child::signal).
    pub fn kill(&self) -> Result<()> {
        self.running.send(Signal::KILL)
    }

    /// Sends it a signal. It never reaches another process that has got its number.
    ///
    /// # Errors
    ///
    /// `NotFound` if it has ended (the system says ESRCH); `PermissionDenied` if it runs as another
    /// user; `InvalidInput` if there is no such signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.running.send(signal)
    }

    /// Sends a signal to the child's process group: to the child and all that it has started, where
    /// that has not left the group. It must lead one, by [`detached`](crate::process::Command::detached)
    /// or [`stop_group`](crate::process::Command::stop_group).
    ///
    /// Also what it has left behind is reached, until [`on_close`](Child::on_close): so long its
    /// status is not taken from the system, and its number, which is the group's, is given to nobody
    /// else.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it leads no group, or there is no such signal; `NotFound` once it is
    /// closed; `PermissionDenied` if all of the group runs as another user.
    pub fn signal_group(&self, signal: Signal) -> Result<()> {
        self.running.send_to_group(signal)
    }

    /// Lets the loop end although the child runs.
    pub fn unref(&self) -> &Child {
        self.running.set_referenced(false);
        self
    }

    /// Makes the child keep the loop alive, as it does from the start.
    pub fn ref_(&self) -> &Child {
        self.running.set_referenced(true);
        self
    }

    /// Whether the child keeps the loop alive until it has ended.
    pub fn has_ref(&self) -> bool {
        self.running.has_ref()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let is_last = Rc::strong_count(&self.pipes) == 1;
        let is_left = self.running.outcome().is_none() || self.running.stop.group;
        if is_last && self.running.kills_on_drop && is_left {
            self.running.send_stop(Signal::KILL);
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child({} {})", self.running.program, self.running.pid)
    }
}
