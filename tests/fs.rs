//! Files and directories: what each function does, and how it fails.

mod util;

use std::io::ErrorKind;
use std::path::Path;

use unspin::fs;
use util::files::{fails, ok, place, result_of};
use util::{Log, run_real};

#[test]
fn a_whole_file_is_written_appended_to_and_read() {
    let (_dir, path) = place("file");
    ok(|| fs::write(&path, "one"));
    assert_eq!(ok(|| fs::read(&path)), b"one");
    ok(|| fs::append(&path, ", two"));
    assert_eq!(ok(|| fs::read_to_string(&path)), "one, two");
    ok(|| fs::write(&path, vec![0, 255]));
    assert_eq!(ok(|| fs::read(&path)), [0, 255], "what was in it is gone");
}

#[test]
fn append_creates_the_file() {
    let (_dir, path) = place("file");
    ok(|| fs::append(&path, "one"));
    assert_eq!(ok(|| fs::read(&path)), b"one");
}

#[test]
fn an_empty_file_and_a_large_one() {
    let (_dir, path) = place("file");
    ok(|| fs::write(&path, ""));
    assert!(ok(|| fs::read(&path)).is_empty());
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    ok(|| fs::write(&path, large.clone()));
    assert!(ok(|| fs::read(&path)) == large);
}

/// Such a file has no length, and some give all they have at their start or nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_file_of_the_kernel_is_read_as_a_whole() {
    let path = Path::new("/proc/sys/kernel/pid_max");
    let expected = std::fs::read(path).expect("every Linux has it");
    assert_eq!(ok(|| fs::read(path)), expected);
}

#[test]
fn text_must_be_utf_8() {
    let (_dir, path) = place("file");
    ok(|| fs::write(&path, vec![0xff, 0xfe]));
    fails("read", &path, ErrorKind::InvalidData, || fs::read_to_string(&path));
}

#[test]
fn what_does_not_exist_is_not_found_by_any_function() {
    let (_dir, path) = place("missing");
    let inside = path.join("file");
    let kind = ErrorKind::NotFound;
    fails("read", &path, kind, || fs::read(&path));
    fails("read", &path, kind, || fs::read_to_string(&path));
    fails("write", &inside, kind, || fs::write(&inside, "text"));
    fails("append to", &inside, kind, || fs::append(&inside, "text"));
    fails("look at", &path, kind, || fs::metadata(&path));
    fails("remove", &path, kind, || fs::remove_file(&path));
    let both = Path::new(&format!("{} to {}", path.display(), inside.display())).to_owned();
    fails("rename", &both, kind, || fs::rename(&path, &inside));
    fails("copy", &both, kind, || fs::copy(&path, &inside));
    fails("link", &both, kind, || fs::hard_link(&path, &inside));
    fails("link", &both, kind, || fs::symlink(&path, &inside));
    fails("read the link", &path, kind, || fs::read_link(&path));
    fails("find", &path, kind, || fs::canonicalize(&path));
    fails("set the length of", &path, kind, || fs::set_len(&path, 0));
    fails("create", &inside, kind, || fs::create_dir(&inside));
    fails("create a directory", &inside, kind, || fs::create_temp_dir(&inside));
    fails("create a file", &inside, kind, || fs::create_temp_file(&inside));
    fails("look at the file system of", &path, kind, || fs::file_system(&path));
    fails("remove", &path, kind, || fs::remove_dir(&path));
    fails("list", &path, kind, || fs::read_dir_all(&path));
    fails("remove", &path, kind, || fs::remove_dir_all(&path));
    fails("open", &path, kind, || fs::open(&path));
    fails("open", &inside, kind, || fs::create(&inside));
}

#[test]
fn a_directory_is_no_file_and_a_file_no_directory() {
    let (dir, file) = place("file");
    ok(|| fs::write(&file, "text"));
    let dir = dir.path();
    fails("read", dir, ErrorKind::IsADirectory, || fs::read(dir));
    fails("write", dir, ErrorKind::IsADirectory, || fs::write(dir, "text"));
    fails("list", &file, ErrorKind::NotADirectory, || fs::read_dir_all(&file));
    let inside = file.join("inside");
    fails("read", &inside, ErrorKind::NotADirectory, || fs::read(&inside));
    fails("create", &file, ErrorKind::AlreadyExists, || fs::create_dir_all(&file));
    let both = format!("{} to {}", dir.display(), inside.display());
    fails("copy", Path::new(&both), ErrorKind::InvalidInput, || fs::copy(dir, &inside));
}

