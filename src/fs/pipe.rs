//! What a reader on the pool and its stream on the loop have between them: a bounded queue of
//! chunks, and the buffers that go round.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) struct Pipe {
    state: Mutex<State>,
    /// Chunks that may wait in the queue.
    capacity: usize,
}

/// A buffer with bytes in it.
pub(super) struct Filled {
    pub(super) buffer: Box<[u8]>,
    pub(super) length: usize,
}

#[derive(Default)]
struct State {
    filled: VecDeque<Filled>,
    spare: Vec<Box<[u8]>>,
    /// The loop has been told of what is in the queue, and has not looked yet.
    told: bool,
    stopped: bool,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Pipe {
        Pipe { state: Mutex::default(), capacity: capacity.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the reader: a buffer of `length` bytes to be filled. `None` if the queue is full or
    /// nobody wants its bytes any more.
    pub(super) fn lend(&self, length: usize) -> Option<Box<[u8]>> {
        let mut state = self.lock();
        if state.stopped || state.filled.len() >= self.capacity {
            return None;
        }
        let spare = state.spare.pop();
        drop(state);
        Some(spare.unwrap_or_else(|| vec![0; length].into_boxed_slice()))
    }

    /// For the reader: queues a chunk, if anybody wants it. Returns whether the loop has to be told.
    pub(super) fn push(&self, chunk: Filled) -> bool {
        let mut state = self.lock();
        if state.stopped {
            return false;
        }
        state.filled.push_back(chunk);
        !std::mem::replace(&mut state.told, true)
    }

    /// For the stream, before it takes chunks: how many there are. It is told of any more.
    pub(super) fn look(&self) -> usize {
        let mut state = self.lock();
        state.told = false;
        state.filled.len()
    }

    pub(super) fn pop(&self) -> Option<Filled> {
        self.lock().filled.pop_front()
    }

    /// Gives a buffer back, to be filled again.
    pub(super) fn give_back(&self, buffer: Box<[u8]>) {
        let mut state = self.lock();
        if !state.stopped && state.spare.len() < self.capacity {
            state.spare.push(buffer);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().filled.is_empty()
    }

    /// Whether it is worth sending the reader to the pool: not for one chunk at a time, if the queue
    /// holds several.
    pub(super) fn has_room(&self) -> bool {
        self.lock().filled.len() <= self.capacity / 2
    }

    /// Nobody wants the bytes any more: the reader stops at the next chunk.
    pub(super) fn stop(&self) {
        let state =
            std::mem::replace(&mut *self.lock(), State { stopped: true, ..State::default() });
        // Megabytes, perhaps; not under the lock.
        drop(state);
    }

    /// Bytes that it holds on to.
    pub(super) fn bytes(&self) -> usize {
        let state = self.lock();
        state.filled.iter().map(|chunk| &chunk.buffer).chain(&state.spare).map(|b| b.len()).sum()
    }
}
