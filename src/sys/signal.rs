//! Signals: one handler for the process, which counts what it caught and rings.
//!
//! The handler does what may be done in one: it adds to a counter, writes to an eventfd, and calls
//! the handler that was there before. Every loop has the eventfd registered for itself; nobody ever
//! reads it, since each write is an edge for everyone, and the counters say what it was about.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::io;
use std::mem;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sys::restore;

/// Linux has 64 signals, others have fewer; number 0 is none.
const NUMBERS: usize = 65;

/// What the handler knows of a signal.
struct Caught {
    count: AtomicUsize,
    /// The handler that was there before ours: its address, or 0 if there was none.
    before: AtomicUsize,
    /// It takes three arguments and not one.
    before_takes_info: AtomicBool,
}

static CAUGHT: [Caught; NUMBERS] = [const {
    Caught {
        count: AtomicUsize::new(0),
        before: AtomicUsize::new(0),
        before_takes_info: AtomicBool::new(false),
    }
}; NUMBERS];

/// The eventfd, opened with the first watch. It stays open: a handler may be about to write to it
/// on another thread at any time.
static BELL: AtomicI32 = AtomicI32::new(-1);

/// The signals that have our handler.
static HELD: Mutex<BTreeMap<c_int, Held>> = Mutex::new(BTreeMap::new());

struct Held {
    watches: usize,
    before: libc::sigaction,
}

/// Faults of the program itself: to return from their handler is to meet the same fault again.
const FAULTS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];

/// A signal is caught for as long as there is one of these for it; then what was there before is
/// put back.
#[derive(Debug)]
pub(crate) struct Watch(c_int);

impl Watch {
    /// # Errors
    ///
    /// `InvalidInput` for what cannot be caught, or not sensibly; what the system says.
    pub(crate) fn new(number: c_int) -> io::Result<Watch> {
        let in_range = (1..NUMBERS as c_int).contains(&number);
        if !in_range || FAULTS.contains(&number) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut held = lock();
        open_bell()?;
        match held.get_mut(&number) {
            Some(held) => held.watches += 1,
            None => {
                let before = install(number)?;
                held.insert(number, Held { watches: 1, before });
            }
        }
        Ok(Watch(number))
    }

    /// How often it was caught since the process began; it wraps.
    pub(crate) fn count(&self) -> usize {
        CAUGHT[self.0 as usize].count.load(Ordering::Acquire)
    }

    /// A descriptor of one's own that is an edge whenever a signal is caught.
    pub(crate) fn ear(&self) -> io::Result<OwnedFd> {
        // SAFETY: it was opened before there was a watch, and it is never closed.
        unsafe { BorrowedFd::borrow_raw(bell()) }.try_clone_to_owned()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut all = lock();
        let Some(held) = all.get_mut(&self.0) else { return };
        held.watches -= 1;
        if held.watches == 0 && put_back(self.0, &held.before) {
            all.remove(&self.0);
            restore::handle_again(self.0);
        }
    }
}

/// How often one of those was caught that ask a process to end, since it began; it wraps.
pub(crate) fn requests_to_end() -> usize {
    let asks = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
    let counts = asks.map(|number| CAUGHT[number as usize].count.load(Ordering::Acquire));
    counts.into_iter().fold(0, usize::wrapping_add)
}

fn lock() -> MutexGuard<'static, BTreeMap<c_int, Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The descriptor on which every caught signal is an edge; -1 before the first watch.
pub(crate) fn bell() -> c_int {
    BELL.load(Ordering::Acquire)
}

/// To be called with the lock held.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn open_bell() -> io::Result<()> {
    if bell() >= 0 {
        return Ok(());
    }
    // SAFETY: the call takes no pointer.
    let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    BELL.store(fd, Ordering::Release);
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn open_bell() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Puts our handler in place, and tells it of the one that it takes the place of.
fn install(number: c_int) -> io::Result<libc::sigaction> {
    // Known to the handler before it can be called: what is there now.
    let there = disposition(number)?;
    remember(number, &there);
    // SAFETY: all zeros is a sigaction: integers, and an optional function pointer.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = on_signal as *const () as usize;
    // What the handler before did not want to be interrupted by, it is not called within.
    ours.sa_mask = there.sa_mask;
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    let before = replace(number, &ours)?;
    // Somebody else may have been quicker.
    remember(number, &before);
    Ok(before)
}

