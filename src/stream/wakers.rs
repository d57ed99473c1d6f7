//! Who is woken when something can go on: the futures that wait for one direction of a stream, or
//! for a listener.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Waker};

use crate::event_loop::wake::copy_of;

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
    /// The number given last.
    numbers: Cell<Number>,
}

type Waiter = (Number, Waker);

/// Tells a future that waits from the others, so that dropping it takes its waker and no other.
///
/// It gets its number when it waits first: mostly nobody has to.
#[derive(Default)]
pub(crate) struct Ticket(Cell<Number>);

type Number = u64;

const NONE: Number = 0;
const POLLED: Number = Number::MAX;

impl Ticket {
    /// For the polls of a trait, which belong to no future that could be dropped.
    pub(crate) fn polled() -> Ticket {
        Ticket(Cell::new(POLLED))
    }

    /// Whether its future has ever waited.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        self.0.get() != NONE
    }
}

impl Wakers {
    #[inline]
    fn number_of(&self, ticket: &Ticket) -> Number {
        if !ticket.is_used() {
            self.numbers.set(self.numbers.get() + 1);
            ticket.0.set(self.numbers.get());
        }
        ticket.0.get()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    /// Notes who waits; returns the waker that it replaces, to be dropped at last.
    #[inline]
    #[must_use]
    pub(crate) fn wait(&self, ticket: &Ticket, cx: &mut Context<'_>) -> Option<Waker> {
        let (number, waker) = (self.number_of(ticket), copy_of(cx.waker()));
        if self.is_empty() {
            self.count.set(1);
            self.first.set(Some((number, waker)));
            return None;
        }
        self.wait_among_others(number, waker)
    }

    #[cold]
    fn wait_among_others(&self, number: Number, waker: Waker) -> Option<Waker> {
        let same = |(other, before): &Waiter| {
            *other == number && (number != POLLED || before.will_wake(&waker))
        };
        let first = self.first.take();
        if first.as_ref().is_some_and(same) {
            self.first.set(Some((number, waker)));
            return first.map(|(_, before)| before);
        }
        self.first.set(first);
        let mut others = self.others.borrow_mut();
        match others.iter().position(same) {
            Some(place) => Some(std::mem::replace(&mut others[place].1, waker)),
            None => {
                self.count.set(self.count.get() + 1);
                others.push_back((number, waker));
                None
            }
        }
    }

    /// Takes a future's waker off the list, to be dropped at last.
    #[inline]
    #[must_use]
    pub(crate) fn leave(&self, ticket: &Ticket) -> Option<Waker> {
        if self.is_empty() { None } else { self.leave_others(ticket.0.get()) }
    }

    #[cold]
    fn leave_others(&self, number: Number) -> Option<Waker> {
        let first = self.first.take();
        if first.as_ref().is_some_and(|(other, _)| *other == number) {
            self.first.set(first);
            return self.take_first();
        }
        self.first.set(first);
        let mut others = self.others.borrow_mut();
        let place = others.iter().position(|(other, _)| *other == number)?;
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
