//! Datagrams as they come: by the batch.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::thread::LocalKey;

use crate::sys::datagram::{self, Arrival, BATCH};
use crate::sys::name::Name;

/// A datagram that was received, lent for as long as it is looked at.
///
/// `A` is the kind of address that it came from: std's of the internet, or of Unix sockets.
pub struct Datagram<'a, A = SocketAddr> {
    bytes: &'a [u8],
    arrival: &'a Arrival<A>,
}

impl<'a, A: Clone> Datagram<'a, A> {
    /// The bytes; there may be none.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Who sent it.
    pub fn from(&self) -> A {
        self.arrival.from.clone()
    }

    /// Whether it was longer than the room there was for it, so that its end is lost. There is room
    /// for any IP datagram but a jumbogram of IPv6, and for 256 KiB through a Unix socket, more than
    /// Linux lets a program send by default.
    pub fn is_truncated(&self) -> bool {
        self.arrival.truncated
    }
}

impl<A> Clone for Datagram<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Datagram<'_, A> {}

impl<A> Deref for Datagram<'_, A> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl<A: fmt::Debug> fmt::Debug for Datagram<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Datagram({} bytes from {:?})", self.bytes.len(), self.arrival.from)
    }
}

/// Datagrams that came together, in a buffer that is used again when this is dropped.
pub struct Datagrams<A: 'static = SocketAddr> {
    /// Taken by the drop.
    buffer: Option<Box<Buffer<A>>>,
    /// Where it goes then.
    spare: Spare<A>,
    count: usize,
    /// How many have been handed on.
    taken: usize,
}

/// A slot and an arrival for each datagram.
pub(crate) struct Buffer<A> {
    bytes: Box<[u8]>,
    arrivals: [Arrival<A>; BATCH],
}

/// The buffer that was used last on this thread, for one kind of address. Only what has been
/// received is memory, the rest of its slots is address space.
pub(crate) type Spare<A> = &'static LocalKey<Cell<Option<Box<Buffer<A>>>>>;

/// Receives what is there: no more than fits. A slot has so many bytes.
pub(crate) fn receive<A: Name>(
    socket: &impl AsFd,
    spare: Spare<A>,
    slot: usize,
) -> io::Result<Datagrams<A>> {
    let buffer = Some(spare_buffer(spare, slot));
    let mut datagrams = Datagrams { buffer, spare, count: 0, taken: 0 };
    if let Some(buffer) = &mut datagrams.buffer {
        let slots = buffer.bytes.chunks_exact_mut(slot);
        datagrams.count = datagram::receive(socket, slots, &mut buffer.arrivals)?;
    }
    Ok(datagrams)
}

impl<A> Datagrams<A> {
    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The datagrams, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_, A>> {
        (0..self.count).filter_map(|n| self.get(n))
    }

    /// Whether there may be more where these came from.
    pub(crate) fn is_full(&self) -> bool {
        self.count == BATCH
    }

    pub(crate) fn take_next(&mut self) -> Option<Datagram<'_, A>> {
        let n = self.taken;
        self.taken += 1;
        if n < self.count { self.get(n) } else { None }
    }

    pub(crate) fn has_more(&self) -> bool {
        self.taken < self.count
    }

    fn get(&self, n: usize) -> Option<Datagram<'_, A>> {
        let buffer = self.buffer.as_ref()?;
        let arrival = &buffer.arrivals[n];
        let slot = buffer.bytes.len() / BATCH;
        let bytes = &buffer.bytes[n * slot..][..arrival.length];
        Some(Datagram { bytes, arrival })
    }
}

fn spare_buffer<A: Name>(spare: Spare<A>, slot: usize) -> Box<Buffer<A>> {
    // The thread may be ending.
    let spare = spare.try_with(Cell::take).unwrap_or(None);
    spare.unwrap_or_else(|| {
        let bytes = vec![0; BATCH * slot].into_boxed_slice();
        Box::new(Buffer { bytes, arrivals: std::array::from_fn(|_| Arrival::nothing()) })
    })
}

impl<A: 'static> Drop for Datagrams<A> {
    fn drop(&mut self) {
        let buffer = self.buffer.take();
        // One is enough: more are in use only while futures look at what they got.
        let _ = self.spare.try_with(|spare| spare.set(buffer));
    }
}

impl<A: Clone + fmt::Debug> fmt::Debug for Datagrams<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
