//! The bytes that a stream has accepted and not yet sent.

use std::collections::VecDeque;
use std::io::IoSlice;

/// Small writes are gathered into chunks of this size: one `IoSlice` for many of them.
const GATHER: usize = 16 * 1024;

/// The most slices in one system call; more would cost more to set up than they save.
const SLICES: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct WriteQueue {
    /// None of them is empty.
    chunks: VecDeque<Vec<u8>>,
    /// Bytes of the first chunk that are sent.
    sent: usize,
    /// Bytes not sent.
    length: usize,
}

impl WriteQueue {
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        match self.chunks.back_mut() {
            Some(last) if last.len() + bytes.len() <= GATHER => last.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => self.chunks.push_back(bytes.to_vec()),
        }
    }

    /// Queues a vector without copying it; its first `skip` bytes are sent already.
    pub(crate) fn push_owned(&mut self, mut bytes: Vec<u8>, skip: usize) {
        if skip == bytes.len() {
            return;
        }
        self.length += bytes.len() - skip;
        if self.chunks.is_empty() {
            self.sent = skip;
        } else {
            bytes.drain(..skip);
        }
        self.chunks.push_back(bytes);
    }

    /// Queues all that another one has.
    pub(crate) fn append(&mut self, mut later: WriteQueue) {
        if self.length == 0 {
            *self = later;
            return;
        }
        if let Some(first) = later.chunks.front_mut() {
            first.drain(..later.sent);
        }
        self.length += later.length;
        self.chunks.append(&mut later.chunks);
    }

    /// Lets `send` have the front of the queue, as one slice or as many.
    pub(crate) fn with_front<T>(&self, send: impl FnOnce(Front<'_>) -> T) -> T {
        let first = self.chunks.front().map_or(&[][..], |chunk| &chunk[self.sent..]);
        if self.chunks.len() <= 1 {
            return send(Front { one: first, many: &[] });
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        slices[0] = IoSlice::new(first);
        let rest = self.chunks.iter().skip(1);
        let mut used = 1;
        for (slice, chunk) in slices[1..].iter_mut().zip(rest) {
            *slice = IoSlice::new(chunk);
            used += 1;
        }
        send(Front { one: first, many: &slices[..used] })
    }

    /// Takes `sent` bytes off the front.
    pub(crate) fn advance(&mut self, mut sent: usize) {
        self.length -= sent;
        while let Some(first) = self.chunks.front() {
            let left = first.len() - self.sent;
            if sent < left {
                self.sent += sent;
                return;
            }
            sent -= left;
            self.sent = 0;
            self.chunks.pop_front();
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = WriteQueue::default();
    }
}

/// The front of a queue: `one` slice if there are not `many`.
pub(crate) struct Front<'a> {
    pub(crate) one: &'a [u8],
    pub(crate) many: &'a [IoSlice<'a>],
}

impl Front<'_> {
    pub(crate) fn length(&self) -> usize {
        if self.many.is_empty() {
            self.one.len()
        } else {
            self.many.iter().map(|slice| slice.len()).sum()
        }
    }
}
