//! What a child finds: its environment, its descriptors, its signals.
#![allow(unsafe_code, reason = "only the system's own call blocks a signal")]

mod util;

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;

use unspin::process::{self, Command, Stdio};
use unspin::signal::Signal;
use util::net::run;

/// Runs a command to its end; gives its output without the last newline.
fn output_of(command: Command) -> String {
    let output = run(move || {
        let (sender, receiver) = std::sync::mpsc::channel();
        command.output().callback(move |output| {
            sender.send(output?.stdout).expect("somebody waits");
            Ok(())
        });
        receiver
    });
    let bytes = output.recv().expect("it has ended");
    String::from_utf8(bytes).expect("it is text").trim_end().to_owned()
}

#[test]
fn arguments_and_variables_are_passed_as_they_are() {
    let echo = Command::new("printf").args(["%s|", "a b", "$HOME;`ls`", ""]);
    assert_eq!(output_of(echo), "a b|$HOME;`ls`||");
    let set = process::shell("echo $ONE $TWO ${HOME-none}").env("ONE", "1").env_remove("HOME");
    assert_eq!(output_of(set.env("TWO", "zwei")), "1 zwei none");
    let alone = Command::new("/usr/bin/env").env("ONLY", "this").env_clear().env("AND", "that");
    assert_eq!(output_of(alone), "AND=that");
    let name = Command::new("/bin/sh").argv0("somebody").args(["-c", "echo $0"]);
    assert_eq!(output_of(name), "somebody");
}

#[test]
fn a_program_is_looked_for_in_the_childs_path_and_directory() {
    let folder = tempfile::tempdir().expect("a directory");
    let script = folder.path().join("greet");
    std::fs::write(&script, "#!/bin/sh\necho hello from $PWD\n").expect("it can be written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("it is ours");
    let path = folder.path().canonicalize().expect("it is there");
    let expected = format!("hello from {}", path.display());
    let found = Command::new("greet").env("PATH", &path).cwd(&path);
    assert_eq!(output_of(found), expected);
    assert_eq!(output_of(Command::new("./greet").cwd(&path)), expected);
}

#[test]
fn a_script_without_a_first_line_that_says_so_is_the_shells() {
    let folder = tempfile::tempdir().expect("a directory");
    let script = folder.path().join("greet");
    std::fs::write(&script, "echo \"$0\" says \"$1\" and \"$2\"\n").expect("it can be written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("it is ours");
    let expected = format!("{} says a b and", script.display());
    assert_eq!(output_of(Command::new(&script).args(["a b", ""])), expected);
    let path = format!("/no/such/place:{}:/usr/bin:/bin", folder.path().display());
    assert_eq!(output_of(Command::new("greet").env("PATH", path).arg("a b")), expected);
    let named = Command::new("./greet").argv0("somebody").cwd(folder.path()).arg("x");
    assert_eq!(output_of(named), "./greet says x and");
}

#[test]
fn nothing_is_open_but_what_was_named() {
    let leaky = File::open("Cargo.toml").expect("it is here");
    // A descriptor that some library has left open for all children.
    socket2::SockRef::from(&leaky).set_cloexec(false).expect("it can be set");
    assert!(leaky.as_raw_fd() > 2);
    let list = || process::shell("ls /proc/self/fd | tr '\\n' ' '");
    // The last one is what ls reads them by.
    assert_eq!(output_of(list()), "0 1 2 3");
    let named = leaky.try_clone().expect("descriptors are left");
    assert_eq!(output_of(list().fd(7, named)), "0 1 2 3 7");
    let shared = Stdio::share(&leaky).expect("descriptors are left");
    assert_eq!(output_of(process::shell("head -n 1 <&9").fd(9, shared)), "[package]");
}

#[test]
fn its_pipes_block_and_its_input_is_at_its_end() {
    let flags = "grep flags /proc/self/fdinfo/1 | tr -d '\\t'";
    let flags = output_of(process::shell(flags));
    let flags = u32::from_str_radix(flags.trim_start_matches("flags:"), 8).expect("a number");
    assert_eq!(flags as i32 & libc::O_NONBLOCK, 0);
    assert_eq!(output_of(Command::new("cat")), "");
}

/// The signals that a child ignores and blocks, as the system has them.
const MASKS: &str = "grep -E 'SigIgn|SigBlk' /proc/self/status | tr -s '\\t\\n' '  '";

#[test]
fn no_signal_is_ignored_blocked_or_kept_from_it() {
    let nothing = "SigBlk: 0000000000000000 SigIgn: 0000000000000000";
    // SAFETY: the set is made by the first call; the pointers are to values that are there.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, Signal::TERMINATE.as_raw());
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
    let ours = std::fs::read_to_string("/proc/thread-self/status").expect("the system tells");
    assert!(ours.contains("SigBlk:\t0000000000004000"), "this thread blocks one");
    assert!(!ours.contains("SigIgn:\t0000000000000000"), "this process ignores SIGPIPE");
    assert_eq!(output_of(Command::new("sh").args(["-c", MASKS])), nothing);
}

#[test]
fn another_user_can_be_taken_on_by_root_and_by_nobody_else() {
    if let Err(error) = run(|| Command::new("true").uid(65534).spawn().map(drop)) {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        return;
    }
    let who = process::shell("id -u; id -g; id -G").uid(65534).gid(65534);
    assert_eq!(output_of(who), "65534\n65534\n65534");
    let groups = process::shell("id -G").uid(65534).gid(65534).groups([65534, 1000, 1001]);
    assert_eq!(output_of(groups), "65534 1000 1001");
}
