//! The loop from other threads: closures, wakes, and reasons to stay.

#[cfg(feature = "async")]
use std::collections::HashSet;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender};

use crate::error::{Outcome, Result};
use crate::event_loop::context::current;
use crate::event_loop::core::Core;
use crate::event_loop::phase::Work;
#[cfg(feature = "async")]
use crate::event_loop::wake::FutureId;
use crate::reactor::Notifier;
use crate::slots::Key;
use crate::trace::At;

/// What the loop shares with other threads.
pub(crate) struct Shared {
    notifier: Notifier,
    inbox: Sender<Message>,
    pub(crate) stop: AtomicBool,
    keep_alives: AtomicUsize,
    /// Where each living `KeepAlive` was made; only looked at to explain.
    kept_at: Mutex<Vec<(u64, At)>>,
    next_keep_alive: AtomicUsize,
    /// The futures whose wakes are in the inbox: each is there once.
    #[cfg(feature = "async")]
    woken: Mutex<HashSet<FutureId>>,
}

/// What is in the inbox.
pub(crate) enum Message {
    Call(Posted),
    /// A mailbox has something to deliver.
    Mail(Key),
    /// A future was woken by another thread.
    #[cfg(feature = "async")]
    Wake(FutureId),
}

/// A closure from another thread.
pub(crate) struct Posted {
    pub(crate) at: At,
    pub(crate) run: Box<dyn FnOnce() -> Result<()> + Send>,
}

impl Shared {
    pub(crate) fn new(notifier: Notifier, inbox: Sender<Message>) -> Shared {
        Shared {
            notifier,
            inbox,
            stop: AtomicBool::new(false),
            keep_alives: AtomicUsize::new(0),
            kept_at: Mutex::new(Vec::new()),
            next_keep_alive: AtomicUsize::new(0),
            #[cfg(feature = "async")]
            woken: Mutex::default(),
        }
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    pub(crate) fn keep_alives(&self) -> usize {
        self.keep_alives.load(Ordering::Acquire)
    }

    pub(crate) fn kept_at(&self) -> Vec<At> {
        self.lock_kept_at().iter().map(|(_, at)| *at).collect()
    }

    fn lock_kept_at(&self) -> std::sync::MutexGuard<'_, Vec<(u64, At)>> {
        self.kept_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message into the inbox and wakes the loop; gives it back if there is no loop.
    pub(crate) fn send(&self, message: Message) -> std::result::Result<(), Message> {
        self.inbox.send(message).map_err(|error| error.0)?;
        self.notifier.notify();
        Ok(())
    }

    /// Notes that another thread wakes a future; whether that is news.
    #[cfg(feature = "async")]
    pub(crate) fn note_woken(&self, id: FutureId) -> bool {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).insert(id)
    }

    /// The wake has arrived: the next one is news again.
    #[cfg(feature = "async")]
    pub(crate) fn wake_arrived(&self, id: FutureId) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    fn keep_alive(self: &Arc<Self>, at: At) -> KeepAlive {
        let id = self.next_keep_alive.fetch_add(1, Ordering::Relaxed) as u64;
        self.lock_kept_at().push((id, at));
        self.keep_alives.fetch_add(1, Ordering::AcqRel);
        KeepAlive { shared: Arc::clone(self), id }
    }
}

impl Core {
    /// Puts what other threads sent into the task queue: what is there now, and no more, so that
    /// a busy sender cannot keep the loop in Poll.
    pub(crate) fn take_notifications(&self) {
        self.shared.notifier.clear();
        let mut tasks = self.tasks.borrow_mut();
        self.pool.take_ended(|job| tasks.push_back(Work::Completion(job)));
        if let Some(inbox) = &*self.inbox.borrow() {
            tasks.extend(inbox.try_iter().take(inbox.len()).map(Work::Message));
        }
    }
}

/// A loop, as other threads may hold it: `Send`, `Sync` and cheap to clone.
///
/// A `Remote` keeps no loop alive; a thread that will still need the loop holds a [`KeepAlive`]
/// as well. It outlives the loop without harm.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let remote = unspin::remote();
///     let keep_alive = remote.keep_alive();
///     std::thread::spawn(move || {
///         let answer = 42; // something that takes long
///         remote.post(move || println!("{answer}")).expect("the loop is kept alive");
///         drop(keep_alive);
///     });
/// })
/// # }
/// ```
#[derive(Clone)]
pub struct Remote(Arc<Shared>);

impl Remote {
    pub(crate) fn of(core: &Core) -> Remote {
        Remote(Arc::clone(&core.shared))
    }

    /// Queues a closure: it runs on the loop's thread, as a task in Poll, in the order posted.
    ///
    /// A closure in the inbox keeps the loop alive. If the loop ends all the same, by `exit` or by
    /// a failure, the closure is dropped.
    ///
    /// # Errors
    ///
    /// If the loop is gone. The closure is dropped without being run.
    #[track_caller]
    pub fn post<R: Outcome, F: FnOnce() -> R + Send + 'static>(
        &self,
        callback: F,
    ) -> std::result::Result<(), LoopGone> {
        let run = Box::new(move || callback().into_result());
        let posted = Posted { at: Location::caller(), run };
        self.0.send(Message::Call(posted)).map_err(|_| LoopGone(()))
    }

    /// Ends the loop's sleep, if it sleeps: it makes one turn. Many wakes in a row are one.
    pub fn wake(&self) {
        self.0.notifier.notify();
    }

    /// Makes the loop return from `run` at the end of the turn, as [`stop`](crate::stop) does.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Release);
        self.0.notifier.notify();
    }

    /// Keeps the loop alive until the result is dropped.
    #[track_caller]
    pub fn keep_alive(&self) -> KeepAlive {
        self.0.keep_alive(Location::caller())
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

/// The loop that a closure was posted to is gone; the closure was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopGone(());

impl fmt::Display for LoopGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the loop is gone: hold a KeepAlive for as long as its thread is needed")
    }
}

impl std::error::Error for LoopGone {}

/// A reason for the loop to stay alive, for whoever will come back to it: `Send` and `Sync`.
///
/// Dropping it, on any thread, lets the loop end if nothing else is alive. What the thread posted
/// before that still runs.
pub struct KeepAlive {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for KeepAlive {
    fn drop(&mut self) {
        self.shared.lock_kept_at().retain(|(id, _)| *id != self.id);
        // Release: who sees the count go down sees what was posted before, too.
        self.shared.keep_alives.fetch_sub(1, Ordering::AcqRel);
        self.shared.notifier.notify();
    }
}

impl fmt::Debug for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAlive").finish_non_exhaustive()
    }
}

/// This thread's loop, as other threads may hold it.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn remote() -> Remote {
    Remote(Arc::clone(&current().shared))
}

/// Keeps this thread's loop alive until the result is dropped, on whatever thread.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn keep_alive() -> KeepAlive {
    current().shared.keep_alive(Location::caller())
}

impl Core {
    pub(crate) fn keep_alive(&self, at: At) -> KeepAlive {
        self.shared.keep_alive(at)
    }

    /// A `KeepAlive` is read before the inbox: its owner posts first and drops it then.
    pub(crate) fn is_held_from_elsewhere(self: &Rc<Self>) -> bool {
        self.shared.keep_alives() > 0
            || self.inbox.borrow().as_ref().is_some_and(|inbox| !inbox.is_empty())
    }

    /// How many closures wait in the inbox.
    pub(crate) fn posted(&self) -> usize {
        self.inbox.borrow().as_ref().map_or(0, Receiver::len)
    }
}
