//! Trees out of which directories are moved, and into which others come, at once.
#![cfg(target_os = "linux")]

mod util;

use std::cell::Cell;
use std::fs;
use std::rc::Rc;

use unspin::fs::{WatchOptions, watch};
use util::Log;
use util::net::run;
use util::watch::Place;

/// What is told, in order, of what `act` does to a tree and a directory elsewhere.
#[track_caller]
fn told(place: &Rc<Place>, act: impl FnOnce(&Place, &Place) + 'static) -> Vec<String> {
    let (elsewhere, log) = (Place::new(), Log::new());
    run(|| {
        let watcher = WatchOptions::new().recursive(true).watch(place.path());
        let watcher = watcher.expect("it can be watched");
        place.log(&watcher, &log);
        let place = Rc::clone(place);
        watcher.ready().callback(move |ready| {
            ready.expect("it can be watched");
            act(&place, &elsewhere);
        });
    });
    log.words()
}

#[test]
fn one_that_takes_the_name_of_one_that_was_moved_out_is_watched_under_it() {
    let place = Rc::new(Place::new());
    place.make("current");
    place.make("next");
    let told = told(&place, |place, elsewhere| {
        fs::rename(place.at("current"), elsewhere.at("old")).expect("it can be moved");
        place.rename("next", "current");
        place.write("current/file");
        elsewhere.write("old/unseen");
        place.write("current/end");
    });
    assert_eq!(told, ["removed current", "renamed next to current", "created current/file"]);
}

#[test]
fn what_is_done_in_several_that_were_moved_out_is_not_told() {
    let place = Rc::new(Place::new());
    ["a/deep", "b/deep", "c"].iter().for_each(|name| place.make(name));
    let told = told(&place, |place, elsewhere| {
        place.write("b/deep/before");
        for name in ["a", "b", "c"] {
            fs::rename(place.at(name), elsewhere.at(name)).expect("it can be moved");
            elsewhere.write(&format!("{name}/unseen"));
        }
        ["a", "b"].iter().for_each(|name| elsewhere.write(&format!("{name}/deep/unseen")));
        place.write("end");
    });
    assert_eq!(told, ["created b/deep/before", "removed a", "removed b", "removed c"]);
}

#[test]
fn a_directory_with_more_names_than_may_wait_is_told_whole() {
    const MANY: usize = 20_000;
    let (place, elsewhere) = (Rc::new(Place::new()), Place::new());
    elsewhere.make("full");
    (0..MANY).for_each(|name| {
        fs::File::create(elsewhere.at(format!("full/{name}"))).expect("it can be made");
    });
    let count = Rc::new(Cell::new(0));
    run(|| {
        let watcher = WatchOptions::new().recursive(true).watch(place.path());
        let watcher = watcher.expect("it can be watched");
        let seen = Rc::clone(&count);
        watcher.on_event(move |watcher, event| {
            assert_eq!(event.kind, unspin::fs::WatchKind::Created);
            seen.set(seen.get() + 1);
            if seen.get() == MANY + 1 {
                watcher.close();
            }
        });
        let place = Rc::clone(&place);
        watcher.ready().callback(move |ready| {
            ready.expect("it can be watched");
            fs::rename(elsewhere.at("full"), place.at("full")).expect("it can be moved");
        });
    });
    assert_eq!(count.get(), MANY + 1);
}

#[test]
fn one_that_was_moved_away_is_not_told_of_what_happens_to_it_there() {
    let place = Rc::new(Place::new());
    place.make("from");
    let log = Log::new();
    run(|| {
        let before = watch(place.at("from")).expect("it can be watched");
        place.log_of(&before, &log, usize::MAX);
        place.rename("from", "to");
        // The system counts both as one.
        let after = watch(place.at("to")).expect("it can be watched");
        place.log_of(&after, &log, 1);
        place.write("to/file");
    });
    log.expect(&["removed from", "created to/file"]);
}
