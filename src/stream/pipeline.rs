//! From a source, through transforms, into a sink: one operation with one result.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::{Rc, Weak};

use crate::error::{Error, Outcome, Result};
use crate::event_loop::core::Loop;
use crate::request::{Complete, Request, Underway};
use crate::stream::readable::is_displaced;
use crate::stream::transform::{self, Mapping, Stages};
use crate::stream::{Done, Output, Readable, Reader, Transform, Writable};
use crate::trace::{At, CallbackKind, Label};

/// Sends all that a source gives through transforms into a sink, no faster than that takes it, as
/// Node's `stream.pipeline` does.
///
/// The request that [`to`](Pipeline::to) makes has its result when the sink has finished. Whatever
/// fails, the source, a transform or the sink, closes both ends, and is the result. Nothing else is
/// told of it: a source or sink of this crate logs no failure that the request tells.
///
/// ```
/// use unspin::fs;
/// use unspin::net::TcpStream;
/// use unspin::stream::pipeline;
///
/// fn shout(path: &str, stream: &TcpStream) {
///     let shouting = pipeline(fs::read_stream(path)).through(|chunk, out| {
///         out.write(&chunk.to_ascii_uppercase());
///     });
///     shouting.to(stream.clone()).callback(|sent| match sent {
///         Ok(()) => println!("sent"),
///         Err(error) => println!("{error}"),
///     });
/// }
/// # let _ = shout;
/// ```
#[track_caller]
pub fn pipeline(source: impl Readable) -> Pipeline {
    Pipeline { at: Location::caller(), source: Box::new(source), stages: Vec::new() }
}

/// A pipeline that has no sink yet: see [`pipeline`].
#[must_use = "nothing flows without a sink: `to`"]
pub struct Pipeline {
    at: At,
    source: Box<dyn Readable>,
    stages: Stages,
}

impl Pipeline {
    /// Puts a closure behind the transforms that are there: it gets each chunk, and writes what
    /// becomes of it. An error that it returns fails the pipeline.
    pub fn through<R: Outcome>(
        self,
        map: impl FnMut(&[u8], &mut Output<'_>) -> R + 'static,
    ) -> Pipeline {
        self.transform(Mapping(map))
    }

    /// Puts a transform behind those that are there.
    pub fn transform(mut self, transform: impl Transform + 'static) -> Pipeline {
        self.stages.push(Box::new(transform));
        self
    }

    /// Gives the whole its sink. Nothing flows before the request is used.
    ///
    /// The pipeline keeps the loop alive as its source and its sink do. Cancelling or aborting the
    /// request, or dropping its future, closes both. After its end the source is closed as it always
    /// is, and the sink is ended; one that goes both ways may go on to be read.
    ///
    /// # Errors
    ///
    /// What the source, a transform or the sink fails with; `NotConnected` if the source is closed
    /// before its end, or given another reader, or the sink closed before it has finished;
    /// `BrokenPipe` if the sink is ended by somebody else.
    pub fn to(self, sink: impl Writable) -> Request<()> {
        let Pipeline { at, source, stages } = self;
        Request::new(at, move |core, label, complete| {
            let ends = (source, Box::new(sink) as Box<dyn Writable>);
            Running::begin(core, label, ends, stages, complete)
        })
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("at", &self.at).finish_non_exhaustive()
    }
}

/// A pipeline under way. Its source owns it, and what waits for its sink to drain.
struct Running {
    source: Box<dyn Readable>,
    sink: Box<dyn Writable>,
    /// Away while they run.
    stages: RefCell<Option<Stages>>,
    /// The source has come to its end.
    ended: Cell<bool>,
    is_full: Cell<bool>,
    answer: Rc<Answer>,
    /// Where it stays until the sink has finished: its source may be gone by then.
    last_home: Weak<Cell<Option<Rc<Running>>>>,
}

/// Who is told. It outlives the rest: a sink that finishes has no use for the source.
struct Answer {
    core: Loop,
    label: Label,
    complete: Cell<Option<Complete<()>>>,
    /// Nothing more will be written, so that the sink may finish.
    ending: Cell<bool>,
}

impl Answer {
    /// In the next turn: it may be known inside of user code.
    fn give(&self, result: Result<()>) -> bool {
        let Some(complete) = self.complete.take() else { return false };
        self.core.defer(self.label, move |core| complete(core, result));
        true
    }

    fn is_given(&self) -> bool {
        let complete = self.complete.take();
        let is_given = complete.is_none();
        self.complete.set(complete);
        is_given
    }
}

impl Running {
    fn begin(
        core: &Loop,
        label: Label,
        (source, sink): (Box<dyn Readable>, Box<dyn Writable>),
        stages: Stages,
        complete: Complete<()>,
    ) -> Underway {
        let complete = Cell::new(Some(complete));
        let ending = Cell::new(false);
        let answer = Rc::new(Answer { core: Rc::clone(core), label, complete, ending });
        let stages = RefCell::new(Some(stages));
        let (ended, is_full) = (Cell::new(false), Cell::new(false));
        let home = Rc::default();
        let last_home = Rc::downgrade(&home);
        let running = Rc::new(Running { source, sink, stages, ended, is_full, answer, last_home });
        let cancelled = Rc::downgrade(&running);
        running.join(label.at, home);
        Underway::Other(Box::new(move |_| Running::cancel(&cancelled)))
    }

