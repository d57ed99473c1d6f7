//! Futures on the loop: how they are woken, polled, listed and let go.
//!
//! async-task makes the wakers; scheduling is ours. A wake on the loop's own thread queues a
//! microtask; a wake from anywhere else travels through the inbox and arrives in Poll.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use async_task::{Runnable, Task};

use crate::event_loop::checkpoint::Microtask;
use crate::event_loop::context::try_current;
use crate::event_loop::core::{Core, Loop};
use crate::event_loop::lifetime::ExitUnwind;
use crate::event_loop::phase::Work;
use crate::event_loop::remote::{Message, Shared};
use crate::slots::{Key, Slots};
use crate::trace::{Label, event};

/// The futures that have not finished.
pub(crate) type Futures = Slots<FutureEntry>;

pub(crate) struct FutureEntry {
    pub(crate) label: Label,
    /// To have it dropped by its loop, in the end.
    waker: Option<Waker>,
}

/// When a new future is polled for the first time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Right now, as an async function runs to its first `await`.
    AtOnce,
    /// In a microtask.
    Soon,
}

impl Core {
    /// Runs a future to its end, and hands its result to `done`: a panic is an `Err`.
    ///
    /// `done` is the loop's own code; it runs within the poll.
    pub(crate) fn start_future<F: Future + 'static>(
        self: &Rc<Self>,
        label: Label,
        start: Start,
        future: F,
        done: impl FnOnce(&Loop, thread::Result<F::Output>) + 'static,
    ) -> Task<()> {
        let key = self.futures.borrow_mut().insert(FutureEntry { label, waker: None });
        let listed = Listed { core: Rc::clone(self), key };
        let body = async move {
            let listed = listed;
            let result = catching(future).await;
            done(&listed.core, result);
        };
        let shared = Arc::clone(&self.shared);
        let home = thread::current().id();
        let schedule = move |runnable| wake(&shared, home, label, runnable);
        let (runnable, task) = async_task::spawn_local(body, schedule);
        if let Some(entry) = self.futures.borrow_mut().get_mut(key) {
            entry.waker = Some(runnable.waker());
        }
        match start {
            Start::AtOnce => drop(runnable.run()),
            Start::Soon => runnable.schedule(),
        }
        task
    }

    /// Tells the log which futures will never finish.
    pub(crate) fn report_futures(&self) {
        let labels: Vec<Label> =
            self.futures.borrow().iter().map(|(_, entry)| entry.label).collect();
        labels.into_iter().for_each(event::future_left);
    }

    /// Has every future dropped by waking it: its poll, which is queued then, is dropped unrun.
    /// Returns how many there were.
    pub(crate) fn wake_all_futures(&self) -> usize {
        let wakers: Vec<Waker> = {
            let mut futures = self.futures.borrow_mut();
            futures.iter_mut().filter_map(|entry| entry.waker.take()).collect()
        };
        let count = wakers.len();
        wakers.into_iter().for_each(Waker::wake);
        count
    }
}

/// How long teardown waits for a wake that is on its way from another thread.
const WAKES_LIMIT: Duration = Duration::from_secs(1);

impl Core {
    /// Drops what is still on its way: a future that another thread has begun to wake is dropped
    /// by whoever receives it, and that must be its own thread.
    pub(crate) fn receive_last_wakes(&self, mut drop_all: impl FnMut()) {
        drop_all();
        while self.futures.borrow().len() > 0 {
            let message = match &*self.inbox.borrow() {
                Some(inbox) => inbox.recv_timeout(WAKES_LIMIT),
                None => return,
            };
            let Ok(message) = message else { return };
            self.tasks.borrow_mut().push_back(Work::Message(message));
            drop_all();
        }
    }
}

/// The future's output, or the payload of its panic.
pub(crate) async fn catching<F: Future>(future: F) -> thread::Result<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let poll = || future.as_mut().poll(cx);
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(poll) => poll.map(Ok),
            // What `exit` unwinds includes the caller of a future that is polled at once.
            Err(payload) if payload.is::<ExitUnwind>() => resume_unwind(payload),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await
}

/// Takes the future off the list when it is finished or dropped.
struct Listed {
    core: Loop,
    key: Key,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let entry = self.core.futures.borrow_mut().remove(self.key);
        // Its waker is dropped after the borrow.
        drop(entry);
    }
}

/// Queues the poll of a woken future.
fn wake(shared: &Arc<Shared>, home: thread::ThreadId, label: Label, runnable: Runnable) {
    if thread::current().id() == home {
        if let Some(core) = try_current().filter(|core| Arc::ptr_eq(&core.shared, shared)) {
            return core.queues.push_microtask(label, Microtask::Poll(runnable));
        }
    }
    if let Err(message) = shared.send(Message::Wake(label, runnable)) {
        // The loop is gone, and so is the future. Its remains may be dropped on its own thread
        // only, so they are left where they are.
        std::mem::forget(message);
    }
}
