//! A pool thread: its start, its jobs, its end.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::job::Job;
use super::shared::{Bed, Shared, State, wake};

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
    let bed = Bed::default();
    while let Some(mut job) = first_job(shared, &bed, number) {
        loop {
            job.run();
            match shared.exchange(job) {
                Some(next) => job = next,
                None => break,
            }
        }
    }
}

/// Waits for a job. `None` is the end of the thread.
fn first_job(shared: &Shared, bed: &Bed, number: usize) -> Option<Box<Job>> {
    let mut state = shared.lock();
    let mut rested = false;
    loop {
        if let Some(job) = state.queue.take() {
            let another = state.bed_to_wake();
            drop(state);
            wake(another);
            return Some(job);
        }
        if state.stopping || rested {
            break;
        }
        let (woken, in_time) = shared.sleep(state, bed, IDLE);
        (state, rested) = (woken, !in_time);
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
