//! Giving a descriptor back to whoever asks for it.

use std::io;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::stream::ByteStream;
use crate::stream::flow::Flow;
use crate::stream::state::Facts;

impl<S: ByteStream> Flow<S> {
    /// Gives the descriptor up, still open. For the loop the stream is closed then, and tells so.
    ///
    /// # Errors
    ///
    /// `NotConnected` if it is closed or has failed; `ResourceBusy` while bytes are queued, which
    /// would be lost. Nothing has happened then.
    pub(crate) fn hand_over(self: &Rc<Self>) -> Result<S::Io> {
        if self.state.is(Facts::CLOSED | Facts::FAILED) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if self.state.is(Facts::QUEUED) {
            let message = "bytes that were written wait to be sent";
            let error = io::Error::new(io::ErrorKind::ResourceBusy, message);
            return Err(Error::io("hand over", error));
        }
        let Some(mut io) = self.io.take() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let held = self.core.deregister(self.key, &mut io);
        self.close();
        // Possibly the last owner but the caller.
        drop(held);
        Ok(io)
    }
}
