//! What the kernel counted for the calling thread.

/// How often the calling thread gave the processor up, and how often it was taken away.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Switches {
    pub(crate) voluntary: u64,
    pub(crate) involuntary: u64,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const WHO: libc::c_int = libc::RUSAGE_THREAD;
/// Elsewhere the kernel counts by process only.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const WHO: libc::c_int = libc::RUSAGE_SELF;

pub(crate) fn switches() -> Switches {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a writable rusage, and the kernel keeps no pointer to it.
    let failed = unsafe { libc::getrusage(WHO, usage.as_mut_ptr()) };
    debug_assert_eq!(failed, 0, "WHO is valid and the pointer is good");
    // SAFETY: rusage is plain integers, for which zeroed memory is a value; the call above only
    // overwrites it.
    let usage = unsafe { usage.assume_init() };
    Switches { voluntary: usage.ru_nvcsw as u64, involuntary: usage.ru_nivcsw as u64 }
}
