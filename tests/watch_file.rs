//! Single files that are watched: by their name, whatever is done to get there.
#![cfg(target_os = "linux")]

mod util;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};

use unspin::fs::{WatchOptions, watch};
use util::Log;
use util::net::run;
use util::watch::Place;

/// What is told of a file `file.js` that is there, with so many events.
#[track_caller]
fn told(place: &Place, most: usize, act: impl FnOnce()) -> Vec<String> {
    place.write("file.js");
    let log = Log::new();
    run(|| {
        let path = place.at("file.js");
        let watcher = watch(&path).expect("it can be watched");
        assert_eq!(watcher.path(), path);
        place.log_of(&watcher, &log, most);
        act();
    });
    log.words()
}

#[test]
fn a_change_is_told_and_what_happens_to_others_is_not() {
    let place = Place::new();
    let told = told(&place, 1, || {
        for other in ["file.jsx", "file.j", "file"] {
            place.write(other);
        }
        place.write("file.js");
    });
    assert_eq!(told, ["modified file.js"]);
}

#[test]
fn it_is_watched_on_when_an_editor_renames_another_over_it() {
    let place = Place::new();
    let told = told(&place, 3, || {
        place.write("file.js~");
        place.rename("file.js~", "file.js");
        let mut file = OpenOptions::new().append(true).open(place.at("file.js")).expect("it is");
        file.write_all(b"more").expect("it can be written");
        place.remove("file.js");
        place.write("file.js");
    });
    assert_eq!(told, ["created file.js", "removed file.js", "created file.js"]);
}

#[test]
fn the_new_file_is_the_one_that_is_watched() {
    let place = Place::new();
    place.write("file.js");
    let log = Log::new();
    run(|| {
        let watcher = watch(place.at("file.js")).expect("it can be watched");
        let (said, path) = (log.clone(), place.at("file.js"));
        let root = place.path().to_owned();
        watcher.on_event(move |watcher, event| {
            said.say(util::watch::words(&root, &event));
            match said.words().len() {
                1 => fs::write(&path, "again")?,
                _ => watcher.close(),
            }
            unspin::Result::Ok(())
        });
        place.write("new");
        place.rename("new", "file.js");
    });
    log.expect(&["created file.js", "modified file.js"]);
}

#[test]
fn a_backup_by_rename_is_its_removal() {
    let place = Place::new();
    let told = told(&place, 2, || {
        place.rename("file.js", "file.js.bak");
        place.write("file.js");
    });
    assert_eq!(told, ["removed file.js", "created file.js"]);
}

#[test]
fn one_that_is_missing_is_an_error_unless_it_may_be() {
    let place = Place::new();
    let log = Log::new();
    run(|| {
        let error = watch(place.at("later")).expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let path = place.at("later");
        assert!(error.to_string().starts_with(&format!("watch {}: ", path.display())), "{error}");

        let options = WatchOptions::new().may_be_missing(true);
        place.log_of(&options.watch(path).expect("it may be missing"), &log, 1);
        let nowhere = options.watch(place.at("no/later")).expect_err("nor is its directory");
        assert_eq!(nowhere.kind(), ErrorKind::NotFound);
        place.write("later");
    });
    log.expect(&["created later"]);
}

#[test]
fn two_watchers_of_one_file_are_both_told() {
    let place = Place::new();
    place.write("a");
    let log = Log::new();
    run(|| {
        for name in ["first", "second"] {
            let log = log.clone();
            let watcher = watch(place.at("a")).expect("it can be watched");
            watcher.on_event(move |watcher, _| {
                log.say(name);
                watcher.close();
            });
        }
        place.write("a");
    });
    log.expect(&["first", "second"]);
}

#[test]
fn a_file_whose_directory_goes_is_removed_and_its_watcher_closes() {
    let place = Place::new();
    place.make("below");
    place.write("below/a");
    let log = Log::new();
    run(|| {
        let watcher = watch(place.at("below/a")).expect("it can be watched");
        place.log(&watcher, &log);
        watcher.on_close(log.add("closed"));
        place.rename("below", "elsewhere");
    });
    log.expect(&["removed below/a", "closed"]);
}

/// The queue is full before the watcher hears of anything, and its file is what is lost.
#[test]
fn after_an_overflow_it_looks_whether_the_file_is_there() {
    let place = Place::new();
    place.write("file.js");
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("it has one");
    let most: usize = most.trim().parse().expect("it is a number");
    let log = Log::new();
    run(|| {
        let watcher = watch(place.at("file.js")).expect("it can be watched");
        place.log_of(&watcher, &log, 3);
        for _ in 0..=most / 2 {
            place.write("other");
            place.remove("other");
        }
        place.remove("file.js");
        let path = place.at("file.js");
        let when_told = log.clone();
        unspin::on_prepare(move || {
            if when_told.words().len() == 2 && !path.exists() {
                fs::write(&path, "again").expect("it can be written");
            }
        });
    });
    log.expect(&["overflow file.js", "removed file.js", "created file.js"]);
}

#[test]
fn without_a_descriptor_it_says_that_those_are_what_is_missing() {
    const TEST: &str = "without_a_descriptor_it_says_that_those_are_what_is_missing";
    if !util::is_child() {
        let output = util::net::in_child_with_descriptors(64, TEST);
        assert!(output.status.success(), "{}{}", util::stdout(&output), util::stderr(&output));
        return;
    }
    run(|| {
        let mut files = Vec::new();
        let full = loop {
            match fs::File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => break error,
            }
        };
        assert_eq!(full.raw_os_error(), Some(24), "EMFILE");
        let error = watch(".").expect_err("there is none left");
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        let text = error.to_string();
        assert!(text.contains("out of descriptors") && !text.contains("inotify"), "{text}");
    });
}
