//! The line in which futures wait their turn: first come, first served.
//!
//! A waiter joins at the back, brings something (how much it asks for, the value it sends) and gets
//! a key. Three things can happen to it:
//!
//! * it is *served*: taken out with what it brought. Its key is stale from then on, and that is how
//!   its future learns of it;
//! * it is *dismissed*: out of line, and what it brought waits until its future takes it back;
//! * it *leaves*, when its future is dropped.
//!
//! A waker is anyone's code, and so is the drop of what a waiter brought: none of it runs while the
//! list is borrowed, and all of it may call back in here.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::task::{Context, Poll, Waker};

use crate::slots::{Key, Slots};

pub(super) struct Line<W> {
    list: RefCell<List<W>>,
    /// Keeps all that has a line on its thread, what holds no `Rc` too.
    one_thread: PhantomData<*const ()>,
}

/// A list with links both ways, so that a waiter can leave from the middle at no cost.
struct List<W> {
    waiters: Slots<Waiter<W>>,
    front: Option<Key>,
    back: Option<Key>,
}

struct Waiter<W> {
    brought: W,
    /// Some as long as it stands in line; a dismissed waiter has none, and no links.
    waker: Option<Waker>,
    ahead: Option<Key>,
    behind: Option<Key>,
}

/// How waiting ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<W> {
    Served,
    Dismissed(W),
}

const LINKED: &str = "a link leads to a waiter that stands in line";

impl<W> Line<W> {
    pub(super) fn new() -> Line<W> {
        let list = List { waiters: Slots::new(), front: None, back: None };
        Line { list: RefCell::new(list), one_thread: PhantomData }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.borrow().front.is_none()
    }

    /// Asks `ready` whether there is anything to wait for: it takes what is brought, or gives it
    /// back. Then the waiter stands behind all others.
    pub(super) fn join<T>(
        &self,
        cx: &Context<'_>,
        brought: W,
        mut ready: impl FnMut(W) -> Result<T, W>,
    ) -> Result<T, Key> {
        let brought = match ready(brought) {
            Ok(done) => return Ok(done),
            Err(brought) => brought,
        };
        let waker = cx.waker().clone();
        // Again: the clone is anyone's code.
        match ready(brought) {
            Ok(done) => Ok(done),
            Err(brought) => Err(self.list.borrow_mut().push(brought, waker)),
        }
    }

    /// Takes out the waiter at the front if `ready` says so. The caller wakes it, as the last thing
    /// it does.
    pub(super) fn serve_if(&self, ready: impl FnOnce(&W) -> bool) -> Option<(W, Waker)> {
        let mut list = self.list.borrow_mut();
        let key = list.front?;
        if !ready(&list.waiters.get(key).expect(LINKED).brought) {
            return None;
        }
        let waiter = list.remove(key).expect(LINKED);
        Some((waiter.brought, waiter.waker.expect(LINKED)))
    }

    /// Takes out the waiter at the front, to be woken as with [`serve_if`](Line::serve_if).
    pub(super) fn serve(&self) -> Option<(W, Waker)> {
        self.serve_if(|_| true)
    }

    /// Sends all away who stand in line now, and wakes them.
    pub(super) fn dismiss_all(&self) {
        let wakers = self.list.borrow_mut().dismiss_all();
        for waker in wakers {
            waker.wake();
        }
    }

    /// Takes the waiter out and returns what it brought; `None` if it was served.
    pub(super) fn leave(&self, key: Key) -> Option<W> {
        let waiter = self.list.borrow_mut().remove(key)?;
        Some(waiter.brought)
    }

    /// Asks whether waiting is over. The key is not to be used again once it is.
    pub(super) fn poll(&self, key: Key, cx: &Context<'_>) -> Poll<Turn<W>> {
        if self.is_new_waker(key, cx.waker()) {
            drop(self.set_waker(key, cx.waker().clone()));
        }
        // Only now: wakers come and go by anyone's code, which may have served this very waiter.
        self.turn(key)
    }

    fn is_new_waker(&self, key: Key, waker: &Waker) -> bool {
        let list = self.list.borrow();
        let known = list.waiters.get(key).and_then(|waiter| waiter.waker.as_ref());
        known.is_some_and(|known| !known.will_wake(waker))
    }

    /// Returns the waker that is not needed any more, for the caller to drop.
    fn set_waker(&self, key: Key, waker: Waker) -> Waker {
        let mut list = self.list.borrow_mut();
        match list.waiters.get_mut(key).and_then(|waiter| waiter.waker.as_mut()) {
            Some(known) => std::mem::replace(known, waker),
            None => waker,
        }
    }

