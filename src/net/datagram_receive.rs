//! Receiving datagrams.

use std::io::{self, ErrorKind};
use std::rc::Rc;

use crate::error::Error;
use crate::net::datagram_batch::{self, Datagram, Datagrams};
use crate::net::datagram_endpoint::{BATCHES_PER_TURN, Endpoint, Post};
use crate::stream::Facts;
use crate::trace::{CallbackKind, event};

/// What decides whether datagrams are received. A socket whose own queue is above the mark is not
/// read: whoever asks faster than we can answer would fill our memory.
const RECEIVES: Facts =
    Facts::READABLE.and(Facts::HAS_READER).and(Facts::PAUSED).and(Facts::CLOSED).and(Facts::FULL);

impl<S: Post> Endpoint<S> {
    /// Receives what is there and hands it to the handler, one by one.
    pub(crate) fn receive_ready(self: &Rc<Self>, socket: &S) {
        for _ in 0..BATCHES_PER_TURN {
            if !self.can_receive() {
                return;
            }
            match self.kept.take().map_or_else(|| self.receive_batch(), |kept| Ok(Some(kept))) {
                Ok(Some(datagrams)) => self.hand_on(socket, datagrams),
                Ok(None) => {}
                Err(error) => self.failed(error),
            }
        }
    }

    pub(crate) fn can_receive(&self) -> bool {
        self.state.of(RECEIVES, Facts::READABLE | Facts::HAS_READER)
    }

    /// One system call; `None` if there was nothing after all.
    pub(crate) fn receive_batch(&self) -> Result<Option<Datagrams<S::Address>>, Error> {
        let received = match &*self.io.borrow() {
            Some(io) => datagram_batch::receive(io, S::spare(), S::SLOT),
            None => Err(ErrorKind::NotConnected.into()),
        };
        match received {
            Ok(datagrams) => {
                // The socket is empty. Not so if there was an error: it comes with the next call,
                // and no edge will tell of it again.
                if !datagrams.is_full() && !self.state.is(Facts::READ_CLOSED) {
                    self.state.clear(Facts::READABLE);
                }
                Ok(Some(datagrams))
            }
            Err(error) => self.not_received(error).map_or(Ok(None), Err),
        }
    }

    /// What of a failure to receive is to be told.
    pub(crate) fn not_received(&self, error: io::Error) -> Option<Error> {
        match error.kind() {
            ErrorKind::WouldBlock => {
                self.state.clear(Facts::READABLE | Facts::READ_CLOSED);
                None
            }
            ErrorKind::Interrupted => None,
            _ if self.note_unarrived() => None,
            _ => Some(self.in_context(error)),
        }
    }

    #[cold]
    fn in_context(&self, error: io::Error) -> Error {
        let peer = self.peer.borrow().as_ref().map(S::show);
        let context = match (peer, self.local_name()) {
            (Some(peer), _) => format!("receive from {peer}"),
            (None, Some(local)) => format!("receive on {local}"),
            (None, None) => "receive".to_owned(),
        };
        Error::io(context, error)
    }

    fn hand_on(self: &Rc<Self>, socket: &S, mut datagrams: Datagrams<S::Address>) {
        while !self.state.is(Facts::CLOSED) {
            if self.state.is(Facts::PAUSED | Facts::FULL) {
                return self.keep(datagrams);
            }
            let Some(datagram) = datagrams.take_next() else { return };
            self.emit_message(socket, datagram);
        }
    }

    /// They were taken from the system, and are not lost for a pause.
    fn keep(&self, datagrams: Datagrams<S::Address>) {
        if datagrams.has_more() {
            self.state.set(Facts::READABLE);
            self.kept.set(Some(datagrams));
        }
    }

    fn emit_message(self: &Rc<Self>, socket: &S, datagram: Datagram<'_, S::Address>) {
        self.on_message.lend(&self.core, |handler, label| {
            let label = label.with_kind(CallbackKind::Message);
            self.core.task(label, || {
                // It is about what one of many peers sent: nothing is closed for it.
                if let Err(error) = handler(socket, datagram) {
                    event::resource_failed(S::NAME, label, &error);
                }
                Ok(())
            });
        });
    }
}
