//! The system's resolver. It blocks.
//!
//! std asks it as well, but says neither what kind of failure it was nor the name of an address.

use std::ffi::{CStr, CString};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::ptr;

use socket2::SockAddr;

/// As long as a name gets, in the system's own header.
const LONGEST_NAME: usize = 1025;

/// The addresses of a host, with `port`.
pub(crate) fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let host = CString::new(host)?;
    // SAFETY: all fields of this plain C struct may be zero: that is "anything".
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    // Otherwise each address comes once for every kind of socket.
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = ptr::null_mut();
    // SAFETY: the name is a C string, no service is asked for, the hints are initialised, and the
    // result has a place; the resolver keeps none of these pointers.
    let code = unsafe { libc::getaddrinfo(host.as_ptr(), ptr::null(), &hints, &mut list) };
    if code != 0 {
        return Err(failure(code));
    }
    let list = List(list);
    let addresses = list.iter().filter_map(|entry| address_of(entry, port)).collect();
    Ok(addresses)
}

/// What the resolver has allocated, and wants back.
struct List(*mut libc::addrinfo);

impl List {
    fn iter(&self) -> impl Iterator<Item = &libc::addrinfo> {
        // SAFETY: each pointer is null or to an entry of the list, which lives as long as `self`,
        // and nobody changes it.
        let entry = |pointer: *mut libc::addrinfo| unsafe { pointer.as_ref() };
        std::iter::successors(entry(self.0), move |before| entry(before.ai_next))
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the resolver gave this list, and it is freed once: here.
        unsafe { libc::freeaddrinfo(self.0) }
    }
}

fn address_of(entry: &libc::addrinfo, port: u16) -> Option<SocketAddr> {
    let length = entry.ai_addrlen;
    if entry.ai_addr.is_null() || length as usize > size_of::<libc::sockaddr_storage>() {
        return None;
    }
    // SAFETY: the resolver gave an address of `length` bytes; the storage is as large at least, as
    // was just checked, all zero before, and apart from it.
    let copied = unsafe {
        SockAddr::try_init(|storage, room| {
            ptr::copy_nonoverlapping(
                entry.ai_addr.cast::<u8>(),
                storage.cast::<u8>(),
                length as usize,
            );
            *room = length;
            Ok(())
        })
    };
    let ((), address) = copied.ok()?;
    let mut address = address.as_socket()?;
    address.set_port(port);
    Some(address)
}

/// The name of an address. That there is none is an error.
pub(crate) fn name(address: SocketAddr) -> io::Result<String> {
    let address = SockAddr::from(address);
    let mut buffer = [0_u8; LONGEST_NAME];
    // SAFETY: the address is initialised and as long as it says, the buffer is writable for the
    // length that is given, no service is asked for, and the resolver keeps no pointer.
    let code = unsafe {
        libc::getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            buffer.as_mut_ptr().cast(),
            LONGEST_NAME as libc::socklen_t,
            ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    if code != 0 {
        return Err(failure(code));
    }
    let name = CStr::from_bytes_until_nul(&buffer).map_err(io::Error::other)?;
    Ok(name.to_string_lossy().into_owned())
}

fn failure(code: libc::c_int) -> io::Error {
    let kind = match code {
        libc::EAI_SYSTEM => return io::Error::last_os_error(),
        libc::EAI_NONAME | libc::EAI_NODATA => ErrorKind::NotFound,
        libc::EAI_AGAIN => ErrorKind::TimedOut,
        libc::EAI_MEMORY => ErrorKind::OutOfMemory,
        _ => ErrorKind::Other,
    };
    // SAFETY: any number is allowed, and the text is a constant of the library.
    let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
    io::Error::new(kind, text.to_string_lossy())
}
