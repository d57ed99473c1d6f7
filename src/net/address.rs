//! Addresses, as the functions of this module take them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::error::{Error, Result};

/// An IP address with a port: a [`SocketAddr`], a pair of address and port, or the text of either.
///
/// Names are not looked up: write `127.0.0.1:7000`, not `localhost:7000`.
pub trait Address: Sealed {
    #[doc(hidden)]
    fn to_socket_addr(&self) -> Result<SocketAddr>;
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
            Error::new(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                format!("`{self}` is not an IP address with a port, such as 127.0.0.1:7000"),
            ))
        })
    }
}

impl Sealed for String {}
impl Address for String {
    fn to_socket_addr(&self) -> Result<SocketAddr> {
        self.as_str().to_socket_addr()
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
}

impl<T: Sealed + ?Sized> Sealed for &T {}
impl<T: Address + ?Sized> Address for &T {
    fn to_socket_addr(&self) -> Result<SocketAddr> {
        (**self).to_socket_addr()
    }
}
