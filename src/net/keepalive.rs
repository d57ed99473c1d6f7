//! How the system finds out that a quiet peer is gone.

use std::io;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

/// How an idle TCP connection is probed: a peer that does not answer fails it with `TimedOut`.
///
/// Times are whole seconds, rounded up, since the system counts so.
///
/// ```no_run
/// use std::time::Duration;
/// use unspin::net::{ConnectOptions, Keepalive};
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     // Gone for a minute and a half: lost.
///     let keepalive = Keepalive::after(Duration::from_secs(60))
///         .every(Duration::from_secs(10))
///         .probes(3);
///     ConnectOptions::new().keepalive(keepalive).connect("127.0.0.1:7000").callback(|stream| {
///         println!("connected to {}", stream?.peer_addr()?);
///         unspin::Result::Ok(())
///     });
/// })
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    after: Duration,
    every: Option<Duration>,
    probes: Option<u32>,
}

impl Keepalive {
    /// Probes a connection over which nothing came for so long.
    pub fn after(idle: Duration) -> Keepalive {
        Keepalive { after: idle, every: None, probes: None }
    }

    /// The time between two probes. Default: as the system has it, 75 s on Linux.
    pub fn every(mut self, interval: Duration) -> Keepalive {
        self.every = Some(interval);
        self
    }

    /// How many probes may stay without an answer. Default: as the system has it, 9 on Linux.
    pub fn probes(mut self, count: u32) -> Keepalive {
        self.probes = Some(count);
        self
    }

    /// # Errors
    ///
    /// `InvalidInput` if one of them is zero, as libuv has it: the system takes none, and "never" is
    /// said by not asking for it.
    pub(crate) fn set_on(&self, socket: &Socket) -> io::Result<()> {
        if self.after.is_zero() || self.every == Some(Duration::ZERO) || self.probes == Some(0) {
            let message = "the times and the number of probes of a keepalive are above zero";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut set = TcpKeepalive::new().with_time(whole_seconds(self.after));
        if let Some(interval) = self.every {
            set = set.with_interval(whole_seconds(interval));
        }
        if let Some(probes) = self.probes {
            set = set.with_retries(probes);
        }
        socket.set_tcp_keepalive(&set)
    }
}

/// As the system counts: less than one is one, and not none.
pub(crate) fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)))
}
