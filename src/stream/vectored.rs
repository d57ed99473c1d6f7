//! Writing several slices by one system call, and writing without a queue.

use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
#[cfg(feature = "async")]
use std::task::{Context, Poll};

use crate::error::{Error, Result};
#[cfg(feature = "async")]
use crate::stream::Ticket;
use crate::stream::flow::Flow;
use crate::stream::state::Facts;
use crate::stream::{ByteStream, Io};

impl<S: ByteStream> Flow<S> {
    /// Sends what the system takes now, and queues nothing.
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> Result<usize> {
        if self.state.is(Facts::CLOSED | Facts::FAILED) {
            return Err(ErrorKind::NotConnected.into());
        }
        if self.state.is(Facts::ENDING) {
            let error = io::Error::new(ErrorKind::BrokenPipe, "`end` was called before");
            return Err(Error::io("write", error));
        }
        let Some(slices) = at_once(slices) else { return Ok(0) };
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let hindrances = Facts::QUEUED | Facts::CORKED;
        while self.state.of(hindrances | Facts::WRITABLE, Facts::WRITABLE) {
            let sent = self.send_slices(slices, offered);
            match sent.map_err(|error| Error::io("write", error))? {
                0 => {}
                sent => return Ok(sent),
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }

    /// One send of several slices, past the queue.
    fn send_slices(&self, slices: &[IoSlice<'_>], offered: usize) -> io::Result<usize> {
        let sent = match (&*self.io.borrow(), slices) {
            (Some(io), [one]) => io.send(one),
            (Some(io), many) => io.send_vectored(many),
            (None, _) => Err(ErrorKind::NotConnected.into()),
        };
        self.note_sent(sent, offered)
    }

    /// Writes all slices as one: what the system does not take is queued.
    pub(crate) fn write_vectored(self: &Rc<Self>, slices: &[IoSlice<'_>]) -> bool {
        let sent = match self.try_write(slices) {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            // `write` knows what to do then.
            Err(error) if self.state.is(Facts::CLOSED | Facts::FAILED | Facts::ENDING) => {
                drop(error);
                return self.write(&[]);
            }
            Err(error) => {
                self.fail_later(error);
                return false;
            }
        };
        self.queue_slices(slices, sent);
        self.has_room()
    }

    /// Queues what comes behind the first `skip` bytes.
    fn queue_slices(&self, slices: &[IoSlice<'_>], mut skip: usize) {
        for slice in slices {
            let skipped = skip.min(slice.len());
            skip -= skipped;
            self.queue.borrow_mut().push(&slice[skipped..]);
        }
        if self.queue.borrow().length() > 0 {
            self.queued();
        }
    }

    /// Sends what the system takes of the slices, behind what is queued.
    #[cfg(feature = "async")]
    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        ticket: &Ticket,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let fits = !self.state.is(Facts::CORKED) && !self.has_had_its_share();
        match if fits { self.try_write(slices) } else { Err(ErrorKind::WouldBlock.into()) } {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let first = slices.iter().find(|slice| !slice.is_empty());
                self.poll_unwritable(cx, ticket, first.map_or(&[][..], |slice| slice))
            }
            other => Poll::Ready(other),
        }
    }
}

/// As many as one call takes, from the first that is not empty; `None` if all are.
fn at_once<'a, 'b>(slices: &'a [IoSlice<'b>]) -> Option<&'a [IoSlice<'b>]> {
    /// `IOV_MAX` on Linux and macOS.
    const MOST: usize = 1024;
    let first = slices.iter().position(|slice| !slice.is_empty())?;
    let rest = &slices[first..];
    Some(&rest[..rest.len().min(MOST)])
}
