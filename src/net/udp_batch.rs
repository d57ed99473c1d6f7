//! Datagrams as they come: by the batch.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::fd::AsFd;

use crate::sys::datagram::{self, Arrival, BATCH};

/// A datagram that was received, lent for as long as it is looked at.
#[derive(Clone, Copy)]
pub struct Datagram<'a> {
    bytes: &'a [u8],
    arrival: Arrival,
}

impl<'a> Datagram<'a> {
    /// The bytes; there may be none.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Who sent it.
    pub fn from(&self) -> SocketAddr {
        self.arrival.from
    }

    /// Whether it was longer than the room there was for it, so that its end is lost. An IP datagram
    /// always fits; only a jumbogram of IPv6 does not.
    pub fn is_truncated(&self) -> bool {
        self.arrival.truncated
    }
}

impl Deref for Datagram<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl fmt::Debug for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Datagram({} bytes from {})", self.bytes.len(), self.from())
    }
}

/// Datagrams that came together, in a buffer that is used again when this is dropped.
pub struct Datagrams {
    /// Taken by the drop.
    buffer: Option<Box<Buffer>>,
    count: usize,
    /// How many have been handed on.
    taken: usize,
}

struct Buffer {
    bytes: Box<[u8]>,
    arrivals: [Arrival; BATCH],
}

/// Room for one: an IP datagram has at most 65535 bytes. A little more than 64 KiB, so that the
/// beginnings of the slots, which are most of what is used, do not compete for the same lines of
/// the cache.
const SLOT: usize = 64 * 1024 + 256;

thread_local! {
    /// The buffer that was used last. Only what has been received is memory, the rest is addresses.
    static SPARE: Cell<Option<Box<Buffer>>> = const { Cell::new(None) };
}

impl Datagrams {
    /// Receives what is there: no more than fits.
    pub(crate) fn receive(socket: &impl AsFd) -> io::Result<Datagrams> {
        let mut datagrams = Datagrams { buffer: Some(spare_buffer()), count: 0, taken: 0 };
        if let Some(buffer) = &mut datagrams.buffer {
            let slots = buffer.bytes.chunks_exact_mut(SLOT);
            datagrams.count = datagram::receive(socket, slots, &mut buffer.arrivals)?;
        }
        Ok(datagrams)
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The datagrams, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        (0..self.count).filter_map(|n| self.get(n))
    }

    /// Whether there may be more where these came from.
    pub(crate) fn is_full(&self) -> bool {
        self.count == BATCH
    }

    pub(crate) fn take_next(&mut self) -> Option<Datagram<'_>> {
        let n = self.taken;
        self.taken += 1;
        if n < self.count { self.get(n) } else { None }
    }

    pub(crate) fn has_more(&self) -> bool {
        self.taken < self.count
    }

    fn get(&self, n: usize) -> Option<Datagram<'_>> {
        let buffer = self.buffer.as_ref()?;
        let arrival = buffer.arrivals[n];
        let bytes = &buffer.bytes[n * SLOT..][..arrival.length];
        Some(Datagram { bytes, arrival })
    }
}

fn spare_buffer() -> Box<Buffer> {
    // The thread may be ending.
    let spare = SPARE.try_with(Cell::take).unwrap_or(None);
    spare.unwrap_or_else(|| {
        let bytes = vec![0; BATCH * SLOT].into_boxed_slice();
        Box::new(Buffer { bytes, arrivals: [Arrival::NONE; BATCH] })
    })
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        let buffer = self.buffer.take();
        // One is enough: more are in use only while futures look at what they got.
        let _ = SPARE.try_with(|spare| spare.set(buffer));
    }
}

impl fmt::Debug for Datagrams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
