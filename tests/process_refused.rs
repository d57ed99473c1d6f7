//! What cannot be started: the error says which part of it was wrong.

mod util;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use unspin::process::Command;
use util::net::run;

/// Asserts that a command cannot be started, of what kind that is, and what the error says.
#[track_caller]
fn refused(command: Command, kind: ErrorKind, words: &str) {
    let error = run(|| {
        let error = command.spawn().expect_err("it cannot be started");
        assert!(unspin::why_alive().is_empty(), "nothing is left");
        error
    });
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("it can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn a_zero_byte_is_told_with_its_place() {
    let zero = ErrorKind::InvalidInput;
    refused(Command::new("a\0b"), zero, "a zero byte in the program's name");
    refused(Command::new("./a\0b"), zero, "a zero byte in the program's name");
    refused(Command::new("true").arg("a\0b"), zero, "start true: a zero byte in an argument");
    refused(Command::new("true").env("NAME", "a\0b"), zero, "a zero byte in the variable NAME");
    refused(Command::new("true").cwd("a\0b"), zero, "a zero byte in the directory");
}

#[test]
fn a_program_needs_a_name() {
    refused(Command::new(""), ErrorKind::InvalidInput, "the program's name is empty");
}

#[test]
fn the_directory_is_named_where_it_is_the_fault() {
    let nowhere = Command::new("true").cwd("/no/such/place");
    refused(nowhere, ErrorKind::NotFound, "start true: in /no/such/place: ");
    let file = Command::new("true").cwd("Cargo.toml");
    refused(file, ErrorKind::NotADirectory, "start true: in Cargo.toml: ");
}

#[test]
fn what_is_there_and_cannot_be_run_says_why() {
    let folder = tempfile::tempdir().expect("a directory");
    let denied = ErrorKind::PermissionDenied;
    refused(Command::new(folder.path()), denied, "it is a directory");
    write(&folder.path().join("text"), "echo\n", 0o644);
    refused(Command::new(folder.path().join("text")), denied, "it is not marked as executable");
    // By name, and relative to the child's directory.
    refused(Command::new("text").env("PATH", folder.path()), denied, "not marked as executable");
    refused(Command::new("./text").cwd(folder.path()), denied, "not marked as executable");
    write(&folder.path().join("script"), "#!/no/such/shell\n", 0o755);
    let script = Command::new(folder.path().join("script"));
    refused(script, ErrorKind::NotFound, "the interpreter or loader that it asks for is missing");
}

#[test]
fn arguments_may_be_too_long() {
    let long = "x".repeat(200_000);
    refused(Command::new("true").arg(&long), ErrorKind::ArgumentListTooLong, "start true: ");
    let many = Command::new("true").args((0..100).map(|_| &long[..100_000]));
    refused(many, ErrorKind::ArgumentListTooLong, "start true: ");
}
