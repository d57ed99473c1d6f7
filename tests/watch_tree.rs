//! Trees that are watched: what comes, what is filled fast, what moves, and what is lost.
#![cfg(target_os = "linux")]

mod util;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::rc::Rc;

use unspin::fs::{WatchKind, WatchOptions, Watcher};
use util::Log;
use util::net::{beside, run};
use util::watch::{Place, words};

fn watch_tree(place: &Place) -> Watcher {
    WatchOptions::new().recursive(true).watch(place.path()).expect("it can be watched")
}

/// What is told, in order, of what `act` does once everything is watched.
#[track_caller]
fn told(place: &Rc<Place>, act: impl FnOnce(&Place) + 'static) -> Vec<String> {
    let log = Log::new();
    run(|| {
        let watcher = watch_tree(place);
        place.log(&watcher, &log);
        let place = Rc::clone(place);
        watcher.ready().callback(move |ready| {
            ready.expect("it can be watched");
            act(&place);
        });
    });
    log.words()
}

#[test]
fn what_happens_far_below_is_told() {
    let place = Rc::new(Place::new());
    place.make("a/b/c");
    let told = told(&place, |place| {
        place.write("a/b/c/file");
        place.remove("a/b/c/file");
        place.write("a/end");
    });
    assert_eq!(told, ["created a/b/c/file", "removed a/b/c/file"]);
}