    fn join(self: Rc<Self>, at: At, last_home: Rc<Cell<Option<Rc<Running>>>>) {
        // Weak, for the sink must not own itself by this before it is sure to end.
        let (sink, answer) = (Rc::downgrade(&self), Rc::clone(&self.answer));
        self.sink.when_done(Done::at(at, move |outcome| {
            Running::sink_done(&sink, &answer, outcome);
            drop(last_home.take());
        }));
        let (reading, ending) = (Rc::clone(&self), Rc::clone(&self));
        let on_data = move |chunk: &[u8]| {
            reading.data(chunk);
            Ok(())
        };
        self.source
            .attach_reader(Reader::at(at, on_data, move |outcome| ending.source_done(outcome)));
        self.source.resume();
    }

    fn data(self: &Rc<Self>, chunk: &[u8]) {
        self.run(|stages, sink| transform::chunk(stages, sink, chunk));
    }

    /// Calls the transforms, which are the program's code, and does what follows from the result:
    /// whether the sink would like more.
    fn run(self: &Rc<Self>, call: impl FnOnce(&mut Stages, &dyn Writable) -> Result<bool>) {
        if self.answer.is_given() {
            return;
        }
        let mut stages = Away { stages: self.stages.take(), home: &self.stages };
        let Some(running) = &mut stages.stages else { return self.fail(nested()) };
        let called = catch_unwind(AssertUnwindSafe(|| call(running, &*self.sink)));
        drop(stages);
        let result = called.unwrap_or_else(|payload| {
            self.fail(panicked());
            resume_unwind(payload)
        });
        match result {
            Err(error) => self.fail(error),
            Ok(true) => {}
            Ok(false) if self.answer.ending.get() => {}
            Ok(false) => self.wait_for_room(),
        }
    }

    fn wait_for_room(self: &Rc<Self>) {
        if self.is_full.replace(true) {
            return;
        }
        if !self.ended.get() {
            self.source.pause();
        }
        let running = Rc::clone(self);
        self.sink.when_drained(Box::new(move || running.drained()));
    }

    /// A transform may have kept something back: the source goes on when all is written.
    fn drained(self: Rc<Self>) {
        self.is_full.set(false);
        let running = Rc::clone(&self);
        self.as_task(move || {
            running.run(transform::drain);
            if running.is_full.get() || running.answer.is_given() {
                return;
            }
            if running.ended.get() {
                running.finish();
            } else {
                running.source.resume();
            }
        });
    }

    fn source_done(self: &Rc<Self>, outcome: Result<()>) {
        match outcome {
            // The source is another's now.
            Err(error) if is_displaced(&error) => {
                if self.answer.give(Err(error)) {
                    self.sink.close();
                }
            }
            Err(error) => self.fail(error),
            Ok(()) => {
                self.ended.set(true);
                // Otherwise when there is room again.
                if !self.is_full.get() {
                    let running = Rc::clone(self);
                    self.as_task(move || running.finish());
                }
            }
        }
    }

    fn finish(self: &Rc<Self>) {
        self.answer.ending.set(true);
        if let Some(home) = self.last_home.upgrade() {
            home.set(Some(Rc::clone(self)));
        }
        self.run(|stages, sink| transform::end(stages, sink).map(|()| true));
        if !self.answer.is_given() {
            self.sink.end();
        }
    }

    /// For what calls the program's transforms, or a sink of its own.
    fn as_task(&self, run: impl FnOnce() + 'static) {
        let label = self.answer.label.with_kind(CallbackKind::End);
        self.answer.core.as_task(label, || {
            run();
            Ok(())
        });
    }

    fn sink_done(running: &Weak<Running>, answer: &Answer, outcome: Result<()>) {
        let result = match outcome {
            Ok(()) if !answer.ending.get() => Err(ended_early()),
            outcome => outcome,
        };
        match (running.upgrade(), result) {
            (Some(running), Err(error)) => running.fail(error),
            (_, result) => drop(answer.give(result)),
        }
    }

    /// Closes both ends, unless the result is known already.
    fn fail(&self, error: Error) {
        if self.answer.give(Err(error)) {
            self.close();
        }
    }

    fn close(&self) {
        self.source.close();
        self.sink.close();
    }

    fn cancel(running: &Weak<Running>) -> bool {
        let Some(running) = running.upgrade() else { return false };
        let cancelled = running.answer.give(Err(Error::cancelled()));
        if cancelled {
            running.close();
        }
        cancelled
    }
}

/// Puts the transforms back.
struct Away<'a> {
    stages: Option<Stages>,
    home: &'a RefCell<Option<Stages>>,
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        *self.home.borrow_mut() = self.stages.take();
    }
}

/// The panic itself goes where all panics go.
fn panicked() -> Error {
    Error::new("a transform panicked")
}

fn nested() -> Error {
    Error::new("the source gave bytes from inside of a transform")
}

pub(super) fn ended_early() -> Error {
    let message = "the sink was ended before the source";
    Error::new(std::io::Error::new(std::io::ErrorKind::BrokenPipe, message))
}
