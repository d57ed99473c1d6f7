//! Terminals that are put back as they were, however the process ends.
//!
//! There is a list of what to put back. Whoever changes it blocks this thread's signals meanwhile:
//! so a handler never interrupts that on its own thread, and may wait for it on another. The list is
//! gone through by handlers of the signals whose default is to end or to stop the process, and by
//! `exit`; and by one of the signal that continues it, which finds the terminal as a shell has left
//! it.

use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::fd;
use crate::sys::terminal::{Attributes, is_in_background};

/// A terminal that was changed.
pub(crate) struct Changed {
    pub(crate) id: u64,
    /// Which terminal: a descriptor says so only of itself.
    pub(crate) device: u64,
    pub(crate) terminal: OwnedFd,
    pub(crate) before: Attributes,
    pub(crate) now: Attributes,
    /// What it was told besides, to be told again after a stop.
    pub(crate) greeting: Vec<u8>,
    /// What it is told as well when it is put back.
    pub(crate) farewell: Vec<u8>,
    /// It was put back, and is to be changed again when the process is in the foreground.
    pub(crate) is_put_back: bool,
}

impl Changed {
    /// As it was, unless the terminal is another's now.
    fn put_back(&mut self) {
        if is_in_background(&self.terminal) {
            return;
        }
        // There is nobody to tell that it failed.
        if !self.is_put_back {
            let _ = tell(&self.terminal, &self.farewell);
        }
        let _ = self.before.set(&self.terminal);
        self.is_put_back = true;
    }

    fn change_again(&mut self) {
        if is_in_background(&self.terminal) {
            return;
        }
        let _ = self.now.set(&self.terminal);
        if self.is_put_back {
            let _ = tell(&self.terminal, &self.greeting);
        }
        self.is_put_back = false;
    }
}

struct List {
    is_taken: AtomicBool,
    changed: UnsafeCell<Vec<Changed>>,
}

// SAFETY: `changed` is reached by `with_list` only, one at a time.
unsafe impl Sync for List {}

static LIST: List = List { is_taken: AtomicBool::new(false), changed: UnsafeCell::new(Vec::new()) };

/// How long a terminal that takes nothing is waited for: in milliseconds.
const PATIENCE: c_int = 200;

/// What ends a process by default while a terminal is changed; and what stops it.
const DEADLY: [c_int; 5] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGABRT];
const STOPPING: c_int = libc::SIGTSTP;
/// Comes after every stop, also where that could not be noticed, and again when a process that went
/// on in the background comes to the foreground.
const CONTINUING: c_int = libc::SIGCONT;

/// The signals that are handled while a terminal is changed.
fn handled() -> impl Iterator<Item = c_int> {
    DEADLY.into_iter().chain([STOPPING, CONTINUING])
}

/// Lends the list to `f`, which must not panic. To be called where no handler can interrupt this
/// thread: in one, or with all signals blocked.
fn with_list<T>(f: impl FnOnce(&mut Vec<Changed>) -> T) -> T {
    while LIST.is_taken.swap(true, Ordering::Acquire) {
        // Another thread has it, for the length of a few system calls.
        std::thread::yield_now();
    }
    // SAFETY: the flag was clear, and is ours now: nobody else has a reference to it.
    let result = f(unsafe { &mut *LIST.changed.get() });
    LIST.is_taken.store(false, Ordering::Release);
    result
}

/// All of this thread's signals are blocked while it lives.
struct Undisturbed(libc::sigset_t);

