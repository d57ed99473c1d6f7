//! Connections, as the listener that accepted them finds them again when it closes all of them.
//!
//! Nothing is kept for that while they live but a number: the loop asks all its sources.

use std::rc::{Rc, Weak};

use crate::clock::Nanos;
use crate::event_loop::core::Core;

/// A connection that somebody accepted.
pub(crate) trait Guest {
    /// Since when nothing has been in flight; `None` while something is.
    fn quiet_since(&self) -> Option<Nanos>;

    /// Treats it as if its peer had ended: whoever reads is told of the end.
    fn leave(self: Rc<Self>);

    /// Closes it, whatever is in flight.
    fn cut_off(self: Rc<Self>);

    /// Calls `then` when it is closed, unless the loop ends before.
    fn when_closed(&self, then: Box<dyn FnOnce()>);
}

impl Core {
    /// Those whose host has this number.
    pub(crate) fn guests_of(&self, host: u32) -> Vec<Weak<dyn Guest>> {
        let sources = self.all_sources();
        sources.into_iter().filter_map(|source| source.guest_of(host)).collect()
    }
}
