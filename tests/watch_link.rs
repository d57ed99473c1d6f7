//! Symbolic links to files that are watched: each name on the way counts.
#![cfg(target_os = "linux")]

mod util;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;

use unspin::fs::{WatchOptions, watch};
use util::Log;
use util::net::run;
use util::watch::Place;

fn link(place: &Place, target: &str, name: &str) {
    symlink(target, place.at(name)).expect("it can be made");
}

/// What is told of `link`, with so many events, after each of these.
#[track_caller]
fn told(place: &Place, acts: &[(&dyn Fn(), usize)]) -> Vec<String> {
    let log = Log::new();
    for (act, most) in acts {
        run(|| {
            let watcher = watch(place.at("link")).expect("it can be watched");
            let one = Log::new();
            place.log_of(&watcher, &one, *most);
            act();
            let log = log.clone();
            watcher.on_close(move || one.words().iter().for_each(|word| log.say(word)));
        });
    }
    log.words()
}

#[test]
fn what_it_leads_to_is_watched_and_told_under_its_own_path() {
    let place = Place::new();
    place.make("deep");
    place.write("deep/file");
    link(&place, "deep/file", "link");
    let told = told(
        &place,
        &[
            (&|| place.write("deep/file"), 1),
            (&|| place.write("link"), 1),
            (
                &|| {
                    place.write("deep/other");
                    place.rename("deep/other", "deep/file");
                    place.remove("deep/file");
                },
                2,
            ),
        ],
    );
    assert_eq!(told, ["modified link", "modified link", "created link", "removed link"]);
}

#[test]
fn it_is_followed_to_another_file_and_the_old_one_is_left() {
    let place = Place::new();
    place.make("one");
    place.make("two");
    place.write("one/file");
    place.write("two/file");
    link(&place, "one/file", "link");
    link(&place, "two/file", "next");
    let log = Log::new();
    run(|| {
        let watcher = watch(place.at("link")).expect("it can be watched");
        place.rename("next", "link");
        let (said, root) = (log.clone(), place.path().to_owned());
        watcher.on_event(move |watcher, event| {
            said.say(util::watch::words(&root, &event));
            let at = |name: &str| root.join(name);
            match said.words().len() {
                // It was left: nothing of this is told.
                1 => {
                    fs::write(at("one/file"), "more")?;
                    fs::remove_file(at("one/file"))?;
                    fs::write(at("two/file"), "more")?;
                }
                2 => fs::remove_file(at("link"))?,
                _ => watcher.close(),
            }
            unspin::Result::Ok(())
        });
    });
    log.expect(&["created link", "modified link", "removed link"]);
}

/// As Kubernetes changes the settings of a container.
#[test]
fn a_directory_on_its_way_that_is_a_link_is_swapped() {
    let place = Place::new();
    for version in ["..1", "..2"] {
        place.make(version);
        place.write(&format!("{version}/settings"));
    }
    link(&place, "..1", "..data");
    link(&place, "..data/settings", "link");
    let log = Log::new();
    run(|| {
        let watcher = watch(place.at("link")).expect("it can be watched");
        link(&place, "..2", "..tmp");
        place.rename("..tmp", "..data");
        fs::remove_dir_all(place.at("..1")).expect("it is ours");
        let (said, root) = (log.clone(), place.path().to_owned());
        watcher.on_event(move |watcher, event| {
            said.say(util::watch::words(&root, &event));
            if said.words().len() == 2 {
                watcher.close();
            }
            fs::write(root.join("..2/settings"), "more").expect("it can be written");
        });
    });
    log.expect(&["created link", "modified link"]);
}

#[test]
fn one_that_leads_nowhere_is_watched_until_it_does() {
    let place = Place::new();
    link(&place, "deep/file", "link");
    let log = Log::new();
    run(|| {
        let watcher = watch(place.at("link")).expect("it is there");
        place.log_of(&watcher, &log, 2);
        place.make("deep");
        place.write("deep/file");
        let path = place.at("deep/file");
        watcher.ready().callback(move |ready| {
            ready?;
            // In a turn of its own: it may be seen while it is made.
            unspin::set_timeout(util::millis(1), move || {
                fs::remove_file(path).expect("it is ours");
            });
            Ok(())
        });
    });
    log.expect(&["created link", "removed link"]);
}

