//! What bytes can be had from, whatever it is.

use std::fmt;
use std::io::{self, ErrorKind};
use std::panic::Location;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::stream::handlers::OnData;
use crate::stream::state::Facts;
use crate::stream::{ByteStream, Flow};
use crate::trace::{At, CallbackKind, Label};

/// What gives bytes: [`pipe`](crate::pipe()) and its kin read from it.
///
/// The streams of this crate are `Readable`. The trait is open, so that a program's own sources can
/// be joined with them: a decoder, a generator, a test.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// use unspin::stream::{Readable, Reader};
///
/// /// Gives a word, and ends.
/// #[derive(Clone)]
/// struct Word(&'static str, Rc<Cell<bool>>);
///
/// impl Readable for Word {
///     fn attach_reader(&self, mut reader: Reader) {
///         let (word, closed) = (self.0, Rc::clone(&self.1));
///         unspin::set_immediate(move || {
///             if !closed.get() {
///                 reader.data(word.as_bytes())?;
///                 reader.done(Ok(()));
///             }
///             Ok(())
///         });
///     }
///
///     // It has too little to give to be stopped.
///     fn pause(&self) {}
///     fn resume(&self) {}
///
///     fn close(&self) {
///         self.1.set(true);
///     }
/// }
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let word = Word("hello", Rc::default());
///     word.attach_reader(Reader::new(
///         |chunk| Ok(assert_eq!(chunk, b"hello")),
///         |outcome| assert!(outcome.is_ok()),
///     ));
/// })
/// # }
/// ```
pub trait Readable: 'static {
    /// Gives its bytes to `reader` from now on, in the place of whoever got them before, and begins
    /// to read. Nothing may be told to `reader` before this has returned.
    ///
    /// A reader whose place is taken is told so in the next turn: by the streams of this crate, with
    /// `NotConnected`.
    #[track_caller]
    fn attach_reader(&self, reader: Reader);

    /// Gives no more bytes until [`resume`](Readable::resume), not even those of a call under way.
    fn pause(&self);

    /// Gives bytes again, from the next turn on; never from inside this call.
    fn resume(&self);

    /// Gives up the source at once. The reader is told of it, if it has not been told of an end.
    fn close(&self);
}

/// Who gets the bytes of a [`Readable`]: all its chunks, and then how it ended.
pub struct Reader {
    on_data: Box<OnChunk>,
    done: Done,
}

type OnChunk = dyn FnMut(&[u8]) -> Result<()>;

impl Reader {
    /// Makes a reader of two closures: one for each chunk, and one for the end. `Ok` is the end
    /// of the bytes, and an error is what kept it from coming.
    #[track_caller]
    pub fn new(
        on_data: impl FnMut(&[u8]) -> Result<()> + 'static,
        on_done: impl FnOnce(Result<()>) + 'static,
    ) -> Reader {
        Reader { on_data: Box::new(on_data), done: Done::new(on_done) }
    }

    /// The same for loop code that has a line of its own to show.
    pub(crate) fn at(
        at: At,
        on_data: impl FnMut(&[u8]) -> Result<()> + 'static,
        on_done: impl FnOnce(Result<()>) + 'static,
    ) -> Reader {
        Reader { on_data: Box::new(on_data), done: Done::at(at, on_done) }
    }

    /// Leaves it to the source to tell of its failures.
    pub(crate) fn leaving_failures(mut self) -> Reader {
        self.done.takes_failures = false;
        self
    }

    /// Hands over a chunk, from inside of a task.
    ///
    /// # Errors
    ///
    /// What a handler of the program's returned. The source logs it, and closes.
    pub fn data(&mut self, chunk: &[u8]) -> Result<()> {
        (self.on_data)(chunk)
    }

    /// Tells how it ended, which is the last call.
    pub fn done(self, outcome: Result<()>) {
        self.done.tell(outcome);
    }

    /// Whether nobody else has to tell of a failure: the reader does.
    pub fn takes_failures(&self) -> bool {
        self.done.takes_failures
    }

    pub(crate) fn into_parts(self) -> (Box<OnChunk>, Done) {
        (self.on_data, self.done)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("at", &self.done.at).finish_non_exhaustive()
    }
}

/// Who is told how a [`Readable`] or a [`Writable`](crate::stream::Writable) ended.
pub struct Done {
    at: At,
    tell: Box<dyn FnOnce(Result<()>)>,
    takes_failures: bool,
}

impl Done {
    /// Calls `f` with how it ended.
    #[track_caller]
    pub fn new(f: impl FnOnce(Result<()>) + 'static) -> Done {
        Done::at(Location::caller(), f)
    }

    pub(crate) fn at(at: At, f: impl FnOnce(Result<()>) + 'static) -> Done {
        Done { at, tell: Box::new(f), takes_failures: true }
    }

    /// Leaves it to whoever failed to tell of that.
    pub(crate) fn leaving_failures(mut self) -> Done {
        self.takes_failures = false;
        self
    }

