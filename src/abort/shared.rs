//! The state of a signal: who is told, and who tells it.
//!
//! A signal made by `any` follows those that it was made of; one made of such a signal follows the
//! same ones itself, so following never goes deeper than one step. Whoever is followed owns its
//! followers, because a signal that has listeners works without a handle. A signal without handles
//! and listeners is let go of, so that one that lives long does not gather those that lived briefly.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::abort::numbered::Numbered;
use crate::error::{Error, Result};
use crate::event_loop::Timer;
use crate::event_loop::core::Loop;
use crate::event_loop::timers::Body;
use crate::time::whole_millis;
use crate::trace::Label;

#[derive(Default)]
pub(super) struct Shared {
    reason: OnceCell<Error>,
    listeners: Numbered<Listener>,
    followers: Numbered<Rc<Shared>>,
    /// Whom it follows, each with this one's number there.
    followed: RefCell<Vec<(Weak<Shared>, u64)>>,
    /// It will abort this signal, and owns it.
    timer: Cell<Option<Timer>>,
    /// `AbortSignal`s, and through them controllers.
    handles: Cell<usize>,
}

struct Listener {
    core: Loop,
    label: Label,
    call: Box<Call>,
}

type Call = dyn FnOnce(&Error) -> Result<()>;

impl Shared {
    pub(super) fn aborted_after(core: &Loop, label: Label, delay: Duration) -> Rc<Shared> {
        let shared = Rc::new(Shared::default());
        let late = Rc::clone(&shared);
        let body = Body::Once(Box::new(move || {
            late.abort(&Error::timed_out(delay));
            Ok(())
        }));
        let timer = core.start_timer(label, whole_millis(delay), body, false);
        shared.timer.set(Some(timer));
        shared
    }

    pub(super) fn reason(&self) -> Option<&Error> {
        self.reason.get()
    }

    /// The followers' turn comes when all listeners were called: Node 20's order.
    pub(super) fn abort(&self, reason: &Error) {
        if self.reason.set(reason.clone()).is_err() {
            return;
        }
        self.follow_nobody();
        // One by one: each may remove those behind it.
        while let Some(Listener { core, label, call }) = self.listeners.take_first() {
            core.call_listener(label, || call(reason));
        }
        while let Some(follower) = self.followers.take_first() {
            follower.abort(reason);
        }
    }

    /// Makes this signal be aborted with `other`, or with those that `other` follows.
    pub(super) fn follow(self: &Rc<Self>, other: &Rc<Shared>) {
        if let Some(reason) = other.reason() {
            return self.abort(reason);
        }
        if self.reason().is_some() {
            return;
        }
        let followed = other.followed.borrow().clone();
        if followed.is_empty() {
            self.follow_itself(other);
        }
        for (followed, _) in followed {
            if let Some(followed) = followed.upgrade() {
                self.follow_itself(&followed);
            }
        }
    }

    fn follow_itself(self: &Rc<Self>, other: &Rc<Shared>) {
        let mut followed = self.followed.borrow_mut();
        if !followed.iter().any(|(known, _)| std::ptr::eq(known.as_ptr(), Rc::as_ptr(other))) {
            let number = other.followers.add(Rc::clone(self));
            followed.push((Rc::downgrade(other), number));
        }
    }

    fn follow_nobody(&self) {
        for (other, number) in self.followed.take() {
            if let Some(other) = other.upgrade() {
                drop(other.followers.remove(number));
                other.let_go_if_idle();
            }
        }
    }

    /// Returns the listener's number; on an aborted signal it is nobody's.
    pub(super) fn listen(&self, core: &Loop, label: Label, call: Box<Call>) -> u64 {
        if self.reason().is_some() {
            return u64::MAX;
        }
        self.listeners.add(Listener { core: Rc::clone(core), label, call })
    }

    pub(super) fn remove_listener(&self, number: u64) -> bool {
        let listener = self.listeners.remove(number);
        self.let_go_if_idle();
        listener.is_some()
    }

    pub(super) fn handle_added(&self) {
        self.handles.set(self.handles.get() + 1);
    }

    pub(super) fn handle_gone(&self) {
        self.handles.set(self.handles.get() - 1);
        self.let_go_if_idle();
    }

    /// Where nobody can notice an abort any more, nobody needs to bring one about.
    fn let_go_if_idle(&self) {
        if self.handles.get() > 0 || !self.listeners.is_empty() || !self.followers.is_empty() {
            return;
        }
        self.follow_nobody();
        if let Some(timer) = self.timer.take() {
            timer.clear();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("reason", &self.reason).finish_non_exhaustive()
    }
}