#[test]
fn a_link_that_comes_under_the_name_is_followed() {
    let place = Place::new();
    place.write("file");
    let log = Log::new();
    run(|| {
        let watcher = WatchOptions::new().may_be_missing(true).watch(place.at("link"));
        let watcher = watcher.expect("it may be missing");
        link(&place, "file", "link");
        let (said, root) = (log.clone(), place.path().to_owned());
        watcher.on_event(move |watcher, event| {
            said.say(util::watch::words(&root, &event));
            match said.words().len() {
                1 => fs::write(root.join("file"), "more")?,
                2 => fs::rename(root.join("file"), root.join("gone"))?,
                _ => watcher.close(),
            }
            unspin::Result::Ok(())
        });
    });
    log.expect(&["created link", "modified link", "removed link"]);
}

#[test]
fn several_that_share_directories_are_told_apart_and_closed_one_by_one() {
    let place = Place::new();
    place.write("file");
    place.write("other");
    link(&place, "file", "link");
    link(&place, "link", "longer");
    let (first, second) = (Log::new(), Log::new());
    run(|| {
        let short = watch(place.at("link")).expect("it can be watched");
        let long = watch(place.at("longer")).expect("it can be watched");
        place.log_of(&short, &first, 1);
        place.log_of(&long, &second, 2);
        place.write("file");
        let (file, other) = (place.at("link"), place.at("other"));
        short.on_close(move || {
            fs::remove_file(&file).expect("it is ours");
            symlink(&other, &file).expect("it can be made");
        });
    });
    first.expect(&["modified link"]);
    second.expect(&["modified longer", "created longer"]);
}

#[test]
fn those_that_lead_to_each_other_are_an_error() {
    let place = Place::new();
    link(&place, "b", "a");
    link(&place, "a", "b");
    place.write("file");
    link(&place, "file", "link");
    let log = Log::new();
    run(|| {
        for options in [WatchOptions::new(), WatchOptions::new().may_be_missing(true)] {
            let error = options.watch(place.at("a")).expect_err("it is a loop");
            assert_eq!(error.raw_os_error(), Some(40), "ELOOP: {error}");
        }
        // One that becomes a loop is told so, and watched on.
        let watcher = watch(place.at("link")).expect("it can be watched");
        let said = log.clone();
        watcher.on_error(move |_, error| said.say(format!("{:?}", error.raw_os_error())));
        let (said, root) = (log.clone(), place.path().to_owned());
        watcher.on_event(move |watcher, event| {
            said.say(util::watch::words(&root, &event));
            if said.words().len() == 3 {
                return watcher.close();
            }
            fs::remove_file(root.join("link")).expect("it is ours");
            symlink("file", root.join("link")).expect("it can be made");
        });
        place.remove("link");
        link(&place, "a", "link");
    });
    log.expect(&["removed link", "Some(40)", "created link"]);
}

#[test]
fn the_directory_of_the_link_is_its_end_and_that_of_the_file_is_not() {
    let place = Place::new();
    place.make("here");
    place.make("there");
    place.write("there/file");
    symlink(place.at("there/file"), place.at("here/link")).expect("it can be made");
    let log = Log::new();
    run(|| {
        let watcher = watch(place.at("here/link")).expect("it can be watched");
        watcher.on_close(log.add("close"));
        place.rename("there", "elsewhere");
        let (said, root) = (log.clone(), place.path().to_owned());
        watcher.on_event(move |_, event| {
            said.say(util::watch::words(&root, &event));
            match said.words().len() {
                1 => {
                    fs::create_dir(root.join("there"))?;
                    fs::write(root.join("there/file"), "new")?;
                }
                2 => fs::remove_dir_all(root.join("here"))?,
                _ => {}
            }
            unspin::Result::Ok(())
        });
    });
    log.expect(&["removed here/link", "created here/link", "removed here/link", "close"]);
    assert_eq!(
        watch_error(&place.at("here/link")),
        ErrorKind::NotFound,
        "neither is the link there, nor its directory"
    );
}

fn watch_error(path: &std::path::Path) -> ErrorKind {
    let kind = std::rc::Rc::new(std::cell::Cell::new(None));
    let seen = std::rc::Rc::clone(&kind);
    let path = path.to_owned();
    run(move || seen.set(Some(watch(path).expect_err("it is not there").kind())));
    kind.take().expect("it was tried")
}
