//! Starting a program, at a cost that does not depend on this process's memory.
//!
//! `fork` copies the tables of all memory that is in use: with gigabytes that takes many
//! milliseconds. Here the child borrows the memory until it becomes the program, and this thread
//! waits so long, as in glibc's `posix_spawn`. That itself cannot change the user, and not
//! everywhere the directory or the session.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// All that the child has to do. It must not allocate: so everything is there before.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Where the program may be, to be tried in this order.
    pub(crate) candidates: Vec<CString>,
    /// The program's own name first.
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
    pub(crate) directory: Option<CString>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) groups: Option<Vec<u32>>,
    pub(crate) new_session: bool,
    pub(crate) new_group: bool,
    /// Which of our descriptors becomes which of the child's. It keeps 0, 1 and 2 where nothing is
    /// said of them, and no other.
    pub(crate) descriptors: Vec<(RawFd, RawFd)>,
}

#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) pid: libc::pid_t,
    /// Becomes readable at the child's end. `None` where the kernel has no such thing.
    pub(crate) pidfd: Option<OwnedFd>,
}

/// What failed, and how.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    pub(crate) error: io::Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Child,
    Session,
    Descriptors,
    Directory,
    User,
    Program,
}

/// What the child works with, in memory that is the parent's.
struct Orders {
    candidates: Vec<*const c_char>,
    arguments: Vec<*const c_char>,
    /// The shell's arguments where the program is a script without `#!`, with a place for its path.
    script: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    directory: *const c_char,
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
    new_session: bool,
    new_group: bool,
    descriptors: Vec<(RawFd, RawFd)>,
    /// The highest descriptor that the child is given.
    highest: RawFd,
    failed: Option<(Step, c_int)>,
}

/// Linux has so many signals, a bit each in a set.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SIGNALS: usize = 64;

/// What runs a program that the kernel knows no format of.
const SHELL: &CStr = c"/bin/sh";

