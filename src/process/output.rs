//! Programs that are run to their end: for their output, or for their status.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::process::ExitStatus;
use std::rc::{Rc, Weak};

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::pipes::{PipeReader, PipeWriter};
use crate::process::child::Child;
use crate::process::command::Command;
use crate::process::start::start;
use crate::process::stdio::Stdio;
use crate::request::{Complete, Request, Underway};
use crate::stream::{Kind, OnError};
use crate::trace::{At, CallbackKind, Label};

/// What a program left.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to its standard output, if that was collected.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error, if that was collected.
    pub stderr: Vec<u8>,
}

pub(super) fn output(at: At, mut command: Command) -> Request<Output> {
    Request::new(at, move |core, label, complete| {
        let (input, limit) = (command.input.take(), command.max_output);
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdio.entry(0).or_insert(stdin);
        command.stdio.entry(1).or_insert(Stdio::piped());
        command.stdio.entry(2).or_insert(Stdio::piped());
        match start(core, label.with_kind(CallbackKind::Child), command) {
            Ok(child) => Collecting::begin(label, child, input, limit, complete),
            Err(error) => failed(core, label, complete, error),
        }
    })
}

pub(super) fn status(at: At, command: Command) -> Request<ExitStatus> {
    Request::new(at, move |core, label, complete| {
        match start(core, label.with_kind(CallbackKind::Child), command) {
            Ok(child) => wait(label, &child, complete),
            Err(error) => failed(core, label, complete, error),
        }
    })
}

fn failed<T: 'static>(core: &Loop, label: Label, complete: Complete<T>, error: Error) -> Underway {
    core.defer(label, move |core| complete(core, Err(error)));
    Underway::Job(None)
}

/// Waits for the end of a child that may be stopped.
fn wait(label: Label, child: &Child, complete: Complete<ExitStatus>) -> Underway {
    let stopped = Rc::downgrade(&child.running);
    let number = child.running.wait(Box::new(move |core, outcome| {
        let reason = stopped.upgrade().and_then(|running| running.stop.reason());
        complete(core, reason.map_or(outcome, Err));
    }));
    let running = Rc::downgrade(&child.running);
    Underway::Other(Box::new(move |core| {
        let Some(running) = running.upgrade() else { return false };
        let Some(complete) = running.stop_waiting(number) else { return false };
        running.stop(Error::cancelled());
        core.defer(label, move |core| complete(core, Err(Error::cancelled())));
        true
    }))
}

/// Collects what a child writes. Owned by the child until it is closed.
pub(super) struct Collecting {
    child: Child,
    limit: usize,
    stdout: RefCell<Vec<u8>>,
    stderr: RefCell<Vec<u8>>,
    readers: Vec<PipeReader>,
    writer: Option<PipeWriter>,
    complete: Cell<Option<Complete<Output>>>,
}

impl Collecting {
    fn begin(
        label: Label,
        child: Child,
        input: Option<Vec<u8>>,
        limit: usize,
        complete: Complete<Output>,
    ) -> Underway {
        let running = Rc::clone(&child.running);
        let (stdout, stderr, writer) = (child.stdout(), child.stderr(), child.stdin());
        let collecting = Rc::new_cyclic(|collecting: &Weak<Collecting>| {
            let parts = [(&stdout, of_stdout as Part), (&stderr, of_stderr as Part)];
            for (reader, part) in parts {
                if let Some(reader) = reader {
                    collect(label, reader, collecting.clone(), part);
                }
            }
            if let Some(writer) = &writer {
                feed(label, writer, input.unwrap_or_default());
            }
            Collecting {
                child,
                limit,
                stdout: RefCell::default(),
                stderr: RefCell::default(),
                readers: [stdout, stderr].into_iter().flatten().collect(),
                writer,
                complete: Cell::new(Some(complete)),
            }
        });
        let cancelled = Rc::downgrade(&collecting);
        running.collecting.replace(Some(collecting));
        Underway::Other(Box::new(move |core| {
            let Some(collecting) = cancelled.upgrade() else { return false };
            let Some(complete) = collecting.complete.take() else { return false };
            collecting.child.running.stop(Error::cancelled());
            core.defer(label, move |core| complete(core, Err(Error::cancelled())));
            true
        }))
    }

    fn add(&self, part: Part, chunk: &[u8]) {
        let mut bytes = part(self).borrow_mut();
        if bytes.len() + chunk.len() <= self.limit {
            return bytes.extend_from_slice(chunk);
        }
        drop(bytes);
        let message = format!("more than {} bytes of output", self.limit);
        let error = io::Error::new(ErrorKind::InvalidData, message);
        let program = &self.child.running.program;
        self.child.running.stop(Error::io(format!("run {program}"), error));
    }

    /// The child was stopped, and has ended: whoever else has its pipes is not waited for.
    pub(super) fn give_up(&self) {
        self.readers.iter().for_each(|reader| reader.flow().close());
        if let Some(writer) = &self.writer {
            writer.flow().close();
        }
    }

    pub(super) fn finish(&self, core: &Loop, outcome: Option<Result<ExitStatus>>) {
        let (Some(complete), Some(outcome)) = (self.complete.take(), outcome) else { return };
        let outcome = self.child.running.stop.reason().map_or(outcome, Err);
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        complete(core, outcome.map(|status| Output { status, stdout, stderr }));
    }
}

type Part = fn(&Collecting) -> &RefCell<Vec<u8>>;

fn of_stdout(collecting: &Collecting) -> &RefCell<Vec<u8>> {
    &collecting.stdout
}

fn of_stderr(collecting: &Collecting) -> &RefCell<Vec<u8>> {
    &collecting.stderr
}

fn collect(label: Label, reader: &PipeReader, collecting: Weak<Collecting>, part: Part) {
    let on_data = move |_: &PipeReader, chunk: &[u8]| {
        if let Some(collecting) = collecting.upgrade() {
            collecting.add(part, chunk);
        }
        Ok(())
    };
    reader.flow().install_data(label.with_kind(CallbackKind::Data), Box::new(on_data));
}

/// A program need not read all that it is given.
fn feed(label: Label, writer: &PipeWriter, input: Vec<u8>) {
    let ignore: Box<OnError<PipeWriter>> = Box::new(|_, _| Ok(()));
    writer.flow().handlers.fill(|extras| &extras.error, label, ignore);
    writer.flow().write_owned(input);
    writer.flow().end();
}
