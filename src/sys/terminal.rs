//! What a terminal is asked and told: its attributes and the size of its window.

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};

use libc::c_int;

/// How a terminal treats what is typed and written.
#[derive(Clone, Copy)]
pub(crate) struct Attributes(libc::termios);

impl Attributes {
    /// # Errors
    ///
    /// What the system says: `ENOTTY` if it is no terminal.
    pub(crate) fn of(terminal: &impl AsFd) -> io::Result<Attributes> {
        // SAFETY: all zeros is a termios, which has integers only.
        let mut attributes: libc::termios = unsafe { mem::zeroed() };
        let fd = terminal.as_fd().as_raw_fd();
        // SAFETY: the pointer is to one writable termios, which the call does not keep; the
        // descriptor is open, since its owner is borrowed.
        let failed = unsafe { libc::tcgetattr(fd, &raw mut attributes) } != 0;
        if failed { Err(io::Error::last_os_error()) } else { Ok(Attributes(attributes)) }
    }

    /// Sets them now. What was typed and written before stays as it is. May be called in a handler
    /// of a signal.
    pub(crate) fn set(&self, terminal: &impl AsFd) -> io::Result<()> {
        let fd = terminal.as_fd().as_raw_fd();
        loop {
            // SAFETY: the pointer is to a readable termios, which the call does not keep; the
            // descriptor is open, since its owner is borrowed.
            if unsafe { libc::tcsetattr(fd, libc::TCSANOW, &raw const self.0) } == 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            // Stopped in the background, and continued.
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// Each byte as it is typed, without an echo; Ctrl-C and its like still are signals.
    pub(crate) fn cbreak(mut self) -> Attributes {
        self.0.c_lflag &= !(libc::ECHO | libc::ICANON);
        self.at_least_one_byte()
    }

    /// Each byte as it is typed, whatever it is. What is written still has its line ends made
    /// whole, as with libuv: so a line that is printed begins at the left.
    pub(crate) fn raw(mut self) -> Attributes {
        self.0.c_iflag &= !(libc::BRKINT | libc::ICRNL | libc::INPCK | libc::ISTRIP | libc::IXON);
        self.0.c_oflag |= libc::ONLCR;
        self.0.c_cflag |= libc::CS8;
        self.0.c_lflag &= !(libc::ECHO | libc::ICANON | libc::IEXTEN | libc::ISIG);
        self.at_least_one_byte()
    }

    /// Nothing is changed on its way, in either direction.
    pub(crate) fn binary(mut self) -> Attributes {
        // SAFETY: the pointer is to one writable termios, which the call does not keep.
        unsafe { libc::cfmakeraw(&raw mut self.0) };
        self.at_least_one_byte()
    }

    fn at_least_one_byte(mut self) -> Attributes {
        self.0.c_cc[libc::VMIN] = 1;
        self.0.c_cc[libc::VTIME] = 0;
        self
    }
}

/// The size of a terminal's window: columns and rows, then the same in pixels. Zeros where it does
/// not say.
pub(crate) fn window_size(terminal: &impl AsFd) -> io::Result<[u16; 4]> {
    // SAFETY: all zeros is a winsize, which has integers only.
    let mut size: libc::winsize = unsafe { mem::zeroed() };
    let fd = terminal.as_fd().as_raw_fd();
    // SAFETY: this request writes one winsize, which the pointer is to; the descriptor is open,
    // since its owner is borrowed.
    let failed = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) } != 0;
    let told = [size.ws_col, size.ws_row, size.ws_xpixel, size.ws_ypixel];
    if failed { Err(io::Error::last_os_error()) } else { Ok(told) }
}

/// Whether it is the master of a pseudo-terminal: to open that again makes another.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_master(terminal: &impl AsFd) -> bool {
    let mut number: c_int = 0;
    let fd = terminal.as_fd().as_raw_fd();
    // SAFETY: this request writes one int, which the pointer is to; the descriptor is open, since
    // its owner is borrowed.
    unsafe { libc::ioctl(fd, libc::TIOCGPTN, &raw mut number) == 0 }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn is_master(_: &impl AsFd) -> bool {
    // Unknown: not opened again, to be safe.
    true
}

/// Returns when this process is in the foreground. Until then it is stopped, as by a change of the
/// terminal, but before it could have seen, or made, anything of what is another's.
///
/// # Errors
///
/// What the system says: an input/output error where nobody is left who could continue it.
pub(crate) fn wait_for_foreground(terminal: &impl AsFd) -> io::Result<()> {
    let fd = terminal.as_fd().as_raw_fd();
    while is_in_background(terminal) {
        // SAFETY: the call takes no pointer, and the descriptor is open, since its owner is borrowed.
        if unsafe { libc::tcdrain(fd) } == 0 {
            // It was continued, or the signal that stops is ignored, which allows everything.
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(())
}

/// Whether it belongs to another process group now: then it is not ours to change. May be called in
/// a handler of a signal.
pub(crate) fn is_in_background(terminal: &impl AsFd) -> bool {
    let fd = terminal.as_fd().as_raw_fd();
    // SAFETY: the calls take no pointer, and the descriptor is open, since its owner is borrowed.
    let (theirs, ours) = unsafe { (libc::tcgetpgrp(fd), libc::getpgrp()) };
    // It fails for a terminal that does not control this process.
    theirs >= 0 && theirs != ours
}
