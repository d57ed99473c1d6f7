//! A standard input that is a file: read on the pool, a chunk ahead.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;

use crate::event_loop::core::Loop;
use crate::pool::Lane;
use crate::reactor::Readiness;
use crate::slots::Key;
use crate::stdio::kept::Kept;
use crate::sys;
use crate::trace::{CallbackKind, Label};

/// As in Node.
const CHUNK: usize = 64 * 1024;

/// What is read, and what was read of it.
pub(super) struct Stored {
    file: Arc<File>,
    home: RefCell<Option<Home>>,
    ahead: Rc<Ahead>,
}

/// Whom a chunk is told.
struct Home {
    core: Loop,
    key: Key,
    label: Label,
}

#[derive(Default)]
struct Ahead {
    is_under_way: Cell<bool>,
    has_ended: Cell<bool>,
    failure: Cell<Option<io::Error>>,
    chunk: RefCell<Vec<u8>>,
    /// How much of the chunk is taken.
    taken: Cell<usize>,
}

impl Stored {
    pub(super) fn new(file: File) -> Stored {
        Stored { file: Arc::new(file), home: RefCell::new(None), ahead: Rc::default() }
    }

    /// To be called once it is known whom a chunk is for.
    pub(super) fn belongs_to(&self, core: &Loop, key: Key, label: Label) {
        let label = label.with_kind(CallbackKind::Data);
        *self.home.borrow_mut() = Some(Home { core: Rc::clone(core), key, label });
    }

    /// Takes what is there, and has more read where it has come to its end: before that
    /// is asked for, if it `reads_ahead`. 0 is the end of the file.
    ///
    /// # Errors
    ///
    /// `WouldBlock` until a chunk is there; what the system said.
    pub(super) fn take(&self, buffer: &mut [u8], reads_ahead: bool) -> io::Result<usize> {
        let ahead = &self.ahead;
        if let Some(length) = ahead.take(buffer) {
            if reads_ahead && ahead.is_empty() {
                self.read_ahead();
            }
            return Ok(length);
        }
        if let Some(error) = ahead.failure.take() {
            return Err(error);
        }
        if ahead.has_ended.get() {
            return Ok(0);
        }
        self.read_ahead();
        Err(ErrorKind::WouldBlock.into())
    }

    fn read_ahead(&self) {
        let home = self.home.borrow();
        let Some(home) = &*home else { return };
        if self.ahead.has_ended.get() || self.ahead.is_under_way.replace(true) {
            return;
        }
        let (file, ahead, key) = (Arc::clone(&self.file), Rc::clone(&self.ahead), home.key);
        let mut chunk = self.ahead.chunk.take();
        let work = move || {
            chunk.clear();
            chunk.reserve(CHUNK);
            // A failure is told where the bytes would be.
            let read = read(&file, &mut chunk);
            Ok((chunk, read.err()))
        };
        home.core.submit(Lane::Fs, home.label, "read", work, move |core, result| {
            ahead.came(
                result.unwrap_or_else(|error| {
                    (Vec::new(), Some(io::Error::new(error.kind(), error)))
                }),
            );
            core.tell_ready(key, Readiness::READABLE);
        });
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let rest = self.ahead.rest();
        if !rest.is_empty() {
            Kept::leave(rest);
        }
    }
}

impl Ahead {
    fn came(&self, (chunk, failure): (Vec<u8>, Option<io::Error>)) {
        self.is_under_way.set(false);
        self.has_ended.set(chunk.is_empty());
        self.failure.set(failure);
        self.taken.set(0);
        self.chunk.replace(chunk);
    }

    fn is_empty(&self) -> bool {
        self.taken.get() == self.chunk.borrow().len()
    }

    fn rest(&self) -> Vec<u8> {
        let chunk = self.chunk.borrow();
        chunk[self.taken.get().min(chunk.len())..].to_vec()
    }

    /// `None` if nothing is there.
    fn take(&self, buffer: &mut [u8]) -> Option<usize> {
        let (chunk, taken) = (self.chunk.borrow(), self.taken.get());
        let rest = &chunk[taken.min(chunk.len())..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken.set(taken + length);
        (length > 0).then_some(length)
    }
}

fn read(file: &File, chunk: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        match sys::file::read_more(file, chunk, CHUNK) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
