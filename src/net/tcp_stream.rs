//! TCP streams.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use crate::error::{Error, Outcome, Result};
use crate::event_loop::place::Place;
use crate::event_loop::source::Source;
use crate::net::address::Address;
use crate::net::connect;
use crate::request::Request;
use crate::stream::{ByteStream, Extras, Facts, Flow, Handler, Io, Kind, OnError, OnStream};
use crate::sys::socket;
use crate::trace::{At, CallbackKind, Label};

/// A TCP connection: a cheap handle, to be cloned at will.
///
/// **Who owns it.** Until a data handler is installed, its handles do: dropping the last one closes
/// the connection, once what was written is sent. Installing one ([`on_data`](TcpStream::on_data),
/// [`handle`](TcpStream::handle), [`pipe`](crate::pipe())) hands it to the loop: then it lives
/// until it is closed, as in Node.
///
/// **Closing.** A stream that is closed, or dropped, while bytes that it received are unread is reset
/// by the system, and what the peer has not read of ours may be lost with that. That is TCP: read to
/// the end, or [`end`](TcpStream::end) and wait for the peer's end, where every byte counts.
///
/// **Backpressure.** [`write`](TcpStream::write) returns `false` above the high-water mark, and
/// `drain` follows. A stream whose own write queue is above the mark is not read until it drains,
/// so an echo cannot be drowned by a peer that never reads.
///
/// **Alive.** A stream that is read, or that has bytes to send, keeps the loop alive; an idle one
/// that nobody reads, or a paused one, does not.
pub struct TcpStream(Rc<Flow<TcpStream>>);

