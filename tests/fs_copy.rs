//! Copies of files.

mod util;

use std::fs::Permissions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;

use unspin::fs::{self, CopyOptions, Reflink};
use unspin::{Request, Result, spawn_blocking};
use util::files::{ok, place, result_of};
use util::run_real;

fn pair() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let (dir, from) = place("from");
    let to = dir.path().join("to");
    (dir, from, to)
}

#[track_caller]
fn fails(kind: ErrorKind, copy: impl FnOnce() -> Request<u64>) {
    assert_eq!(result_of(copy).expect_err("it cannot be").kind(), kind);
}

#[test]
fn a_copy_has_the_bytes_and_the_permissions() {
    let (_dir, from, to) = pair();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    std::fs::write(&from, &bytes).expect("it is written");
    ok(|| fs::set_permissions(&from, Permissions::from_mode(0o741)));
    std::fs::write(&to, vec![1; 4_000_000]).expect("it is written");
    assert_eq!(ok(|| fs::copy(&from, &to)), 3_000_000);
    assert!(ok(|| fs::read(&to)) == bytes, "nothing is left of what was there");
    assert_eq!(ok(|| fs::metadata(&to)).permissions().mode() & 0o777, 0o741);
}

#[test]
fn a_copy_onto_itself_leaves_it() {
    let (dir, from, _) = pair();
    ok(|| fs::write(&from, "text"));
    let link = dir.path().join("link");
    symlink(&from, &link).expect("a link");
    assert_eq!(ok(|| fs::copy(&from, &from)), 4);
    assert_eq!(ok(|| fs::copy(&from, &link)), 4);
    assert_eq!(ok(|| fs::read(&from)), b"text");
}

#[test]
fn an_exclusive_copy_replaces_nothing() {
    let (_dir, from, to) = pair();
    let exclusive = CopyOptions::new().exclusive(true);
    ok(|| fs::write(&from, "text"));
    assert_eq!(ok(|| exclusive.copy(&from, &to)), 4);
    ok(|| fs::write(&from, "other"));
    fails(ErrorKind::AlreadyExists, || exclusive.copy(&from, &to));
    assert_eq!(ok(|| fs::read(&to)), b"text");
}

#[test]
fn what_is_no_file_is_not_copied() {
    let (dir, from, to) = pair();
    fails(ErrorKind::InvalidInput, || fs::copy(dir.path(), &to));
    fails(ErrorKind::NotFound, || fs::copy(&from, &to));
    assert!(!to.exists(), "nothing was created for it");
    ok(|| fs::write(&from, "text"));
    fails(ErrorKind::IsADirectory, || fs::copy(&from, dir.path()));
}

#[test]
fn a_pipe_that_is_full_is_waited_for() {
    let (dir, from, _) = pair();
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(&from, &bytes).expect("it is written");
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it can be run").success());
    // For both, so that opening it does not wait. What is in it fills it: the copy must wait.
    let mut options = std::fs::OpenOptions::new();
    let mut reader = options.read(true).write(true).open(&pipe).expect("it opens");
    reader.write_all(&[0; 65_536]).expect("a pipe has room for that");
    let (begun, begins) = channel();
    let reading = std::thread::spawn(move || {
        begins.recv().expect("it begins");
        let mut read = vec![0; 65_536 + 1_000_000];
        reader.read_exact(&mut read).expect("all of it comes");
        read
    });
    run_real(move || {
        fs::copy(&from, &pipe).callback(|copied| {
            assert_eq!(copied?, 1_000_000);
            Ok(())
        });
        // Behind it on the pool, and on another thread.
        spawn_blocking(move || begun.send(())).callback(drop);
    });
    assert!(reading.join().expect("it does not panic")[65_536..] == bytes);
}

#[test]
fn a_file_of_the_kernel_whose_length_lies_is_copied() {
    let (_dir, _, to) = pair();
    let from = Path::new("/proc/sys/kernel/pid_max");
    assert!(ok(|| fs::copy(from, &to)) > 0);
    assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(from).unwrap());
}

/// It depends on the file system whether that can be.
#[test]
fn a_copy_that_must_share_its_blocks_does_or_leaves_nothing() {
    let (_dir, from, to) = pair();
    ok(|| fs::write(&from, "text"));
    let copied: Result<u64> =
        result_of(|| CopyOptions::new().reflink(Reflink::Always).copy(&from, &to));
    match copied {
        Ok(length) => assert_eq!((length, ok(|| fs::read(&to))), (4, b"text".to_vec())),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(!to.exists());
        }
    }
}
