//! Descriptors that go with the bytes of a Unix stream.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};

use mio::net::UnixStream;

use crate::sys::{passing, socket};

/// Those that nobody has taken, or sent, yet. Only a stream that passes descriptors has this.
#[derive(Default)]
pub(crate) struct Passing {
    /// Without it, the system closes what comes.
    pub(crate) accepts: Cell<bool>,
    received: RefCell<VecDeque<OwnedFd>>,
    /// Each with the place, counted in bytes, of the byte that it goes with.
    outgoing: RefCell<VecDeque<(u64, OwnedFd)>>,
    /// Bytes sent since there is this.
    sent: Cell<u64>,
}

impl Passing {
    /// Sends `descriptor` with the first byte behind the next `ahead` ones.
    pub(crate) fn push(&self, descriptor: OwnedFd, ahead: usize) {
        let place = self.sent.get() + ahead as u64;
        self.outgoing.borrow_mut().push_back((place, descriptor));
    }

    pub(crate) fn take(&self) -> Option<OwnedFd> {
        self.received.borrow_mut().pop_front()
    }

    /// Receives until `buffer` is full or the socket is empty, as a short read is taken for empty:
    /// the system stops behind each message that has a descriptor.
    pub(crate) fn recv(&self, io: &UnixStream, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            let before = self.untaken();
            let room = &mut buffer[filled..];
            match passing::recv(io, room, &mut *self.received.borrow_mut()) {
                Ok(length) => filled += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock && filled > 0 => {
                    return Ok(filled);
                }
                Err(error) => return Err(error),
            }
            if self.untaken() > passing::MOST {
                let why = "the peer passes more descriptors than anybody takes";
                return Err(io::Error::new(ErrorKind::InvalidData, why));
            }
            if self.untaken() == before || filled == buffer.len() {
                return Ok(filled);
            }
        }
    }

    fn untaken(&self) -> usize {
        self.received.borrow().len()
    }

    /// Sends `bytes`, with the descriptors that go with them. What is not sent was refused by the
    /// system, as a short send is taken for: it will say when it takes more.
    pub(crate) fn send(&self, io: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            let part = self.up_to_next(&bytes[done..]);
            match self.send_part(io, part) {
                Ok(length) => {
                    self.sent.set(self.sent.get() + length as u64);
                    done += length;
                    if length < part.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && done > 0 => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// The bytes in front of the next one with which a descriptor goes that is not due yet.
    fn up_to_next<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let outgoing = self.outgoing.borrow();
        let next =
            outgoing.iter().find_map(|(place, _)| match place.checked_sub(self.sent.get()) {
                Some(ahead @ 1..) => usize::try_from(ahead).ok(),
                _ => None,
            });
        &bytes[..next.map_or(bytes.len(), |ahead| ahead.min(bytes.len()))]
    }

    /// One send, with the descriptors that are due.
    fn send_part(&self, io: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
        let mut outgoing = self.outgoing.borrow_mut();
        let due = outgoing.iter().take_while(|(place, _)| *place <= self.sent.get());
        let due: Vec<_> = due.take(passing::MOST).map(|(_, one)| one.as_fd()).collect();
        if due.is_empty() {
            return socket::send(io, bytes);
        }
        let count = due.len();
        let sent = passing::send(io, bytes, &due)?;
        outgoing.drain(..count);
        Ok(sent)
    }
}