fn remember(number: c_int, before: &libc::sigaction) {
    let caught = &CAUGHT[number as usize];
    // What puts terminals back before the default is in place of a default, and what changes them
    // again is called from here in any case.
    let is_handler = !matches!(before.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN)
        && !restore::is_ours(before.sa_sigaction);
    let takes_info = before.sa_flags & libc::SA_SIGINFO != 0;
    caught.before_takes_info.store(takes_info, Ordering::Release);
    caught.before.store(if is_handler { before.sa_sigaction } else { 0 }, Ordering::Release);
}

/// Whether it was put back. Not if somebody has taken our place meanwhile and may call us: then we
/// stay, and pass the signal on.
fn put_back(number: c_int, before: &libc::sigaction) -> bool {
    let is_ours = |there: libc::sigaction| there.sa_sigaction == on_signal as *const () as usize;
    disposition(number).is_ok_and(is_ours) && replace(number, before).is_ok()
}

fn disposition(number: c_int) -> io::Result<libc::sigaction> {
    // SAFETY: all zeros is a sigaction: integers, and an optional function pointer.
    let mut there: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: no new action is given, and the pointer is to one writable sigaction, which the
    // kernel does not keep.
    let failed = unsafe { libc::sigaction(number, ptr::null(), &raw mut there) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(there) }
}

fn replace(number: c_int, with: &libc::sigaction) -> io::Result<libc::sigaction> {
    // SAFETY: all zeros is a sigaction: integers, and an optional function pointer.
    let mut before: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: both pointers are to a sigaction, the second a writable one, and the kernel keeps
    // neither. The new action is `on_signal`, which does only what a handler may do, or one that
    // the kernel gave us for this signal.
    let failed = unsafe { libc::sigaction(number, with, &raw mut before) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(before) }
}

/// Runs on any thread, between any two instructions.
extern "C" fn on_signal(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(caught) = CAUGHT.get(number as usize) else { return };
    // SAFETY: the function has no condition; its result points to this thread's own errno.
    let errno = unsafe { errno() };
    // SAFETY: see above: it may be read for as long as the thread lives.
    let interrupted = unsafe { *errno };
    // Counted before it rings: who hears it finds it counted.
    caught.count.fetch_add(1, Ordering::Release);
    let one = 1u64;
    // SAFETY: the pointer and the length are those of a readable integer. The descriptor is the
    // eventfd, which is never closed, or -1, which fails; `write` may be called in a handler.
    unsafe { libc::write(bell(), (&raw const one).cast(), size_of::<u64>()) };
    if number == libc::SIGCONT {
        restore::continued();
    }
    let before = caught.before.load(Ordering::Acquire);
    if before != 0 {
        let takes_info = caught.before_takes_info.load(Ordering::Acquire);
        // SAFETY: the kernel gave this address as the signal's handler, with the flag that says
        // which of the two types it has; it would have called it with these arguments.
        unsafe { call_before(before, takes_info, number, info, context) };
    }
    // SAFETY: as where it was read.
    unsafe { *errno = interrupted };
}

/// # Safety
///
/// `handler` is the address of a handler for signal `number`, with three arguments if it takes
/// info, otherwise with one; `info` and `context` are what the kernel gave for it.
unsafe fn call_before(
    handler: usize,
    takes_info: bool,
    number: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    type Informed = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
    let handler = handler as *const ();
    if takes_info {
        // SAFETY: by the condition of this function it is one.
        let handler: Informed = unsafe { mem::transmute(handler) };
        handler(number, info, context);
    } else {
        // SAFETY: by the condition of this function it is one.
        let handler: extern "C" fn(c_int) = unsafe { mem::transmute(handler) };
        handler(number);
    }
}

#[cfg(target_os = "linux")]
use libc::__errno_location as errno;

#[cfg(target_os = "android")]
use libc::__errno as errno;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use libc::__error as errno;

/// Sends a signal to a process, or asks with 0 whether there is one. A negative number is a group's.
pub(crate) fn kill(process: libc::pid_t, number: c_int) -> io::Result<()> {
    // SAFETY: the call takes no pointer; what a signal does to a process is not undefined.
    let failed = unsafe { libc::kill(process, number) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sends a signal to this thread; its handler has run when this returns.
pub(crate) fn raise(number: c_int) -> io::Result<()> {
    // SAFETY: as above.
    let failed = unsafe { libc::raise(number) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}
