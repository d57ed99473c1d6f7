//! What the types of byte streams tell their core.

use std::io;
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
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
    fn send_vectored(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize>;
    fn shut_down_write(&self) -> io::Result<()>;
    /// The peer, for listings.
    fn describe(&self) -> String;
}
