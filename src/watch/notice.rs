//! What the kernel's queue holds, taken apart.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::sys::inotify::{self, Wd};

/// One entry of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notice<'a> {
    pub(super) wd: Wd,
    mask: u32,
    /// Joins the two halves of a rename.
    pub(super) cookie: u32,
    /// What it is about in the watched directory; `None` is the directory itself.
    pub(super) name: Option<&'a OsStr>,
}

/// wd, mask, cookie and the length of the name, a word each.
const HEADER: usize = 16;

impl<'a> Notice<'a> {
    pub(super) fn has(&self, flag: u32) -> bool {
        self.mask & flag != 0
    }

    /// Whether it tells that the directory itself cannot be watched any longer under its path.
    pub(super) fn is_farewell(&self) -> bool {
        use inotify::{DELETE_SELF, IGNORED, MOVE_SELF, UNMOUNT};
        self.has(DELETE_SELF | MOVE_SELF | UNMOUNT | IGNORED)
    }

    /// What the kernel wrote into a buffer. It never cuts an entry.
    pub(super) fn all(mut bytes: &'a [u8]) -> impl Iterator<Item = Notice<'a>> {
        std::iter::from_fn(move || {
            let (notice, rest) = Notice::split(bytes)?;
            bytes = rest;
            Some(notice)
        })
    }

    fn split(bytes: &'a [u8]) -> Option<(Notice<'a>, &'a [u8])> {
        let (header, rest) = bytes.split_at_checked(HEADER)?;
        let word = |index: usize| {
            let word = header[index * 4..][..4].try_into().expect("the header has four words");
            u32::from_ne_bytes(word)
        };
        let (name, rest) = rest.split_at_checked(word(3) as usize)?;
        // It is filled up with zeros.
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        let name = (end > 0).then(|| OsStr::from_bytes(&name[..end]));
        let notice = Notice { wd: word(0) as Wd, mask: word(1), cookie: word(2), name };
        Some((notice, rest))
    }
}
