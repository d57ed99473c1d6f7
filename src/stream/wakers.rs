//! Who is woken when something can go on: the futures that wait for one direction of a stream, or
//! for a listener.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Waker};

/// The wakers of those that wait: of one future, nearly always.
///
/// Several may wait, and all are woken: whoever finds nothing waits again. So none is forgotten
/// because another one came later.
#[derive(Default)]
pub(crate) struct Wakers {
    count: Cell<usize>,
    /// Filled whenever anybody waits.
    first: Cell<Option<Waiter>>,
    /// Never borrowed while a waker is cloned, woken or dropped.
    others: RefCell<VecDeque<Waiter>>,
    tickets: Cell<u64>,
}

type Waiter = (Ticket, Waker);

/// Tells a future that waits from the others, so that dropping it takes its waker and no other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// For the polls of a trait, which belong to no future that could be dropped.
    pub(crate) const POLLED: Ticket = Ticket(0);
}

impl Wakers {
    #[inline]
    pub(crate) fn ticket(&self) -> Ticket {
        self.tickets.set(self.tickets.get() + 1);
        Ticket(self.tickets.get())
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    /// Notes who waits; returns the waker that it replaces, to be dropped at last.
    #[inline]
    #[must_use]
    pub(crate) fn wait(&self, ticket: Ticket, cx: &mut Context<'_>) -> Option<Waker> {
        let waker = cx.waker().clone();
        if self.is_empty() {
            self.count.set(1);
            self.first.set(Some((ticket, waker)));
            return None;
        }
        self.wait_among_others(ticket, waker)
    }

    #[cold]
    fn wait_among_others(&self, ticket: Ticket, waker: Waker) -> Option<Waker> {
        let same = |(other, before): &Waiter| {
            *other == ticket && (ticket != Ticket::POLLED || before.will_wake(&waker))
        };
        let first = self.first.take();
        if first.as_ref().is_some_and(same) {
            self.first.set(Some((ticket, waker)));
            return first.map(|(_, before)| before);
        }
        self.first.set(first);
        let mut others = self.others.borrow_mut();
        match others.iter().position(same) {
            Some(place) => Some(std::mem::replace(&mut others[place].1, waker)),
            None => {
                self.count.set(self.count.get() + 1);
                others.push_back((ticket, waker));
                None
            }
        }
    }

    /// Takes a future's waker off the list, to be dropped at last.
    #[inline]
    #[must_use]
    pub(crate) fn leave(&self, ticket: Ticket) -> Option<Waker> {
        if self.is_empty() { None } else { self.leave_others(ticket) }
    }

    #[cold]
    fn leave_others(&self, ticket: Ticket) -> Option<Waker> {
        let first = self.first.take();
        if first.as_ref().is_some_and(|(other, _)| *other == ticket) {
            self.first.set(first);
            return self.take_first();
        }
        self.first.set(first);
        let mut others = self.others.borrow_mut();
        let place = others.iter().position(|(other, _)| *other == ticket)?;
        self.count.set(self.count.get() - 1);
        others.remove(place).map(|(_, waker)| waker)
    }

    /// Takes out those that wait now, one by one: one that waits again meanwhile is not among them.
    #[inline]
    pub(crate) fn take_each(&self) -> impl Iterator<Item = Waker> {
        (0..self.count.get()).map_while(|_| self.take_first())
    }

    #[inline]
    fn take_first(&self) -> Option<Waker> {
        let (_, waker) = self.first.take()?;
        self.count.set(self.count.get() - 1);
        if !self.is_empty() {
            let next = self.others.borrow_mut().pop_front();
            self.first.set(next);
        }
        Some(waker)
    }
}
