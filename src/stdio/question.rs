//! Questions: a line of the standard input, or all of it, asked for once.

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::io::{self, ErrorKind};
use std::panic::Location;
use std::rc::{Rc, Weak};

use crate::codec::LineDecoder;
use crate::error::{Error, Result};
use crate::event_loop::KeepAlive;
use crate::event_loop::core::Loop;
use crate::reactor::Readiness;
use crate::request::{Complete, Request, Underway};
use crate::stdio::Stdin;
use crate::stdio::kept::Kept;
use crate::stream::{Done, Facts, Flow, Kind};
use crate::trace::{At, CallbackKind, Label};

impl Stdin {
    /// Asks for one line: it comes without its end, `\n` or `\r\n`; `None` is the end of the input.
    /// The last line needs no newline.
    ///
    /// Of what was read with it nothing is lost: whoever reads next gets it, in whatever style, also
    /// on another loop. So a program can ask once and end, without a further key, or ask on. At a
    /// terminal in raw mode Enter is a `\r`, which ends no line.
    ///
    /// ```no_run
    /// # fn main() -> unspin::Result<()> {
    /// unspin::block_on(async {
    ///     println!("what is your name?");
    ///     let name = unspin::stdio::stdin()?.read_line().await?;
    ///     println!("hello {}", name.as_deref().unwrap_or("nobody"));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// * `InvalidData` if the line is longer than 64 KiB: nothing is taken then, and the next question
    ///   fails as well. [`lines_of`](crate::stream::lines_of) has other limits. The same if it is not
    ///   UTF-8: that line is gone, and the next one may be.
    /// * `InvalidInput` if somebody reads the input: a handler, a future, or a question that has no
    ///   answer yet.
    /// * `NotConnected` if the input is closed, or somebody else reads it before the answer is there.
    /// * What the system says.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no byte is lost when the request is cancelled or aborted, or its future dropped.
    #[track_caller]
    pub fn read_line(&self) -> Request<Option<String>> {
        const LINE: Wanted<Option<String>> = Wanted {
            doing: "read a line of the standard input",
            find: |kept| kept.line_end(LineDecoder::DEFAULT_LIMIT),
            answer: text_of,
        };
        ask(self, Location::caller(), LINE)
    }

    /// Asks for all that is left of the input, up to its end.
    ///
    /// There is no limit: as much memory is taken as there is input. Where it is not to be trusted, it
    /// is better read by the [chunk](Stdin::on_data).
    ///
    /// ```no_run
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     unspin::stdio::stdin()?.read_all().callback(|input| {
    ///         println!("{} bytes", input?.len());
    ///         Ok(())
    ///     });
    ///     unspin::Result::Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read_line`](Stdin::read_line), but for `InvalidData`.
    ///
    /// # Cancel safety
    ///
    /// As [`read_line`](Stdin::read_line).
    #[track_caller]
    pub fn read_all(&self) -> Request<Vec<u8>> {
        const ALL: Wanted<Vec<u8>> =
            Wanted { doing: "read all of the standard input", find: |_| Ok(None), answer: Ok };
        ask(self, Location::caller(), ALL)
    }
}

/// What is asked for.
struct Wanted<T> {
    doing: &'static str,
    /// How many of the bytes are the answer, if that is there before the end.
    find: fn(&mut Kept) -> Result<Option<usize>>,
    /// Makes the answer of them, or of what was left at the end.
    answer: fn(Vec<u8>) -> Result<T>,
}

/// The text of a line; of nothing, which has not even a newline, `None`.
fn text_of(mut line: Vec<u8>) -> Result<Option<String>> {
    if line.is_empty() {
        return Ok(None);
    }
    if line.ends_with(b"\n") {
        let end = if line.ends_with(b"\r\n") { 2 } else { 1 };
        line.truncate(line.len() - end);
    }
    String::from_utf8(line).map(Some).map_err(|error| {
        Error::io("a line of the standard input", io::Error::new(ErrorKind::InvalidData, error))
    })
}

fn ask<T: 'static>(stdin: &Stdin, at: At, wanted: Wanted<T>) -> Request<T> {
    let stdin = stdin.clone();
    Request::new(at, move |core, label, complete| {
        let told = Rc::new(RefCell::new(Vec::new()));
        let question = Rc::new(Question {
            flow: Rc::downgrade(stdin.flow()),
            core: Rc::clone(core),
            label,
            wanted,
            complete: Cell::new(Some(complete)),
            reads: OnceCell::new(),
            found: Cell::new(None),
            told: Rc::downgrade(&told),
            alive: Cell::new(Some(core.keep_alive(at))),
        });
        question.begin(stdin.flow());
        let (asked, flow) = (Rc::downgrade(&question), Rc::downgrade(stdin.flow()));
        let cancel = move |_: &Loop| asked.upgrade().is_some_and(|asked| asked.cancel());
        let back = move || give_back(&flow, told.take());
        Underway::Lent(Box::new(Underway::Other(Box::new(cancel))), Rc::new(back))
    })
}

/// A question without an answer. It is owned by what will bring that.
struct Question<T> {
    flow: Weak<Flow<Stdin>>,
    core: Loop,
    label: Label,
    wanted: Wanted<T>,
    complete: Cell<Option<Complete<T>>>,
    /// Lives while it reads: not if it had no need to, and until another takes its place.
    reads: OnceCell<Weak<Asking>>,
    /// What the answer is made of, until it is told.
    found: Cell<Option<Result<Vec<u8>>>>,
    /// The same where it is told, for as long as it may be given back.
    told: Weak<RefCell<Vec<u8>>>,
    /// An unreferenced input holds no loop, and a request does.
    alive: Cell<Option<KeepAlive>>,
}

impl<T: 'static> Question<T> {
    fn begin(self: &Rc<Self>, flow: &Rc<Flow<Stdin>>) {
        if flow.state.is(Facts::READ_ENDED) {
            return self.tell_later(Ok(Vec::new()));
        }
        if let Err(error) = is_free(flow) {
            return self.tell_later(Err(Error::io(self.wanted.doing, error)));
        }
        let asking = Rc::new(Asking::begin(flow));
        if self.is_answered(flow) {
            return;
        }
        self.reads.get_or_init(|| Rc::downgrade(&asking));
        // Who said `pause` did not mean this one.
        flow.state.clear(Facts::PAUSED);
        let (question, label) = (Rc::clone(self), self.label.with_kind(CallbackKind::Data));
        let on_data = move |stdin: &Stdin, chunk: &[u8]| {
            asking.keep(chunk);
            if question.is_answered(stdin.flow()) {
                stdin.flow().detach_reader();
            }
            Ok(())
        };
        let question = Rc::clone(self);
        let done = Done::at(self.label.at, move |outcome| question.end(outcome));
        flow.join_reader(label, Box::new(on_data), done);
    }

