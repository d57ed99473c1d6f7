//! The methods that every datagram socket has, written once; a macro for the reasons of
//! `byte_stream`.

/// What the macro names.
pub(crate) mod names {
    pub(crate) use std::fmt;
    #[cfg(feature = "async")]
    pub(crate) use std::future::{Future, poll_fn};
    pub(crate) use std::panic::Location;
    pub(crate) use std::rc::Rc;

    pub(crate) use crate::error::{Error, Outcome, Result};
    pub(crate) use crate::event_loop::source::Source;
    pub(crate) use crate::net::datagram_batch::Datagram;
    #[cfg(feature = "async")]
    pub(crate) use crate::net::datagram_batch::Datagrams;
    #[cfg(feature = "async")]
    pub(crate) use crate::net::datagram_futures::{Received, Waiting};
    #[cfg(feature = "async")]
    pub(crate) use crate::net::datagram_send::closed;
    pub(crate) use crate::request::Request;
    pub(crate) use crate::stream::Facts;
    pub(crate) use crate::trace::{At, CallbackKind, Label};
}

/// Gives a handle of an [`Endpoint`](crate::net::datagram_endpoint::Endpoint),
/// `pub struct $Socket(Rc<Endpoint<$Socket>>)`, what all datagram sockets have. `$To` is what can be
/// said for an address, and `$to_address` what makes one of it.
macro_rules! datagram_socket {
    ($Socket:ident, $Address:ty, $To:path, $to_address:ident) => {
        const _: () = {
            use $crate::net::datagram_methods::names::*;

            impl $Socket {
                /// Calls `handler` with each datagram that comes, lent for the call.
                ///
                /// An error that it returns is logged at WARN, and nothing is closed: the next datagram may be
                /// another peer's.
                #[track_caller]
                pub fn on_message<R: Outcome>(
                    &self,
                    mut handler: impl FnMut(&$Socket, Datagram<'_, $Address>) -> R + 'static,
                ) -> &$Socket {
                    let run = move |socket: &$Socket, datagram: Datagram<'_, $Address>| {
                        handler(socket, datagram).into_result()
                    };
                    self.0.install(self.label(Location::caller()), Box::new(run));
                    self
                }

                /// Calls `handler` when receiving fails, or a datagram that was written cannot be sent; the
                /// socket stays open. Without one, failures are logged at WARN.
                #[track_caller]
                pub fn on_error<R: Outcome>(
                    &self,
                    mut handler: impl FnMut(&$Socket, Error) -> R + 'static,
                ) -> &$Socket {
                    let run = move |socket: &$Socket, error| handler(socket, error).into_result();
                    self.0.on_error.fill(self.label(Location::caller()), Box::new(run));
                    self
                }

                /// Calls `handler` when all is sent after a write had returned `false`.
                #[track_caller]
                pub fn on_drain<R: Outcome>(
                    &self,
                    mut handler: impl FnMut(&$Socket) -> R + 'static,
                ) -> &$Socket {
                    let run = move |socket: &$Socket| handler(socket).into_result();
                    self.0.on_drain.fill(self.label(Location::caller()), Box::new(run));
                    self
                }

                /// Calls `handler` when the socket is closed: the last call, in the Close phase.
                #[track_caller]
                pub fn on_close<R: Outcome>(
                    &self,
                    mut handler: impl FnMut(&$Socket) -> R + 'static,
                ) -> &$Socket {
                    let run = move |socket: &$Socket| handler(socket).into_result();
                    self.0.install_on_close(self.label(Location::caller()), Box::new(run));
                    self
                }

                /// Queues a copy of `bytes` as a datagram. It is sent at the end of this turn at the latest,
                /// together with what else is written until then, or when the system has room again.
                ///
                /// Returns whether the queue is below the high-water mark. `false` is a request to wait for
                /// `drain`; the datagram is accepted all the same. On a closed socket it is dropped, and the
                /// result is `false`. What cannot be sent is told to the error handler.
                pub fn write_to(&self, bytes: &[u8], to: impl $To) -> bool {
                    self.0.write(bytes, to.$to_address().map(Some))
                }

                /// The same to the peer of a connected socket. Without one, the error handler is told
                /// `NotConnected`.
                pub fn write(&self, bytes: &[u8]) -> bool {
                    self.0.write(bytes, Ok(None))
                }

                /// Sends a datagram, and tells when the system has taken it.
                ///
                /// It goes behind what is queued, and with it. Whether it arrives, nobody knows.
                ///
                /// # Errors
                ///
                /// `InvalidInput` if `to` is no address; `NotConnected` if the socket is closed;
                /// `NetworkUnreachable`, `PermissionDenied` (a broadcast address, and broadcast is not set) and
                /// what else the system says, with the address in front. One for which
                /// [`is_cancelled`](Error::is_cancelled) holds if the socket was closed before it could be sent.
                #[track_caller]
                pub fn send_to(&self, bytes: impl Into<Vec<u8>>, to: impl $To) -> Request<()> {
                    self.request(Location::caller(), bytes.into(), to.$to_address().map(Some))
                }

                /// Sends a datagram to the peer of a connected socket, as [`send_to`](Self::send_to).
                ///
                /// # Errors
                ///
                /// As [`send_to`](Self::send_to), and `NotConnected` if there is no peer.
                /// `ConnectionRefused` if the peer's system has refused one before: then this one is not sent.
                #[track_caller]
                pub fn send(&self, bytes: impl Into<Vec<u8>>) -> Request<()> {
                    self.request(Location::caller(), bytes.into(), Ok(None))
                }

                fn request(
                    &self,
                    at: At,
                    bytes: Vec<u8>,
                    to: Result<Option<$Address>>,
                ) -> Request<()> {
                    let socket = self.clone();
                    Request::new(at, move |core, label, complete| {
                        socket.0.begin_send(core, label, (&bytes, to), complete)
                    })
                }

                /// Sends a datagram now, or not at all.
                ///
                /// # Errors
                ///
                /// `WouldBlock` if the system has no room for it, or others wait already; else as
                /// [`send_to`](Self::send_to).
                pub fn try_send_to(&self, bytes: &[u8], to: impl $To) -> Result<()> {
                    let to = Some(to.$to_address()?);
                    self.0.try_send(&[(bytes, to)]).map(drop)
                }

                /// Sends a datagram to the peer now, or not at all.
                ///
                /// # Errors
                ///
                /// As [`try_send_to`](Self::try_send_to) and [`send`](Self::send).
                pub fn try_send(&self, bytes: &[u8]) -> Result<()> {
                    self.0.try_send(&[(bytes, None)]).map(drop)
                }

                /// Sends many datagrams now, sixteen by one system call. Returns how many, from the first on,
                /// the system took; `None` as an address is the peer.
                ///
                /// # Errors
                ///
                /// As [`try_send_to`](Self::try_send_to), if not even the first was taken.
                pub fn try_send_many(
                    &self,
                    datagrams: &[(&[u8], Option<$Address>)],
                ) -> Result<usize> {
                    self.0.try_send(datagrams)
                }

                /// Stops receiving. The system keeps what comes, as far as its buffer goes.
                pub fn pause(&self) {
                    self.0.set_paused(true);
                }

                /// Receives again, from the next turn on.
                pub fn resume(&self) {
                    self.0.set_paused(false);
                }

                /// Closes the socket at once. What is queued is offered to the system once more; what it does
                /// not take is dropped.
                pub fn close(&self) {
                    self.0.close();
                }

                /// Whether the socket is closed, or about to tell so.
                pub fn is_closed(&self) -> bool {
                    self.0.state.is(Facts::CLOSED)
                }

                /// How many queued bytes make `write_to` return `false`. Default: 64 KiB.
                pub fn high_water_mark(&self) -> usize {
                    self.0.high_water_mark.get()
                }

                /// Sets the high-water mark, in bytes.
                pub fn set_high_water_mark(&self, bytes: usize) {
                    self.0.set_high_water_mark(bytes);
                }

                /// Bytes that are accepted and not yet sent.
                pub fn writable_length(&self) -> usize {
                    self.0.outbox.borrow().length()
                }

                /// Datagrams that are accepted and not yet sent.
                pub fn writable_datagrams(&self) -> usize {
                    self.0.outbox.borrow().datagrams()
                }

                /// Lets the loop end although this socket receives.
                pub fn unref(&self) -> &$Socket {
                    self.0.set_referenced(false);
                    self
                }

                /// Makes this socket keep the loop alive while it receives, as it does from the start.
                pub fn ref_(&self) -> &$Socket {
                    self.0.set_referenced(true);
                    self
                }

                /// Whether this socket keeps the loop alive while it receives.
                pub fn has_ref(&self) -> bool {
                    self.0.activity.is_referenced()
                }

                fn label(&self, at: At) -> Label {
                    // The kind is set when the handler is lent.
                    self.0.core.label(CallbackKind::Message, at)
                }
            }

            #[cfg(feature = "async")]
            impl $Socket {
                /// The next datagram, received into `buffer`.
                ///
                /// Where several futures wait for one socket, each datagram goes to one of them.
                ///
                /// # Errors
                ///
                /// `InvalidInput` if a message handler is installed; `NotConnected` if the socket is closed;
                /// `ConnectionRefused` if the peer of a connected socket has refused a datagram, and what else
                /// the system says. The socket stays open.
                ///
                /// # Cancel safety
                ///
                /// Cancel safe: no datagram is lost when the future is dropped.
                pub fn recv_from<'a>(
                    &'a self,
                    buffer: &'a mut [u8],
                ) -> impl Future<Output = Result<Received<$Address>>> + 'a {
                    let waiting = Waiting::new(self, |waiters| &waiters.receive);
                    poll_fn(move |cx| {
                        waiting
                            .poll(|endpoint, ticket| endpoint.poll_receive(cx, ticket, buffer))
                            .map_ok(Received::from)
                    })
                }

                /// The next datagram of the peer, received into `buffer`.
                ///
                /// # Errors
                ///
                /// As [`recv_from`](Self::recv_from), and `NotConnected` if there is no peer.
                ///
                /// # Cancel safety
                ///
                /// Cancel safe: no datagram is lost when the future is dropped.
                pub async fn recv(&self, buffer: &mut [u8]) -> Result<Received<$Address>> {
                    if self.0.peer.borrow().is_none() {
                        return Err(closed());
                    }
                    self.recv_from(buffer).await
                }

                /// The datagrams that are there, sixteen at most, by one system call.
                ///
                /// No buffer is held while there are none.
                ///
                /// # Errors
                ///
                /// As [`recv_from`](Self::recv_from).
                ///
                /// # Cancel safety
                ///
                /// Cancel safe: no datagram is lost when the future is dropped.
                pub fn batch(&self) -> impl Future<Output = Result<Datagrams<$Address>>> + '_ {
                    let waiting = Waiting::new(self, |waiters| &waiters.receive);
                    poll_fn(move |cx| {
                        waiting.poll(|endpoint, ticket| endpoint.poll_batch(cx, ticket))
                    })
                }

                /// Waits until all that was written is handed to the system: at once if there is nothing.
                ///
                /// # Errors
                ///
                /// `NotConnected` if the socket is closed. That a datagram could not be sent is told to the
                /// error handler.
                ///
                /// # Cancel safety
                ///
                /// Cancel safe.
                pub fn drained(&self) -> impl Future<Output = Result<()>> + '_ {
                    let waiting = Waiting::new(self, |waiters| &waiters.drain);
                    poll_fn(move |cx| {
                        waiting.poll(|endpoint, ticket| endpoint.poll_drained(cx, ticket))
                    })
                }
            }

            impl Clone for $Socket {
                fn clone(&self) -> $Socket {
                    $Socket(Rc::clone(&self.0))
                }
            }

            impl Drop for $Socket {
                fn drop(&mut self) {
                    self.0.handle_dropped();
                }
            }

            impl fmt::Debug for $Socket {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}({})", stringify!($Socket), self.0.describe().state)
                }
            }
        };
    };
}

pub(crate) use datagram_socket;
