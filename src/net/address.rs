//! Addresses, as the functions of this module take them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::error::{Error, Result};

/// An IP address with a port: a [`SocketAddr`], a pair of address and port, or the text of either.
///
/// To connect, it may also be a name with a port, `localhost:7000` or `("localhost", 7000)`, which is
/// looked up, or a slice of addresses. A listener takes no names.
pub trait Address: Sealed {
    #[doc(hidden)]
    fn to_socket_addr(&self) -> Result<SocketAddr>;

    #[doc(hidden)]
    fn to_destination(&self) -> Result<Destination> {
        self.to_socket_addr().map(Destination::One)
    }
}

/// Where to connect.
#[derive(Debug)]
pub enum Destination {
    One(SocketAddr),
    FirstOf(Vec<SocketAddr>),
    Name(String, u16),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::One(address) => write!(f, "{address}"),
            Destination::FirstOf(addresses) => write!(f, "{addresses:?}"),
            Destination::Name(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

pub trait Sealed {}

macro_rules! address {
    ($($type:ty),* $(,)?) => {$(
        impl Sealed for $type {}
        impl Address for $type {
            fn to_socket_addr(&self) -> Result<SocketAddr> {
                Ok(SocketAddr::from(*self))
            }
        }
    )*};
}

address!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl Sealed for str {}
impl Address for str {
    fn to_socket_addr(&self) -> Result<SocketAddr> {
        self.parse().map_err(|_| {
            Error::new(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{self}` is not an IP address with a port, such as 127.0.0.1:7000"),
            ))
        })
    }

    fn to_destination(&self) -> Result<Destination> {
        if let Ok(address) = self.parse() {
            return Ok(Destination::One(address));
        }
        let parts = self.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?)));
        match parts {
            Some((name, port)) if !name.is_empty() && !name.contains(':') => {
                Ok(Destination::Name(name.to_owned(), port))
            }
            _ => Err(Error::new(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{self}` is not an address with a port, such as localhost:7000"),
            ))),
        }
    }
}

impl Sealed for String {}
impl Address for String {
    fn to_socket_addr(&self) -> Result<SocketAddr> {
        self.as_str().to_socket_addr()
    }

    fn to_destination(&self) -> Result<Destination> {
        self.as_str().to_destination()
    }
}

impl Sealed for (&str, u16) {}
impl Address for (&str, u16) {
    fn to_socket_addr(&self) -> Result<SocketAddr> {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => Ok(SocketAddr::from((ip, self.1))),
            // For its message.
            Err(_) => format!("{}:{}", self.0, self.1).to_socket_addr(),
        }
    }

    fn to_destination(&self) -> Result<Destination> {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => Ok(Destination::One(SocketAddr::from((ip, self.1)))),
            Err(_) => Ok(Destination::Name(self.0.to_owned(), self.1)),
        }
    }
}

impl Sealed for [SocketAddr] {}
impl Address for [SocketAddr] {
    fn to_socket_addr(&self) -> Result<SocketAddr> {
        match self {
            [address] => Ok(*address),
            _ => Err(Error::new(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("one address is needed here, and not {}", self.len()),
            ))),
        }
    }

    fn to_destination(&self) -> Result<Destination> {
        match self {
            [] => self.to_socket_addr().map(Destination::One),
            several => Ok(Destination::FirstOf(several.to_vec())),
        }
    }
}

impl<T: Sealed + ?Sized> Sealed for &T {}
impl<T: Address + ?Sized> Address for &T {
    fn to_socket_addr(&self) -> Result<SocketAddr> {
        (**self).to_socket_addr()
    }

    fn to_destination(&self) -> Result<Destination> {
        (**self).to_destination()
    }
}
