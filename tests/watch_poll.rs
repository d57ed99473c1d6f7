//! Paths that are looked at again and again.

mod util;

use std::fs::{self, File, FileTimes};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use unspin::ResourceKind;
use unspin::fs::{WatchKind, poll_watch};
use util::Log;
use util::millis;
use util::net::run;
use util::watch::Place;

const INTERVAL: Duration = Duration::from_millis(1);

fn touch(place: &Place, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let file = File::options().append(true).open(place.at("a")).expect("it is there");
    file.set_times(FileTimes::new().set_modified(time)).expect("it is ours");
}

#[test]
fn what_comes_is_touched_twice_and_goes_is_told_with_what_was_before_and_is_now() {
    let place = Rc::new(Place::new());
    let log = Log::new();
    run(|| {
        let watcher = poll_watch(place.at("a"), INTERVAL);
        let (own, said) = (Rc::clone(&place), log.clone());
        watcher.on_event(move |watcher, event| {
            let seconds = |found: &fs::Metadata| {
                let time = found.modified().expect("it has one");
                time.duration_since(SystemTime::UNIX_EPOCH).expect("it is later").as_secs() / 100
            };
            let (before, now) = (event.previous().map(seconds), event.current().map(seconds));
            assert_eq!(event.path, own.at("a"));
            said.say(format!("{:?}", event.kind));
            match (said.words().len(), before, now) {
                (1, None, Some(_)) => touch(&own, 100),
                (2, Some(_), Some(1)) => touch(&own, 200),
                (3, Some(1), Some(2)) => own.remove("a"),
                (4, Some(2), None) => watcher.close(),
                other => panic!("{other:?}"),
            }
        });
        let place = Rc::clone(&place);
        watcher.ready().callback(move |ready| {
            ready.expect("it was looked at");
            // At once as it is: it could be seen while it is written.
            place.write("b");
            place.rename("b", "a");
        });
    });
    log.expect(&["Created", "Modified", "Modified", "Removed"]);
}

#[test]
fn another_file_of_the_same_size_and_time_is_modified_although_it_may_have_the_same_number() {
    let place = Rc::new(Place::new());
    place.write("a");
    touch(&place, 100);
    let log = Log::new();
    run(|| {
        let watcher = poll_watch(place.at("a"), INTERVAL);
        let said = log.clone();
        watcher.on_event(move |watcher, event| {
            said.say(format!("{:?}", event.kind));
            watcher.close();
        });
        let place = Rc::clone(&place);
        watcher.ready().callback(move |ready| {
            ready.expect("it was looked at");
            // No look is under way: the next one is begun by a timer.
            place.remove("a");
            place.write("a");
            touch(&place, 100);
        });
    });
    log.expect(&["Modified"]);
}

#[test]
fn permissions_are_told_apart() {
    use std::os::unix::fs::PermissionsExt;

    let place = Rc::new(Place::new());
    place.write("a");
    let log = Log::new();
    run(|| {
        let watcher = poll_watch(place.at("a"), INTERVAL);
        let said = log.clone();
        watcher.on_event(move |watcher, event| {
            assert_eq!(event.kind, WatchKind::Attributes);
            said.say("attributes");
            watcher.close();
        });
        let path = place.at("a");
        watcher.ready().callback(move |ready| {
            ready?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
            Ok(())
        });
    });
    log.expect(&["attributes"]);
}

#[test]
fn an_error_is_told_once_until_something_else_happens() {
    let place = Rc::new(Place::new());
    place.write("a");
    let log = Log::new();
    run(|| {
        // A file is no directory.
        let watcher = poll_watch(place.at("a/b"), INTERVAL);
        let (said, looked) = (log.clone(), log.clone());
        let own = Rc::clone(&place);
        watcher.on_error(move |_, error| {
            assert!(error.to_string().starts_with("look at "), "{error}");
            said.say(format!("{:?}", error.kind()));
        });
        let mut left = 5;
        unspin::set_interval(millis(10), move |timer| {
            left -= 1;
            if left == 0 {
                // What was an error is nothing now, and then something.
                own.remove("a");
                own.make("a");
                own.write("a/b");
                timer.clear();
            }
        });
        watcher.on_event(move |watcher, event| {
            looked.say(format!("{:?}", event.kind));
            watcher.close();
        });
    });
    log.expect(&["NotADirectory", "Created"]);
}

#[test]
fn closing_does_not_wait_for_a_look_and_nothing_is_told_after_it() {
    let place = Place::new();
    let log = Log::new();
    run(|| {
        for _ in 0..10 {
            let watcher = poll_watch(place.at("a"), INTERVAL);
            watcher.on_event(|_, _| unreachable!("it is closed"));
            watcher.on_close(log.add("closed"));
            watcher.close();
        }
        unspin::set_immediate(log.add("immediate"));
        place.write("a");
    });
    assert_eq!(log.words().len(), 11);
    assert_eq!(log.words()[0], "immediate");
}

#[test]
fn it_keeps_the_loop_alive_with_a_handler_unless_it_is_unreferenced() {
    let place = Place::new();
    run(|| {
        let line = line!() + 1;
        let watcher = poll_watch(place.path(), Duration::from_secs(3600));
        let own = watcher.clone();
        watcher.ready().callback(move |ready| {
            ready.expect("it was looked at");
            assert_eq!(unspin::why_alive().len(), 0);
            own.on_event(|_, _| ());
            let why = unspin::why_alive();
            assert_eq!(why.len(), 1);
            assert_eq!((why[0].kind, why[0].at.line()), (ResourceKind::FileWatcher, line));
            own.unref();
            assert_eq!(unspin::why_alive().len(), 0);
        });
    });
}

#[test]
fn a_virtual_clock_jumps_to_the_next_look() {
    let place = Rc::new(Place::new());
    let log = Log::new();
    util::run_virtual(|| {
        let watcher = poll_watch(place.at("a"), Duration::from_secs(3600));
        let said = log.clone();
        watcher.on_event(move |watcher, event| {
            said.say(format!("{:?}", event.kind));
            watcher.close();
        });
        let place = Rc::clone(&place);
        watcher.ready().callback(move |ready| {
            ready.expect("it was looked at");
            place.write("a");
        });
    });
    log.expect(&["Created"]);
}
