//! Jobs: blocking work on the pool, and its way back.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::core::{Core, Loop};
use crate::pool::{Job, JobId, Lane};
use crate::slots::Slots;
use crate::trace::{Label, event};

/// The jobs that have not come back. Their keys are the ids of the jobs.
pub(crate) type Jobs = Slots<JobEntry>;

pub(crate) struct JobEntry {
    pub(crate) label: Label,
    pub(crate) name: &'static str,
    pub(crate) referenced: bool,
    /// Gone once the loop is torn down.
    complete: Option<Complete>,
}

/// Takes the job to whoever asked for its result, or the reason why it did not run.
pub(crate) type Complete = Box<dyn FnOnce(&Loop, Result<Box<Job>>)>;

impl JobEntry {
    pub(crate) fn bytes(&self) -> usize {
        self.complete.as_ref().map_or(0, |complete| size_of_val(&**complete))
    }
}

impl Core {
    /// Runs `work` on the pool and then, in Poll, `complete` with what it returned.
    ///
    /// `complete` is the loop's own code: it enters user code through `task`. A job that panics
    /// completes with that panic as its error.
    pub(crate) fn submit<T: Send + 'static, W: FnOnce() -> Result<T> + Send + 'static>(
        self: &Rc<Self>,
        lane: Lane,
        label: Label,
        name: &'static str,
        work: W,
        complete: impl FnOnce(&Loop, Result<T>) + 'static,
    ) -> Option<JobId> {
        let complete: Complete = Box::new(move |core, job| {
            complete(core, result_of::<T, W>(job));
        });
        let entry = JobEntry { label, name, referenced: true, complete: Some(complete) };
        let id = self.jobs.borrow_mut().insert(entry);
        match self.pool.submit(Job::new(id, lane, event::is_tracing(), work)) {
            Ok(()) => {
                event::job_submitted(number(id), name, label, || self.pool.queued());
                Some(id)
            }
            Err(error) => {
                let entry = self.take_job(id);
                let error = Error::io("start a pool thread", error);
                if let Some(complete) = entry.and_then(|entry| entry.complete) {
                    self.defer(label, move |core| complete(core, Err(error)));
                }
                None
            }
        }
    }

    /// Cancels a job that has not begun: its work is dropped now, and it completes with an error
    /// for which `is_cancelled` holds, in the next turn. `false` if it has begun or is done.
    pub(crate) fn cancel_job(self: &Rc<Self>, id: JobId) -> bool {
        // A panic is that of the user's work being dropped: then the job is cancelled as well.
        let cancelled = catch_unwind(AssertUnwindSafe(|| self.pool.cancel(id)));
        if let Ok(false) = cancelled {
            return false;
        }
        let entry = self.take_job(id);
        if let Some(JobEntry { label, name, complete: Some(complete), .. }) = entry {
            event::job_cancelled(number(id), name, label);
            self.defer(label, move |core| complete(core, Err(Error::cancelled_in(name))));
        }
        cancelled.unwrap_or_else(|payload| resume_unwind(payload))
    }

    fn take_job(&self, id: JobId) -> Option<JobEntry> {
        let entry = self.jobs.borrow_mut().remove(id)?;
        if !entry.referenced {
            self.unreferenced_jobs.set(self.unreferenced_jobs.get() - 1);
        }
        Some(entry)
    }

    /// Whether a job keeps the loop alive until it comes back, as it does from the start.
    pub(crate) fn set_job_referenced(&self, id: JobId, referenced: bool) {
        let mut jobs = self.jobs.borrow_mut();
        let Some(entry) = jobs.get_mut(id) else { return };
        if std::mem::replace(&mut entry.referenced, referenced) != referenced {
            let count = self.unreferenced_jobs.get();
            self.unreferenced_jobs.set(if referenced { count - 1 } else { count + 1 });
        }
    }

    /// How many jobs keep the loop alive.
    pub(crate) fn holding_jobs(&self) -> usize {
        self.jobs.borrow().len() - self.unreferenced_jobs.get()
    }

    pub(crate) fn complete_job(self: &Rc<Self>, job: Box<Job>) {
        self.counters.jobs.add(1);
        let entry = self.take_job(job.id);
        let Some(JobEntry { label, name, complete: Some(complete), .. }) = entry else { return };
        event::job_done(number(job.id), name, job.lane.name(), label, job.queued_and_ran());
        complete(self, Ok(job));
    }
}

/// Takes out what is to be told of the jobs, and leaves the rest: a job that is not back keeps its
/// id.
pub(crate) fn take_completes(jobs: &mut Jobs) -> Vec<Complete> {
    jobs.iter_mut().filter_map(|entry| entry.complete.take()).collect()
}

/// The job's id for a log line: it counts up.
fn number(id: JobId) -> u64 {
    u64::from(id.generation)
}

fn result_of<T: 'static, W: 'static>(job: Result<Box<Job>>) -> Result<T> {
    match job?.take_result::<Result<T>, W>() {
        Some(Ok(result)) => result,
        Some(Err(payload)) => Err(Error::panic(payload)),
        None => Err(Error::cancelled()),
    }
}
