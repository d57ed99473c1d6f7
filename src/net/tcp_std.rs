//! Sockets of std, taken over and given back.

use std::io;
use std::panic::Location;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::net::accept::Acceptor;
use crate::net::listener::TcpListener;
use crate::net::tcp_stream::TcpStream;
use crate::stream;
use crate::trace::CallbackKind;

impl TcpStream {
    /// Takes a connected socket of std over. It is made non-blocking.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn from_std(socket: std::net::TcpStream) -> Result<TcpStream> {
        let core = current();
        let label = core.label(CallbackKind::Open, Location::caller());
        let watch = || {
            socket.set_nonblocking(true)?;
            let mut io = mio::net::TcpStream::from_std(socket);
            let key = core.register(&mut io, false)?;
            Ok(stream::attach(&core, key, io, label))
        };
        watch().map_err(|error| Error::io("watch a connection", error))
    }

    /// Gives the socket back, blocking as those of std are. What was received and not read is still
    /// in it.
    ///
    /// For the loop the stream is closed then, for all its handles, and its close handler is called.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use unspin::net::TcpListener;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let mut peer = std::net::TcpStream::connect(listener.local_addr()?)?;
    ///     peer.write_all(b"hello")?;
    ///     let itself = listener.clone();
    ///     listener.on_connection(move |stream, _peer| {
    ///         itself.close();
    ///         let mut socket = stream.into_std()?;
    ///         std::thread::spawn(move || socket.read_exact(&mut [0; 5]).expect("it is there"));
    ///         unspin::Result::Ok(())
    ///     });
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `ResourceBusy` while bytes that were written wait to be sent: see
    /// [`flushed`](TcpStream::flushed). `NotConnected` if the stream is closed or has failed. The
    /// stream is then as it was, and so are its other handles; the last one that is dropped closes
    /// it, once all is sent.
    pub fn into_std(self) -> Result<std::net::TcpStream> {
        let socket = std::net::TcpStream::from(self.0.hand_over()?);
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}

impl TcpListener {
    /// Takes a listening socket of std over. It is made non-blocking.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn from_std(socket: std::net::TcpListener) -> Result<TcpListener> {
        let (core, at) = (current(), Location::caller());
        let watch = || -> io::Result<TcpListener> {
            socket.set_nonblocking(true)?;
            let io = mio::net::TcpListener::from_std(socket);
            Acceptor::open(&core, io, at).map(TcpListener)
        };
        watch().map_err(|error| Error::io("watch a listener", error))
    }

    /// Gives the socket back, blocking as those of std are. Connections that wait to be accepted
    /// stay with it; those that were accepted live on.
    ///
    /// For the loop the listener is closed then, for all its handles, and its close handler is
    /// called.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the listener is closed, and what the system says.
    pub fn into_std(self) -> Result<std::net::TcpListener> {
        let socket = std::net::TcpListener::from(self.0.hand_over()?);
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}
