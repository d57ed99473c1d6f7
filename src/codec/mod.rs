//! Lines and frames cut out of bytes, without any I/O.
//!
//! A decoder is fed chunks as they come, however the bytes were split, and lends one item after the
//! other. An item that lies within one chunk is lent from there and never copied; what is cut in two
//! is put together in a buffer that is used again. Nothing is kept beyond the decoder's limit, and
//! a length above it is refused before a byte is stored.
//!
//! They fit into a [`Handler`](crate::Handler) value, or whatever else has the bytes:
//!
//! ```no_run
//! use unspin::codec::LineDecoder;
//! use unspin::net::{TcpListener, TcpStream};
//! use unspin::Handler;
//!
//! #[derive(Default)]
//! struct Greeter(LineDecoder);
//!
//! impl Greeter {
//!     fn greet(&mut self, stream: &TcpStream, mut chunk: &[u8]) -> unspin::Result<()> {
//!         while let Some(name) = self.0.decode(&mut chunk)? {
//!             stream.write(&[b"hello ", name, b"\n"].concat());
//!         }
//!         Ok(())
//!     }
//! }
//!
//! impl Handler<TcpStream> for Greeter {
//!     fn data(&mut self, stream: &TcpStream, chunk: &[u8]) {
//!         if let Err(error) = self.greet(stream, chunk) {
//!             stream.write(format!("{error}\n").as_bytes());
//!             stream.end();
//!         }
//!     }
//! }
//!
//! # fn main() -> unspin::Result<()> {
//! unspin::run(|| {
//!     TcpListener::bind("127.0.0.1:7000")?.serve(|_peer| Greeter::default());
//!     Ok(())
//! })
//! # }
//! ```
//!
//! [`stream::lines`](crate::stream::lines()) and [`stream::framed`](crate::stream::framed()) do this
//! for any source, with callbacks or awaited.

mod delimiter;
mod frames;
mod length;
mod lines;
mod pieces;

pub use frames::{FrameDecoder, Framing};
pub use lines::LineDecoder;
pub(crate) use lines::line_end;
