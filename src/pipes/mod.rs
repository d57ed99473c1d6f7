//! Pipes: bytes that go one way, between the parts of a program or between programs.
//!
//! [`PipeReader`] and [`PipeWriter`] are byte streams as [`TcpStream`](crate::net::TcpStream) is,
//! each with the half of its methods that makes sense: the same handlers, the same ownership, the
//! same backpressure, the same futures. [`unspin::pipe`](crate::pipe()) joins them with each other
//! and with sockets.
//!
//! ```
//! use unspin::pipes;
//!
//! # fn main() -> unspin::Result<()> {
//! unspin::run(|| {
//!     let (reader, writer) = pipes::pair()?;
//!     reader.on_data(|_, chunk| println!("{}", String::from_utf8_lossy(chunk)));
//!     reader.on_end(|_| println!("that was all"));
//!     writer.write(b"hello");
//!     writer.end();
//!     Ok(())
//! })
//! # }
//! ```

mod fifo;
mod io;
mod reader;
mod writer;

use std::panic::Location;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::trace::CallbackKind;

#[cfg(feature = "async")]
pub use crate::stream::Chunk;
pub(crate) use io::PipeIo;
pub use reader::PipeReader;
pub use writer::PipeWriter;

/// Makes a pipe: what is written to one end is read from the other.
///
/// The system keeps 64 KiB on their way, as a rule. Both ends are closed on `exec`.
///
/// # Errors
///
/// What the system says: it may be out of descriptors.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn pair() -> Result<(PipeReader, PipeWriter)> {
    let core = current();
    let label = core.label(CallbackKind::Open, Location::caller());
    let (writer, reader) =
        mio::unix::pipe::new().map_err(|error| Error::io("make a pipe", error))?;
    let reader = PipeReader::adopt(&core, label, PipeIo::new(reader.into(), "a pipe"))?;
    let writer = PipeWriter::adopt(&core, label, PipeIo::new(writer.into(), "a pipe"))?;
    Ok((reader, writer))
}
