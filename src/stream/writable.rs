//! What bytes can be given to, whatever it is.

use std::rc::Rc;

use crate::stream::readable::{Done, closed_early};
use crate::stream::state::Facts;
use crate::stream::{ByteStream, Flow};

/// What takes bytes: [`pipe`](crate::pipe()) and its kin write to it.
///
/// The streams of this crate are `Writable`. The trait is open, so that a program's own sinks can be
/// joined with them.
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
///
/// use unspin::stream::{Done, Writable};
///
/// /// Collects what it is given.
/// #[derive(Clone, Default)]
/// struct Collect(Rc<RefCell<Vec<u8>>>, Rc<RefCell<Vec<Done>>>);
///
/// impl Writable for Collect {
///     fn write(&self, bytes: &[u8]) -> bool {
///         self.0.borrow_mut().extend_from_slice(bytes);
///         true
///     }
///
///     fn when_drained(&self, then: Box<dyn FnOnce()>) {
///         unspin::set_immediate(then);
///     }
///
///     fn when_done(&self, done: Done) {
///         self.1.borrow_mut().push(done);
///     }
///
///     fn end(&self) {
///         let done = self.1.take();
///         done.into_iter().for_each(|done| done.tell(Ok(())));
///     }
///
///     fn close(&self) {
///         let done = self.1.take();
///         done.into_iter().for_each(|done| done.tell(Err(unspin::Error::new("it was closed"))));
///     }
/// }
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let collect = Collect::default();
///     unspin::pipe(&unspin::fs::read_stream("Cargo.toml"), &collect);
///     collect.when_done(Done::new(move |outcome| println!("{outcome:?}")));
/// })
/// # }
/// ```
pub trait Writable: 'static {
    /// Takes all of `bytes`; returns whether it would like more. `false` is a request to wait until
    /// it has [drained](Writable::when_drained).
    fn write(&self, bytes: &[u8]) -> bool;

    /// Calls `then` once, when what it has accepted is gone: asked for after a `write` that returned
    /// `false`. Never from inside a call of this trait. If it fails or is closed first, `then` is
    /// dropped.
    fn when_drained(&self, then: Box<dyn FnOnce()>);

    /// Tells `done` when all was written after [`end`](Writable::end), or what came in between: once,
    /// perhaps from inside of `end` or `close`.
    #[track_caller]
    fn when_done(&self, done: Done);

    /// Says that no more will come.
    fn end(&self);

    /// Gives up the sink at once, with what it has accepted and not yet written.
    fn close(&self);
}

impl<S: ByteStream> Flow<S> {
    pub(crate) fn when_drained(&self, then: Box<dyn FnOnce()>) {
        if self.state.is(Facts::CLOSED) {
            return;
        }
        if let Some(extras) = self.handlers.extras_to_fill() {
            extras.after_drain.borrow_mut().push(then);
        }
    }

    pub(crate) fn when_done(self: &Rc<Self>, done: Done) {
        if self.state.is(Facts::CLOSED | Facts::WRITE_ENDED) {
            let outcome =
                if self.state.is(Facts::WRITE_ENDED) { Ok(()) } else { Err(closed_early()) };
            return self.core.defer(self.joins(done.line()), |_| done.tell(outcome));
        }
        // It is the source that ends this side.
        self.state.set(Facts::HALF_OPEN_ALLOWED);
        if let Some(extras) = self.handlers.extras_to_fill() {
            extras.writers.borrow_mut().push(done);
        }
    }

    /// Tells the writers that nothing more can be written.
    pub(crate) fn tell_writers(&self, outcome: impl Fn() -> crate::error::Result<()>) {
        // Not while it is borrowed: what is called may join this stream anew.
        let writers = self.handlers.extras().map(|extras| extras.writers.take());
        writers.into_iter().flatten().for_each(|done| done.tell(outcome()));
    }
}