#[test]
fn the_error_has_the_number_of_the_system() {
    let (_dir, path) = place("missing");
    let error = result_of(|| fs::read(&path)).expect_err("it is missing");
    assert_eq!(error.raw_os_error(), Some(2), "ENOENT");
}

#[test]
fn metadata_follows_links_and_tells_the_length() {
    let (dir, path) = place("file");
    ok(|| fs::write(&path, "12345"));
    let metadata = ok(|| fs::metadata(&path));
    assert!(metadata.is_file());
    assert_eq!(metadata.len(), 5);
    assert!(ok(|| fs::metadata(dir.path())).is_dir());
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    assert_eq!(ok(|| fs::metadata(&link)).len(), 5);
}

#[test]
fn rename_copy_and_remove() {
    let (dir, path) = place("one");
    let (two, three) = (dir.path().join("two"), dir.path().join("three"));
    ok(|| fs::write(&path, "text"));
    ok(|| fs::rename(&path, &two));
    assert!(!path.exists());
    assert_eq!(ok(|| fs::copy(&two, &three)), 4);
    assert_eq!(ok(|| fs::read(&three)), b"text");
    ok(|| fs::write(&path, "other"));
    ok(|| fs::rename(&path, &three));
    assert_eq!(ok(|| fs::read(&three)), b"other", "the one with the new name is replaced");
    ok(|| fs::remove_file(&two));
    assert!(!two.exists());
}

#[test]
fn directories_are_made_listed_and_removed() {
    let (dir, deep) = place("a/b/c");
    ok(|| fs::create_dir_all(&deep));
    ok(|| fs::create_dir_all(&deep));
    let top = dir.path().join("a");
    ok(|| fs::write(top.join("file"), "text"));
    std::os::unix::fs::symlink(&deep, top.join("link")).expect("a link");
    let mut entries = ok(|| fs::read_dir_all(&top));
    entries.sort_by(|one, other| one.file_name().cmp(other.file_name()));
    let names: Vec<&str> = entries.iter().filter_map(|entry| entry.file_name().to_str()).collect();
    assert_eq!(names, ["b", "file", "link"]);
    assert!(entries[0].file_type().is_dir());
    assert!(entries[1].file_type().is_file());
    assert!(entries[2].file_type().is_symlink(), "a link is not followed");
    assert_eq!(entries[1].path(), top.join("file"));
    ok(|| fs::remove_dir_all(&top));
    assert!(!top.exists());
    assert!(ok(|| fs::read_dir_all(dir.path())).is_empty());
}

#[test]
fn an_open_file_is_read_and_written_at_offsets() {
    let (_dir, path) = place("file");
    let file = ok(|| fs::create(&path));
    assert_eq!(file.path(), path);
    ok(|| file.write_at(0, "hello world"));
    ok(|| file.write_at(6, "there"));
    assert_eq!(ok(|| file.read_at(0, 11)), b"hello there");
    assert_eq!(ok(|| file.read_at(6, 100)), b"there", "fewer at the end");
    assert!(ok(|| file.read_at(100, 10)).is_empty(), "none behind it");
    assert!(ok(|| file.read_at(0, 0)).is_empty());
    ok(|| file.write_at(13, "!"));
    assert_eq!(ok(|| fs::read(&path)), b"hello there\0\0!", "a hole is zeros");
    ok(|| file.set_len(5));
    assert_eq!(ok(|| file.metadata()).len(), 5);
    ok(|| file.set_len(7));
    ok(|| file.sync_all());
    assert_eq!(ok(|| fs::read(&path)), b"hello\0\0");
    ok(|| file.close());
}

