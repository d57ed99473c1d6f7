//! Other programs: started, fed, read, waited for.
//!
//! ```
//! use unspin::process::Command;
//!
//! # fn main() -> unspin::Result<()> {
//! unspin::block_on(async {
//!     let sorted = Command::new("sort").input("b\na\n").output().await?;
//!     assert!(sorted.status.success());
//!     assert_eq!(sorted.stdout, b"a\nb\n");
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # What is promised
//!
//! * To start a program takes no longer when this process uses much memory. The calling thread waits
//!   until the program is loaded, less than a millisecond as a rule; so a program that is missing
//!   is told at once.
//! * A child gets 0, 1, 2 and the descriptors that are named, and no others; no signal is blocked or
//!   ignored for it.
//! * A script without `#!` is run by `/bin/sh`, as `execvp` does.
//! * Children are waited for one by one (`waitpid` of each), by a descriptor of the process on
//!   Linux 5.3 and later: other children of the process are left alone. Before that, where such a
//!   descriptor is forbidden, or where the environment of this process has `UNSPIN_PIDFD=0`, by
//!   `SIGCHLD`.
//! * A program that waits for a child makes no system call.
//! * When the loop ends, its children go on.
//!
//! Outside of Linux, starting fails with `Unsupported`. The module follows Node's `child_process` and
//! libuv's `uv_process_t`, and where those are silent std's [`Command`](std::process::Command).

mod child;
mod command;
mod output;
mod running;
mod start;
mod stdio;
mod stop;

use std::ffi::OsStr;

pub use std::process::ExitStatus;

pub use child::Child;
pub use command::Command;
pub use output::Output;
pub use stdio::Stdio;

/// A command line for the shell: `/bin/sh -c`, as Node's `exec`.
///
/// **Never put into it what somebody else has said**, a file name, a form, a message: the shell sees
/// commands in it. Give such things as arguments to [`Command::new`], or to the shell by
/// [`env`](Command::env).
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let count = unspin::process::shell("ls | wc -l").output();
///     count.callback(|output| {
///         println!("{} entries", String::from_utf8_lossy(&output?.stdout).trim());
///         Ok(())
///     });
/// })
/// # }
/// ```
pub fn shell(command_line: impl AsRef<OsStr>) -> Command {
    Command::new("/bin/sh").arg("-c").arg(command_line)
}
