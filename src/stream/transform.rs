//! What bytes go through on their way.

use crate::error::{Outcome, Result};
use crate::stream::Writable;

/// Maps the chunks of a [`pipeline`](crate::stream::pipeline()) to other chunks: none, one or many.
///
/// What it writes goes to the next transform and to the sink at once; nothing is queued in between.
/// Where there is no state to be told of the end, a closure does:
/// [`through`](crate::stream::Pipeline::through).
///
/// ```
/// use unspin::stream::{Output, Transform};
///
/// /// Writes numbers in front of lines, which come as whole chunks.
/// #[derive(Default)]
/// struct Count(usize);
///
/// impl Transform for Count {
///     fn chunk(&mut self, line: &[u8], out: &mut Output<'_>) -> unspin::Result<()> {
///         self.0 += 1;
///         out.write(format!("{}: ", self.0).as_bytes());
///         out.write(line);
///         Ok(())
///     }
///
///     fn end(&mut self, out: &mut Output<'_>) -> unspin::Result<()> {
///         out.write(format!("{} lines\n", self.0).as_bytes());
///         Ok(())
///     }
/// }
/// # let _ = Count::default();
/// ```
pub trait Transform {
    /// Gets a chunk, whose size means nothing, and writes what becomes of it.
    ///
    /// # Errors
    ///
    /// An error fails the pipeline.
    fn chunk(&mut self, chunk: &[u8], out: &mut Output<'_>) -> Result<()>;

    /// There is room again, after a [`write`](Output::write) had returned `false`. A transform that
    /// makes much of little, as one that decompresses does, stops at such a `false`, keeps the rest
    /// of what it was given, and goes on here.
    ///
    /// # Errors
    ///
    /// An error fails the pipeline.
    fn drain(&mut self, out: &mut Output<'_>) -> Result<()> {
        let _ = out;
        Ok(())
    }

    /// There are no more chunks: writes what is left.
    ///
    /// # Errors
    ///
    /// An error fails the pipeline.
    fn end(&mut self, out: &mut Output<'_>) -> Result<()> {
        let _ = out;
        Ok(())
    }
}

/// A closure as a transform.
pub(super) struct Mapping<F>(pub(super) F);

impl<R: Outcome, F: FnMut(&[u8], &mut Output<'_>) -> R> Transform for Mapping<F> {
    fn chunk(&mut self, chunk: &[u8], out: &mut Output<'_>) -> Result<()> {
        (self.0)(chunk, out).into_result()
    }
}

/// Where a [`Transform`] writes to: the next one, or the sink.
pub struct Output<'a> {
    next: &'a mut [Box<dyn Transform>],
    sink: &'a dyn Writable,
    state: &'a mut State,
}

pub(super) struct State {
    is_full: bool,
    failed: Result<()>,
}

impl Output<'_> {
    /// Hands bytes on. Returns whether more are welcome now; `false` is a request to wait for
    /// [`drain`](Transform::drain), and the bytes are taken all the same.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        if self.state.failed.is_ok() && !bytes.is_empty() {
            match self.next.split_first_mut() {
                None => self.state.is_full |= !self.sink.write(bytes),
                Some((first, next)) => {
                    let mut out = Output { next, sink: self.sink, state: self.state };
                    if let Err(error) = first.chunk(bytes, &mut out) {
                        self.state.failed = Err(error);
                    }
                }
            }
        }
        self.state.failed.is_ok() && !self.state.is_full
    }
}

impl std::fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("is_full", &self.state.is_full).finish_non_exhaustive()
    }
}

/// The transforms of a pipeline, in the order of the bytes.
pub(super) type Stages = Vec<Box<dyn Transform>>;

/// Calls all of them for a chunk. Returns whether the sink would like more.
pub(super) fn chunk(stages: &mut Stages, sink: &dyn Writable, chunk: &[u8]) -> Result<bool> {
    let mut state = State { is_full: false, failed: Ok(()) };
    Output { next: stages, sink, state: &mut state }.write(chunk);
    state.outcome()
}

/// Lets them go on, those next to the sink first, until it is full again.
pub(super) fn drain(stages: &mut Stages, sink: &dyn Writable) -> Result<bool> {
    let mut state = State { is_full: false, failed: Ok(()) };
    for at in (0..stages.len()).rev() {
        let (stage, next) = stage(stages, at);
        stage.drain(&mut Output { next, sink, state: &mut state })?;
        if state.failed.is_err() || state.is_full {
            break;
        }
    }
    state.outcome()
}

/// Tells them that the bytes have come to their end, each after all that came before it.
pub(super) fn end(stages: &mut Stages, sink: &dyn Writable) -> Result<()> {
    let mut state = State { is_full: false, failed: Ok(()) };
    for at in 0..stages.len() {
        let (stage, next) = stage(stages, at);
        stage.end(&mut Output { next, sink, state: &mut state })?;
    }
    state.outcome().map(drop)
}

/// One of them, and those behind it.
fn stage(stages: &mut Stages, at: usize) -> (&mut dyn Transform, &mut [Box<dyn Transform>]) {
    let (first, next) = stages[at..].split_first_mut().expect("there is one at this place");
    (&mut **first, next)
}

impl State {
    fn outcome(self) -> Result<bool> {
        self.failed.map(|()| !self.is_full)
    }
}
