//! Bytes of the standard input that were read, and that nobody has had yet.

use std::sync::{Mutex, PoisonError};

use crate::codec::line_end;
use crate::error::Result;

/// What was kept where a loop has ended, or its input was closed. It belongs to the process, as what
/// the system still has of the input does.
static LEFT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// What is read before all others read.
#[derive(Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    /// How many of them somebody has had.
    taken: usize,
    /// How many of the others have no newline among them.
    searched: usize,
    /// They are a question's, and no reader gets them.
    is_asked: bool,
}

impl Kept {
    /// With what another loop has left.
    pub(super) fn left() -> Kept {
        let bytes = std::mem::take(&mut *LEFT.lock().unwrap_or_else(PoisonError::into_inner));
        Kept { bytes, ..Kept::default() }
    }

    /// Puts bytes in front of what the next loop gets.
    pub(super) fn leave(mut bytes: Vec<u8>) {
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.append(&mut left);
        *left = bytes;
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    pub(super) fn length(&self) -> usize {
        self.rest().len()
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    pub(super) fn set_asked(&mut self, asked: bool) {
        self.is_asked = asked;
    }

    /// Gives some of them to a reader; `None` if there are none for it.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if self.is_asked || self.length() == 0 {
            return None;
        }
        let length = self.length().min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest()[..length]);
        self.pass(length);
        Some(length)
    }

    pub(super) fn append(&mut self, chunk: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(chunk);
    }

    /// The length of the first line with its end, if that is there.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is longer than `limit`.
    pub(super) fn line_end(&mut self, limit: usize) -> Result<Option<usize>> {
        let end = line_end(self.rest(), self.searched, limit)?;
        self.searched = self.length();
        Ok(end)
    }

    /// Takes so many off the front.
    pub(super) fn cut(&mut self, length: usize) -> Vec<u8> {
        if length == self.bytes.len() {
            self.searched = 0;
            return std::mem::take(&mut self.bytes);
        }
        let cut = self.rest()[..length].to_vec();
        self.pass(length);
        cut
    }

    fn pass(&mut self, length: usize) {
        self.taken += length;
        self.searched = 0;
        if self.length() == 0 {
            (self.bytes, self.taken) = (Vec::new(), 0);
        }
    }

    /// Puts bytes in front of all others again.
    pub(super) fn give_back(&mut self, bytes: &[u8]) {
        self.bytes.splice(..self.taken, bytes.iter().copied());
        (self.taken, self.searched) = (0, 0);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.length() > 0 {
            Kept::leave(self.cut(self.length()));
        }
    }
}
