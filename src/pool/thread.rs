//! A pool thread: its start, its jobs, its end.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::clock;

use super::job::Job;
use super::shared::{Shared, State};

/// A thread ends after it had nothing to do for so long.
///
/// A second thread is not free even asleep: in a process that has one, each socket call of the loop
/// is 3.4 % dearer (measured), for the kernel must count references to descriptors that it need not
/// count for one thread alone. A start costs some 40 µs (measured), so that even a job each second
/// hardly feels it, and a server is soon rid of the threads that it read its files with.
pub(super) const IDLE: Duration = Duration::from_secs(1);

/// Starts a thread. It counts from now on, though it finds its first job only after the caller has
/// released the lock.
///
/// Under the lock, so that nobody sees a job that is taken back because the start failed, and the
/// thread's handle is there before the thread can look for it.
pub(super) fn start(shared: &Arc<Shared>, state: &mut State) -> io::Result<()> {
    let number = state.free_number();
    let shared = Arc::clone(shared);
    let handle = Builder::new()
        .name(format!("unspin-pool-{number}"))
        .spawn(move || do_jobs(&shared, number))?;
    state.add_thread(number, handle);
    Ok(())
}

fn do_jobs(shared: &Shared, number: usize) {
    while let Some(job) = next_job(shared, number) {
        let lane = job.lane;
        let done = job.run();
        // Before the loop hears of it: a job submitted in answer finds this thread without one,
        // and starts no other.
        shared.lock().queue.finish(lane);
        shared.deliver(done);
    }
}

/// Waits for a job. `None` is the end of the thread.
fn next_job(shared: &Shared, number: usize) -> Option<Job> {
    let idle_since = clock::now();
    let mut state = shared.lock();
    loop {
        if let Some(job) = state.queue.take() {
            return Some(job);
        }
        let left = IDLE.saturating_sub(clock::now() - idle_since);
        if state.stopping || left.is_zero() {
            break;
        }
        state = shared.wait_for_job(state, left);
    }
    // Under the same lock as the last look into the queue: no job can come in between and count on
    // this thread.
    join(shared.end_thread(state, number));
    None
}

/// Joins a thread that has ended its work. It may only be busy with its thread-locals any more.
pub(super) fn join(ended: Option<JoinHandle<()>>) {
    if let Some(thread) = ended {
        // It cannot have panicked: the jobs' panics were caught.
        let _ = thread.join();
    }
}
