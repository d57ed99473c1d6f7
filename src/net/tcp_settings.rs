//! What can be set on an open TCP stream.

use std::io;
use std::time::Duration;

use socket2::SockRef;

use crate::error::{Error, Result};
use crate::net::keepalive::{Keepalive, whole_seconds};
use crate::net::tcp_stream::TcpStream;

/// The system's number has 31 bits; of a longer one it would take the rest.
const LONGEST_LINGER: Duration = Duration::from_secs(i32::MAX as u64);

/// All of these fail with `NotConnected` on a closed stream, and else with what the system says.
impl TcpStream {
    /// Sends small segments at once, instead of waiting for more (`TCP_NODELAY`). Default: off.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn set_nodelay(&self, nodelay: bool) -> Result<()> {
        self.option("set nodelay", |socket| socket.set_tcp_nodelay(nodelay))
    }

    /// Whether small segments are sent at once.
    ///
    /// # Errors
    ///
    /// As [`set_nodelay`](TcpStream::set_nodelay).
    pub fn nodelay(&self) -> Result<bool> {
        self.option("get nodelay", |socket| socket.tcp_nodelay())
    }

    /// Has the system probe the connection while it is idle; `None` turns that off (default).
    ///
    /// # Errors
    ///
    /// `InvalidInput` if a time or the number of probes is zero or more than the system takes;
    /// `NotConnected` if the stream is closed.
    pub fn set_keepalive(&self, keepalive: Option<Keepalive>) -> Result<()> {
        self.option("set keepalive", |socket| match keepalive {
            Some(keepalive) => keepalive.set_on(socket),
            None => socket.set_keepalive(false),
        })
    }

    /// Whether the system probes the connection.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn keepalive(&self) -> Result<bool> {
        self.option("get keepalive", |socket| socket.keepalive())
    }

    /// How many routers a segment may pass, from 1 to 255. Default: as the system has it, 64 on
    /// Linux.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `hops` is out of range; `NotConnected` if the stream is closed.
    pub fn set_ttl(&self, hops: u32) -> Result<()> {
        let v6 = self.local_addr()?.is_ipv6();
        self.option("set ttl", |socket| {
            if v6 { socket.set_unicast_hops_v6(hops) } else { socket.set_ttl_v4(hops) }
        })
    }

    /// How many routers a segment may pass.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn ttl(&self) -> Result<u32> {
        let v6 = self.local_addr()?.is_ipv6();
        self.option("get ttl", |socket| if v6 { socket.unicast_hops_v6() } else { socket.ttl_v4() })
    }

    /// How long the system goes on sending what it has taken when the stream is closed, in whole
    /// seconds, rounded up: then it breaks off. Zero makes every close a reset, see
    /// [`reset`](TcpStream::reset). `None` lets it go on as it sees fit (default).
    ///
    /// **Beware.** With anything but zero or `None`, Linux holds up the thread that closes such a
    /// socket, and so the loop, until all is sent or the time is over.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn set_linger(&self, linger: Option<Duration>) -> Result<()> {
        let linger = linger.map(|time| whole_seconds(time).min(LONGEST_LINGER));
        self.option("set linger", |socket| socket.set_linger(linger))
    }

    /// What [`set_linger`](TcpStream::set_linger) has set.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn linger(&self) -> Result<Option<Duration>> {
        self.option("get linger", |socket| socket.linger())
    }

    /// Sets how much the system keeps until it is read, in bytes. It may take less. Default: as the
    /// system has it, growing by itself.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn set_receive_buffer(&self, bytes: usize) -> Result<()> {
        self.option("set receive buffer", |socket| socket.set_recv_buffer_size(bytes))
    }

    /// How much the system keeps until it is read, in bytes. Linux says twice as much as it was told,
    /// as it counts its own part too.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn receive_buffer(&self) -> Result<usize> {
        self.option("get receive buffer", |socket| socket.recv_buffer_size())
    }

    /// Sets how much the system takes before it is sent, in bytes: as
    /// [`set_receive_buffer`](TcpStream::set_receive_buffer).
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn set_send_buffer(&self, bytes: usize) -> Result<()> {
        self.option("set send buffer", |socket| socket.set_send_buffer_size(bytes))
    }

    /// How much the system takes before it is sent, in bytes: as
    /// [`receive_buffer`](TcpStream::receive_buffer).
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn send_buffer(&self) -> Result<usize> {
        self.option("get send buffer", |socket| socket.send_buffer_size())
    }

    /// Takes the error that the system has kept for this socket, and nobody has been told
    /// (`SO_ERROR`).
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is closed, and what the system says.
    pub fn take_error(&self) -> Result<Option<Error>> {
        self.option("get error", |socket| Ok(socket.take_error()?.map(Error::from)))
    }

    fn option<T>(&self, doing: &str, f: impl FnOnce(&SockRef<'_>) -> io::Result<T>) -> Result<T> {
        self.with_io(|io| Ok(f(&SockRef::from(io)).map_err(|error| Error::io(doing, error))))?
    }
}
