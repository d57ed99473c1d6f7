//! Who waits for a promise: its reactions, in the order they were added.

#[cfg(feature = "async")]
use std::mem;
use std::rc::Rc;
#[cfg(feature = "async")]
use std::task::Waker;

use crate::promise::remains::Remains;
use crate::promise::shared::Shared;

/// What runs when a promise is settled.
pub(crate) trait Reaction<T, E> {
    /// Queues it as a job that takes the result from `source`.
    fn queue(self: Rc<Self>, source: Rc<Shared<T, E>>);
    /// Makes it something to be dropped: its promise will never be settled.
    fn into_remains(self: Rc<Self>) -> Remains;
}

/// Somebody who waits.
pub(crate) enum Waiting<T, E> {
    Reaction(Rc<dyn Reaction<T, E>>),
    /// An `await`: being woken is what queues its microtask, the poll.
    #[cfg(feature = "async")]
    Await(Ticket, Waker),
}

/// Tells an `await` from the others of its promise.
#[cfg(feature = "async")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(pub(crate) u32);

/// Nearly always nobody or one, for whom there is a place without an allocation.
pub(crate) enum Reactions<T, E> {
    None,
    One(Waiting<T, E>),
    #[expect(clippy::box_collection, reason = "one word here makes each promise the smaller")]
    Many(Box<Vec<Waiting<T, E>>>),
}

impl<T, E> Waiting<T, E> {
    /// Something to be dropped.
    fn into_remains(self) -> Remains {
        match self {
            Waiting::Reaction(reaction) => reaction.into_remains(),
            #[cfg(feature = "async")]
            Waiting::Await(_, waker) => Box::new(waker),
        }
    }
}

impl<T, E> Reactions<T, E> {
    #[inline]
    pub(crate) fn with(self, waiting: Waiting<T, E>) -> Reactions<T, E> {
        match self {
            Reactions::None => Reactions::One(waiting),
            Reactions::One(first) => Reactions::Many(Box::new(vec![first, waiting])),
            Reactions::Many(mut many) => {
                many.push(waiting);
                Reactions::Many(many)
            }
        }
    }

    #[inline]
    pub(crate) fn for_each(self, mut f: impl FnMut(Waiting<T, E>)) {
        match self {
            Reactions::None => {}
            Reactions::One(one) => f(one),
            Reactions::Many(many) => many.into_iter().for_each(f),
        }
    }

    /// Things to be dropped.
    pub(crate) fn into_remains(self) -> Vec<Remains> {
        let mut remains = Vec::new();
        self.for_each(|waiting| remains.push(waiting.into_remains()));
        remains
    }
}

#[cfg(feature = "async")]
impl<T, E> Reactions<T, E> {
    /// The waker of an `await`, if it is on the list.
    pub(crate) fn waker(&mut self, ticket: Ticket) -> Option<&mut Waker> {
        self.as_mut_slice().iter_mut().find_map(|waiting| match waiting {
            Waiting::Await(other, waker) if *other == ticket => Some(waker),
            _ => None,
        })
    }

    /// Takes an `await` off the list.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Waiting<T, E>> {
        let is_it =
            |waiting: &Waiting<T, E>| matches!(waiting, Waiting::Await(t, _) if *t == ticket);
        let place = self.as_mut_slice().iter().position(is_it)?;
        match mem::replace(self, Reactions::None) {
            Reactions::None => None,
            Reactions::One(one) => Some(one),
            Reactions::Many(mut many) => {
                let removed = many.remove(place);
                *self = Reactions::Many(many);
                Some(removed)
            }
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Waiting<T, E>] {
        match self {
            Reactions::None => &mut [],
            Reactions::One(one) => std::slice::from_mut(one),
            Reactions::Many(many) => many,
        }
    }
}
