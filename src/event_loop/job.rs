//! Jobs: blocking work on the pool, and its way back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread;

use crate::error::{Error, Result};
use crate::event_loop::core::{Core, Loop};
use crate::pool::{Done, JobId, Lane};
use crate::trace::{Label, event};

/// A job that has not come back.
pub(crate) struct JobEntry {
    pub(crate) label: Label,
    pub(crate) name: &'static str,
    complete: Complete,
}

/// Takes the job's result to whoever asked; the payload is what the job returned.
type Complete = Box<dyn FnOnce(&Loop, thread::Result<Box<dyn Any + Send>>)>;

impl JobEntry {
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.complete)
    }
}

impl Core {
    /// Runs `work` on the pool and then, in Poll, `complete` with what it returned.
    ///
    /// `complete` is the loop's own code: it enters user code through `task`. A job that panics
    /// completes with that panic as its error.
    pub(crate) fn submit<T: Send + 'static>(
        self: &Rc<Self>,
        lane: Lane,
        label: Label,
        name: &'static str,
        work: impl FnOnce() -> Result<T> + Send + 'static,
        complete: impl FnOnce(&Loop, Result<T>) + 'static,
    ) -> Option<JobId> {
        let job = Box::new(move || -> Box<dyn Any + Send> { Box::new(work()) });
        match self.pool.submit(lane, job) {
            Ok(id) => {
                event::job_submitted(id.get(), name, label, || self.pool.queued());
                let complete =
                    Box::new(move |core: &Loop, output: thread::Result<Box<dyn Any + Send>>| {
                        complete(core, result_of(output));
                    });
                self.jobs.borrow_mut().insert(id, JobEntry { label, name, complete });
                Some(id)
            }
            Err(error) => {
                let error = Error::io("start a pool thread", error);
                self.defer(label, move |core| complete(core, Err(error)));
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
        let entry = self.jobs.borrow_mut().remove(&id);
        if let Some(JobEntry { label, name, complete }) = entry {
            event::job_cancelled(id.get(), name, label);
            let output: Box<dyn Any + Send> = Box::new(Cancelled);
            self.defer(label, move |core| complete(core, Ok(output)));
        }
        cancelled.unwrap_or_else(|payload| resume_unwind(payload))
    }

    pub(crate) fn complete_job(self: &Rc<Self>, done: Done) {
        self.counters.jobs.add(1);
        let entry = self.jobs.borrow_mut().remove(&done.id);
        let Some(JobEntry { label, name, complete }) = entry else {
            return;
        };
        let lane = done.lane.name();
        event::job_done(done.id.get(), name, lane, label, done.queued, done.ran);
        complete(self, done.result);
    }
}

/// Stands for the output of a job that never ran.
struct Cancelled;

fn result_of<T: 'static>(output: thread::Result<Box<dyn Any + Send>>) -> Result<T> {
    match output.map(|output| output.downcast::<Result<T>>()) {
        Ok(Ok(result)) => *result,
        Ok(Err(_)) => Err(Error::cancelled()),
        Err(payload) => Err(Error::panic(payload)),
    }
}
