//! A source and a sink as a program would write them: what they are told, they say.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use unspin::stream::{Done, Readable, Reader, Writable};
use unspin::{Error, Result};

use crate::util::Log;

/// Gives a chunk in each Check phase, and then ends.
#[derive(Clone)]
pub struct Source(Rc<Giving>);

struct Giving {
    log: Log,
    chunks: RefCell<VecDeque<Vec<u8>>>,
    outcome: RefCell<Option<Result<()>>>,
    reader: Cell<Option<Reader>>,
    paused: Cell<bool>,
    /// It has an immediate under way.
    busy: Cell<bool>,
}

impl Source {
    pub fn new(log: &Log, chunks: impl IntoIterator<Item = Vec<u8>>) -> Source {
        Source(Rc::new(Giving {
            log: log.clone(),
            chunks: RefCell::new(chunks.into_iter().collect()),
            outcome: RefCell::new(Some(Ok(()))),
            reader: Cell::new(None),
            paused: Cell::new(false),
            busy: Cell::new(false),
        }))
    }

    /// Fails after the last chunk, in the place of an end.
    pub fn failing(self, error: Error) -> Source {
        *self.0.outcome.borrow_mut() = Some(Err(error));
        self
    }

    fn go_on(&self) {
        if !self.0.busy.replace(true) {
            let source = self.clone();
            unspin::set_immediate(move || {
                source.0.busy.set(false);
                source.give()
            });
        }
    }

    fn give(&self) -> Result<()> {
        if self.0.paused.get() {
            return Ok(());
        }
        let Some(mut reader) = self.0.reader.take() else { return Ok(()) };
        let chunk = self.0.chunks.borrow_mut().pop_front();
        match chunk {
            Some(chunk) => {
                let result = reader.data(&chunk);
                // A close in there has taken the outcome.
                let is_open = self.0.outcome.borrow().is_some();
                if is_open {
                    self.0.reader.set(Some(reader));
                    self.go_on();
                } else {
                    reader.done(Err(Error::new("the source was closed")));
                }
                result
            }
            None => {
                let outcome = self.0.outcome.take().unwrap_or(Ok(()));
                reader.done(outcome);
                Ok(())
            }
        }
    }
}

impl Readable for Source {
    fn attach_reader(&self, reader: Reader) {
        self.0.reader.set(Some(reader));
        self.go_on();
    }

    fn pause(&self) {
        if !self.0.paused.replace(true) {
            self.0.log.say("source paused");
        }
    }

    fn resume(&self) {
        if self.0.paused.replace(false) {
            self.0.log.say("source resumed");
            self.go_on();
        }
    }

    fn close(&self) {
        if self.0.outcome.take().is_some() {
            self.0.log.say("source closed");
            if let Some(reader) = self.0.reader.take() {
                reader.done(Err(Error::new("the source was closed")));
            }
        }
    }
}

/// Takes what it is given to itself in the next Check phase; until then it waits.
#[derive(Clone)]
pub struct Sink(Rc<Taking>);

struct Taking {
    log: Log,
    bytes: RefCell<Vec<u8>>,
    mark: usize,
    waiting: Cell<usize>,
    most: Cell<usize>,
    /// Fails when it has taken so many bytes.
    fails_after: Cell<usize>,
    then: RefCell<Vec<Box<dyn FnOnce()>>>,
    done: RefCell<Vec<Done>>,
    ending: Cell<bool>,
    over: Cell<bool>,
}

impl Sink {
    pub fn new(log: &Log, mark: usize) -> Sink {
        Sink(Rc::new(Taking {
            log: log.clone(),
            bytes: RefCell::default(),
            mark,
            waiting: Cell::new(0),
            most: Cell::new(0),
            fails_after: Cell::new(usize::MAX),
            then: RefCell::default(),
            done: RefCell::default(),
            ending: Cell::new(false),
            over: Cell::new(false),
        }))
    }

    pub fn failing_after(self, bytes: usize) -> Sink {
        self.0.fails_after.set(bytes);
        self
    }

    /// What it got.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.bytes.borrow().clone()
    }

    /// The most bytes that ever waited in it.
    pub fn most(&self) -> usize {
        self.0.most.get()
    }

    fn drain(&self) {
        self.0.waiting.set(0);
        if self.0.over.get() {
            return;
        }
        if self.0.bytes.borrow().len() > self.0.fails_after.get() {
            return self.finish(&Err(Error::new("the sink is full")));
        }
        if self.0.ending.get() {
            self.0.log.say("sink ended");
            return self.finish(&Ok(()));
        }
        let then = self.0.then.take();
        then.into_iter().for_each(|then| then());
    }

    fn finish(&self, outcome: &Result<()>) {
        self.0.over.set(true);
        drop(self.0.then.take());
        let done = self.0.done.take();
        done.into_iter().for_each(|done| done.tell(outcome.clone()));
    }

    fn drain_later(&self) {
        let sink = self.clone();
        unspin::set_immediate(move || sink.drain());
    }
}

impl Writable for Sink {
    fn write(&self, bytes: &[u8]) -> bool {
        if self.0.over.get() {
            return false;
        }
        self.0.bytes.borrow_mut().extend_from_slice(bytes);
        if self.0.waiting.replace(self.0.waiting.get() + bytes.len()) == 0 {
            self.drain_later();
        }
        self.0.most.set(self.0.most.get().max(self.0.waiting.get()));
        self.0.waiting.get() < self.0.mark
    }

    fn when_drained(&self, then: Box<dyn FnOnce()>) {
        self.0.then.borrow_mut().push(then);
    }

    fn when_done(&self, done: Done) {
        self.0.done.borrow_mut().push(done);
    }

    fn end(&self) {
        self.0.ending.set(true);
        if self.0.waiting.get() == 0 && !self.0.over.get() {
            self.drain_later();
        }
    }

    fn close(&self) {
        if !self.0.over.get() {
            self.0.log.say("sink closed");
            self.finish(&Err(Error::new("the sink was closed")));
        }
    }
}
