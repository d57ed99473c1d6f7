//! What can be asked of a path, and std does not ask.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path as the system takes it.
///
/// # Errors
///
/// `InvalidInput` if it has a zero inside.
pub(crate) fn to_c(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the path has a zero byte inside"))
}

/// Whether this process, as its effective user, may do that: `mode` is made of `R_OK` and its kin.
pub(crate) fn access(path: &CStr, mode: libc::c_int) -> io::Result<()> {
    // SAFETY: the path ends with a zero, and the kernel keeps no pointer to it.
    let allowed = unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), mode, libc::AT_EACCESS) };
    if allowed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What the system knows of the file system that `path` is on.
pub(crate) fn file_system(path: &CStr) -> io::Result<libc::statfs> {
    let mut found = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends with a zero, and the pointer is to room for one answer; the kernel keeps
    // neither.
    let done = unsafe { libc::statfs(path.as_ptr(), found.as_mut_ptr()) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has succeeded, and so has filled it in.
    Ok(unsafe { found.assume_init() })
}
