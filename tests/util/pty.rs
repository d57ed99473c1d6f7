//! Pseudo-terminals, and children of the test binary that have one as their terminal.
#![allow(unsafe_code, reason = "only the system's own calls make a terminal and hand it over")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::ptr;

/// A pseudo-terminal: what is written to its master is typed, what is read from it was printed.
pub struct Pty {
    master: File,
    slave: OwnedFd,
}

impl Pty {
    pub fn open() -> Pty {
        let (mut master, mut slave) = (-1, -1);
        // SAFETY: the first two pointers are to writable ints, and the others may be null.
        let failed = unsafe {
            libc::openpty(
                &raw mut master,
                &raw mut slave,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        assert_eq!(failed, 0, "{}", io::Error::last_os_error());
        // SAFETY: the call has opened both, and nobody else has them.
        let (master, slave) =
            unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        for fd in [&master, &slave] {
            // SAFETY: the call takes no pointer, and the descriptor is open.
            unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
        }
        Pty { master: master.into(), slave }
    }

    pub fn slave(&self) -> BorrowedFd<'_> {
        self.slave.as_fd()
    }

    pub fn set_size(&self, columns: u16, rows: u16) {
        set_size(&self.master, columns, rows);
    }

    pub fn mode(&self) -> Mode {
        mode(&self.master)
    }

    pub fn type_(&self, bytes: &[u8]) {
        (&self.master).write_all(bytes).expect("the terminal is there");
    }

    /// Waits for a text, which must be what is printed next: one write may come as several.
    #[track_caller]
    pub fn expect(&self, text: &str) {
        let mut printed = String::new();
        while printed.len() < text.len() {
            let mut buffer = [0; 4096];
            let length = (&self.master).read(&mut buffer).expect("the terminal is there");
            printed.push_str(&String::from_utf8_lossy(&buffer[..length]));
            assert!(text.starts_with(&printed), "{printed:?} was printed, and not {text:?}");
        }
    }

    /// Runs one test of this binary in a process whose terminal this is, and its standard streams.
    pub fn run(self, test: &str) -> Session {
        self.run_with(test, |_| ())
    }

    /// The same, with a command that `change` has seen.
    pub fn run_with(self, test: &str, change: impl FnOnce(&mut Command)) -> Session {
        let mut command = super::child(test);
        change(&mut command);
        self.start(command)
    }

    /// Runs one test of this binary, as `"$@"`, in a script of a shell that has job control.
    pub fn run_in_shell(self, test: &str, script: &str) -> Session {
        let test = super::child(test);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("set -m; {script}"), "sh"]);
        shell.arg(test.get_program()).args(test.get_args());
        for (name, value) in test.get_envs() {
            shell.env(name, value.expect("nothing is removed"));
        }
        self.start(shell)
    }

    /// Runs a command in a process whose terminal this is, and its standard streams.
    pub fn start(self, mut command: Command) -> Session {
        self.give_to(&mut command);
        let child = command.spawn().expect("it can be run");
        // The command has the slave: while somebody has it, the terminal is not hung up.
        drop(command);
        Session { master: Some(self.master), child, printed: String::new() }
    }

    fn give_to(&self, command: &mut Command) {
        let slave = || self.slave.try_clone().expect("there are descriptors left");
        command.stdin(slave()).stdout(slave()).stderr(slave());
        // SAFETY: both calls may be made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) != 0 {
                    return Err(io::Error::last_os_error());
                }
                Ok(())
            });
        }
    }
}

/// A child and its terminal.
pub struct Session {
    master: Option<File>,
    child: Child,
    printed: String,
}

impl Session {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn master(&self) -> &File {
        self.master.as_ref().expect("it is not hung up")
    }

    pub fn type_(&self, bytes: &[u8]) {
        self.master().write_all(bytes).expect("the terminal is there");
    }

    pub fn set_size(&self, columns: u16, rows: u16) {
        set_size(self.master(), columns, rows);
    }

    pub fn mode(&self) -> Mode {
        mode(self.master())
    }

    /// Closes the terminal's window, so to speak.
    pub fn hang_up(&mut self) {
        self.master = None;
    }

    /// Reads on until this was printed.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        self.text_before(text);
    }

    /// What is printed before this is, and reads on behind it.
    #[track_caller]
    pub fn text_before(&mut self, text: &str) -> String {
        while !self.printed.contains(text) {
            assert!(self.read_more(), "`{text}` was not printed: {}", self.printed);
        }
        let (before, rest) = self.printed.split_once(text).expect("it was found");
        let (before, rest) = (before.to_owned(), rest.to_owned());
        self.printed = rest;
        before
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let Ok(length @ 1..) = self.master().read(&mut buffer) else { return false };
        self.printed.push_str(&String::from_utf8_lossy(&buffer[..length]));
        true
    }

    /// Waits for its end; returns that and the mode of the terminal then.
    pub fn mode_at_end(mut self) -> (ExitStatus, Mode) {
        while self.read_more() {}
        let status = self.child.wait().expect("it was not waited for");
        (status, self.mode())
    }

    /// Waits for its end; returns that and what it has printed since.
    pub fn end(mut self) -> (ExitStatus, String) {
        while self.master.is_some() && self.read_more() {}
        let status = self.child.wait().expect("it was not waited for");
        (status, self.printed)
    }
}

/// How a terminal treats what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    pub echoes: bool,
    pub by_the_line: bool,
    pub signals: bool,
    pub makes_line_ends: bool,
}

/// As it is from the start.
pub const COOKED: Mode =
    Mode { echoes: true, by_the_line: true, signals: true, makes_line_ends: true };

pub const RAW: Mode =
    Mode { echoes: false, by_the_line: false, signals: false, makes_line_ends: true };

fn mode(master: &File) -> Mode {
    // SAFETY: all zeros is a termios, which has integers only.
    let mut attributes: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to one writable termios, and the descriptor is open.
    let failed = unsafe { libc::tcgetattr(master.as_raw_fd(), &raw mut attributes) };
    assert_eq!(failed, 0, "{}", io::Error::last_os_error());
    Mode {
        echoes: attributes.c_lflag & libc::ECHO != 0,
        by_the_line: attributes.c_lflag & libc::ICANON != 0,
        signals: attributes.c_lflag & libc::ISIG != 0,
        makes_line_ends: attributes.c_oflag & libc::OPOST != 0,
    }
}

/// As Ctrl-S does.
pub fn stop_output(terminal: &impl AsFd) {
    // SAFETY: the call takes no pointer, and the descriptor is open.
    let failed = unsafe { libc::tcflow(terminal.as_fd().as_raw_fd(), libc::TCOOFF) };
    assert_eq!(failed, 0, "{}", io::Error::last_os_error());
}

fn set_size(master: &File, columns: u16, rows: u16) {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: this request reads one winsize, which the pointer is to; the descriptor is open.
    let failed = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(failed, 0, "{}", io::Error::last_os_error());
}
