//! Datagrams that wait to be sent.

use std::collections::VecDeque;

use crate::error::{Error, Result};
use crate::request::Complete;

/// Datagrams in their order, their bytes one behind the other.
pub(crate) struct Outbox<A> {
    bytes: Vec<u8>,
    /// Bytes at the front that are done with.
    done: usize,
    entries: VecDeque<Entry<A>>,
    /// The number of the first entry; the others follow it.
    first: u64,
}

struct Entry<A> {
    length: usize,
    to: Option<A>,
    /// Who asked to be told.
    complete: Option<Complete<()>>,
    withdrawn: bool,
}

/// A datagram's number, by which it can be withdrawn.
#[derive(Clone, Copy)]
pub(crate) struct Number(u64);

/// What became of a datagram, for those that have to be told.
pub(crate) struct Fate {
    pub(crate) complete: Option<Complete<()>>,
    pub(crate) result: Result<()>,
}

impl<A> Default for Outbox<A> {
    fn default() -> Outbox<A> {
        Outbox { bytes: Vec::new(), done: 0, entries: VecDeque::new(), first: 0 }
    }
}

impl<A> Outbox<A> {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Datagrams that wait.
    pub(crate) fn datagrams(&self) -> usize {
        self.entries.len()
    }

    /// Bytes that wait.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len() - self.done
    }

    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        to: Option<A>,
        complete: Option<Complete<()>>,
    ) -> Number {
        self.make_room();
        self.bytes.extend_from_slice(bytes);
        self.entries.push_back(Entry { length: bytes.len(), to, complete, withdrawn: false });
        Number(self.first + self.entries.len() as u64 - 1)
    }

    /// Moves what waits to the front when that is the smaller half, so that each byte is moved once
    /// at most on the average, and a queue that is never empty does not grow for ever.
    fn make_room(&mut self) {
        if self.done > self.bytes.len() / 2 {
            self.bytes.drain(..self.done);
            self.done = 0;
        }
    }

    /// Takes a datagram back that was not sent yet.
    pub(crate) fn withdraw(&mut self, number: Number) -> Option<Complete<()>> {
        let place = usize::try_from(number.0.checked_sub(self.first)?).ok()?;
        let entry = self.entries.get_mut(place)?;
        entry.withdrawn = true;
        let complete = entry.complete.take();
        self.drop_withdrawn();
        complete
    }

    /// The datagrams to be sent next.
    pub(crate) fn front(&self) -> impl Iterator<Item = (&[u8], Option<&A>)> {
        let mut rest = &self.bytes[self.done..];
        self.entries.iter().take_while(|entry| !entry.withdrawn).map(move |entry| {
            let (bytes, behind) = rest.split_at(entry.length);
            rest = behind;
            (bytes, entry.to.as_ref())
        })
    }

    /// Whom the next datagram is for.
    pub(crate) fn next_to(&self) -> Option<&A> {
        self.entries.front()?.to.as_ref()
    }

    /// The first `count` were sent.
    pub(crate) fn sent(&mut self, count: usize, fates: &mut VecDeque<Fate>) {
        for _ in 0..count {
            let complete = self.pop();
            if complete.is_some() {
                fates.push_back(Fate { complete, result: Ok(()) });
            }
        }
        self.drop_withdrawn();
    }

    /// The first could not be sent.
    pub(crate) fn failed(&mut self, error: Error, fates: &mut VecDeque<Fate>) {
        let complete = self.pop();
        fates.push_back(Fate { complete, result: Err(error) });
        self.drop_withdrawn();
    }

    /// Gives all of them up. Nobody asked about the plain ones, and nobody is told.
    pub(crate) fn cancel_all(&mut self, fates: &mut VecDeque<Fate>) {
        while !self.entries.is_empty() {
            if let Some(complete) = self.pop() {
                let result = Err(Error::cancelled());
                fates.push_back(Fate { complete: Some(complete), result });
            }
        }
    }

    fn drop_withdrawn(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.withdrawn) {
            self.pop();
        }
    }

    fn pop(&mut self) -> Option<Complete<()>> {
        let entry = self.entries.pop_front()?;
        self.first += 1;
        self.done += entry.length;
        if self.entries.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
            self.done = 0;
        }
        entry.complete
    }
}

/// Room that an empty outbox keeps, for the next datagrams: what is below the high-water mark.
const KEPT_BYTES: usize = 64 * 1024;