#[test]
fn no_name_is_missed_or_told_twice_while_directories_are_filled() {
    let place = Rc::new(Place::new());
    let mut expected = BTreeSet::new();
    for directory in 0..40 {
        expected.insert(format!("created {directory}"));
        expected.insert(format!("created {directory}/below"));
        for file in 0..25 {
            expected.insert(format!("created {directory}/below/{file}"));
        }
    }
    let seen = Rc::new(RefCell::new(Vec::new()));
    run(|| {
        let watcher = watch_tree(&place);
        let (told, root, most) = (Rc::clone(&seen), place.path().to_owned(), expected.len());
        watcher.on_event(move |watcher, event| {
            told.borrow_mut().push(words(&root, &event));
            if told.borrow().len() == most {
                watcher.close();
            }
        });
        let root = place.path().to_owned();
        watcher.ready().callback(move |ready| {
            ready.expect("it can be watched");
            // While the loop watches and scans.
            beside(move || {
                for directory in 0..40 {
                    let below = root.join(directory.to_string()).join("below");
                    fs::create_dir_all(&below).expect("it can be made");
                    for file in 0..25 {
                        fs::File::create(below.join(file.to_string())).expect("it can be made");
                    }
                }
            });
        });
    });
    let seen = seen.borrow();
    assert_eq!(seen.len(), expected.len());
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_directory_that_is_renamed_is_watched_under_its_new_name() {
    let place = Rc::new(Place::new());
    place.make("a/deep");
    place.make("b");
    let told = told(&place, |place| {
        place.rename("a", "b/c");
        place.write("b/c/deep/file");
        place.rename("b/c/deep", "deep");
        place.write("deep/other");
        place.write("end");
    });
    let expected = ["renamed a to b/c", "created b/c/deep/file", "renamed b/c/deep to deep"];
    assert_eq!(told[..3], expected);
    assert_eq!(told[3..], ["created deep/other"]);
}

#[test]
fn one_that_is_renamed_while_it_is_scanned_is_watched_all_the_same() {
    const MANY: usize = 300;
    let (place, elsewhere) = (Rc::new(Place::new()), Place::new());
    (0..MANY).for_each(|name| elsewhere.make(&format!("a/{name}/deep")));
    let seen = Rc::new(RefCell::new(Vec::new()));
    run(|| {
        let watcher = watch_tree(&place);
        let (told, own) = (Rc::clone(&seen), Rc::clone(&place));
        let mut left = MANY;
        watcher.on_event(move |watcher, event| {
            let event = words(own.path(), &event);
            if event == "created a" {
                // Its scan has begun: what it has not come to is not found under this name.
                own.rename("a", "b");
                (0..MANY).for_each(|name| own.write(&format!("b/{name}/deep/file")));
            }
            if event.starts_with("created b/") && event.ends_with("/file") {
                left -= 1;
                if left == 0 {
                    watcher.close();
                }
            }
            told.borrow_mut().push(event);
        });
        let place = Rc::clone(&place);
        watcher.ready().callback(move |ready| {
            ready.expect("it can be watched");
            fs::rename(elsewhere.at("a"), place.at("a")).expect("it can be moved");
        });
    });
    let seen = seen.borrow();
    assert_eq!(seen.iter().filter(|event| *event == "renamed a to b").count(), 1);
    let files: BTreeSet<_> = seen.iter().filter(|event| event.ends_with("/file")).collect();
    assert_eq!(files.len(), MANY);
}

#[test]
fn what_is_moved_out_is_removed_and_watched_no_more_and_what_is_moved_in_is_created() {
    let (place, elsewhere) = (Rc::new(Place::new()), Rc::new(Place::new()));
    place.make("goes/deep");
    elsewhere.make("comes/deep");
    elsewhere.write("comes/deep/file");
    let (from, log) = (Rc::clone(&elsewhere), Log::new());
    run(|| {
        let watcher = watch_tree(&place);
        place.log(&watcher, &log);
        let (place, elsewhere, said) = (Rc::clone(&place), Rc::clone(&elsewhere), log.clone());
        watcher.ready().callback(move |ready| {
            ready.expect("it can be watched");
            fs::rename(place.at("goes"), elsewhere.at("gone")).expect("it can be moved");
            elsewhere.write("gone/deep/unseen");
            fs::rename(elsewhere.at("comes"), place.at("came")).expect("it can be moved");
            unspin::on_prepare(move || {
                if said.words().len() == 4 && !place.at("end").exists() {
                    elsewhere.write("gone/deep/unseen too");
                    place.write("end");
                }
            });
        });
    });
    drop(from);
    log.expect(&["removed goes", "created came", "created came/deep", "created came/deep/file"]);
}

#[test]
fn one_that_is_removed_and_made_again_is_watched_again() {
    let place = Rc::new(Place::new());
    place.make("a");
    let log = Log::new();
    run(|| {
        let watcher = watch_tree(&place);
        place.log_of(&watcher, &log, 3);
        let (place, said) = (Rc::clone(&place), log.clone());
        watcher.ready().callback(move |ready| {
            ready.expect("it can be watched");
            fs::remove_dir(place.at("a")).expect("it is empty");
            place.make("a");
            unspin::on_prepare(move || {
                if said.words().len() == 2 && !place.at("a/file").exists() {
                    place.write("a/file");
                }
            });
        });
    });
    log.expect(&["removed a", "created a", "created a/file"]);
}

#[test]
fn links_are_not_followed_so_a_ring_of_them_ends() {
    let (place, elsewhere) = (Rc::new(Place::new()), Place::new());
    place.make("a");
    symlink(place.path(), place.at("a/ring")).expect("it can be linked");
    symlink(elsewhere.path(), place.at("a/away")).expect("it can be linked");
    let path = elsewhere.at("unseen");
    let own = Rc::clone(&place);
    let told = told(&place, move |place| {
        fs::write(path, "").expect("it can be written");
        symlink(own.path(), place.at("later")).expect("it can be linked");
        place.write("a/end");
    });
    assert_eq!(told, ["created later"]);
}

#[test]
fn after_an_overflow_the_tree_is_watched_as_it_is() {
    let place = Rc::new(Place::new());
    place.make("old");
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("it has one");
    let most: usize = most.trim().parse().expect("it is a number");
    let overflows = Rc::new(Cell::new(0));
    run(|| {
        let watcher = watch_tree(&place);
        let (count, own) = (Rc::clone(&overflows), Rc::clone(&place));
        watcher.on_event(move |watcher, event| match words(own.path(), &event).as_str() {
            "overflow ." => count.set(count.get() + 1),
            "created new/deep/file" => watcher.close(),
            // Not under the name that it had.
            other => assert!(!other.contains("old/"), "{other}"),
        });
        let (place, count) = (Rc::clone(&place), Rc::clone(&overflows));
        watcher.ready().callback(move |ready| {
            ready.expect("it can be watched");
            for _ in 0..=most / 2 {
                place.write("a");
                place.remove("a");
            }
            // None of this is told.
            place.rename("old", "new");
            place.make("new/deep");
            unspin::on_prepare(move || {
                // Again and again, until it is watched.
                if count.get() > 0 {
                    let _ = fs::remove_file(place.at("new/deep/file"));
                    place.write("new/deep/file");
                }
            });
            // The turns in which that is tried.
            unspin::set_interval(util::millis(1), |_| ()).unref();
        });
    });
    assert_eq!(overflows.get(), 1);
}

#[test]
fn a_directory_that_may_not_be_read_is_an_error_and_the_rest_is_watched() {
    use std::os::unix::fs::PermissionsExt;

    const TEST: &str = "a_directory_that_may_not_be_read_is_an_error_and_the_rest_is_watched";
    let place = Rc::new(Place::new());
    place.make("secret");
    place.make("open");
    let mode = |mode| fs::Permissions::from_mode(mode);
    fs::set_permissions(place.at("secret"), mode(0o000)).expect("it is ours");
    if fs::read_dir(place.at("secret")).is_ok() {
        // The superuser may read everything.
        return as_nobody(TEST);
    }
    let log = Log::new();
    run(|| {
        let watcher = watch_tree(&place);
        let said = log.clone();
        watcher.on_error(move |_, error| said.say(format!("{:?}", error.kind())));
        place.log(&watcher, &log);
        let place = Rc::clone(&place);
        watcher.ready().callback(move |ready| {
            ready.expect("the rest can be watched");
            place.write("open/end");
        });
    });
    log.expect(&["PermissionDenied"]);
    fs::set_permissions(place.at("secret"), mode(0o700)).expect("it is ours");
}

/// Runs one test of this binary as a user who may do little, from where that one finds it.
fn as_nobody(test: &str) {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65534;
    assert!(!util::is_child(), "nobody may read everything");
    let place = Place::new();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let binary = place.at("tests");
    fs::copy(std::env::current_exe().expect("a test knows its binary"), &binary)
        .expect("there is room");
    let output = std::process::Command::new(binary)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(util::CHILD, "1")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .expect("it can be run");
    let text = util::stdout(&output);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        util::stderr(&output)
    );
}

#[test]
fn one_that_is_closed_while_it_scans_ends_and_says_so_to_who_waits() {
    let place = Place::new();
    (0..50).for_each(|name| place.make(&format!("{name}/deep")));
    let log = Log::new();
    run(|| {
        let watcher = watch_tree(&place);
        let said = log.clone();
        watcher.ready().callback(move |ready| {
            said.say(format!("{:?}", ready.expect_err("it is closed").kind()));
        });
        watcher.on_event(|_, event| unreachable!("{:?}", event.kind == WatchKind::Overflow));
        watcher.on_close(log.add("closed"));
        watcher.close();
    });
    log.expect(&["NotConnected", "closed"]);
}
