//! What is known of a file, and what of it can be changed, by path and by open file.

mod util;

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use unspin::fs::{self, Access, FileTimes};
use util::files::{fails, ok, place, result_of};

fn modified(path: &Path) -> SystemTime {
    std::fs::symlink_metadata(path).expect("it is there").modified().expect("the system keeps it")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn a_link_is_looked_at_itself_or_followed() {
    let (dir, file) = place("file");
    let link = dir.path().join("link");
    ok(|| fs::write(&file, "12345"));
    ok(|| fs::symlink(&file, &link));
    assert_eq!(ok(|| fs::metadata(&link)).len(), 5);
    assert!(ok(|| fs::symlink_metadata(&link)).is_symlink());
    assert_eq!(ok(|| fs::read_link(&link)), file);
    assert_eq!(ok(|| fs::canonicalize(&link)), file.canonicalize().expect("it is there"));
    fails("read the link", &file, ErrorKind::InvalidInput, || fs::read_link(&file));
}

#[test]
fn a_hard_link_is_a_second_name() {
    let (dir, file) = place("file");
    let second = dir.path().join("second");
    ok(|| fs::write(&file, "one"));
    ok(|| fs::hard_link(&file, &second));
    ok(|| fs::append(&second, ", two"));
    assert_eq!(ok(|| fs::read(&file)), b"one, two");
    assert_eq!(ok(|| fs::metadata(&file)).nlink(), 2);
    let both = format!("{} to {}", file.display(), second.display());
    fails("link", Path::new(&both), ErrorKind::AlreadyExists, || fs::hard_link(&file, &second));
}

#[test]
fn what_exists_and_what_does_not() {
    let (dir, file) = place("file");
    assert!(!ok(|| fs::exists(&file)));
    let link = dir.path().join("link");
    ok(|| fs::symlink(&file, &link));
    assert!(!ok(|| fs::exists(&link)), "it leads nowhere");
    ok(|| fs::write(&file, ""));
    assert!(ok(|| fs::exists(&link)));
    let inside = file.join("inside");
    let error = result_of(|| fs::exists(&inside)).expect_err("a file has nothing inside");
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
}

#[test]
fn access_is_asked_for_each_use() {
    let (_dir, file) = place("file");
    fails("access", &file, ErrorKind::NotFound, || fs::access(&file, Access::EXISTS));
    ok(|| fs::write(&file, ""));
    ok(|| fs::set_permissions(&file, Permissions::from_mode(0o600)));
    ok(|| fs::access(&file, Access::EXISTS));
    ok(|| fs::access(&file, Access::READ | Access::WRITE));
    // Not even root may run what nobody may run.
    fails("access", &file, ErrorKind::PermissionDenied, || fs::access(&file, Access::EXECUTE));
    ok(|| fs::set_permissions(&file, Permissions::from_mode(0o700)));
    ok(|| fs::access(&file, Access::READ | Access::EXECUTE));
    assert_eq!(format!("{:?}", Access::READ | Access::EXECUTE), "Access(r-x)");
}

#[test]
fn permissions_are_set_by_path_and_by_file() {
    let (_dir, path) = place("file");
    let file = ok(|| fs::OpenOptions::new().write(true).create(true).mode(0o640).open(&path));
    assert_eq!(mode(&path) & !0o040, 0o600, "a mask may have taken some");
    ok(|| fs::set_permissions(&path, Permissions::from_mode(0o400)));
    assert_eq!(mode(&path), 0o400);
    ok(|| file.set_permissions(Permissions::from_mode(0o604)));
    assert_eq!(mode(&path), 0o604);
}

#[test]
fn times_are_set_left_alone_or_those_of_now() {
    let (dir, path) = place("file");
    let file = ok(|| fs::create(&path));
    let then = UNIX_EPOCH + Duration::new(1_000_000, 123_456_000);
    ok(|| fs::set_times(&path, FileTimes::new().accessed(then).modified(then)));
    let about = ok(|| fs::metadata(&path));
    assert_eq!((about.accessed().unwrap(), about.modified().unwrap()), (then, then));

    ok(|| file.set_times(FileTimes::new().modified(UNIX_EPOCH)));
    let about = ok(|| fs::metadata(&path));
    assert_eq!(about.accessed().unwrap(), then, "it was left out");
    assert_eq!(about.modified().unwrap(), UNIX_EPOCH);

    ok(|| fs::set_times(&path, FileTimes::new().modified_now()));
    assert!(modified(&path) > then, "1970 is over");
    let earlier = UNIX_EPOCH - Duration::new(5, 250_000_000);
    ok(|| fs::set_times(&path, FileTimes::new().modified(earlier)));
    assert_eq!(modified(&path), earlier);

    let link = dir.path().join("link");
    symlink(&path, &link).expect("a link");
    ok(|| fs::set_symlink_times(&link, FileTimes::new().modified(then)));
    assert_eq!((modified(&link), modified(&path)), (then, earlier), "the link, not what it means");
    ok(|| fs::set_times(&link, FileTimes::new().accessed_now().modified(then)));
    assert_eq!(modified(&path), then, "what the link means");
}

#[test]
fn an_owner_can_be_left_as_it_is_or_be_itself() {
    let (dir, path) = place("file");
    let file = ok(|| fs::create(&path));
    let (user, group) = (ok(|| file.metadata()).uid(), ok(|| file.metadata()).gid());
    ok(|| fs::chown(&path, None, None));
    ok(|| fs::chown(&path, Some(user), Some(group)));
    ok(|| file.chown(None, Some(group)));
    let link = dir.path().join("link");
    symlink("nowhere", &link).expect("a link");
    ok(|| fs::lchown(&link, Some(user), None));
    fails("set the owner of", &link, ErrorKind::NotFound, || fs::chown(&link, Some(user), None));
}

#[test]
fn a_length_is_set_by_path() {
    let (_dir, path) = place("file");
    ok(|| fs::write(&path, "12345"));
    ok(|| fs::set_len(&path, 2));
    ok(|| fs::set_len(&path, 4));
    assert_eq!(ok(|| fs::read(&path)), b"12\0\0");
}

#[test]
fn a_file_is_synced_and_handed_to_std_and_back() {
    let (_dir, path) = place("file");
    let file = ok(|| fs::create(&path));
    ok(|| file.write_at(0, "text"));
    ok(|| file.sync_data());
    let other = file.clone();
    let std_file = file.into_std().expect("a second descriptor");
    drop(other);
    let file = fs::File::from_std(std_file, "a name");
    assert_eq!(ok(|| file.read_at(0, 4)), b"text");
    let file = file.into_std().expect("the only handle");
    assert_eq!(file.metadata().expect("it is open").len(), 4);
    let closed = fs::File::from_std(std::fs::File::open(&path).expect("it is there"), "a name");
    let error = result_of(|| closed.write_at(0, "no")).expect_err("it is open for reading");
    assert!(error.to_string().starts_with("write a name: "), "{error}");
}

#[test]
fn directories_and_files_for_a_while_have_names_of_their_own() {
    let (dir, prefix) = place("notes-");
    let (one, other) = (ok(|| fs::create_temp_dir(&prefix)), ok(|| fs::create_temp_dir(&prefix)));
    assert_ne!(one, other);
    assert_eq!(mode(&one), 0o700, "for this user only");
    let name = one.to_str().expect("text").strip_prefix(prefix.to_str().expect("text"));
    assert_eq!(name.map(str::len), Some(6));
    let file = ok(|| fs::create_temp_file(&prefix));
    ok(|| file.write_at(0, "text"));
    assert_eq!(ok(|| file.read_at(0, 4)), b"text");
    assert_eq!(mode(file.path()), 0o600);
    assert_eq!(file.path().parent(), Some(dir.path()));
    ok(|| fs::remove_dir(&one));
    fails("remove", dir.path(), ErrorKind::DirectoryNotEmpty, || fs::remove_dir(dir.path()));
    fails("create", &other, ErrorKind::AlreadyExists, || fs::create_dir(&other));
}

#[test]
fn a_file_system_has_a_size_and_room() {
    let disk = ok(|| fs::file_system(env!("CARGO_TARGET_TMPDIR")));
    assert!(disk.total_bytes() >= disk.free_bytes(), "{disk:?}");
    assert!(disk.free_bytes() >= disk.available_bytes() && disk.block_size() > 0, "{disk:?}");
    assert!(disk.total_files() >= disk.free_files(), "{disk:?}");
    assert_eq!(ok(|| fs::file_system("/proc")).kind(), 0x9fa0, "PROC_SUPER_MAGIC");
}