    /// Tells it, wherever that is called.
    pub fn tell(self, outcome: Result<()>) {
        (self.tell)(outcome);
    }

    /// Whether nobody else has to tell of a failure.
    pub fn takes_failures(&self) -> bool {
        self.takes_failures
    }

    /// The line that shows up in logs.
    pub(crate) fn line(&self) -> At {
        self.at
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Done").field("at", &self.at).finish_non_exhaustive()
    }
}

/// What ends a reader or a writer whose stream was closed under it.
pub(crate) fn closed_early() -> Error {
    Error::new(io::Error::new(ErrorKind::NotConnected, ClosedEarly))
}

pub(super) fn is_closed_early(error: &Error) -> bool {
    error.downcast_ref::<ClosedEarly>().is_some()
}

/// What ends a reader whose place another has taken.
pub(crate) fn displaced() -> Error {
    Error::new(io::Error::new(ErrorKind::NotConnected, Displaced))
}

pub(super) fn is_displaced(error: &Error) -> bool {
    error.downcast_ref::<Displaced>().is_some()
}

#[derive(Debug)]
struct Displaced;

impl fmt::Display for Displaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("somebody else reads this stream now: a stream has one reader at a time")
    }
}

impl std::error::Error for Displaced {}

#[derive(Debug)]
struct ClosedEarly;

impl fmt::Display for ClosedEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream was closed before its end")
    }
}

impl std::error::Error for ClosedEarly {}

impl<S: ByteStream> Flow<S> {
    pub(crate) fn attach_reader(self: &Rc<Self>, reader: Reader) {
        let (mut on_data, done) = reader.into_parts();
        let label = self.core.label(CallbackKind::Data, done.line());
        if self.state.is(Facts::CLOSED) {
            return self.core.defer(label, |_| done.tell(Err(closed_early())));
        }
        if self.state.is(Facts::READ_ENDED) {
            return self.core.defer(label, |_| done.tell(Ok(())));
        }
        self.state.clear(Facts::VALUE_READS);
        self.join_reader(label, Box::new(move |_, chunk| on_data(chunk)), done);
        if let Some(extras) = self.handlers.extras_to_fill() {
            extras.end.fill(label, Box::new(|_: &S| Ok(())));
        }
    }

    /// The same beside the handler of the end, of a stream that is open.
    pub(crate) fn join_reader(self: &Rc<Self>, label: Label, on_data: Box<OnData<S>>, done: Done) {
        self.install_data(label, on_data);
        if let Some(extras) = self.handlers.extras_to_fill() {
            extras.readers.borrow_mut().push(done);
        }
    }

    /// Takes such a reader away, which is told nothing: nobody reads then.
    pub(crate) fn detach_reader(&self) {
        self.state.clear(Facts::HAS_READER);
        let on_data = self.handlers.data.clear();
        let readers = self.handlers.extras().map(|extras| extras.readers.take());
        self.update_activity();
        drop((on_data, readers));
    }

    /// Tells the readers in the next turn that somebody else gets the bytes from now on.
    pub(super) fn displace_readers(&self) {
        let readers = self.handlers.extras().map(|extras| extras.readers.take());
        for done in readers.into_iter().flatten() {
            self.core.defer(self.joins(done.line()), |_| done.tell(Err(displaced())));
        }
    }

    /// Tells the readers that there is no more to come.
    pub(crate) fn tell_readers(&self, outcome: impl Fn() -> Result<()>) {
        // Not while it is borrowed: what is called may join this stream anew.
        let readers = self.handlers.extras().map(|extras| extras.readers.take());
        readers.into_iter().flatten().for_each(|done| done.tell(outcome()));
    }

    /// Whether somebody who joined this stream tells of its failures.
    pub(crate) fn is_failure_taken(&self) -> bool {
        self.handlers.extras().is_some_and(|extras| {
            let (readers, writers) = (extras.readers.borrow(), extras.writers.borrow());
            readers.iter().chain(&*writers).any(Done::takes_failures)
        })
    }

    /// Keeps what the stream failed with for those who joined it, and are told at its close.
    pub(crate) fn note_failure(&self, error: &Error) {
        if let Some(extras) = self.handlers.extras() {
            drop(extras.failure.replace(Some(error.clone())));
        }
    }

    /// Tells those who joined the stream and still wait for its end that it is closed.
    pub(crate) fn tell_joined(&self) {
        let Some(extras) = self.handlers.extras() else { return };
        let failure = extras.failure.take().unwrap_or_else(closed_early);
        let outcome = |in_order: bool| if in_order { Ok(()) } else { Err(failure.clone()) };
        self.tell_readers(|| outcome(self.state.is(Facts::READ_ENDED)));
        self.tell_writers(|| outcome(self.state.is(Facts::WRITE_ENDED)));
    }

    /// A label for what joins this stream in `at`.
    pub(crate) fn joins(&self, at: At) -> Label {
        self.core.label(CallbackKind::Data, at)
    }
}
