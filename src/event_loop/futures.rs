//! Futures on the loop: how they are listed, polled, awaited, aborted and let go.
//!
//! The loop owns them, and everybody else has their numbers. Who polls one takes it out of its
//! place, so that nothing is borrowed while it runs.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;

use slab::Slab;

use crate::error::Error;
use crate::event_loop::body::{Body, HandedOn, Stage, Unawaited};
use crate::event_loop::checkpoint::Microtask;
use crate::event_loop::core::{Core, Loop};
use crate::event_loop::wake::FutureId;
use crate::trace::{Label, event};

/// A future in its box.
pub(crate) type BoxedBody = Pin<Box<dyn Body>>;

/// The futures that have not finished, and those whose handle is still around.
#[derive(Default)]
pub(crate) struct Futures {
    slab: Slab<Entry>,
    /// How many there have been.
    births: u64,
}

pub(super) struct Entry {
    id: FutureId,
    pub(super) label: Label,
    pub(super) state: State,
    /// Finished or aborted.
    pub(super) ended: bool,
    /// There is a handle.
    pub(super) held: bool,
    pub(super) unawaited: Unawaited,
    /// `None` while it is polled, and when it was dropped or its outcome is taken.
    pub(super) body: Option<BoxedBody>,
    /// Why it was aborted, for who awaits the handle.
    pub(super) aborted: Option<Error>,
    /// Who awaits the handle.
    pub(super) waker: Option<Waker>,
    pub(super) afterwards: Option<Afterwards>,
}

/// To be called when a future has ended: the loop's own code.
pub(super) type Afterwards = Box<dyn FnOnce()>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It waits to be woken.
    Idle,
    /// Its poll is in the microtask queue.
    Queued,
    Polled,
    /// It was woken while it is polled.
    PolledAndWoken,
    /// It is polled no more.
    Over,
}

/// When a new future is polled for the first time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Right now, as an async function runs to its first `await`.
    AtOnce,
    /// In a microtask.
    Soon,
}

impl Futures {
    #[inline]
    pub(super) fn get(&mut self, id: FutureId) -> Option<&mut Entry> {
        self.slab.get_mut(id.index()).filter(|entry| entry.id == id)
    }

    /// Notes that a future is polled no more, and that its entry is for the handle only.
    #[inline]
    fn over(&mut self, id: FutureId) {
        match self.get(id) {
            Some(entry) if entry.held => entry.state = State::Over,
            Some(_) => self.remove(id),
            None => {}
        }
    }

    /// Takes an entry off the list.
    #[inline]
    pub(super) fn remove(&mut self, id: FutureId) {
        // All that could run when it is dropped is taken out before.
        drop(self.slab.remove(id.index()));
    }

    /// Takes all futures out, to be dropped where nothing is borrowed. An outcome stays, for the
    /// handle.
    pub(crate) fn take_all(&mut self) -> Vec<Taken> {
        let mut all = Vec::new();
        for (_, entry) in &mut self.slab {
            if entry.state != State::Over {
                entry.state = State::Over;
                all.push((entry.body.take(), entry.waker.take(), entry.afterwards.take()));
            }
        }
        self.slab.retain(|_, entry| entry.held);
        all
    }
}

