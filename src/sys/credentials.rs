//! Who is at the other end of a Unix stream.

use std::io;
use std::os::fd::AsRawFd;

/// Process, user and group.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn of_peer(socket: &impl AsRawFd) -> io::Result<(Option<i32>, u32, u32)> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the pointer is to one writable `ucred`, as the length says, the kernel keeps neither
    // pointer, and the descriptor is open, since its owner is borrowed.
    let code = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut found).cast(),
            &raw mut length,
        )
    };
    if code != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((Some(found.pid).filter(|pid| *pid != 0), found.uid, found.gid))
}

/// User and group: the process is not told by a call that all these systems have.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn of_peer(socket: &impl AsRawFd) -> io::Result<(Option<i32>, u32, u32)> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: both pointers are to writable numbers, the kernel keeps neither, and the descriptor is
    // open, since its owner is borrowed.
    let code = unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut uid, &raw mut gid) };
    if code != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((None, uid, gid))
}
