//! Who is woken when something can go on: the futures that wait for one direction of a stream, or
//! for a listener.

use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};

/// The wakers of those that wait: of one future, nearly always.
///
/// Several may wait, and all are woken: whoever finds nothing waits again. So none is forgotten
/// because another one came later.
#[derive(Default)]
pub(crate) struct Wakers {
    /// Never borrowed while a waker is cloned, woken or dropped.
    waiting: RefCell<Vec<(Ticket, Waker)>>,
    tickets: Cell<u64>,
}

/// Tells a future that waits from the others, so that dropping it takes its waker and no other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// For the polls of a trait, which belong to no future that could be dropped.
    pub(crate) const POLLED: Ticket = Ticket(0);
}

impl Wakers {
    pub(crate) fn ticket(&self) -> Ticket {
        self.tickets.set(self.tickets.get() + 1);
        Ticket(self.tickets.get())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// Notes who waits; returns the waker that it replaces, to be dropped at last.
    #[must_use]
    pub(crate) fn wait(&self, ticket: Ticket, cx: &mut Context<'_>) -> Option<Waker> {
        let waker = cx.waker().clone();
        let mut waiting = self.waiting.borrow_mut();
        let same = |(other, before): &&mut (Ticket, Waker)| {
            *other == ticket && (ticket != Ticket::POLLED || before.will_wake(&waker))
        };
        match waiting.iter_mut().find(same) {
            Some((_, before)) => Some(std::mem::replace(before, waker)),
            None => {
                // Room for one is room enough, and there may be very many streams.
                waiting.reserve_exact(1);
                waiting.push((ticket, waker));
                None
            }
        }
    }

    /// Takes a future's waker off the list, to be dropped at last.
    #[must_use]
    pub(crate) fn leave(&self, ticket: Ticket) -> Option<Waker> {
        let mut waiting = self.waiting.borrow_mut();
        let place = waiting.iter().position(|(other, _)| *other == ticket)?;
        Some(waiting.remove(place).1)
    }

    /// Takes out those that wait now, one by one: one that waits again meanwhile is not among them.
    pub(crate) fn take_each(&self) -> impl Iterator<Item = Waker> {
        let count = self.waiting.borrow().len();
        (0..count).map_while(|_| self.take_first())
    }

    fn take_first(&self) -> Option<Waker> {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() { None } else { Some(waiting.remove(0).1) }
    }
}
