//! Names of Unix sockets, as the functions of this module take them.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sys::name::{abstract_name, of_abstract_name};

/// The name of a Unix socket: a path, or std's [`SocketAddr`].
///
/// On Linux a name that begins with a zero byte, such as `"\0chat"`, is *abstract*: it stands in no
/// directory, has no permissions, and is free again as soon as nobody uses it.
pub trait UnixAddress: Sealed {
    #[doc(hidden)]
    fn to_unix_addr(&self) -> Result<SocketAddr>;
}

pub trait Sealed {}

macro_rules! path {
    ($($type:ty),* $(,)?) => {$(
        impl Sealed for $type {}
        impl UnixAddress for $type {
            fn to_unix_addr(&self) -> Result<SocketAddr> {
                of_path(self.as_ref())
            }
        }
    )*};
}

path!(Path, PathBuf, str, String, OsStr, OsString);

impl Sealed for SocketAddr {}
impl UnixAddress for SocketAddr {
    fn to_unix_addr(&self) -> Result<SocketAddr> {
        Ok(self.clone())
    }
}

impl<T: Sealed + ?Sized> Sealed for &T {}
impl<T: UnixAddress + ?Sized> UnixAddress for &T {
    fn to_unix_addr(&self) -> Result<SocketAddr> {
        (**self).to_unix_addr()
    }
}

fn of_path(path: &Path) -> Result<SocketAddr> {
    let address = match path.as_os_str().as_bytes() {
        [] => Err(io::Error::new(io::ErrorKind::InvalidInput, "a Unix socket needs a name")),
        [0, name @ ..] => of_abstract_name(name),
        _ => SocketAddr::from_pathname(path),
    };
    address.map_err(|error| Error::io(format!("the socket name {}", path.display()), error))
}

/// A name as listings and errors show it: abstract ones as `ss` and `lsof` do.
#[derive(Clone)]
pub(crate) struct Shown(pub(crate) SocketAddr);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.as_pathname(), abstract_name(&self.0)) {
            (Some(path), _) => path.display().fmt(f),
            (None, Some(name)) => write!(f, "@{}", name.escape_ascii()),
            (None, None) => f.write_str("a peer without a name"),
        }
    }
}

/// What went wrong with a name, and what to do where that is not plain.
pub(crate) fn in_context(verb: &str, address: &SocketAddr, error: io::Error) -> Error {
    let name = Shown(address.clone());
    if error.kind() == io::ErrorKind::AddrInUse && address.as_pathname().is_some() {
        let why = "a file of this name exists; if no program listens there, remove it";
        return Error::io(format!("{verb} {name}: {why}"), error);
    }
    Error::io(format!("{verb} {name}"), error)
}