impl Undisturbed {
    fn begin() -> Undisturbed {
        // SAFETY: all zeros is a signal set, and the calls write those that they are given.
        unsafe {
            let (mut all, mut before): (libc::sigset_t, libc::sigset_t) =
                (mem::zeroed(), mem::zeroed());
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before);
            Undisturbed(before)
        }
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        // SAFETY: the pointer is to a signal set that the same call has written.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}

/// Puts a terminal down for being put back. To be called before it is changed.
pub(crate) fn remember(changed: Changed) {
    static AT_EXIT: Once = Once::new();
    AT_EXIT.call_once(|| {
        // SAFETY: the function may be called at any time, on any thread, to the end of the process.
        unsafe { libc::atexit(at_exit) };
    });
    let undisturbed = Undisturbed::begin();
    with_list(|list| list.push(changed));
    drop(undisturbed);
    handled().for_each(handle);
}

/// Notes what the terminal is about to be told, and what takes that back.
pub(crate) fn add_words(id: u64, greeting: &[u8], farewell: &[u8]) {
    let _undisturbed = Undisturbed::begin();
    with_list(|list| {
        if let Some(changed) = list.iter_mut().find(|changed| changed.id == id) {
            changed.greeting.extend_from_slice(greeting);
            // The last that was turned on is the first to be turned off.
            changed.farewell.splice(0..0, farewell.iter().copied());
        }
    });
}

/// Puts a terminal back. If it was changed once more by somebody else, that one will put it back to
/// what it was at first.
pub(crate) fn put_back(id: u64) {
    let _undisturbed = Undisturbed::begin();
    let (_gone, is_empty) = with_list(|list| (take_out(list, id), list.is_empty()));
    if is_empty {
        handled().for_each(stop_handling);
    }
}

fn take_out(list: &mut Vec<Changed>, id: u64) -> Option<Changed> {
    let index = list.iter().position(|changed| changed.id == id)?;
    let mut changed = list.remove(index);
    match list[index..].iter_mut().find(|later| later.device == changed.device) {
        Some(later) => {
            later.before = changed.before;
            later.greeting.splice(0..0, changed.greeting.iter().copied());
            later.farewell.extend_from_slice(&changed.farewell);
        }
        None => changed.put_back(),
    }
    Some(changed)
}

extern "C" fn at_exit() {
    let _undisturbed = Undisturbed::begin();
    with_list(|list| list.iter_mut().rev().for_each(Changed::put_back));
}

/// Whether this is the address of our handler. It does what would be done without one.
pub(crate) fn is_ours(handler: usize) -> bool {
    handler == on_signal as *const () as usize
}

/// Runs on any thread, with all signals blocked.
extern "C" fn on_signal(number: c_int) {
    // Taken before anything that sets it.
    let interrupted = io::Error::last_os_error().raw_os_error();
    if number == CONTINUING {
        continued();
    } else {
        end_or_stop(number);
    }
    // A deadly one is let through when this returns.
    if let Some(interrupted) = interrupted {
        set_errno(interrupted);
    }
}

/// The process goes on after a stop, or is in the foreground again. May be called in a handler.
pub(crate) fn continued() {
    let _undisturbed = Undisturbed::begin();
    with_list(|list| list.iter_mut().for_each(Changed::change_again));
}

fn end_or_stop(number: c_int) {
    with_list(|list| list.iter_mut().rev().for_each(Changed::put_back));
    set_handler(number, libc::SIG_DFL, 0);
    // SAFETY: the call takes no pointer. The signal waits until it is let through.
    unsafe { libc::raise(number) };
    if number == STOPPING {
        be_stopped();
        handle(number);
        // The signal that continues it is not told where it was not stopped after all.
        continued();
    }
}

/// Lets through the signal that stops the process, and returns when it is continued.
fn be_stopped() {
    // SAFETY: all zeros is a signal set, and the calls write those that they are given.
    unsafe {
        let mut stopping: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut stopping);
        libc::sigaddset(&raw mut stopping, STOPPING);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const stopping, ptr::null_mut());
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const stopping, ptr::null_mut());
    }
}

/// Handles a signal that would have its default.
fn handle(number: c_int) {
    if handler_of(number) == Some(libc::SIG_DFL) {
        set_handler(number, on_signal as *const () as usize, libc::SA_RESTART | libc::SA_ONSTACK);
    }
}

/// To be called where a signal has got its default back: it is handled if a terminal is changed.
pub(crate) fn handle_again(number: c_int) {
    let _undisturbed = Undisturbed::begin();
    let is_changed = with_list(|list| !list.is_empty());
    if is_changed && handled().any(|handled| handled == number) {
        handle(number);
    }
}

fn stop_handling(number: c_int) {
    if handler_of(number).is_some_and(is_ours) {
        set_handler(number, libc::SIG_DFL, 0);
    }
}

fn handler_of(number: c_int) -> Option<usize> {
    // SAFETY: all zeros is a sigaction: integers, and an optional function pointer.
    let mut there: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: no new action is given, and the pointer is to one writable sigaction, which the
    // kernel does not keep.
    let failed = unsafe { libc::sigaction(number, ptr::null(), &raw mut there) } != 0;
    (!failed).then_some(there.sa_sigaction)
}

fn set_handler(number: c_int, handler: usize, flags: c_int) {
    // SAFETY: all zeros is a sigaction: integers, and an optional function pointer. The calls write
    // what they are given, and keep nothing. The handler is a default, or `on_signal`, which does
    // only what a handler may do.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigaction(number, &raw const action, ptr::null_mut());
    }
}

/// Writes to a terminal, which mostly does not block. One that is full is waited for, but not one
/// that nobody reads. May be called in a handler of a signal.
///
/// # Errors
///
/// `TimedOut` if it took nothing for a while; what the system says.
pub(crate) fn tell(terminal: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        if !fd::is_writable_within(terminal, PATIENCE)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // SAFETY: the pointer and the length are those of one readable slice, which the kernel does
        // not keep; the descriptor is open, since its owner is borrowed.
        let written =
            unsafe { libc::write(terminal.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(written) => bytes = &bytes[written..],
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error if error.kind() == io::ErrorKind::WouldBlock => {}
                error => return Err(error),
            },
        }
    }
    Ok(())
}

fn set_errno(number: c_int) {
    // SAFETY: the function has no condition; its result points to this thread's own errno, which may
    // be written for as long as the thread lives.
    unsafe { *errno() = number };
}

#[cfg(target_os = "linux")]
use libc::__errno_location as errno;

#[cfg(target_os = "android")]
use libc::__errno as errno;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use libc::__error as errno;
