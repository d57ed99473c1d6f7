//! What can be set on an open UDP socket: multicast, broadcast, how far datagrams go.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::error::Result;
use crate::net::udp::UdpSocket;
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::sys::{datagram_errors, multicast};

/// All of these fail with `NotConnected` on a closed socket, and else with what the system says.
impl UdpSocket {
    /// Receives what is sent to an IPv4 group, on the interface that has this address;
    /// `UNSPECIFIED` lets the system choose.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `group` is no group; `AddrInUse` if it was joined before; `NotFound` or
    /// `AddrNotAvailable` if there is no such interface.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<()> {
        let doing = format!("join {group}");
        self.option(&doing, |socket| socket.join_multicast_v4(&group, &interface))
    }

    /// Leaves an IPv4 group.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` if it was not joined on that interface.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<()> {
        let doing = format!("leave {group}");
        self.option(&doing, |socket| socket.leave_multicast_v4(&group, &interface))
    }

    /// Receives what one sender sends to an IPv4 group, and not what others do. For several senders
    /// it is called for each.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `group` is no group; `AddrNotAvailable` if it was joined for this sender
    /// before; `NotFound` or `AddrNotAvailable` if there is no such interface.
    pub fn join_source_v4(
        &self,
        source: Ipv4Addr,
        group: Ipv4Addr,
        interface: Ipv4Addr,
    ) -> Result<()> {
        let doing = format!("join {group} from {source}");
        self.option(&doing, |socket| socket.join_ssm_v4(&source, &group, &interface))
    }

    /// Leaves an IPv4 group that was joined for one sender.
    ///
    /// # Errors
    ///
    /// `InvalidInput` or `AddrNotAvailable` if it was not joined for it on that interface.
    pub fn leave_source_v4(
        &self,
        source: Ipv4Addr,
        group: Ipv4Addr,
        interface: Ipv4Addr,
    ) -> Result<()> {
        let doing = format!("leave {group} from {source}");
        self.option(&doing, |socket| socket.leave_ssm_v4(&source, &group, &interface))
    }

    /// Receives what is sent to an IPv6 group, on the interface with this index; 0 lets the system
    /// choose.
    ///
    /// # Errors
    ///
    /// As [`join_multicast_v4`](UdpSocket::join_multicast_v4).
    pub fn join_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> Result<()> {
        let doing = format!("join {group}");
        self.option(&doing, |socket| socket.join_multicast_v6(&group, interface))
    }

    /// Leaves an IPv6 group.
    ///
    /// # Errors
    ///
    /// As [`leave_multicast_v4`](UdpSocket::leave_multicast_v4).
    pub fn leave_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> Result<()> {
        let doing = format!("leave {group}");
        self.option(&doing, |socket| socket.leave_multicast_v6(&group, interface))
    }

    /// Receives what one sender sends to an IPv6 group, and not what others do, on the interface
    /// with this index; 0 lets the system choose. For several senders it is called for each. Linux
    /// only: [ipv6(7)](https://man7.org/linux/man-pages/man7/ipv6.7.html), RFC 3678.
    ///
    /// # Errors
    ///
    /// As [`join_source_v4`](UdpSocket::join_source_v4).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn join_source_v6(&self, source: Ipv6Addr, group: Ipv6Addr, interface: u32) -> Result<()> {
        let doing = format!("join {group} from {source}");
        self.with_io(&doing, |io| multicast::join_source(io, source, group, interface))
    }

    /// Leaves an IPv6 group that was joined for one sender.
    ///
    /// # Errors
    ///
    /// As [`leave_source_v4`](UdpSocket::leave_source_v4).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn leave_source_v6(&self, source: Ipv6Addr, group: Ipv6Addr, interface: u32) -> Result<()> {
        let doing = format!("leave {group} from {source}");
        self.with_io(&doing, |io| multicast::leave_source(io, source, group, interface))
    }

    /// Sends to IPv4 groups through the interface that has this address.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` if there is none.
    pub fn set_multicast_interface_v4(&self, interface: Ipv4Addr) -> Result<()> {
        let doing = format!("multicast through {interface}");
        self.option(&doing, |socket| socket.set_multicast_if_v4(&interface))
    }

    /// Sends to IPv6 groups through the interface with this index.
    ///
    /// # Errors
    ///
    /// What the system says if there is none.
    pub fn set_multicast_interface_v6(&self, interface: u32) -> Result<()> {
        let doing = format!("multicast through interface {interface}");
        self.option(&doing, |socket| socket.set_multicast_if_v6(interface))
    }

    /// Whether what this socket sends to groups comes back to sockets of this machine. Default: yes.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_multicast_loop(&self, on: bool) -> Result<()> {
        let v6 = self.is_v6()?;
        self.option("set multicast loop", |socket| {
            if v6 { socket.set_multicast_loop_v6(on) } else { socket.set_multicast_loop_v4(on) }
        })
    }

    /// Whether what this socket sends to groups comes back to sockets of this machine.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn multicast_loop(&self) -> Result<bool> {
        let v6 = self.is_v6()?;
        self.option("get multicast loop", |socket| {
            if v6 { socket.multicast_loop_v6() } else { socket.multicast_loop_v4() }
        })
    }

    /// Over how many routers a datagram to a group may go, less one. Default: 1, which is none.
    ///
    /// # Errors
    ///
    /// `InvalidInput` above 255.
    pub fn set_multicast_ttl(&self, hops: u32) -> Result<()> {
        let v6 = self.is_v6()?;
        self.option("set multicast ttl", |socket| {
            if v6 { socket.set_multicast_hops_v6(hops) } else { socket.set_multicast_ttl_v4(hops) }
        })
    }

    /// Over how many routers a datagram to a group may go, less one.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn multicast_ttl(&self) -> Result<u32> {
        let v6 = self.is_v6()?;
        self.option("get multicast ttl", |socket| {
            if v6 { socket.multicast_hops_v6() } else { socket.multicast_ttl_v4() }
        })
    }

    /// Over how many routers a datagram may go.
    ///
    /// # Errors
    ///
    /// `InvalidInput` above 255, and for 0 where the socket is IPv4.
    pub fn set_ttl(&self, hops: u32) -> Result<()> {
        let v6 = self.is_v6()?;
        self.option("set ttl", |socket| {
            if v6 { socket.set_unicast_hops_v6(hops) } else { socket.set_ttl_v4(hops) }
        })
    }

    /// Over how many routers a datagram may go.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn ttl(&self) -> Result<u32> {
        let v6 = self.is_v6()?;
        self.option("get ttl", |socket| if v6 { socket.unicast_hops_v6() } else { socket.ttl_v4() })
    }

    /// Whether datagrams may be sent to a broadcast address. Default: no.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_broadcast(&self, on: bool) -> Result<()> {
        self.option("set broadcast", |socket| socket.set_broadcast(on))
    }

    /// How many bytes the system keeps until they are received, its own overhead included.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn receive_buffer(&self) -> Result<usize> {
        self.option("get receive buffer", |socket| socket.recv_buffer_size())
    }

    /// How many bytes the system takes before they are sent, its own overhead included.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn send_buffer(&self) -> Result<usize> {
        self.option("get send buffer", |socket| socket.send_buffer_size())
    }

    /// Whether the socket is told of datagrams that did not arrive also where it has no peer: the
    /// error handler gets each, with the address that the datagram was sent to in front. Default: no.
    ///
    /// It is told while the socket receives, or by the next datagram that is sent, which is sent all
    /// the same. Linux only: [ip(7)](https://man7.org/linux/man-pages/man7/ip.7.html), `IP_RECVERR`.
    ///
    /// # Errors
    ///
    /// What the system says.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn set_receive_errors(&self, on: bool) -> Result<()> {
        let v6 = self.is_v6()?;
        self.with_io("set receive errors", |io| datagram_errors::keep(io, v6, on))
    }

    fn is_v6(&self) -> Result<bool> {
        Ok(self.local_addr()?.is_ipv6())
    }
}
