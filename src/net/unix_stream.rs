//! Streams between processes of one machine.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::SocketAddr;
use std::panic::Location;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::net::unix_address::UnixAddress;
use crate::net::unix_connect;
use crate::net::unix_io::UnixIo;
use crate::request::Request;
use crate::stream::{self, Flow, byte_stream};
use crate::sys::credentials;
use crate::trace::{CallbackKind, Label};

/// A connection through a Unix socket: a cheap handle, to be cloned at will.
///
/// It is used as a [`TcpStream`](crate::net::TcpStream) is: the same handlers, the same ownership,
/// the same backpressure, the same futures.
///
/// **Closing.** Bytes that were written are not lost when a stream is closed: the peer reads them,
/// and then the end; but a stream that is closed while bytes that it received are unread tells its
/// peer `ConnectionReset` on Linux.
pub struct UnixStream(Rc<Flow<UnixStream>>);

/// Who is at the other end of a Unix stream, as the system saw it when the connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PeerCredentials {
    /// The process, where the system tells.
    pub pid: Option<i32>,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

impl UnixStream {
    /// Connects to a path, or to an abstract name.
    ///
    /// Where the listener's backlog is full, it is tried again until there is room.
    ///
    /// ```no_run
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     unspin::net::UnixStream::connect("/run/echo.sock").callback(|stream| {
    ///         let stream = stream?;
    ///         stream.on_data(|_, chunk| println!("{}", String::from_utf8_lossy(chunk)));
    ///         stream.write(b"hello");
    ///         stream.end();
    ///         Ok(())
    ///     });
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such path; `ConnectionRefused` if nobody listens there, or if it is
    /// no socket; `PermissionDenied`; `InvalidInput` as for [`bind`](crate::net::UnixListener::bind).
    #[track_caller]
    pub fn connect(address: impl UnixAddress) -> Request<UnixStream> {
        unix_connect::request(Location::caller(), address.to_unix_addr())
    }

    /// Two streams that are connected to each other.
    ///
    /// ```
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let (one, other) = unspin::net::UnixStream::pair()?;
    ///     one.on_data(|_, chunk| println!("{}", String::from_utf8_lossy(chunk)));
    ///     other.write(b"hello");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system says: it may be out of descriptors.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn pair() -> Result<(UnixStream, UnixStream)> {
        let core = current();
        let label = core.label(CallbackKind::Open, Location::caller());
        let pair = || {
            let (one, other) = mio::net::UnixStream::pair()?;
            Ok((adopt(&core, label, one)?, adopt(&core, label, other)?))
        };
        pair().map_err(|error| Error::io("make a pair of streams", error))
    }

    /// This side's name: a client has none, as a rule.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.with_io(|io| io.local_addr())
    }

    /// The peer's name.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.with_io(|io| io.peer_addr())
    }

    /// Who is at the other end. The system vouches for it: nobody can pretend to be another.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn peer_credentials(&self) -> Result<PeerCredentials> {
        let (pid, uid, gid) = self.with_io(|io| credentials::of_peer(&**io))?;
        Ok(PeerCredentials { pid, uid, gid })
    }

    /// Passes a descriptor, to go with the byte that is written next.
    ///
    /// The peer gets a descriptor of its own for the same file or socket; this one is closed once it
    /// is sent. If no byte is written after it, it is not sent.
    ///
    /// ```
    /// use std::fs::File;
    /// use std::io::Read;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let (one, other) = unspin::net::UnixStream::pair()?;
    ///     one.pass_descriptor(File::open("Cargo.toml")?)?;
    ///     one.write(b"the manifest");
    ///     other.accept_descriptors(true)?;
    ///     other.on_data(|stream, _chunk| {
    ///         let mut file = File::from(stream.take_descriptor().expect("it goes with the bytes"));
    ///         let mut manifest = String::new();
    ///         file.read_to_string(&mut manifest)?;
    ///         assert!(manifest.contains("[package]"));
    ///         stream.close();
    ///         unspin::Result::Ok(())
    ///     });
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed.
    pub fn pass_descriptor(&self, descriptor: impl Into<OwnedFd>) -> Result<()> {
        let (ahead, descriptor) = (self.writable_length(), descriptor.into());
        self.with_io(|io| {
            io.passing().push(descriptor, ahead);
            Ok(())
        })
    }

    /// Whether descriptors that the peer passes are kept for
    /// [`take_descriptor`](UnixStream::take_descriptor). Default: no; the system closes them.
    ///
    /// The stream fails with `InvalidData` if there are more than 253 that nobody has taken, so that
    /// a peer cannot use up this process's descriptors.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed.
    pub fn accept_descriptors(&self, accept: bool) -> Result<()> {
        self.with_io(|io| {
            io.passing().accepts.set(accept);
            Ok(())
        })
    }

    /// The next descriptor that the peer has passed: it comes with the chunk that holds its byte.
    ///
    /// It is closed on `exec`.
    pub fn take_descriptor(&self) -> Option<OwnedFd> {
        self.0.io.borrow().as_ref()?.taken()
    }

    fn with_io<T>(&self, f: impl FnOnce(&UnixIo) -> io::Result<T>) -> Result<T> {
        match &*self.0.io.borrow() {
            Some(io) => Ok(f(io)?),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

fn adopt(
    core: &crate::event_loop::core::Loop,
    label: Label,
    io: mio::net::UnixStream,
) -> io::Result<UnixStream> {
    let mut io = UnixIo::new(io);
    let key = core.register(&mut io, false)?;
    Ok(stream::attach(core, key, io, label))
}

byte_stream!(UnixStream, UnixIo, "unix stream");
