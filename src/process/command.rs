//! What to start, and how.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::abort::AbortSignal;
use crate::error::Result;
use crate::event_loop::context::current;
use crate::process::child::Child;
use crate::process::output::{self, Output};
use crate::process::start;
use crate::process::stdio::Stdio;
use crate::request::Request;
use crate::signal::Signal;
use crate::trace::CallbackKind;

/// As Node's `exec` has it.
const MAX_OUTPUT: usize = 1024 * 1024;

/// How long a child that was asked to end has for it.
const GRACE: Duration = Duration::from_secs(5);

/// A program to be started, and all that is said about how.
///
/// What is not said is as in [`std::process::Command`]: arguments go to the program as they are, no
/// shell sees them; the environment and the directory are this process's; so are the standard
/// streams for [`spawn`](Command::spawn) and [`status`](Command::status), while
/// [`output`](Command::output) collects them.
///
/// ```
/// use unspin::process::Command;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     Command::new("echo").arg("hello").output().callback(|output| {
///         assert_eq!(output?.stdout, b"hello\n");
///         Ok(())
///     });
/// })
/// # }
/// ```
pub struct Command {
    pub(super) program: OsString,
    pub(super) argv0: Option<OsString>,
    pub(super) arguments: Vec<OsString>,
    /// `None` takes one away.
    pub(super) environment: BTreeMap<OsString, Option<OsString>>,
    pub(super) inherits_environment: bool,
    pub(super) directory: Option<PathBuf>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) groups: Option<Vec<u32>>,
    pub(super) detached: bool,
    pub(super) stdio: BTreeMap<u32, Stdio>,
    pub(super) kill_on_drop: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) abort: Option<AbortSignal>,
    pub(super) stop_signal: Signal,
    pub(super) stop_group: bool,
    pub(super) grace: Duration,
    pub(super) input: Option<Vec<u8>>,
    pub(super) max_output: usize,
}

impl Command {
    /// A program by its path, or by its name, which is looked for in the directories of the
    /// *child's* `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command {
            program: program.as_ref().to_owned(),
            argv0: None,
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            inherits_environment: true,
            directory: None,
            uid: None,
            gid: None,
            groups: None,
            detached: false,
            stdio: BTreeMap::new(),
            kill_on_drop: false,
            timeout: None,
            abort: None,
            stop_signal: Signal::TERMINATE,
            stop_group: false,
            grace: GRACE,
            input: None,
            max_output: MAX_OUTPUT,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Command {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds several arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// What the program is told as its own name. Default: what it was asked for by.
    pub fn argv0(mut self, name: impl AsRef<OsStr>) -> Command {
        self.argv0 = Some(name.as_ref().to_owned());
        self
    }

    /// Sets a variable of the child's environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Command {
        self.environment.insert(name.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self
    }

    /// Takes a variable out of the child's environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Command {
        self.environment.insert(name.as_ref().to_owned(), None);
        self
    }

    /// Starts with an empty environment; what is set afterwards is all that the child gets.
    pub fn env_clear(mut self) -> Command {
        self.environment.clear();
        self.inherits_environment = false;
        self
    }

