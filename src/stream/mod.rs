//! What bytes come from and go to: [`Readable`] and [`Writable`], and how they are joined.
//!
//! Below that is one core for every kind of byte stream. A stream type is a handle of a `Flow`, which
//! does the work: TCP and Unix streams, and the ends of pipes, which are streams whose other direction
//! has ended before it began. Ground rules:
//!
//! * Reads and writes go to the descriptor at once where it is ready; readiness is remembered, so
//!   no system call asks for it.
//! * A handler is taken out of its place while it runs, and put back unless it was replaced: so it
//!   may close, write, or install another.
//! * Until a data handler is installed, the handles own the stream; then the loop does, until it
//!   is closed.

mod decoded;
#[cfg(feature = "async")]
mod decoded_futures;
mod flow;
mod flush;
mod framed;
#[cfg(feature = "async")]
pub(crate) mod futures;
mod guest;
mod hand_over;
mod handlers;
mod idle;
mod items;
mod kind;
mod lines;
pub(crate) mod methods;
mod pipe;
mod pipeline;
#[cfg(feature = "async")]
mod poll;
mod queue;
mod read;
mod readable;
mod state;
mod tee;
mod transform;
mod vectored;
#[cfg(feature = "async")]
mod wakers;
mod writable;
mod write;

pub(crate) use flow::Flow;
pub use framed::{Framed, framed};
#[cfg(feature = "async")]
pub(crate) use futures::Waiting;
pub(crate) use handlers::{Extras, OnError, OnStream};
pub(crate) use kind::{Io, Kind};
pub use lines::{Lines, lines, lines_of};
pub(crate) use methods::{byte_reader, byte_stream, byte_writer};
pub use pipe::pipe;
pub use pipeline::{Pipeline, pipeline};
#[cfg(feature = "async")]
pub use poll::Chunk;
#[cfg(feature = "async")]
pub(crate) use poll::Side;
pub(crate) use queue::WriteQueue;
pub use readable::{Done, Readable, Reader};
pub(crate) use readable::{closed_early, displaced};
pub(crate) use state::{Facts, State};
pub use tee::{Tee, tee};
pub use transform::{Output, Transform};
#[cfg(feature = "async")]
pub(crate) use wakers::{Ticket, Wakers};
pub use writable::Writable;

use crate::error::Error;
use crate::event_loop::core::Loop;
use crate::reactor::Readiness;
use crate::slots::Key;
use crate::trace::Label;

/// What [`Handler`] works with: the streams of this crate.
pub trait ByteStream: Kind + Clone + 'static {}

/// What a stream calls, as methods of one value that holds the connection's state.
///
/// Each call is a task of its own. All have a default, so that a handler names only what it needs.
/// Closures ([`on_data`](crate::net::TcpStream::on_data) and its siblings) are the lighter way
/// where there is no state.
///
/// ```no_run
/// use unspin::Handler;
/// use unspin::net::{TcpListener, TcpStream};
///
/// struct Count {
///     bytes: usize,
/// }
///
/// impl Handler<TcpStream> for Count {
///     fn data(&mut self, stream: &TcpStream, chunk: &[u8]) {
///         self.bytes += chunk.len();
///         stream.write(chunk);
///     }
///
///     fn close(&mut self, _: &TcpStream) {
///         println!("{} bytes", self.bytes);
///     }
/// }
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let listener = TcpListener::bind("127.0.0.1:7000")?;
///     listener.serve(|_peer| Count { bytes: 0 });
///     Ok(())
/// })
/// # }
/// ```
pub trait Handler<S: ByteStream> {
    /// The stream is open, and this handler is installed.
    fn open(&mut self, stream: &S) {
        let _ = stream;
    }

    /// Bytes came. The chunk is lent for this call; its size means nothing.
    fn data(&mut self, stream: &S, chunk: &[u8]);

    /// The peer has sent all it will send. Afterwards the stream ends its own side as well, and is
    /// closed once all is written, unless half-open streams are allowed.
    fn end(&mut self, stream: &S) {
        let _ = stream;
    }

    /// The write queue is empty, after a `write` had returned `false`.
    fn drain(&mut self, stream: &S) {
        let _ = stream;
    }

    /// Nothing was sent or received for the idle timeout. The default closes the stream.
    fn idle(&mut self, stream: &S) {
        stream.flow().close();
    }

    /// The stream failed; it is closed next. The default logs a warning.
    fn error(&mut self, stream: &S, error: Error) {
        stream.flow().log_failure(&error);
    }

    /// The stream is closed: the last call, in the Close phase.
    fn close(&mut self, stream: &S) {
        let _ = stream;
    }
}

/// Makes a stream of a descriptor that is registered already.
pub(crate) fn attach<S: ByteStream>(core: &Loop, key: Key, io: S::Io, label: Label) -> S {
    S::of_flow(Flow::attach(core, key, io, label))
}

/// Tells a new stream what its descriptor was found ready for.
pub(crate) fn note_readiness<S: ByteStream>(stream: &S, readiness: Readiness) {
    let flow = stream.flow();
    flow.state.note(readiness);
}
