//! TCP: listeners and streams.
//!
//! ```no_run
//! use unspin::net::TcpListener;
//!
//! fn main() -> unspin::Result<()> {
//!     unspin::run(|| {
//!         let listener = TcpListener::bind("127.0.0.1:7000")?;
//!         listener.on_connection(|stream, _peer| {
//!             stream.on_data(|stream, chunk| {
//!                 stream.write(chunk);
//!             });
//!         });
//!         Ok(())
//!     })
//! }
//! ```

mod accept;
mod address;
mod connect;
mod listener;
mod tcp_stream;

pub use address::Address;
pub use listener::{ListenOptions, TcpListener};
pub use tcp_stream::TcpStream;