    fn turn(&self, key: Key) -> Poll<Turn<W>> {
        let mut list = self.list.borrow_mut();
        match list.waiters.get(key) {
            None => Poll::Ready(Turn::Served),
            Some(waiter) if waiter.waker.is_some() => Poll::Pending,
            Some(_) => {
                let waiter = list.remove(key).expect("it was there a moment ago");
                Poll::Ready(Turn::Dismissed(waiter.brought))
            }
        }
    }
}

impl<W> List<W> {
    fn push(&mut self, brought: W, waker: Waker) -> Key {
        let ahead = self.back;
        let key = self.waiters.insert(Waiter { brought, waker: Some(waker), ahead, behind: None });
        match ahead {
            Some(ahead) => self.waiters.get_mut(ahead).expect(LINKED).behind = Some(key),
            None => self.front = Some(key),
        }
        self.back = Some(key);
        key
    }

    fn remove(&mut self, key: Key) -> Option<Waiter<W>> {
        let waiter = self.waiters.remove(key)?;
        if waiter.waker.is_some() {
            match waiter.ahead {
                Some(ahead) => self.waiters.get_mut(ahead).expect(LINKED).behind = waiter.behind,
                None => self.front = waiter.behind,
            }
            match waiter.behind {
                Some(behind) => self.waiters.get_mut(behind).expect(LINKED).ahead = waiter.ahead,
                None => self.back = waiter.ahead,
            }
        }
        Some(waiter)
    }

    fn dismiss_all(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let mut next = self.front.take();
        self.back = None;
        while let Some(key) = next {
            let waiter = self.waiters.get_mut(key).expect(LINKED);
            wakers.extend(waiter.waker.take());
            waiter.ahead = None;
            next = waiter.behind.take();
        }
        wakers
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Join,
        ServeIfEven,
        DismissAll,
        /// The waiter with this number, modulo how many there were.
        Leave(usize),
        Poll(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Join),
            2 => Just(Step::ServeIfEven),
            1 => Just(Step::DismissAll),
            2 => any::<usize>().prop_map(Step::Leave),
            2 => any::<usize>().prop_map(Step::Poll),
        ]
    }

    /// Who is where, in plain lists.
    #[derive(Default)]
    struct Model {
        waiting: VecDeque<usize>,
        dismissed: Vec<usize>,
    }

    impl Model {
        fn remove(&mut self, number: usize) -> Option<usize> {
            if let Some(at) = self.waiting.iter().position(|&n| n == number) {
                return self.waiting.remove(at);
            }
            let at = self.dismissed.iter().position(|&n| n == number)?;
            Some(self.dismissed.remove(at))
        }
    }

    proptest! {
        #[test]
        fn a_line_does_what_a_plain_queue_does(steps in proptest::collection::vec(step(), 0..60)) {
            let cx = Context::from_waker(Waker::noop());
            let (line, mut model) = (Line::new(), Model::default());
            let mut keys: Vec<Key> = Vec::new();
            for step in steps {
                match step {
                    Step::Join => {
                        model.waiting.push_back(keys.len());
                        let joined = line.join(&cx, keys.len(), Err::<(), _>);
                        keys.push(joined.expect_err("it waits"));
                    }
                    Step::ServeIfEven => {
                        let expected = model.waiting.front().filter(|&n| n % 2 == 0).copied();
                        prop_assert_eq!(line.serve_if(|n| n % 2 == 0).map(|(n, _)| n), expected);
                        expected.map(|_| model.waiting.pop_front());
                    }
                    Step::DismissAll => {
                        line.dismiss_all();
                        model.dismissed.extend(model.waiting.drain(..));
                    }
                    Step::Leave(number) | Step::Poll(number) if keys.is_empty() => {
                        let _ = number;
                    }
                    Step::Leave(number) => {
                        let number = number % keys.len();
                        prop_assert_eq!(line.leave(keys[number]), model.remove(number));
                    }
                    Step::Poll(number) => {
                        let number = number % keys.len();
                        let expected = if model.waiting.contains(&number) {
                            Poll::Pending
                        } else {
                            let dismissed = model.remove(number);
                            Poll::Ready(dismissed.map_or(Turn::Served, Turn::Dismissed))
                        };
                        prop_assert_eq!(line.poll(keys[number], &cx), expected);
                    }
                }
                prop_assert_eq!(line.is_empty(), model.waiting.is_empty());
                let kept = model.waiting.len() + model.dismissed.len();
                prop_assert_eq!(line.list.borrow().waiters.len(), kept);
            }
        }
    }
}
