//! What the loop's thread and the pool threads share.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{SendError, Sender};

use super::Wake;
use super::job::{Done, JobId, drop_quietly};
use super::queue::Queue;

/// A mutex and a condition variable, not a channel: the `recv` of crossbeam-channel spins before it
/// parks, which costs four times the processor time of this for each wake.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Notified once for each job that a sleeping thread should take, and when the pool stops.
    pub(super) job_queued: Condvar,
    /// Notified when a thread ends while the pool is stopping. Only `shut_down` waits for it.
    thread_ended: Condvar,
    pub(super) max_threads: usize,
    completions: Sender<Done>,
    wake: Wake,
}

/// What the lock guards.
pub(super) struct State {
    pub(super) queue: Queue,
    /// Set once and for good. From then on the queue is empty, and threads end instead of sleeping.
    pub(super) stopping: bool,
    /// The living threads by number. A thread takes itself out when it ends.
    threads: BTreeMap<usize, JoinHandle<()>>,
    /// Threads that wait for `job_queued`, also those that were notified but have not woken yet.
    asleep: usize,
    /// The thread that ended last. It joins the one that ended before it, and so on: whoever joins
    /// this one has joined them all.
    pub(super) last_ended: Option<JoinHandle<()>>,
    /// Jobs submitted so far.
    submitted: u64,
}

impl Shared {
    pub(super) fn new(max_threads: usize, completions: Sender<Done>, wake: Wake) -> Shared {
        let state = State {
            queue: Queue::new(max_threads),
            stopping: false,
            threads: BTreeMap::new(),
            asleep: 0,
            last_ended: None,
            submitted: 0,
        };
        Shared {
            state: Mutex::new(state),
            job_queued: Condvar::new(),
            thread_ended: Condvar::new(),
            max_threads,
            completions,
            wake,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock, and so no panic leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until a job is queued, the pool stops or `limit` is over; or for no reason at all.
    pub(super) fn wait_for_job<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        limit: Duration,
    ) -> MutexGuard<'a, State> {
        state.asleep += 1;
        let mut state = wait(&self.job_queued, state, limit);
        state.asleep -= 1;
        state
    }

    /// Sleeps until a thread ends or `limit` is over; or for no reason at all.
    pub(super) fn wait_for_end<'a>(
        &self,
        state: MutexGuard<'a, State>,
        limit: Duration,
    ) -> MutexGuard<'a, State> {
        wait(&self.thread_ended, state, limit)
    }

    /// Notes the end of thread `number`, which must not take the lock again. Returns the thread that
    /// it has to join.
    pub(super) fn end_thread(
        &self,
        mut state: MutexGuard<'_, State>,
        number: usize,
    ) -> Option<JoinHandle<()>> {
        let own = state.threads.remove(&number);
        if state.stopping {
            self.thread_ended.notify_all();
        }
        std::mem::replace(&mut state.last_ended, own)
    }

    /// Hands a completion to the loop. One that comes after the loop has gone is dropped here, on
    /// the pool thread, which must live through whatever the result does when it is dropped.
    pub(super) fn deliver(&self, done: Done) {
        match self.completions.send(done) {
            Ok(()) => (self.wake)(),
            Err(SendError(done)) => drop_quietly(done),
        }
    }
}

impl State {
    pub(super) fn next_id(&mut self) -> JobId {
        self.submitted += 1;
        JobId(self.submitted)
    }

    pub(super) fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Whether there is a job that a new thread could start at once and that none of the threads
    /// without a job will take. Those are not only the sleeping ones: one was just started, another
    /// is on its way back from its last job.
    pub(super) fn wants_thread(&self, max_threads: usize) -> bool {
        let idle = self.threads() - self.queue.running();
        self.threads() < max_threads && self.queue.runnable() > idle
    }

    /// Whether a sleeping thread has something to wake up for: a job whose lane is full is taken by
    /// the thread that makes room.
    pub(super) fn wants_wake(&self) -> bool {
        self.asleep > 0 && self.queue.runnable() > 0
    }

    /// The lowest free number. Numbers are used again because Linux shows 15 bytes of a thread's
    /// name.
    pub(super) fn free_number(&self) -> usize {
        (1..).find(|number| !self.threads.contains_key(number)).unwrap_or_default()
    }

    pub(super) fn add_thread(&mut self, number: usize, handle: JoinHandle<()>) {
        self.threads.insert(number, handle);
    }
}

fn wait<'a>(
    condition: &Condvar,
    state: MutexGuard<'a, State>,
    limit: Duration,
) -> MutexGuard<'a, State> {
    condition.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
}
