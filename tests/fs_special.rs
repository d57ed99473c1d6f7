//! Paths that are no plain files, and input that is wrong.

mod util;

use std::ffi::CString;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use unspin::fs::{self, FileTimes};
use unspin::{EventLoop, spawn_blocking};
use util::Log;
use util::files::{fails, ok, place, result_of};

fn make_fifo(path: &Path) {
    let status = std::process::Command::new("mkfifo").arg(path).status().expect("it can be run");
    assert!(status.success());
}

#[test]
fn a_zero_in_a_path_is_invalid_input() {
    let path = Path::new("a\0b");
    let kind = ErrorKind::InvalidInput;
    fails("read", path, kind, || fs::read(path));
    fails("open", path, kind, || fs::open(path));
    fails("look at", path, kind, || fs::metadata(path));
    fails("access", path, kind, || fs::access(path, fs::Access::READ));
    fails("set the times of", path, kind, || fs::set_times(path, FileTimes::new()));
    fails("create a directory", path, kind, || fs::create_temp_dir(path));
    fails("create a file", path, kind, || fs::create_temp_file(path));
    fails("look at the file system of", path, kind, || fs::file_system(path));
}

#[test]
fn links_that_lead_to_each_other_are_a_loop() {
    let (dir, one) = place("one");
    let other = dir.path().join("other");
    symlink(&one, &other).expect("a link");
    symlink(&other, &one).expect("a link");
    for error in [
        result_of(|| fs::open(&one)).expect_err("a loop"),
        result_of(|| fs::metadata(&one)).expect_err("a loop"),
        result_of(|| fs::read(&one)).expect_err("a loop"),
        result_of(|| fs::canonicalize(&one)).expect_err("a loop"),
        result_of(|| fs::exists(&one)).expect_err("a loop"),
    ] {
        assert_eq!(error.raw_os_error(), Some(40), "ELOOP: {error}");
    }
    assert_eq!(ok(|| fs::read_link(&one)), other);
    ok(|| fs::remove_file(&one));
}

#[test]
fn a_directory_can_be_opened_and_not_be_read() {
    let (dir, _) = place("file");
    let opened = ok(|| fs::open(dir.path()));
    let error = result_of(|| opened.read_at(0, 10)).expect_err("it is a directory");
    assert_eq!(error.kind(), ErrorKind::IsADirectory);
}

/// On a pool of one thread: were it to wait for a writer, nothing would come after it.
#[test]
fn named_pipes_that_nobody_has_open_hold_no_thread() {
    let (_dir, path) = place("pipe");
    make_fifo(&path);
    let event_loop = EventLoop::builder().pool_threads(1).build().expect("a loop");
    let log = Log::new();
    let said = log.clone();
    let main = move || {
        let say = said.clone();
        fs::read(&path).callback(move |bytes| {
            assert!(bytes.expect("it is at its end").is_empty());
            say.say("read");
        });
        let say = said.clone();
        fs::append(&path, "text").callback(move |written| {
            let error = written.expect_err("nobody reads");
            assert_eq!(error.raw_os_error(), Some(6), "ENXIO: {error}");
            say.say("append");
        });
        let (say, last) = (said.clone(), said.clone());
        fs::read_stream(&path).on_data(|_, _| panic!("nobody writes")).on_end(move |_| {
            say.say("stream");
            let last = last.clone();
            spawn_blocking(|| ()).callback(move |_| last.say("free"));
        });
    };
    event_loop.run(main).expect("nothing in it fails");
    log.expect(&["read", "append", "stream", "free"]);
}

#[test]
fn a_named_pipe_with_a_writer_is_read_to_its_end() {
    let (_dir, path) = place("pipe");
    make_fifo(&path);
    // For both, so that opening it does not wait.
    let mut options = std::fs::OpenOptions::new();
    let mut writer = options.read(true).write(true).open(&path).expect("it opens");
    let bytes: Vec<u8> = (0..30_000_u32).map(|n| n as u8).collect();
    writer.write_all(&bytes).expect("a pipe has room for that");
    let file = ok(|| fs::open(&path));
    assert!(ok(|| file.read_at(7, 10_000)) == bytes[..10_000], "it has no offsets");
    drop(writer);
    assert!(ok(|| fs::read(&path)) == bytes[10_000..]);
}

#[test]
fn a_file_that_says_it_is_empty_is_read_to_its_end() {
    let bytes = ok(|| fs::read("/proc/self/status"));
    assert!(bytes.starts_with(b"Name:") && bytes.ends_with(b"\n"));
    let file = ok(|| fs::open("/proc/self/status"));
    assert_eq!(ok(|| file.metadata()).len(), 0);
    assert_eq!(ok(|| file.read_at(0, 5)), b"Name:");
}

#[test]
fn a_length_that_no_memory_has_is_an_error() {
    let file = ok(|| fs::open("Cargo.toml"));
    let error = result_of(|| file.read_at(0, usize::MAX)).expect_err("too much");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
}

#[test]
fn a_length_that_is_a_wish_costs_what_there_is() {
    let file = ok(|| fs::open("Cargo.toml"));
    let length = std::fs::metadata("Cargo.toml").expect("it is there").len();
    assert_eq!(ok(|| file.read_at(0, 1 << 30)).len() as u64, length);
    let status = std::fs::read_to_string("/proc/self/status").expect("every Linux has it");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it has it");
    let kib: u64 = most.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kib < 512 * 1024, "{kib} KiB were touched");
}

#[test]
fn a_name_need_not_be_text() {
    let (dir, _) = place("file");
    let name = CString::new([0xff, 0xfe, b'a']).expect("no zero");
    let path = dir.path().join(std::ffi::OsStr::from_bytes(name.as_bytes()));
    ok(|| fs::write(&path, "text"));
    assert_eq!(ok(|| fs::read(&path)), b"text");
    assert_eq!(ok(|| fs::canonicalize(&path)).file_name(), path.file_name());
}