type Taken = (Option<BoxedBody>, Option<Waker>, Option<Afterwards>);

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
    ) {
        let body = Box::pin(HandedOn { stage: Stage::new(future), done: Some(done) });
        self.start(label, start, body, false);
    }

    /// Starts a future for which there is a handle: it is listed until that is let go.
    pub(crate) fn start_held(
        self: &Rc<Self>,
        label: Label,
        start: Start,
        body: BoxedBody,
    ) -> FutureId {
        self.start(label, start, body, true)
    }

    #[inline]
    fn start(self: &Rc<Self>, label: Label, start: Start, body: BoxedBody, held: bool) -> FutureId {
        let id = self.list_future(label, body, held);
        match start {
            Start::AtOnce => self.poll_future(id),
            Start::Soon => self.queues.push_microtask(label, Microtask::Poll(id)),
        }
        id
    }

    /// Lists a future whose first poll comes next.
    #[inline]
    fn list_future(&self, label: Label, body: BoxedBody, held: bool) -> FutureId {
        let futures = &mut *self.futures.borrow_mut();
        let place = futures.slab.vacant_entry();
        let id = FutureId::new(self.home.number, futures.births, place.key());
        futures.births += 1;
        place.insert(Entry {
            id,
            label,
            state: State::Queued,
            ended: false,
            held,
            unawaited: Unawaited::Logged,
            body: Some(body),
            aborted: None,
            waker: None,
            afterwards: None,
        });
        id
    }

    /// Queues the poll of a future, if it is not queued already.
    #[inline]
    pub(crate) fn wake_future(&self, id: FutureId) {
        let label = match self.futures.borrow_mut().get(id) {
            Some(entry) if entry.state == State::Idle => {
                entry.state = State::Queued;
                entry.label
            }
            Some(entry) if entry.state == State::Polled => {
                entry.state = State::PolledAndWoken;
                return;
            }
            _ => return,
        };
        self.queues.push_microtask(label, Microtask::Poll(id));
    }

    /// A wake from another thread: an event that only wakes a future is a task too.
    pub(crate) fn wake_has_arrived(self: &Rc<Self>, id: FutureId) {
        self.shared.wake_arrived(id);
        let label = self.futures.borrow_mut().get(id).map(|entry| entry.label);
        if let Some(label) = label {
            self.task(label, || {
                self.wake_future(id);
                Ok(())
            });
        }
    }

    /// Polls a future; one that was aborted is dropped instead.
    pub(crate) fn poll_future(self: &Rc<Self>, id: FutureId) {
        let Some(mut body) = self.begin_poll(id) else { return };
        // Nothing is behind it that had to be dropped.
        let waker = ManuallyDrop::new(id.waker());
        match body.as_mut().poll(self, &mut Context::from_waker(&waker)) {
            Poll::Pending => self.put_back(id, body),
            Poll::Ready(()) => self.finish(id, body),
        }
    }

    #[inline]
    fn begin_poll(&self, id: FutureId) -> Option<BoxedBody> {
        let mut futures = self.futures.borrow_mut();
        let entry = futures.get(id)?;
        let body = entry.body.take();
        if !entry.ended {
            entry.state = State::Polled;
            return body;
        }
        futures.over(id);
        drop(futures);
        // With nothing borrowed.
        drop(body);
        None
    }

    #[inline]
    fn put_back(&self, id: FutureId, body: BoxedBody) {
        let mut futures = self.futures.borrow_mut();
        let Some(entry) = futures.get(id) else { return };
        if entry.ended {
            // It has aborted itself.
            futures.over(id);
            drop(futures);
            return drop(body);
        }
        entry.body = Some(body);
        if entry.state == State::Polled {
            entry.state = State::Idle;
            return;
        }
        entry.state = State::Queued;
        let label = entry.label;
        drop(futures);
        self.queues.push_microtask(label, Microtask::Poll(id));
    }

    #[inline]
    fn finish(self: &Rc<Self>, id: FutureId, body: BoxedBody) {
        let Some((afterwards, kept)) = self.keep(id, body) else { return };
        if let Some(afterwards) = afterwards {
            afterwards();
        }
        match kept {
            Kept::For(Some(waker)) => waker.wake(),
            Kept::For(None) => {}
            Kept::ForNobody(mut body, label, unawaited) => {
                body.as_mut().unawaited(self, label, unawaited);
            }
        }
    }

    /// Keeps the outcome for the handle, if there is one.
    #[inline]
    fn keep(&self, id: FutureId, body: BoxedBody) -> Option<(Option<Afterwards>, Kept)> {
        let mut futures = self.futures.borrow_mut();
        let entry = futures.get(id)?;
        let afterwards = entry.afterwards.take();
        if entry.held && !entry.ended {
            entry.ended = true;
            entry.state = State::Over;
            entry.body = Some(body);
            return Some((afterwards, Kept::For(entry.waker.take())));
        }
        let kept = Kept::ForNobody(body, entry.label, entry.unawaited);
        futures.over(id);
        Some((afterwards, kept))
    }

    /// Tells the log which futures will never finish.
    pub(crate) fn report_futures(&self) {
        let labels: Vec<Label> = {
            let futures = self.futures.borrow();
            let pending = futures.slab.iter().map(|(_, entry)| entry);
            pending.filter(|entry| entry.state != State::Over).map(|entry| entry.label).collect()
        };
        labels.into_iter().for_each(event::future_left);
    }
}

enum Kept {
    /// For the handle; who awaits it.
    For(Option<Waker>),
    ForNobody(BoxedBody, Label, Unawaited),
}