/// The child's stack, until it becomes the program: a few calls deep.
const STACK_WORDS: usize = 4096;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn spawn(plan: &Plan, with_pidfd: bool) -> Result<Spawned, Failure> {
    let mut orders = Orders::of(plan);
    let mut stack = vec![0u128; STACK_WORDS];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let flags = if with_pidfd { flags | libc::CLONE_PIDFD } else { flags };
    let mut pidfd: c_int = -1;
    // A new user makes the kernel mark the memory as not to be looked at, which is ours.
    let changes_user = plan.uid.is_some() || plan.gid.is_some() || plan.groups.is_some();
    let dumpable = changes_user.then(dumpable);
    let before = block_all_signals();
    // SAFETY: the stack is writable, aligned, and used by the child only; it and the orders outlive
    // the child's use of them, because with CLONE_VFORK this thread does not go on before the child
    // has become a program or ended. Meanwhile the child shares our memory: it writes only to the
    // orders and to its stack, calls only what may be called in a signal handler, takes no lock, and
    // no signal handler of ours runs in it, since all signals are blocked. The kernel writes the
    // pidfd to an integer that is there.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(STACK_WORDS).cast::<c_void>();
        libc::clone(child_main, top, flags, (&raw mut orders).cast(), &raw mut pidfd)
    };
    let error = io::Error::last_os_error();
    restore_signals(&before);
    if let Some(dumpable) = dumpable {
        set_dumpable(dumpable);
    }
    if pid < 0 {
        return Err(Failure { step: Step::Child, error });
    }
    // SAFETY: the kernel has opened it for this call, and nobody else knows it.
    let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
    // SAFETY: the child has written to it, behind the compiler's back; it is a live value of ours.
    match unsafe { ptr::read_volatile(&raw const orders.failed) } {
        None => Ok(Spawned { pid, pidfd }),
        Some((step, number)) => {
            reap(pid);
            Err(Failure { step, error: io::Error::from_raw_os_error(number) })
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn spawn(_: &Plan, _: bool) -> Result<Spawned, Failure> {
    Err(Failure { step: Step::Child, error: io::ErrorKind::Unsupported.into() })
}

impl Orders {
    fn of(plan: &Plan) -> Orders {
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
        };
        let arguments = pointers(&plan.arguments);
        let script =
            [SHELL.as_ptr(), ptr::null()].into_iter().chain(arguments[1..].iter().copied());
        let targets = plan.descriptors.iter().map(|(_, target)| *target);
        Orders {
            candidates: plan.candidates.iter().map(|path| path.as_ptr()).collect(),
            script: script.collect(),
            arguments,
            environment: pointers(&plan.environment),
            directory: plan.directory.as_ref().map_or(ptr::null(), |path| path.as_ptr()),
            uid: plan.uid,
            gid: plan.gid,
            groups: plan.groups.clone(),
            new_session: plan.new_session,
            new_group: plan.new_group,
            descriptors: plan.descriptors.clone(),
            highest: targets.fold(libc::STDERR_FILENO, RawFd::max),
            failed: None,
        }
    }
}

/// The child. It runs in the parent's memory, while the parent's thread waits.
#[cfg(any(target_os = "linux", target_os = "android"))]
extern "C" fn child_main(orders: *mut c_void) -> c_int {
    // SAFETY: `spawn` gives a pointer to its orders, which nobody uses meanwhile. What they point to
    // outlives this, as they do.
    unsafe {
        let orders = orders.cast::<Orders>();
        let failed = (*orders).become_program();
        ptr::write_volatile(&raw mut (*orders).failed, Some(failed));
        libc::_exit(127)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Orders {
    /// Returns only if that fails.
    ///
    /// # Safety
    ///
    /// Only in the child; the pointers are to strings, and to lists of them that end with null.
    unsafe fn become_program(&mut self) -> (Step, c_int) {
        // SAFETY: the conditions are passed on, and the calls below take no other pointers.
        unsafe {
            if self.new_session && libc::setsid() < 0 {
                return (Step::Session, errno());
            }
            // Who leads a session leads a group already.
            if self.new_group && !self.new_session && libc::setpgid(0, 0) < 0 {
                return (Step::Session, errno());
            }
            if let Err(number) = self.arrange_descriptors() {
                return (Step::Descriptors, number);
            }
            if !self.directory.is_null() && libc::chdir(self.directory) != 0 {
                return (Step::Directory, errno());
            }
            if let Err(number) = self.change_user() {
                return (Step::User, number);
            }
            default_signals();
            (Step::Program, self.execute())
        }
    }

    /// # Safety
    ///
    /// Only in the child.
    unsafe fn arrange_descriptors(&mut self) -> Result<(), c_int> {
        // A number that is too high is refused by the system, and not here, where nobody may panic.
        let above = self.highest.saturating_add(1);
        // SAFETY: the calls take no pointers, and the child's descriptors are its own.
        unsafe {
            // First out of the way of each other: two may change places.
            for (source, _) in &mut self.descriptors {
                if *source < above {
                    *source = succeeded(libc::fcntl(*source, libc::F_DUPFD_CLOEXEC, above))?;
                }
            }
            for fd in libc::STDERR_FILENO + 1..above {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            }
            // An old kernel does not know it: then those stay that are not closed on exec anyway.
            libc::syscall(
                libc::SYS_close_range,
                above,
                libc::c_uint::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
            for (source, target) in &self.descriptors {
                succeeded(libc::dup2(*source, *target))?;
            }
        }
        Ok(())
    }

    /// By bare system calls: the library's own would change the user of all threads, the parent's.
    ///
    /// # Safety
    ///
    /// Only in the child.
    unsafe fn change_user(&self) -> Result<(), c_int> {
        // SAFETY: the pointer and the length are those of one list, which the kernel only reads.
        unsafe {
            if let Some(groups) = &self.groups {
                succeeded(libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()))?;
            } else if self.uid.is_some() || self.gid.is_some() {
                // The groups of a user that it is no more. Who may not do that has none to lose.
                libc::syscall(libc::SYS_setgroups, 0usize, ptr::null::<u32>());
            }
            if let Some(gid) = self.gid {
                succeeded(libc::syscall(libc::SYS_setgid, gid))?;
            }
            if let Some(uid) = self.uid {
                succeeded(libc::syscall(libc::SYS_setuid, uid))?;
            }
        }
        Ok(())
    }

    /// As `execvp`: the first candidate that is there and may be run. A script without `#!` is the
    /// shell's.
    ///
    /// # Safety
    ///
    /// As for `become_program`.
    unsafe fn execute(&mut self) -> c_int {
        let mut denied = false;
        for path in &self.candidates {
            // SAFETY: by the condition of this function.
            let number = unsafe {
                libc::execve(*path, self.arguments.as_ptr(), self.environment.as_ptr());
                errno()
            };
            match number {
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                libc::EACCES => denied = true,
                libc::ENOEXEC => {
                    if let Some(place) = self.script.get_mut(1) {
                        *place = *path;
                    }
                    // SAFETY: as above: it ends with null too.
                    unsafe {
                        let shell = SHELL.as_ptr();
                        libc::execve(shell, self.script.as_ptr(), self.environment.as_ptr());
                    }
                    return number;
                }
                _ => return number,
            }
        }
        if denied { libc::EACCES } else { libc::ENOENT }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn succeeded<T: Default + PartialOrd>(result: T) -> Result<T, c_int> {
    if result < T::default() { Err(errno()) } else { Ok(result) }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// The program begins as if started from a shell: what this process ignores or blocks is nothing to
/// it.
///
/// # Safety
///
/// Only in the child.
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn default_signals() {
    // SAFETY: the kernel's sigaction is four words here, and all zeros is the default; the pointers
    // are to values that live through the calls. Those signals that have no other action make the
    // call fail. It is the bare one, since the library's leaves out two that it keeps for itself.
    unsafe {
        let default = [0usize; 4];
        for number in 1..=SIGNALS {
            let before = ptr::null_mut::<usize>();
            libc::syscall(libc::SYS_rt_sigaction, number, default.as_ptr(), before, SIGNALS / 8);
        }
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
    }
}

fn block_all_signals() -> libc::sigset_t {
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: both pointers are to room for a set; the first call fills one, and the second, which
    // fails only for a wrong first argument, the other.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        before.assume_init()
    }
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: the pointer is to a set.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn dumpable() -> c_int {
    // SAFETY: the call takes no pointer.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_dumpable(dumpable: c_int) {
    // SAFETY: the call takes no pointer. It refuses what only the system may set.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, dumpable, 0, 0, 0) };
}

/// Takes away a child that has ended already.
pub(crate) fn reap(pid: libc::pid_t) {
    // SAFETY: a null pointer says that the status is not wanted.
    unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
}