    /// Looks whether the answer is there; then it is told in the next turn.
    fn is_answered(self: &Rc<Self>, flow: &Flow<Stdin>) -> bool {
        let found = with_kept(flow, |mut kept| {
            let length = (self.wanted.find)(&mut kept)?;
            Ok(length.map(|length| kept.cut(length)))
        });
        match found.unwrap_or(Ok(None)).transpose() {
            Some(found) => self.tell_later(found),
            None => return false,
        }
        true
    }

    fn tell_later(self: &Rc<Self>, found: Result<Vec<u8>>) {
        self.found.set(Some(found));
        let question = Rc::clone(self);
        self.core.defer(self.label, move |_| {
            if let Some(found) = question.found.take() {
                question.tell(found);
            }
        });
    }

    /// There is no more to come: the rest is the answer.
    fn end(&self, outcome: Result<()>) {
        let rest = || {
            let flow = self.flow.upgrade()?;
            with_kept(&flow, |mut kept| {
                let length = kept.length();
                kept.cut(length)
            })
        };
        self.tell(outcome.map(|()| rest().unwrap_or_default()));
    }

    fn tell(&self, found: Result<Vec<u8>>) {
        if let Some(complete) = self.complete.take() {
            drop(self.alive.take());
            if let (Some(told), Ok(bytes)) = (self.told.upgrade(), &found) {
                told.borrow_mut().clone_from(bytes);
            }
            complete(&self.core, found.and_then(self.wanted.answer));
        }
    }

    /// Gives back what was read for it.
    fn cancel(&self) -> bool {
        let Some(complete) = self.complete.take() else { return false };
        drop(self.alive.take());
        match self.found.take() {
            Some(Ok(bytes)) => give_back(&self.flow, bytes),
            Some(Err(_)) => {}
            None => self.stop_reading(),
        }
        self.core.defer(self.label, move |core| complete(core, Err(Error::cancelled())));
        true
    }

    fn stop_reading(&self) {
        let reads = self.reads.get().is_some_and(|reads| reads.strong_count() > 0);
        if let Some(flow) = self.flow.upgrade().filter(|_| reads) {
            flow.detach_reader();
        }
    }
}

/// While it is there, what is read is kept for a question.
struct Asking(Weak<Flow<Stdin>>);

impl Asking {
    fn begin(flow: &Rc<Flow<Stdin>>) -> Asking {
        with_kept(flow, |mut kept| {
            kept.set_asked(true);
            count(flow, kept.length(), u64::saturating_add);
        });
        Asking(Rc::downgrade(flow))
    }

    fn keep(&self, chunk: &[u8]) {
        if let Some(flow) = self.0.upgrade() {
            with_kept(&flow, |mut kept| kept.append(chunk));
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let Some(flow) = self.0.upgrade() else { return };
        with_kept(&flow, |mut kept| {
            kept.set_asked(false);
            count(&flow, kept.length(), u64::saturating_sub);
        });
        // By what is kept, whatever the system has.
        flow.state.note(Readiness::READABLE);
    }
}

/// Puts an answer back that nobody has had.
fn give_back(flow: &Weak<Flow<Stdin>>, bytes: Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let flow = flow.upgrade().filter(|flow| !flow.state.is(Facts::CLOSED));
    let Some(flow) = flow else { return Kept::leave(bytes) };
    with_kept(&flow, |mut kept| kept.give_back(&bytes));
    count(&flow, bytes.len(), u64::saturating_sub);
    flow.state.note(Readiness::READABLE);
}

/// Keeps the number of bytes that were read to that of those that somebody has had.
fn count(flow: &Flow<Stdin>, length: usize, change: fn(u64, u64) -> u64) {
    flow.bytes_read.set(change(flow.bytes_read.get(), length as u64));
}

/// `None` if the input is closed.
fn with_kept<R>(flow: &Flow<Stdin>, f: impl FnOnce(RefMut<'_, Kept>) -> R) -> Option<R> {
    flow.io.borrow().as_ref().map(|channel| f(channel.kept()))
}

/// Whether nobody reads the input, and somebody may.
fn is_free(flow: &Flow<Stdin>) -> io::Result<()> {
    if flow.state.is(Facts::CLOSED | Facts::FAILED) {
        return Err(io::Error::new(ErrorKind::NotConnected, "it is closed"));
    }
    if flow.state.is(Facts::HAS_READER | Facts::READ_AWAITED) {
        let message = "somebody reads it already: a handler, a future, or another question";
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(())
}
