//! Watchers by callbacks, promises and awaited.
#![cfg(all(target_os = "linux", feature = "async"))]

mod util;

use std::io::ErrorKind;
use std::rc::Rc;

use futures_lite::StreamExt;
use unspin::fs::{WatchKind, WatchOptions, watch, watch_once};
use util::Log;
use util::futures::block_on;
use util::net::run;
use util::poll::Polled;
use util::watch::{Place, words};

#[test]
fn events_are_awaited_one_by_one() {
    let place = Place::new();
    block_on(async move {
        let watcher = watch(place.path())?;
        place.write("a");
        place.remove("a");
        let mut told = Vec::new();
        for _ in 0..2 {
            let event = watcher.next_event().await?.expect("it is open");
            told.push(words(place.path(), &event));
        }
        assert_eq!(told, ["created a", "removed a"]);
        unspin::next_tick({
            let watcher = watcher.clone();
            move || watcher.close()
        });
        assert!(watcher.next_event().await?.is_none());
        assert!(watcher.next_event().await?.is_none());
        Ok(())
    });
}

#[test]
fn the_stream_ends_when_what_is_watched_is_gone() {
    let place = Place::new();
    place.make("below");
    block_on(async move {
        let watcher = watch(place.at("below"))?;
        place.write("below/a");
        std::fs::remove_dir_all(place.at("below"))?;
        let told: Vec<_> = watcher
            .events()
            .map(|event| words(place.path(), &event.expect("nothing fails")))
            .collect()
            .await;
        assert_eq!(told, ["created below/a", "removed below/a", "removed below"]);
        assert!(watcher.is_closed());
        Ok(())
    });
}

#[test]
fn no_event_is_lost_with_a_future() {
    let place = Place::new();
    block_on(async move {
        let watcher = watch(place.path())?;
        let waiting = Polled::waiting(watcher.next_event());
        place.write("a");
        drop(waiting);
        let event = watcher.next_event().await?.expect("it is open");
        assert_eq!(event.path, place.at("a"));
        Ok(())
    });
}

#[test]
fn who_waits_in_vain_is_told() {
    let place = Place::new();
    run(|| {
        let watcher = watch(place.path()).expect("it can be watched");
        let mut waiting = Polled::waiting(watcher.next_event());
        watcher.on_event(|_, _| ());
        assert_eq!(waiting.wakes(), 1);
        assert_eq!(waiting.ready().expect_err("a handler").kind(), ErrorKind::InvalidInput);
        drop(waiting);
        watcher.close();
    });
}

#[test]
fn a_future_that_waits_keeps_the_loop_alive_and_one_that_is_dropped_does_not() {
    let place = Place::new();
    run(|| {
        let watcher = watch(place.path()).expect("it can be watched");
        let waiting = Polled::waiting(watcher.next_event());
        assert_eq!(unspin::why_alive().len(), 1);
        assert_eq!(waiting.cancel().wakers_kept(), 0);
        assert_eq!(unspin::why_alive().len(), 0);
    });
}

#[test]
fn the_first_event_is_called_back_promised_or_awaited() {
    let place = Rc::new(Place::new());
    let log = Log::new();
    let (own, said) = (Rc::clone(&place), log.clone());
    block_on(async move {
        let (called, promised) = (said.clone(), said.clone());
        watch_once(own.path()).callback(move |event| {
            called.say(format!("called {:?}", event.expect("it can be watched").kind));
        });
        watch_once(own.path()).promise().then(move |event| {
            promised.say(format!("promised {:?}", event.kind));
        });
        own.write("a");
        let event = watch_once(own.path());
        let place = Rc::clone(&own);
        unspin::next_tick(move || place.write("b"));
        let event = event.await?;
        assert_eq!((event.kind, event.path), (WatchKind::Created, own.at("b")));
        Ok(())
    });
    log.expect(&["called Created", "promised Created"]);
}

#[test]
fn a_request_fails_as_its_watcher_would_and_can_be_cancelled() {
    let place = Place::new();
    run(|| {
        watch_once(place.at("none")).callback(|event| {
            assert_eq!(event.expect_err("there is none").kind(), ErrorKind::NotFound);
        });
        let pending = watch_once(place.path()).callback(|event| {
            assert!(event.expect_err("it is cancelled").is_cancelled());
        });
        assert!(pending.cancel());
        assert!(!pending.cancel());
    });
}

#[test]
fn a_tree_is_awaited_until_it_is_watched() {
    let place = Place::new();
    place.make("a/b");
    block_on(async move {
        let tree = WatchOptions::new().recursive(true).watch(place.path())?;
        tree.ready().await?;
        tree.ready().await?;
        place.write("a/b/c");
        let event = tree.next_event().await?.expect("it is open");
        assert_eq!(words(place.path(), &event), "created a/b/c");
        drop(tree.ready());
        Ok(())
    });
}
