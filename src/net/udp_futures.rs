//! UDP sockets, awaited.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::rc::Rc;

use crate::error::Result;
use crate::net::udp::UdpSocket;
use crate::net::udp_batch::Datagrams;
use crate::net::udp_endpoint::Endpoint;
use crate::net::udp_poll::Waiters;
use crate::net::udp_send::closed;
use crate::stream::{Ticket, Wakers};
use crate::sys::datagram::Arrival;

/// What came with a datagram that was awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// Bytes in the buffer.
    pub length: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// It was longer than the buffer; the rest of it is lost.
    pub truncated: bool,
}

impl From<Arrival> for Received {
    fn from(Arrival { length, from, truncated }: Arrival) -> Received {
        Received { length, from, truncated }
    }
}

impl UdpSocket {
    /// The next datagram, received into `buffer`.
    ///
    /// Where several futures wait for one socket, each datagram goes to one of them.
    ///
    /// ```
    /// # fn main() -> unspin::Result<()> {
    /// use unspin::net::UdpSocket;
    ///
    /// unspin::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0")?;
    ///     socket.send_to("hello", socket.local_addr()?).await?;
    ///     let mut buffer = [0; 4];
    ///     let received = socket.recv_from(&mut buffer).await?;
    ///     assert_eq!(&buffer[..received.length], b"hell");
    ///     assert!(received.truncated);
    ///     Ok(())
    /// })
    /// # }
    /// ```
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
    ) -> impl Future<Output = Result<Received>> + 'a {
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
    /// As [`recv_from`](UdpSocket::recv_from), and `NotConnected` if there is no peer.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no datagram is lost when the future is dropped.
    pub async fn recv(&self, buffer: &mut [u8]) -> Result<Received> {
        if self.endpoint().peer.get().is_none() {
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
    /// As [`recv_from`](UdpSocket::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no datagram is lost when the future is dropped.
    pub fn batch(&self) -> impl Future<Output = Result<Datagrams>> + '_ {
        let waiting = Waiting::new(self, |waiters| &waiters.receive);
        poll_fn(move |cx| waiting.poll(|endpoint, ticket| endpoint.poll_batch(cx, ticket)))
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
        poll_fn(move |cx| waiting.poll(|endpoint, ticket| endpoint.poll_drained(cx, ticket)))
    }
}

/// A future's place among those that wait; dropped with it.
struct Waiting<'a> {
    endpoint: &'a Rc<Endpoint>,
    among: fn(&Waiters) -> &Wakers,
    ticket: Ticket,
}

impl Waiting<'_> {
    fn new(socket: &UdpSocket, among: fn(&Waiters) -> &Wakers) -> Waiting<'_> {
        let endpoint = socket.endpoint();
        Waiting { endpoint, among, ticket: Ticket::default() }
    }

    /// A method, so that a closure that calls it owns all of this, and not the ticket alone.
    fn poll<T>(&self, poll: impl FnOnce(&Rc<Endpoint>, &Ticket) -> T) -> T {
        poll(self.endpoint, &self.ticket)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.endpoint.stop_waiting(&self.ticket, (self.among)(&self.endpoint.waiters));
    }
}
