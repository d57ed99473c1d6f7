//! Listeners on Unix sockets.

use std::io;
use std::os::unix::net::SocketAddr;
use std::panic::Location;
use std::rc::Rc;

use crate::error::Result;
use crate::event_loop::context::current;
use crate::net::accept::Acceptor;
use crate::net::listener_methods::listener;
use crate::net::unix_address::{UnixAddress, in_context};
use crate::net::unix_path::Bound;
use crate::net::unix_stream::UnixStream;

/// Accepts connections at a path, or at an abstract name.
///
/// In all else it is a [`TcpListener`](crate::net::TcpListener): until a connection handler is
/// installed, its handles own it, and then the loop does, until it is closed.
///
/// **The path.** Binding makes it, and closing removes it, unless somebody has put another file
/// there since. Binding removes nothing: where a file of that name exists, a program may be
/// listening. Who may connect is decided by the permissions of the directory and of the path; bind
/// in a directory of your own where that matters.
#[derive(Clone)]
pub struct UnixListener(pub(crate) Rc<Acceptor<Bound<mio::net::UnixListener>>>);

impl UnixListener {
    /// Listens at a path, or at an abstract name.
    ///
    /// ```
    /// use unspin::net::{UnixListener, UnixStream};
    ///
    /// # fn main() -> unspin::Result<()> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("echo");
    /// unspin::run(move || {
    ///     let listener = UnixListener::bind(&path)?;
    ///     let itself = listener.clone();
    ///     listener.on_connection(move |stream, _peer| {
    ///         itself.close();
    ///         stream.on_data(|stream, chunk| {
    ///             stream.write(chunk);
    ///         });
    ///     });
    ///     UnixStream::connect(&path).callback(|stream| {
    ///         let stream = stream?;
    ///         stream.on_data(|stream, chunk| {
    ///             assert_eq!(chunk, b"hello");
    ///             stream.end();
    ///         });
    ///         stream.write(b"hello");
    ///         Ok(())
    ///     });
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `AddrInUse` if there is a file of this name, whatever it is; `NotFound` if its directory does
    /// not exist; `PermissionDenied`; `InvalidInput` if the name is empty, longer than the system
    /// allows (107 bytes on Linux), or has a zero byte inside.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn bind(address: impl UnixAddress) -> Result<UnixListener> {
        let core = current();
        let at = Location::caller();
        let address = address.to_unix_addr()?;
        let listen = || {
            let io = mio::net::UnixListener::bind_addr(&address)?;
            Acceptor::open(&core, Bound::to(&address, io)?, at)
        };
        listen().map(UnixListener).map_err(|error| in_context("listen on", &address, error))
    }

    /// The path or the name that it listens on.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the listener is closed, and what the system says.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        match &*self.0.io.borrow() {
            Some(io) => Ok(io.local_addr()?),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

listener!(UnixListener, UnixStream, Bound<mio::net::UnixListener>, SocketAddr);
