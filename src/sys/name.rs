//! The names of sockets, as the kernel reads and writes them.

use std::ffi::OsStr;
use std::mem::{MaybeUninit, offset_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;

use libc::{c_int, sockaddr_storage};

/// A kind of address.
pub(crate) trait Name: Clone + 'static {
    /// That of a socket without one.
    fn nobody() -> Self;

    /// Writes the kernel's form, and returns how long it is.
    fn encode(&self, into: &mut MaybeUninit<sockaddr_storage>) -> usize;

    /// The address that the kernel wrote, in so many bytes, into memory that was zero.
    fn decode(name: &MaybeUninit<sockaddr_storage>, length: usize) -> Self;
}

impl Name for SocketAddr {
    fn nobody() -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))
    }

    #[inline]
    fn encode(&self, into: &mut MaybeUninit<sockaddr_storage>) -> usize {
        match self {
            SocketAddr::V4(address) => {
                // SAFETY: it is integers, for which zero is a value.
                let mut name: libc::sockaddr_in = unsafe { zeroed() };
                name.sin_family = libc::AF_INET as libc::sa_family_t;
                name.sin_port = address.port().to_be();
                name.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
                // SAFETY: a storage is at least as large as any address, and aligned for it.
                unsafe { into.as_mut_ptr().cast::<libc::sockaddr_in>().write(name) };
                size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(address) => {
                // SAFETY: it is integers, for which zero is a value.
                let mut name: libc::sockaddr_in6 = unsafe { zeroed() };
                name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                name.sin6_port = address.port().to_be();
                name.sin6_addr.s6_addr = address.ip().octets();
                name.sin6_flowinfo = address.flowinfo();
                name.sin6_scope_id = address.scope_id();
                // SAFETY: a storage is at least as large as any address, and aligned for it.
                unsafe { into.as_mut_ptr().cast::<libc::sockaddr_in6>().write(name) };
                size_of::<libc::sockaddr_in6>()
            }
        }
    }

    #[inline]
    fn decode(name: &MaybeUninit<sockaddr_storage>, _: usize) -> SocketAddr {
        // SAFETY: it is integers, for which zero is a value, and it was zero before the kernel wrote.
        let family = unsafe { name.assume_init_ref() }.ss_family;
        if c_int::from(family) == libc::AF_INET6 {
            // SAFETY: the family says that this is what the kernel wrote; a storage is large enough
            // for it and aligned for it.
            let name = unsafe { &*name.as_ptr().cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            let port = u16::from_be(name.sin6_port);
            return SocketAddrV6::new(ip, port, name.sin6_flowinfo, name.sin6_scope_id).into();
        }
        // SAFETY: as above. If there was no address at all, it is zeros: the unspecified one.
        let name = unsafe { &*name.as_ptr().cast::<libc::sockaddr_in>() };
        let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
        SocketAddrV4::new(ip, u16::from_be(name.sin_port)).into()
    }
}

/// Where the path stands in the kernel's form.
const PATH: usize = offset_of!(libc::sockaddr_un, sun_path);

impl Name for net::SocketAddr {
    fn nobody() -> net::SocketAddr {
        from_bytes(&[])
    }

    fn encode(&self, into: &mut MaybeUninit<sockaddr_storage>) -> usize {
        // SAFETY: it is integers, for which zero is a value.
        let mut name: libc::sockaddr_un = unsafe { zeroed() };
        name.sun_family = libc::AF_UNIX as libc::sa_family_t;
        // In front of an abstract name stands a zero, and behind a path.
        let (first, bytes, behind) = match (self.as_pathname(), abstract_name(self)) {
            (Some(path), _) => (0, path.as_os_str().as_bytes(), 1),
            (None, Some(bytes)) => (1, bytes, 0),
            (None, None) => (0, &[][..], 0),
        };
        for (to, from) in name.sun_path[first..].iter_mut().zip(bytes) {
            *to = *from as libc::c_char;
        }
        // SAFETY: a storage is at least as large as any address, and aligned for it.
        unsafe { into.as_mut_ptr().cast::<libc::sockaddr_un>().write(name) };
        PATH + first + bytes.len() + behind
    }

    fn decode(name: &MaybeUninit<sockaddr_storage>, length: usize) -> net::SocketAddr {
        let length = length.min(size_of::<libc::sockaddr_un>());
        // SAFETY: a storage is larger than a Unix name, and all of it is initialized: it was zero
        // before the kernel wrote.
        let all = unsafe { &*name.as_ptr().cast::<[u8; size_of::<libc::sockaddr_un>()]>() };
        match all.get(PATH..length).unwrap_or_default() {
            abstract_name @ [0, ..] => from_bytes(abstract_name),
            path => from_bytes(path.split(|&byte| byte == 0).next().unwrap_or_default()),
        }
    }
}

/// A path, or an abstract name behind a zero; nothing is no name.
fn from_bytes(bytes: &[u8]) -> net::SocketAddr {
    let address = match bytes {
        [0, name @ ..] => of_abstract_name(name),
        path => net::SocketAddr::from_pathname(OsStr::from_bytes(path)),
    };
    address.expect("the kernel's names are neither too long nor have a zero inside")
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn of_abstract_name(name: &[u8]) -> std::io::Result<net::SocketAddr> {
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt;
    net::SocketAddr::from_abstract_name(name)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn of_abstract_name(_: &[u8]) -> std::io::Result<net::SocketAddr> {
    let why = "this system has no abstract names";
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, why))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn abstract_name(address: &net::SocketAddr) -> Option<&[u8]> {
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt;
    address.as_abstract_name()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn abstract_name(_: &net::SocketAddr) -> Option<&[u8]> {
    None
}
