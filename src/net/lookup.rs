//! Names of hosts, and back.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::Location;

use crate::error::{Error, Result};
use crate::pool::Lane;
use crate::request::Request;
use crate::sys::resolve;

/// Looks up the addresses of a host, in the order in which the system would try them.
///
/// The system's resolver does it, on the pool, with what it is configured for: a file of hosts, name
/// servers, others. It may take many seconds; lookups take half of the pool's threads at most, so
/// that files do not wait for them. One that has begun cannot be stopped; but aborted, timed out or
/// dropped, it no longer keeps the loop alive. A name is sent as it is: one that is not ASCII is to be
/// written in Punycode.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::net::lookup_host("localhost").callback(|addresses| {
///         println!("{:?}", addresses?);
///         Ok(())
///     });
/// })
/// # }
/// ```
///
/// # Errors
///
/// `NotFound` if there is no such name, or no address for it; `TimedOut` if no name server answers
/// for now; `InvalidInput` if the name has a zero byte; what else the resolver says.
#[track_caller]
pub fn lookup_host(host: impl Into<String>) -> Request<Vec<IpAddr>> {
    let host = host.into();
    Request::harmless_job(Location::caller(), Lane::Dns, NAME, move || {
        let mut found: Vec<IpAddr> = Vec::new();
        for address in addresses(&host, 0)? {
            if !found.contains(&address.ip()) {
                found.push(address.ip());
            }
        }
        Ok(found)
    })
}

/// Looks up the name of an address: the reverse of [`lookup_host`].
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::net::lookup_address([127, 0, 0, 1]).callback(|name| match name {
///         Ok(name) => println!("{name}"),
///         Err(error) => println!("{error}"),
///     });
/// })
/// # }
/// ```
///
/// # Errors
///
/// `NotFound` if the address has no name; otherwise as [`lookup_host`].
#[track_caller]
pub fn lookup_address(address: impl Into<IpAddr>) -> Request<String> {
    let address = address.into();
    Request::harmless_job(Location::caller(), Lane::Dns, NAME, move || {
        resolve::name(SocketAddr::new(address, 0)).map_err(|error| in_context(address, error))
    })
}

/// What logs call such a job.
pub(crate) const NAME: &str = "look up";

/// Blocks: for a pool thread.
pub(crate) fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    resolve::addresses(host, port).map_err(|error| in_context(host, error))
}

fn in_context(what: impl std::fmt::Display, error: io::Error) -> Error {
    Error::io(format!("{NAME} {what}"), error)
}
