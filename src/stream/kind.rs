//! What the types of byte streams tell their core.

use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use crate::stream::Flow;

/// What a stream type tells its core. Sealed: only this crate's streams are `ByteStream`s.
pub trait Kind: Sized {
    /// The descriptor.
    type Io: Io;
    /// What logs call such a stream.
    const NAME: &'static str;
    /// Whether bytes come from it.
    const READS: bool;
    /// Whether bytes go to it.
    const WRITES: bool;
    fn of_flow(flow: Rc<Flow<Self>>) -> Self;
    fn flow(&self) -> &Rc<Flow<Self>>;
}

/// A non-blocking descriptor of a byte stream.
pub trait Io: mio::event::Source + 'static {
    /// Whether a read that fills less than its buffer says that there is no more.
    const SHORT_READ_IS_LAST: bool = true;
    /// Whether what is queued is sent where the loop ends before, however long that takes.
    const SENT_AT_THE_END: bool = false;

    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
    fn send_vectored(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize>;
    fn shut_down_write(&self) -> io::Result<()>;
    /// Blocks until more can be sent. Called where it is sent at the end, and by that alone.
    fn wait_for_room(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// The peer, for listings.
    fn describe(&self) -> String;
    /// The descriptor, where files may be sent to it by the system.
    fn to_send_to(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