#[test]
fn requests_of_one_file_do_not_disturb_each_other() {
    let (_dir, path) = place("file");
    let log = Log::new();
    let said = log.clone();
    run_real(|| {
        fs::create(&path).callback(move |file| {
            let file = file?;
            for index in 0..8_u64 {
                let (read, said) = (file.clone(), said.clone());
                file.write_at(index * 1000, vec![index as u8; 1000]).callback(move |written| {
                    written?;
                    read.read_at(index * 1000, 1000).callback(move |bytes| {
                        assert_eq!(bytes?, vec![index as u8; 1000]);
                        said.say("right");
                        Ok(())
                    });
                    Ok(())
                });
            }
            Ok(())
        });
    });
    log.expect(&["right"; 8]);
}

#[test]
fn open_reads_only_and_says_so() {
    let (_dir, path) = place("file");
    ok(|| fs::write(&path, "text"));
    let file = ok(|| fs::open(&path));
    assert_eq!(ok(|| file.read_at(0, 4)), b"text");
    let error = result_of(|| file.write_at(0, "no")).expect_err("it is open for reading");
    assert_eq!(error.raw_os_error(), Some(9), "EBADF");
    assert!(error.to_string().starts_with(&format!("write {}: ", path.display())), "{error}");
}

#[test]
fn create_empties_what_was_there() {
    let (_dir, path) = place("file");
    ok(|| fs::write(&path, "text"));
    let file = ok(|| fs::create(&path));
    assert_eq!(ok(|| file.metadata()).len(), 0);
    ok(|| file.write_at(0, "new"));
    assert_eq!(ok(|| file.read_at(0, 3)), b"new", "it is open for reading as well");
}

#[test]
fn options_open_in_the_way_they_say() {
    let (_dir, path) = place("file");
    let new = || fs::OpenOptions::new();
    fails("open", &path, ErrorKind::InvalidInput, || new().open(&path));
    ok(|| new().write(true).create_new(true).open(&path));
    fails("open", &path, ErrorKind::AlreadyExists, || {
        new().write(true).create_new(true).open(&path)
    });
    let file = ok(|| new().append(true).create(true).open(&path));
    ok(|| file.write_at(0, "one"));
    ok(|| file.write_at(0, "two"));
    assert_eq!(ok(|| fs::read(&path)), b"onetwo", "each write goes to the end");
    let file = ok(|| new().read(true).write(true).truncate(true).open(&path));
    assert!(ok(|| file.read_at(0, 10)).is_empty());
    let file = ok(|| new().write(true).open(&path));
    result_of(|| file.read_at(0, 1)).expect_err("it is open for writing only");
}

/// How many descriptors of this process lead to a path.
#[cfg(target_os = "linux")]
fn open_descriptors(path: &Path) -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").expect("Linux shows them");
    // One that another test has closed meanwhile is none of this path.
    let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link == path).count()
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_is_closed_with_its_last_handle_and_whole_files_are_closed_by_their_request() {
    let (_dir, path) = place("file");
    let file = ok(|| fs::create(&path));
    let other = file.clone();
    assert_eq!(open_descriptors(&path), 1, "a clone is a handle of the same");
    ok(|| file.close());
    assert_eq!(open_descriptors(&path), 1);
    ok(|| other.write_at(0, "still open"));
    ok(|| other.close());
    assert_eq!(open_descriptors(&path), 0);
    drop(ok(|| fs::open(&path)));
    assert_eq!(open_descriptors(&path), 0);
    ok(|| fs::read(&path));
    ok(|| fs::write(&path, "text"));
    assert_eq!(open_descriptors(&path), 0);
}

#[test]
fn a_request_reads_the_path_it_was_given_even_if_it_begins_later() {
    let (_dir, path) = place("file");
    let log = Log::new();
    let said = log.clone();
    run_real(|| {
        let request = fs::read(&path);
        std::fs::write(&path, "written before it began").expect("it can be written");
        request.callback(move |bytes| {
            assert_eq!(bytes?, b"written before it began");
            said.say("read");
            Ok(())
        });
    });
    log.expect(&["read"]);
}

#[test]
fn an_error_that_a_callback_passes_on_is_that_of_run() {
    let (_dir, path) = place("missing");
    let event_loop = unspin::EventLoop::new().expect("a loop");
    let error = event_loop
        .run(|| {
            fs::read(&path).callback(|bytes| {
                bytes?;
                Ok(())
            });
        })
        .expect_err("it is missing");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
