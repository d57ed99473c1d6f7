//! The calls to libc, one file a subject. All unsafe code of the crate lives here.

#![allow(unsafe_code, reason = "this module is the fence: each block below gives its reason")]

pub(crate) mod clock;
pub(crate) mod credentials;
pub(crate) mod datagram;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) mod datagram_errors;
pub(crate) mod fd;
pub(crate) mod file;
pub(crate) mod file_times;
pub(crate) mod inherited;
pub(crate) mod inotify;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) mod multicast;
pub(crate) mod name;
pub(crate) mod passing;
pub(crate) mod path;
pub(crate) mod process;
pub(crate) mod resolve;
pub(crate) mod restore;
pub(crate) mod send_file;
pub(crate) mod signal;
pub(crate) mod sigpipe;
pub(crate) mod socket;
pub(crate) mod spawn;
pub(crate) mod temporary;
pub(crate) mod terminal;
pub(crate) mod usage;
#[cfg(feature = "async")]
pub(crate) mod waker;