    /// The directory that the child works in; a relative path of the program is looked for there.
    pub fn cwd(mut self, directory: impl AsRef<Path>) -> Command {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// The user that the child runs as. Its supplementary groups are none then, unless
    /// [`groups`](Command::groups) says otherwise.
    pub fn uid(mut self, uid: u32) -> Command {
        self.uid = Some(uid);
        self
    }

    /// The group that the child runs as; supplementary groups as for [`uid`](Command::uid).
    pub fn gid(mut self, gid: u32) -> Command {
        self.gid = Some(gid);
        self
    }

    /// The supplementary groups of the child.
    pub fn groups(mut self, groups: impl IntoIterator<Item = u32>) -> Command {
        self.groups = Some(groups.into_iter().collect());
        self
    }

    /// Starts the child as the leader of a session of its own (`setsid`), which a Ctrl-C in our
    /// terminal does not reach. It keeps this loop alive all the same, until [`Child::unref`].
    pub fn detached(mut self, detached: bool) -> Command {
        self.detached = detached;
        self
    }

    /// What the child reads as its standard input.
    pub fn stdin(self, stdio: impl Into<Stdio>) -> Command {
        self.fd(0, stdio)
    }

    /// Where the child's standard output goes.
    pub fn stdout(self, stdio: impl Into<Stdio>) -> Command {
        self.fd(1, stdio)
    }

    /// Where the child's standard error goes.
    pub fn stderr(self, stdio: impl Into<Stdio>) -> Command {
        self.fd(2, stdio)
    }

    /// What the child has open under any number. What is above 2 and not named is closed for it.
    pub fn fd(mut self, number: u32, stdio: impl Into<Stdio>) -> Command {
        self.stdio.insert(number, stdio.into());
        self
    }

    /// Whether the child is killed (`SIGKILL`) when the last handle of it is dropped before its
    /// end. Default: no, it goes on, and is waited for by the loop.
    pub fn kill_on_drop(mut self, kill: bool) -> Command {
        self.kill_on_drop = kill;
        self
    }

    /// Stops the child if it has not ended after this time: by the
    /// [`stop_signal`](Command::stop_signal), and after the [`grace`](Command::grace) by `SIGKILL`.
    /// [`output`](Command::output) and [`status`](Command::status) fail with `TimedOut` then, once
    /// it is gone.
    pub fn timeout(mut self, limit: Duration) -> Command {
        self.timeout = Some(limit);
        self
    }

    /// Stops the child when the signal is aborted, as [`timeout`](Command::timeout) does. With one
    /// that is aborted already, it is not started.
    pub fn abort_on(mut self, signal: &AbortSignal) -> Command {
        self.abort = Some(signal.clone());
        self
    }

    /// The signal that asks the child to end. Default: `SIGTERM`.
    pub fn stop_signal(mut self, signal: Signal) -> Command {
        self.stop_signal = signal;
        self
    }

    /// Whether what stops the child stops all that it has started as well: limits, an abort,
    /// [`kill_on_drop`](Command::kill_on_drop), giving up a request. Default: no, the child alone.
    ///
    /// It is started as the leader of a process group of its own for that, unless it is
    /// [`detached`](Command::detached) and leads one anyway. A Ctrl-C in our terminal does not reach
    /// that group, and one that reads from the terminal is stopped by it. The group is asked to end
    /// as one; when the child itself is gone, what is left of it is killed. Not reached is who has
    /// left the group, as a program that makes itself a daemon.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let pipeline = unspin::process::shell("sleep 100 | cat").stop_group(true);
    ///     pipeline.timeout(Duration::from_millis(10)).status().callback(|status| {
    ///         // Neither of the two runs any more.
    ///         assert_eq!(status.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    ///     });
    /// })
    /// # }
    /// ```
    pub fn stop_group(mut self, group: bool) -> Command {
        self.stop_group = group;
        self
    }

    /// How long a child that was asked to end has for it, before it is killed. Default: 5 s.
    pub fn grace(mut self, grace: Duration) -> Command {
        self.grace = grace;
        self
    }

    /// What [`output`](Command::output) feeds to the child's standard input, while it collects.
    /// Default: nothing; the child finds the end at once.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Command {
        self.input = Some(bytes.into());
        self
    }

    /// How many bytes [`output`](Command::output) collects of each stream, before it stops the
    /// child and fails with `InvalidData`. Default: 1 MiB, as Node's `exec`.
    pub fn max_output(mut self, bytes: usize) -> Command {
        self.max_output = bytes;
        self
    }

    /// Starts the program now.
    ///
    /// What it costs does not depend on how much memory this process uses.
    ///
    /// ```
    /// use unspin::process::{Command, Stdio};
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    ///     child.stdout().expect("a pipe").on_data(|_, chunk| assert_eq!(chunk, b"meow"));
    ///     let stdin = child.stdin().expect("a pipe");
    ///     stdin.write(b"meow");
    ///     stdin.end();
    ///     child.on_exit(|_, status| assert!(status.success()));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such program, not the interpreter that it names, or no such directory
    /// to work in; `NotADirectory` if that is none; `PermissionDenied` if the program may not be run
    /// or is a directory, or the user may not be changed; `InvalidInput` for a program without a name
    /// and for a zero byte in what it is given; `ArgumentListTooLong`; `WouldBlock` at the limit of processes; what else the system says; the signal's
    /// reason if it is aborted already, for which [`is_abort`](crate::Error::is_abort) holds. There
    /// is no child then, and nothing else will be told.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn spawn(self) -> Result<Child> {
        let core = current();
        let label = core.label(CallbackKind::Child, Location::caller());
        start::start(&core, label, self)
    }

    /// Runs the program to its end, and collects what it writes.
    ///
    /// It is told after the last byte. A program that leaves another one behind, which has its
    /// output open still, ends only with that one; the limits of time and of output hold so long.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Command::spawn); `TimedOut`, an abort, or `InvalidData` for too much output, once
    /// the child is gone. That the program ends with another code than 0 is no error.
    ///
    /// # Cancel safety
    ///
    /// The child is stopped if the future is dropped.
    #[track_caller]
    pub fn output(self) -> Request<Output> {
        output::output(Location::caller(), self)
    }

    /// Runs the program to its end.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Command::spawn); `TimedOut` or an abort, once the child is gone.
    ///
    /// # Cancel safety
    ///
    /// The child is stopped if the future is dropped.
    #[track_caller]
    pub fn status(self) -> Request<ExitStatus> {
        output::status(Location::caller(), self)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut command = f.debug_struct("Command");
        command.field("program", &self.program).field("arguments", &self.arguments);
        command.finish_non_exhaustive()
    }
}
