//! The thread pool: blocking work off the loop's thread.
//!
//! Ground rules, which every function here keeps:
//!
//! * No foreign code runs under the lock: no job, no drop of a job or of its result, no `wake`.
//! * A job is in one place at a time: in the queue, in the hands of one pool thread, or gone.
//!   Whoever takes it out of the queue decides its fate, so that it is run or dropped exactly once.
//! * As long as fewer than the most threads are alive, there are no more runnable jobs than threads
//!   without a job, and so nobody waits for a thread that could have been started. (Threads that
//!   the system refuses to start are the exception: then the living ones work the queue off.)

mod job;
mod queue;
mod shared;
mod thread;

#[cfg(test)]
mod end_tests;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::clock;

pub(crate) use self::job::{Job, JobId, Lane};

use self::job::drop_quietly;
use self::shared::{Shared, wake};

/// Called on a pool thread when a job has ended and none was waiting to be taken. It must not
/// panic.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Threads that start when there is work for them and end when they were idle for a while.
///
/// Dropping the pool drops the queued jobs and tells the threads to end, but waits for nothing:
/// see [`Pool::shut_down`].
pub(crate) struct Pool {
    shared: Arc<Shared>,
    /// An empty list, to be exchanged for that of the ended jobs: two lists serve for good.
    spare: Cell<Vec<Box<Job>>>,
}

/// What [`Pool::shut_down`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shutdown {
    /// Jobs that had not started, and never will.
    pub(crate) dropped: usize,
    /// Jobs that still ran when the time was up, each with a thread of its own.
    pub(crate) left_behind: usize,
}

impl Pool {
    /// A pool of at most `max_threads` threads, at least one. Starts none yet.
    pub(crate) fn new(max_threads: usize, wake: Wake) -> Pool {
        let shared = Arc::new(Shared::new(max_threads.max(1), wake));
        Pool { shared, spare: Cell::default() }
    }

    /// Queues a job, and starts or wakes a thread for it if one is needed.
    ///
    /// Its id is a key of the caller's: no other job may have its index before this one came back.
    ///
    /// # Errors
    ///
    /// The job has been dropped: the pool was shut down, or no thread is alive and none could be
    /// started. While one is alive, a failed start is no error: the job waits for that thread.
    pub(crate) fn submit(&self, job: Box<Job>) -> io::Result<()> {
        let mut state = self.shared.lock();
        if state.stopping {
            drop(state);
            return Err(io::Error::other("the thread pool has been shut down"));
        }
        let id = job.id;
        state.queue.push(job);

        if state.wants_thread(self.shared.max_threads) {
            let started = thread::start(&self.shared, &mut state);
            if let (Err(error), 0) = (started, state.threads()) {
                let job = state.queue.remove(id);
                drop(state);
                drop(job);
                return Err(error);
            }
        } else {
            let bed = state.bed_to_wake();
            drop(state);
            wake(bed);
        }
        Ok(())
    }

    /// Hands over the jobs that have ended since the last call, in the order of their ends.
    pub(crate) fn take_ended(&self, mut each: impl FnMut(Box<Job>)) {
        let mut ended = self.shared.lock().take_ended(self.spare.take());
        ended.drain(..).for_each(&mut each);
        self.spare.set(ended);
    }

    /// The jobs that have ended and were not taken. The results of those that still run are dropped
    /// where they come about.
    pub(crate) fn close(&self) -> Vec<Box<Job>> {
        self.shared.lock().close()
    }

    /// Drops a job that has not started, and says whether it did: then the job never runs and never
    /// comes back. A job that runs or ended is left alone.
    ///
    /// The job is dropped here, on the caller's thread; if that panics, it is the caller's panic.
    pub(crate) fn cancel(&self, id: JobId) -> bool {
        // A statement of its own, so that the lock is released before the job is dropped.
        let job = self.shared.lock().queue.remove(id);
        job.is_some()
    }

    /// Jobs that have not started.
    pub(crate) fn queued(&self) -> usize {
        self.shared.lock().queue.len()
    }

    #[cfg(test)]
    /// Jobs that run. One that can be taken as ended is no longer counted.
    pub(crate) fn running(&self) -> usize {
        self.shared.lock().queue.running()
    }

    #[cfg(test)]
    /// Threads that are alive, with a job or without.
    pub(crate) fn threads(&self) -> usize {
        self.shared.lock().threads()
    }

    /// Drops the queued jobs, lets idle threads end, and waits up to `limit` for the others. Those
    /// that ended are joined; a thread whose job is stuck is left behind, and ends after it.
    ///
    /// Afterwards `submit` fails. A second call waits again for what the first left behind.
    pub(crate) fn shut_down(&self, limit: Duration) -> Shutdown {
        let dropped = self.stop();
        let begun = clock::now();
        let mut state = self.shared.lock();
        while state.threads() > 0 {
            let left = limit.saturating_sub(clock::now() - begun);
            if left.is_zero() {
                break;
            }
            state = self.shared.wait_for_end(state, left);
        }
        let left_behind = state.queue.running();
        let last = state.last_ended.take();
        drop(state);
        thread::join(last);
        Shutdown { dropped, left_behind }
    }

    /// Drops the queued jobs and tells the threads to end. Returns how many jobs it dropped.
    ///
    /// A job that panics when it is dropped does not keep the others from being dropped, and its
    /// panic goes no further: nobody is left who could handle it.
    fn stop(&self) -> usize {
        let mut state = self.shared.lock();
        state.stopping = true;
        let jobs = state.queue.take_all();
        let beds = state.all_beds();
        drop(state);
        beds.into_iter().for_each(|bed| wake(Some(bed)));
        let dropped = jobs.len();
        jobs.into_iter().for_each(drop_quietly);
        dropped
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
        self.close().into_iter().for_each(drop_quietly);
    }
}