impl TcpStream {
    /// Connects to an address.
    ///
    /// ```no_run
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     unspin::net::TcpStream::connect("127.0.0.1:7000").callback(|stream| {
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
    /// `InvalidInput` if `address` is not one; `ConnectionRefused`, `TimedOut`,
    /// `NetworkUnreachable`, `HostUnreachable`, `AddrNotAvailable` and what else the system says.
    #[track_caller]
    pub fn connect(address: impl Address) -> Request<TcpStream> {
        connect::request(Location::caller(), address.to_socket_addr())
    }

    /// Calls `handler` with each chunk of bytes that comes, lent for the call.
    ///
    /// An error that it returns is logged at WARN and closes this stream, and nothing else.
    #[track_caller]
    pub fn on_data<R: Outcome>(
        &self,
        mut handler: impl FnMut(&TcpStream, &[u8]) -> R + 'static,
    ) -> &TcpStream {
        let run = move |stream: &TcpStream, chunk: &[u8]| handler(stream, chunk).into_result();
        self.0.install_data(self.label(Location::caller()), Box::new(run));
        self
    }

    /// Calls `handler` when the peer has sent all it will send.
    ///
    /// Afterwards this side is ended too, unless half-open streams are allowed. The end is only
    /// seen by a stream that is read.
    #[track_caller]
    pub fn on_end<R: Outcome>(&self, handler: impl FnMut(&TcpStream) -> R + 'static) -> &TcpStream {
        self.on(Location::caller(), |extras| &extras.end, handler)
    }

    /// Calls `handler` when the write queue is empty after a `write` had returned `false`.
    #[track_caller]
    pub fn on_drain<R: Outcome>(
        &self,
        handler: impl FnMut(&TcpStream) -> R + 'static,
    ) -> &TcpStream {
        self.on(Location::caller(), |extras| &extras.drain, handler)
    }

    /// Calls `handler` when nothing was sent or received for the idle timeout. The stream stays
    /// open; without such a handler it fails with `TimedOut`.
    #[track_caller]
    pub fn on_idle<R: Outcome>(
        &self,
        handler: impl FnMut(&TcpStream) -> R + 'static,
    ) -> &TcpStream {
        self.on(Location::caller(), |extras| &extras.idle, handler)
    }

    /// Calls `handler` when the stream fails, before it is closed. Without one, the failure is
    /// logged at WARN.
    #[track_caller]
    pub fn on_error<R: Outcome>(
        &self,
        mut handler: impl FnMut(&TcpStream, Error) -> R + 'static,
    ) -> &TcpStream {
        let run: Box<OnError<TcpStream>> =
            Box::new(move |stream, error| handler(stream, error).into_result());
        self.0.handlers.fill(|extras| &extras.error, self.label(Location::caller()), run);
        self
    }

    /// Calls `handler` when the stream is closed, for whatever reason: the last call, in the Close
    /// phase.
    #[track_caller]
    pub fn on_close<R: Outcome>(
        &self,
        handler: impl FnMut(&TcpStream) -> R + 'static,
    ) -> &TcpStream {
        self.on(Location::caller(), |extras| &extras.close, handler)
    }

    /// Installs a handler value: it gets every call, and closures that are installed get none.
    #[track_caller]
    pub fn handle(&self, handler: impl Handler<TcpStream> + 'static) -> &TcpStream {
        self.0.install(self.label(Location::caller()), Box::new(handler));
        self
    }

    /// Writes bytes: sends them at once as far as the system takes them, and queues a copy of the
    /// rest.
    ///
    /// Returns whether the queue is below the high-water mark. `false` is a request to wait for
    /// `drain`; the bytes are accepted all the same. On a stream that is closed or has failed the
    /// bytes are dropped, and the result is `false`. A write after [`end`](TcpStream::end) fails
    /// the stream with `BrokenPipe`. Other failures are told to the error handler in the next turn.
    pub fn write(&self, bytes: &[u8]) -> bool {
        self.0.write(bytes)
    }

    /// Writes bytes as [`write`](TcpStream::write) does, without copying what must be queued.
    pub fn write_owned(&self, bytes: impl Into<Vec<u8>>) -> bool {
        self.0.write_owned(bytes.into())
    }

    /// Ends this side: the peer sees the end of the stream once all that was written is sent.
    ///
    /// The other side stays open until the peer ends it; then the stream is closed.
    pub fn end(&self) {
        self.0.end();
    }

    /// Closes the stream at once. What is queued is dropped; what the system has taken is sent.
    pub fn close(&self) {
        self.0.close();
    }

    /// Closes the stream by a reset: the peer gets `ConnectionReset` instead of an end.
    ///
    /// # Errors
    ///
    /// What the system says if it cannot; the stream is then closed in the ordinary way.
    pub fn reset(&self) -> Result<()> {
        let set = self.0.io.borrow().as_ref().map_or(Ok(()), Io::set_reset_on_close);
        self.0.close();
        Ok(set?)
    }

    /// Stops reading. Nothing is told to the system: the peer notices when its bytes pile up.
    pub fn pause(&self) {
        self.0.pause();
    }

    /// Starts reading again, from the next turn on.
    pub fn resume(&self) {
        self.0.resume();
    }

    /// Gathers the writes that follow into as few system calls as possible, until
    /// [`uncork`](TcpStream::uncork) or the end of this task's checkpoint.
    pub fn cork(&self) {
        self.0.cork();
    }

    /// Sends what [`cork`](TcpStream::cork) held back.
    pub fn uncork(&self) {
        self.0.uncork();
    }

    /// How many queued bytes make `write` return `false`. Default: 64 KiB.
    pub fn high_water_mark(&self) -> usize {
        self.0.high_water_mark.get()
    }

    /// Sets the high-water mark, in bytes.
    pub fn set_high_water_mark(&self, bytes: usize) {
        self.0.set_high_water_mark(bytes);
    }

    /// Bytes that are accepted and not yet sent.
    pub fn writable_length(&self) -> usize {
        self.0.queue.borrow().length()
    }

    /// Bytes received so far.
    pub fn bytes_read(&self) -> u64 {
        self.0.bytes_read.get()
    }

    /// Bytes handed to the system so far.
    pub fn bytes_written(&self) -> u64 {
        self.0.bytes_written.get()
    }

    /// Whether the stream stays open for writing after the peer has ended its side. Default: no.
    pub fn allow_half_open(&self, allow: bool) {
        self.0.state.put(Facts::HALF_OPEN_ALLOWED, allow);
    }

    /// Whether the stream is closed, or about to tell so.
    pub fn is_closed(&self) -> bool {
        self.0.state.is(Facts::CLOSED)
    }

    /// Sends small segments at once, instead of waiting for more (`TCP_NODELAY`). Default: off.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn set_nodelay(&self, nodelay: bool) -> Result<()> {
        self.with_io(|io| io.set_nodelay(nodelay))
    }

    /// Lets the system probe an idle connection after this time, in whole seconds, rounded up;
    /// `None` turns that off (default).
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn set_keepalive(&self, after: Option<Duration>) -> Result<()> {
        self.with_io(|io| {
            let socket = SockRef::from(io);
            match after {
                Some(after) => {
                    let secs = after.as_secs() + u64::from(after.subsec_nanos() > 0);
                    // The system takes no zero.
                    let after = Duration::from_secs(secs.max(1));
                    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(after))
                }
                None => socket.set_keepalive(false),
            }
        })
    }

