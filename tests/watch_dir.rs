//! Directories that are watched: what is told, by what name, and in what order.
#![cfg(target_os = "linux")]

mod util;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use unspin::fs::{WatchKind, watch};
use util::Log;
use util::net::run;
use util::watch::Place;

/// What is told of what `act` does in a watched directory.
#[track_caller]
fn told(place: &Place, act: impl FnOnce()) -> Vec<String> {
    let log = Log::new();
    run(|| {
        place.log(&watch(place.path()).expect("it can be watched"), &log);
        act();
        place.write("end");
    });
    log.words()
}

#[test]
fn sixteen_made_and_sixteen_removed_are_thirty_two_events_with_their_names() {
    let place = Rc::new(Place::new());
    let log = Log::new();
    run(|| {
        let watcher = watch(place.path()).expect("it can be watched");
        let (log, place) = (log.clone(), Rc::clone(&place));
        let mut next = 0;
        File::create(place.at("0")).expect("it can be made");
        // Each event leads to the next: so they come one by one.
        watcher.on_event(move |watcher, event| {
            log.say(util::watch::words(place.path(), &event));
            next += 1;
            match next {
                1..16 => drop(File::create(place.at(next.to_string()))?),
                16..32 => fs::remove_file(place.at((next - 16).to_string()))?,
                _ => watcher.close(),
            }
            unspin::Result::Ok(())
        });
    });
    let made = (0..16).map(|name| format!("created {name}"));
    let removed = (0..16).map(|name| format!("removed {name}"));
    assert_eq!(log.words(), made.chain(removed).collect::<Vec<_>>());
}

#[test]
fn several_changes_of_one_file_are_one_event_and_none_beside_its_creation() {
    let place = Place::new();
    place.write("old");
    let told = told(&place, || {
        for _ in 0..3 {
            place.write("old");
            place.write("new");
        }
    });
    assert_eq!(told, ["modified old", "created new"]);
}

#[test]
fn what_is_made_and_removed_and_made_again_is_told_so() {
    let place = Place::new();
    let told = told(&place, || {
        place.write("a");
        place.remove("a");
        place.write("a");
    });
    assert_eq!(told, ["created a", "removed a", "created a"]);
}

#[test]
fn a_rename_is_one_event_and_from_or_to_elsewhere_half_of_one() {
    let (place, elsewhere) = (Place::new(), Place::new());
    place.write("a");
    place.write("leaves");
    elsewhere.write("comes");
    let told = told(&place, || {
        place.rename("a", "b");
        fs::rename(elsewhere.at("comes"), place.at("came")).expect("it can be moved");
        fs::rename(place.at("leaves"), elsewhere.at("left")).expect("it can be moved");
        place.rename("b", "c");
    });
    assert_eq!(told, ["renamed a to b", "created came", "removed leaves", "renamed b to c"]);
}

#[test]
fn half_of_a_rename_is_told_although_nothing_follows() {
    let (place, elsewhere) = (Place::new(), Place::new());
    place.write("a");
    let log = Log::new();
    run(|| {
        place.log_of(&watch(place.path()).expect("it can be watched"), &log, 1);
        fs::rename(place.at("a"), elsewhere.at("a")).expect("it can be moved");
    });
    log.expect(&["removed a"]);
}

#[test]
fn permissions_are_told_apart_also_those_of_the_directory() {
    let place = Place::new();
    place.write("a");
    let told = told(&place, || {
        for path in [place.at("a"), place.path().to_owned()] {
            fs::set_permissions(path, Permissions::from_mode(0o700)).expect("it is ours");
        }
    });
    assert_eq!(told, ["attributes a", "attributes ."]);
}

#[test]
fn directories_below_are_told_and_what_is_in_them_is_not() {
    let place = Place::new();
    place.make("below");
    let told = told(&place, || {
        place.write("below/a");
        place.make("new/deep");
    });
    assert_eq!(told, ["created new"]);
}

#[test]
fn names_are_any_bytes() {
    let place = Place::new();
    let names = [&b"with space"[..], b"line\nbreak", b"\xff\xfe", b"-", "\u{1f980}".as_bytes()];
    let seen = Rc::new(RefCell::new(Vec::new()));
    run(|| {
        let watcher = watch(place.path()).expect("it can be watched");
        let seen = Rc::clone(&seen);
        watcher.on_event(move |watcher, event| {
            seen.borrow_mut().push(event.path);
            if seen.borrow().len() == names.len() {
                watcher.close();
            }
        });
        for name in names {
            File::create(place.at(OsStr::from_bytes(name))).expect("it can be made");
        }
    });
    let paths = names.map(|name| place.at(OsStr::from_bytes(name)));
    assert_eq!(*seen.borrow(), paths);
}

#[test]
fn ten_thousand_files_made_at_once_are_all_told() {
    let place = Place::new();
    let seen = Rc::new(RefCell::new(HashSet::new()));
    run(|| {
        let watcher = watch(place.path()).expect("it can be watched");
        let told = Rc::clone(&seen);
        watcher.on_event(move |watcher, event| {
            assert_eq!(event.kind, WatchKind::Created);
            assert!(told.borrow_mut().insert(event.path));
            if told.borrow().len() == 10_000 {
                watcher.close();
            }
        });
        for number in 0..10_000 {
            File::create(place.at(number.to_string())).expect("it can be made");
        }
    });
    assert!((0..10_000).all(|number| seen.borrow().contains(&place.at(number.to_string()))));
}

#[test]
fn an_overflow_of_the_queue_is_told_and_the_watcher_goes_on() {
    let place = Place::new();
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("it has one");
    let most: usize = most.trim().parse().expect("it is a number");
    let overflows = Rc::new(Cell::new(0));
    run(|| {
        let watcher = watch(place.path()).expect("it can be watched");
        let (root, end, count) = (place.path().to_owned(), place.at("end"), Rc::clone(&overflows));
        watcher.on_event(move |watcher, event| {
            if event.kind == WatchKind::Overflow {
                assert_eq!(event.path, root);
                count.set(count.get() + 1);
                File::create(&end)?;
            } else if event.path == end {
                watcher.close();
            }
            unspin::Result::Ok(())
        });
        // Two names in turn, so that the kernel cannot make one event of two.
        for number in 0..=most / 2 {
            for name in ["a", "b"] {
                let mode = if number % 2 == 0 { 0o600 } else { 0o644 };
                let file = File::create(place.at(name)).expect("it can be made");
                file.set_permissions(Permissions::from_mode(mode)).expect("it is ours");
            }
        }
    });
    assert_eq!(overflows.get(), 1);
}

#[test]
fn two_watchers_of_one_directory_are_both_told_and_closing_one_leaves_the_other() {
    let place = Rc::new(Place::new());
    let (first, second) = (Log::new(), Log::new());
    run(|| {
        place.log_of(&watch(place.path()).expect("it can be watched"), &first, 1);
        place.log(&watch(place.path()).expect("it can be watched twice"), &second);
        place.write("a");
        let place = Rc::clone(&place);
        let only = second.clone();
        unspin::on_prepare(move || {
            // In the turn after the first one was told, and has closed.
            if only.words().len() == 1 && !place.at("end").exists() {
                place.write("b");
                place.write("end");
            }
        });
    });
    first.expect(&["created a"]);
    second.expect(&["created a", "created b"]);
}
