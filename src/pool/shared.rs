//! What the loop's thread and the pool threads share.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Wake;
use super::job::{Job, drop_quietly};
use super::queue::Queue;

pub(super) struct Shared {
    state: Mutex<State>,
    /// Notified when a thread ends while the pool is stopping. Only `shut_down` waits for it.
    thread_ended: Condvar,
    pub(super) max_threads: usize,
    wake: Wake,
}

/// Where one thread sleeps: each has its own, so that it is known who was woken.
pub(super) type Bed = Arc<Condvar>;

/// What the lock guards.
pub(super) struct State {
    pub(super) queue: Queue,
    /// Jobs that have ended, for the loop.
    ended: Vec<Box<Job>>,
    /// The loop takes no results any more.
    closed: bool,
    /// Set once and for good. From then on the queue is empty, and threads end instead of sleeping.
    pub(super) stopping: bool,
    /// The living threads by number. A thread takes itself out when it ends.
    threads: BTreeMap<usize, JoinHandle<()>>,
    /// Threads that nobody has woken. The last to fall asleep is the first to be woken: so the
    /// others come to their end when there is too little work for all.
    asleep: Vec<Bed>,
    /// The thread that ended last. It joins the one that ended before it, and so on: whoever joins
    /// this one has joined them all.
    pub(super) last_ended: Option<JoinHandle<()>>,
}

impl Shared {
    pub(super) fn new(max_threads: usize, wake: Wake) -> Shared {
        let state = State {
            queue: Queue::new(max_threads),
            ended: Vec::new(),
            closed: false,
            stopping: false,
            threads: BTreeMap::new(),
            asleep: Vec::new(),
            last_ended: None,
        };
        Shared { state: Mutex::new(state), thread_ended: Condvar::new(), max_threads, wake }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock, and so no panic leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until this thread is woken for a job, the pool stops or `limit` is over. Returns
    /// whether it was woken.
    pub(super) fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        bed: &Bed,
        limit: Duration,
    ) -> (MutexGuard<'a, State>, bool) {
        state.asleep.push(Arc::clone(bed));
        loop {
            let (woken, timeout) =
                bed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            // Who wakes a thread takes its bed away, also if its time ran out in that moment.
            let Some(place) = state.asleep.iter().position(|other| Arc::ptr_eq(other, bed)) else {
                return (state, true);
            };
            if timeout.timed_out() {
                state.asleep.remove(place);
                return (state, false);
            }
        }
    }

    /// Sleeps until a thread ends or `limit` is over; or for no reason at all.
    pub(super) fn wait_for_end<'a>(
        &self,
        state: MutexGuard<'a, State>,
        limit: Duration,
    ) -> MutexGuard<'a, State> {
        let waited = self.thread_ended.wait_timeout(state, limit);
        waited.unwrap_or_else(PoisonError::into_inner).0
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

    /// Hands a job that has ended to the loop, and gives the thread its next one.
    ///
    /// A job submitted in answer to this one finds the thread without a job, and starts no other.
    pub(super) fn exchange(&self, ended: Box<Job>) -> Option<Box<Job>> {
        let mut state = self.lock();
        state.queue.finish(ended.lane);
        let (refused, is_first) = state.add_ended(ended);
        let next = state.queue.take();
        let bed = state.bed_to_wake();
        drop(state);
        wake(bed);
        if is_first {
            (self.wake)();
        }
        // On a pool thread, which must live through whatever a result does when it is dropped.
        drop_quietly(refused);
        next
    }
}

/// Not to be called under the lock: the woken thread would only run into it.
pub(super) fn wake(bed: Option<Bed>) {
    if let Some(bed) = bed {
        bed.notify_one();
    }
}

impl State {
    pub(super) fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Threads without a job, asleep or not: one was just started, one woken, another is on its way
    /// back from its last job.
    fn idle(&self) -> usize {
        self.threads() - self.queue.running()
    }

    /// Whether there is a job that a new thread could start at once and that none of the threads
    /// without a job will take.
    pub(super) fn wants_thread(&self, max_threads: usize) -> bool {
        self.threads() < max_threads && self.queue.runnable() > self.idle()
    }

    /// The bed of the thread to be woken, if one must be: none is on its way to the queue, and
    /// there is something in it that may start.
    ///
    /// One is enough. It asks the same when it has taken a job, and so on: a burst of small jobs
    /// wakes no more threads than have something to do when they come.
    pub(super) fn bed_to_wake(&mut self) -> Option<Bed> {
        let none_comes = self.idle() == self.asleep.len();
        if none_comes && self.queue.runnable() > 0 { self.asleep.pop() } else { None }
    }

    /// Wakes all, when the pool stops.
    pub(super) fn all_beds(&mut self) -> Vec<Bed> {
        std::mem::take(&mut self.asleep)
    }

    /// The lowest free number. Numbers are used again because Linux shows 15 bytes of a thread's
    /// name.
    pub(super) fn free_number(&self) -> usize {
        (1..).find(|number| !self.threads.contains_key(number)).unwrap_or_default()
    }

    pub(super) fn add_thread(&mut self, number: usize, handle: JoinHandle<()>) {
        self.threads.insert(number, handle);
    }

    /// Keeps a job that has ended for the loop, and says whether it is the first to be kept: for the
    /// others, the loop has been woken. One that the loop will not take is given back.
    fn add_ended(&mut self, job: Box<Job>) -> (Option<Box<Job>>, bool) {
        if self.closed {
            return (Some(job), false);
        }
        self.ended.push(job);
        (None, self.ended.len() == 1)
    }

    /// From here on, what ends is dropped where it ended. Returns what ended before.
    pub(super) fn close(&mut self) -> Vec<Box<Job>> {
        self.closed = true;
        self.take_ended(Vec::new())
    }

    /// Exchanges the jobs that have ended for an empty list.
    pub(super) fn take_ended(&mut self, empty: Vec<Box<Job>>) -> Vec<Box<Job>> {
        std::mem::replace(&mut self.ended, empty)
    }
}