    /// Watches for silence: after this time without a byte either way, the idle handler is called,
    /// or the stream fails with `TimedOut`. `None` turns it off (default).
    ///
    /// The time counts from the turn in which bytes went last. The watch does not keep the loop
    /// alive.
    #[track_caller]
    pub fn set_idle_timeout(&self, timeout: Option<Duration>) {
        let label = self.0.core.label(CallbackKind::Idle, Location::caller());
        self.0.set_idle_timeout(label, timeout);
    }

    /// This side's address.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.with_io(mio::net::TcpStream::local_addr)
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, or was reset before it was asked for.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.with_io(mio::net::TcpStream::peer_addr)
    }

    /// Lets the loop end although this stream is active.
    pub fn unref(&self) -> &TcpStream {
        self.0.set_referenced(false);
        self
    }

    /// Makes this stream keep the loop alive while it is active, as it does from the start.
    pub fn ref_(&self) -> &TcpStream {
        self.0.set_referenced(true);
        self
    }

    /// Whether this stream keeps the loop alive while it is active.
    pub fn has_ref(&self) -> bool {
        self.0.activity.is_referenced()
    }

    fn on<R: Outcome>(
        &self,
        at: At,
        place: fn(&Extras<TcpStream>) -> &Place<OnStream<TcpStream>>,
        mut handler: impl FnMut(&TcpStream) -> R + 'static,
    ) -> &TcpStream {
        let run = Box::new(move |stream: &TcpStream| handler(stream).into_result());
        self.0.handlers.fill(place, self.label(at), run);
        self
    }

    fn with_io<T>(&self, f: impl FnOnce(&mio::net::TcpStream) -> io::Result<T>) -> Result<T> {
        match &*self.0.io.borrow() {
            Some(io) => Ok(f(io)?),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn label(&self, at: At) -> Label {
        // The kind is set when the handler is lent.
        self.0.core.label(CallbackKind::Data, at)
    }
}

impl Kind for TcpStream {
    type Io = mio::net::TcpStream;
    const NAME: &'static str = "tcp stream";

    fn of_flow(flow: Rc<Flow<TcpStream>>) -> TcpStream {
        TcpStream(flow)
    }

    fn flow(&self) -> &Rc<Flow<TcpStream>> {
        &self.0
    }
}

impl ByteStream for TcpStream {}

impl Clone for TcpStream {
    fn clone(&self) -> TcpStream {
        TcpStream(Rc::clone(&self.0))
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.0.handle_dropped();
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpStream({})", self.0.describe().state)
    }
}

impl Io for mio::net::TcpStream {
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::recv(self, buffer)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        socket::send(self, bytes)
    }

    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // Not `write_vectored`: that is writev, which raises SIGPIPE in a process that has not
        // turned it off, as a host program may not have.
        SockRef::from(self).send_vectored_with_flags(slices, socket::NO_SIGNAL)
    }

    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn set_reset_on_close(&self) -> io::Result<()> {
        SockRef::from(self).set_linger(Some(Duration::ZERO))
    }

    fn describe(&self) -> String {
        self.peer_addr().map_or_else(|_| "a peer that is gone".to_owned(), |peer| peer.to_string())
    }
}
