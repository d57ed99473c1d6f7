//! Descriptors that travel through a Unix socket, beside the bytes.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use crate::sys::socket::NO_SIGNAL;

/// As many as Linux passes with one message (`SCM_MAX_FD`).
pub(crate) const MOST: usize = 253;

/// Room for what comes beside the bytes: a header, and that many descriptors. In words, so that it
/// is aligned as a header must be.
const WORDS: usize = 4 + MOST.div_ceil(2);
const _: () = assert!(align_of::<libc::cmsghdr>() <= align_of::<u64>());

type Control = [u64; WORDS];

/// Sends what the kernel takes of `bytes`, and `descriptors` with the first of them.
///
/// # Panics
///
/// If they are more than [`MOST`].
pub(crate) fn send(
    socket: &impl AsRawFd,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    assert!(descriptors.len() <= MOST);
    let length = size_of_val(descriptors) as u32;
    let mut control: Control = [0; WORDS];
    let slice = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut message = message(&slice, &mut control);
    // SAFETY: the control buffer is aligned for a header, has room for that many descriptors behind
    // it, as was just checked, and is all zero, so that the first header is inside of it and may be
    // written, and they behind it (a `BorrowedFd` has the layout of a `RawFd`, as std promises). The
    // message lives until the call is over, and the kernel writes to none of it and keeps no
    // pointer. All descriptors are open, since they are borrowed.
    let sent = unsafe {
        message.msg_controllen = libc::CMSG_SPACE(length) as _;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(length) as _;
        let from = descriptors.as_ptr().cast::<u8>();
        ptr::copy_nonoverlapping(from, libc::CMSG_DATA(header), length as usize);
        libc::sendmsg(socket.as_raw_fd(), &message, NO_SIGNAL)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Receives into `buffer`, and adds the descriptors that come with the bytes to `passed`.
///
/// # Errors
///
/// What the system says, and an error if descriptors were lost because this process can open no
/// more; the bytes are lost then, too.
pub(crate) fn recv(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
    passed: &mut impl Extend<OwnedFd>,
) -> io::Result<usize> {
    let mut control: Control = [0; WORDS];
    let slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut message = message(&slice, &mut control);
    // SAFETY: the message has one slice, of a writable buffer, and a writable control buffer, with
    // their lengths; the kernel keeps no pointer, and the descriptor is open, as it is borrowed.
    let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, CLOSE_ON_EXEC) };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    take(&message, passed);
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        let why = "descriptors that the peer passed were lost: this process can open no more";
        return Err(io::Error::other(why));
    }
    Ok(received)
}

fn message(slice: &libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: all fields of this plain C struct may be zero: no name, no slices, no flags.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = ptr::from_ref(slice).cast_mut();
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    message
}

fn take(message: &libc::msghdr, passed: &mut impl Extend<OwnedFd>) {
    // SAFETY: the kernel has filled the control buffer, and set its length, which these functions
    // keep to; each header they give is inside of it.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: not null, so it is a header, with as many bytes behind it as it says. A header of
        // this type is followed by whole descriptors, which are new, open, and owned by nobody yet.
        unsafe {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let first = libc::CMSG_DATA(header).cast::<RawFd>();
                let count = bytes / size_of::<RawFd>();
                passed.extend((0..count).map(|at| own(first.add(at).read_unaligned())));
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
}

/// # Safety
///
/// The descriptor is open, and nobody else owns it.
unsafe fn own(descriptor: RawFd) -> OwnedFd {
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    // SAFETY: the descriptor is open; that is all this call needs.
    unsafe {
        libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC)
    };
    // SAFETY: as the caller says.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOSE_ON_EXEC: libc::c_int = libc::MSG_CMSG_CLOEXEC;
/// Elsewhere each descriptor is told by itself.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOSE_ON_EXEC: libc::c_int = 0;
