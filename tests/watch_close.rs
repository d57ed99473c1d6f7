//! How watchers end, and what keeps the loop alive meanwhile.
#![cfg(target_os = "linux")]

mod util;

use std::cell::Cell;
use std::fs;
use std::rc::Rc;

use unspin::ResourceKind;
use unspin::fs::{WatchOptions, watch};
use util::net::run;
use util::watch::Place;
use util::{Drops, Log};

#[test]
fn one_that_is_closed_in_its_callback_is_called_no_more() {
    let place = Place::new();
    let calls = Rc::new(Cell::new(0));
    run(|| {
        let watcher = watch(place.path()).expect("it can be watched");
        let count = Rc::clone(&calls);
        watcher.on_event(move |watcher, _| {
            count.set(count.get() + 1);
            if count.get() == 3 {
                watcher.close();
            }
        });
        (0..10).for_each(|name| place.write(&name.to_string()));
    });
    assert_eq!(calls.get(), 3);
}

#[test]
fn an_event_that_waits_at_the_close_is_dropped_and_the_close_is_told() {
    let place = Place::new();
    let log = Log::new();
    run(|| {
        let watcher = watch(place.path()).expect("it can be watched");
        watcher.on_event(|_, _| unreachable!("it is closed")).on_close(log.add("closed"));
        place.write("a");
        watcher.close();
        assert!(watcher.is_closed());
        place.write("b");
        unspin::set_immediate(log.add("immediate"));
    });
    log.expect(&["immediate", "closed"]);
}

#[test]
fn one_that_another_closes_in_the_same_batch_is_not_called() {
    let place = Place::new();
    let log = Log::new();
    run(|| {
        let first = watch(place.path()).expect("it can be watched");
        let second = watch(place.path()).expect("it can be watched");
        second.on_event(|_, _| unreachable!("the first one has closed it"));
        let said = log.clone();
        first.on_event(move |first, _| {
            said.say("first");
            second.close();
            first.close();
        });
        place.write("a");
    });
    log.expect(&["first"]);
}

#[test]
fn a_directory_that_is_removed_or_moved_says_so_and_closes_its_watcher() {
    for recursive in [false, true] {
        for is_moved in [false, true] {
            let place = Place::new();
            place.make("below");
            let log = Log::new();
            run(|| {
                let options = WatchOptions::new().recursive(recursive);
                let watcher = options.watch(place.at("below")).expect("it can be watched");
                place.log(&watcher, &log);
                watcher.on_close(log.add("closed"));
                match is_moved {
                    true => place.rename("below", "elsewhere"),
                    false => fs::remove_dir(place.at("below")).expect("it is empty"),
                }
            });
            log.expect(&["removed below", "closed"]);
        }
    }
}

#[test]
fn it_keeps_the_loop_alive_with_a_handler_and_says_why() {
    let place = Place::new();
    run(|| {
        let line = line!() + 1;
        let watcher = watch(place.path()).expect("it can be watched");
        assert_eq!(unspin::why_alive().len(), 0);
        watcher.on_event(|_, _| ());
        let why = unspin::why_alive();
        assert_eq!(why.len(), 1);
        assert_eq!((why[0].kind, why[0].at.line()), (ResourceKind::FileWatcher, line));
        assert_eq!(why[0].state, format!("the directory {}", place.path().display()));
        watcher.unref();
        assert!(!watcher.has_ref());
        assert_eq!(unspin::why_alive().len(), 0);
        watcher.ref_();
        assert_eq!(unspin::why_alive().len(), 1);
        watcher.unref();
    });
}

#[test]
fn one_that_was_dropped_without_a_handler_is_closed() {
    let place = Place::new();
    let log = Log::new();
    run(|| {
        let watcher = watch(place.path()).expect("it can be watched");
        watcher.on_close(log.add("closed"));
        let clone = watcher.clone();
        drop(watcher);
        unspin::next_tick(move || {
            assert!(!clone.is_closed());
            drop(clone);
        });
    });
    log.expect(&["closed"]);
}

#[test]
fn one_whose_last_handle_goes_while_events_wait_for_it_is_closed() {
    let place = Place::new();
    let log = Log::new();
    run(|| {
        let first = watch(place.path()).expect("it can be watched");
        let second = watch(place.path()).expect("it can be watched");
        second.on_close(log.add("closed"));
        let second = Cell::new(Some(second));
        first.on_event(move |first, _| {
            drop(second.take());
            first.close();
        });
        place.write("a");
    });
    log.expect(&["closed"]);
}

#[test]
fn what_handlers_hold_is_dropped_at_the_close_and_at_the_end_of_the_loop() {
    let place = Place::new();
    let drops = Drops::new();
    run(|| {
        for is_closed in [true, false] {
            for recursive in [true, false] {
                let options = WatchOptions::new().recursive(recursive);
                let watcher = options.watch(place.path()).expect("it can be watched");
                let (own, guard) = (watcher.clone(), drops.guard());
                watcher.on_event(move |_, _| {
                    guard.keep();
                    own.close();
                });
                watcher.unref();
                if is_closed {
                    watcher.close();
                }
            }
        }
    });
    assert_eq!(drops.count(), 4);
}

#[test]
fn many_watchers_take_one_descriptor_and_give_it_back() {
    let place = Place::new();
    let open = || fs::read_dir("/proc/self/fd").expect("it is there").count();
    let own_process = util::is_child();
    if !own_process {
        let output = util::in_child("many_watchers_take_one_descriptor_and_give_it_back");
        assert!(output.status.success(), "{}", util::stdout(&output));
        return;
    }
    run(|| {
        let before = open();
        let watchers: Vec<_> = (0..300)
            .map(|name| {
                place.make(&name.to_string());
                watch(place.at(name.to_string())).expect("it can be watched")
            })
            .collect();
        assert_eq!(open(), before + 1);
        drop(watchers);
        assert_eq!(open(), before);
    });
}
