//! Sockets: TCP, UDP and Unix sockets, and the names of hosts.
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
#[cfg(feature = "async")]
mod accept_poll;
mod address;
pub(crate) mod close_all;
mod connect;
mod connect_options;
mod datagram_batch;
mod datagram_endpoint;
#[cfg(feature = "async")]
mod datagram_futures;
mod datagram_methods;
mod datagram_outbox;
#[cfg(feature = "async")]
mod datagram_poll;
mod datagram_receive;
mod datagram_send;
#[cfg(feature = "async")]
mod incoming;
mod inherited;
mod keepalive;
mod listener;
mod listener_methods;
mod lookup;
mod tcp_connect;
mod tcp_settings;
mod tcp_std;
mod tcp_stream;
mod udp;
mod udp_options;
mod udp_settings;
mod unix_address;
mod unix_connect;
mod unix_datagram;
mod unix_io;
mod unix_listener;
mod unix_passing;
mod unix_path;
mod unix_stream;

#[cfg(feature = "async")]
pub use crate::stream::Chunk;
pub use address::Address;
pub use close_all::ClosedAll;
pub use connect_options::ConnectOptions;
pub use datagram_batch::{Datagram, Datagrams};
#[cfg(feature = "async")]
pub use datagram_futures::Received;
#[cfg(feature = "async")]
pub use incoming::Incoming;
pub use inherited::{Inherited, InheritedSocket, inherited_listeners};
pub use keepalive::Keepalive;
pub use listener::{ListenOptions, TcpListener};
pub use lookup::{lookup_address, lookup_host};
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
pub use udp_options::UdpOptions;
pub use unix_address::UnixAddress;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::UnixListener;
pub use unix_stream::{PeerCredentials, UnixStream};
