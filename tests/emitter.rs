//! `Emitter`: Node's rules for listeners that come and go while it emits.

mod util;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use unspin::{Emitter, Error, Listener};
use util::{Drops, Log, OnDrop};

fn log_and_emitter() -> (Log, Emitter<str>) {
    (Log::new(), Emitter::new())
}

/// A listener that says its name and what it heard.
fn says(log: &Log, name: &str) -> impl Fn(&str) + use<> + 'static {
    let (log, name) = (log.clone(), name.to_owned());
    move |event| log.say(format!("{name} {event}"))
}

#[test]
fn listeners_are_called_at_once_in_the_order_they_were_added() {
    let (log, emitter) = log_and_emitter();
    assert!(!emitter.emit("unheard").unwrap());
    emitter.on(says(&log, "a"));
    emitter.clone().on(says(&log, "b"));
    emitter.prepend(says(&log, "c"));
    assert_eq!(emitter.listener_count(), 3);
    assert!(emitter.emit("1").unwrap());
    log.expect(&["c 1", "a 1", "b 1"]);
}

#[test]
fn once_is_removed_before_its_call() {
    let (log, emitter) = log_and_emitter();
    let (said, again) = (log.clone(), emitter.clone());
    emitter.once(move |event| {
        said.say(format!("once {event}, {} left", again.listener_count()));
        again.emit("within").unwrap();
    });
    emitter.prepend_once(says(&log, "first"));
    assert!(emitter.emit("1").unwrap());
    assert!(!emitter.emit("2").unwrap());
    log.expect(&["first 1", "once 1, 0 left"]);
}

#[test]
fn a_once_that_an_emit_within_an_emit_called_is_not_called_again() {
    let (log, emitter) = log_and_emitter();
    let (within, depth) = (emitter.clone(), Cell::new(0));
    emitter.on(move |_| {
        if depth.replace(1) == 0 {
            within.emit("inner").unwrap();
        }
    });
    emitter.once(says(&log, "once"));
    emitter.on(says(&log, "on"));
    emitter.emit("outer").unwrap();
    log.expect(&["once inner", "on inner", "on outer"]);
    // The first listener holds its emitter.
    emitter.remove_all();
}

#[test]
fn a_listener_added_during_an_emit_is_not_called_in_it() {
    let (log, emitter) = log_and_emitter();
    let (said, adds) = (log.clone(), emitter.clone());
    emitter.once(move |_| {
        adds.on(says(&said, "back"));
        adds.prepend(says(&said, "front"));
    });
    emitter.on(says(&log, "there"));
    emitter.emit("1").unwrap();
    emitter.emit("2").unwrap();
    log.expect(&["there 1", "front 2", "there 2", "back 2"]);
}

#[test]
fn a_listener_removed_during_an_emit_is_still_called_in_it() {
    let (log, emitter) = log_and_emitter();
    let listeners: Rc<RefCell<Vec<Listener>>> = Rc::default();
    let removes = listeners.clone();
    emitter.on(move |_| {
        for listener in removes.take() {
            assert!(listener.remove());
            assert!(!listener.remove());
        }
    });
    listeners.borrow_mut().push(emitter.on(says(&log, "on")));
    listeners.borrow_mut().push(emitter.once(says(&log, "once")));
    emitter.emit("1").unwrap();
    emitter.emit("2").unwrap();
    log.expect(&["on 1", "once 1"]);
}

#[test]
fn all_listeners_removed_during_an_emit_are_still_called_in_it() {
    let (log, emitter) = log_and_emitter();
    let all = emitter.clone();
    emitter.on(move |_| all.remove_all());
    emitter.on(says(&log, "on"));
    emitter.emit("1").unwrap();
    assert!(!emitter.emit("2").unwrap());
    log.expect(&["on 1"]);
}

#[test]
fn an_error_stops_the_emit_and_comes_out_of_it() {
    let (log, emitter) = log_and_emitter();
    emitter.on(says(&log, "before"));
    emitter.once(|event| Err(Error::new(format!("cannot {event}"))));
    emitter.on(says(&log, "behind"));
    assert_eq!(emitter.emit("open").unwrap_err().to_string(), "cannot open");
    emitter.emit("close").unwrap();
    log.expect(&["before open", "before close", "behind close"]);
}

#[test]
fn a_panic_comes_out_of_the_emit_and_breaks_nothing() {
    let (log, emitter) = log_and_emitter();
    emitter.once(|_| panic!("in a listener"));
    emitter.on(says(&log, "on"));
    let panicked = catch_unwind(AssertUnwindSafe(|| emitter.emit("1")));
    assert!(panicked.is_err());
    emitter.emit("2").unwrap();
    log.expect(&["on 2"]);
}

#[test]
fn a_handle_knows_whether_its_listener_is_there() {
    let emitter = Emitter::<u32>::new();
    let first = emitter.on(|_| {});
    let second = emitter.on(|_| {});
    drop(second.clone());
    assert_eq!(emitter.listener_count(), 2, "dropping a handle removes nothing");
    assert!(second.remove());
    assert!(!second.clone().remove());
    assert_eq!(emitter.listener_count(), 1);
    drop(emitter);
    assert!(!first.remove());
}

#[test]
fn listeners_are_dropped_once_when_nobody_can_call_them() {
    let drops = Drops::new();
    let emitter = Emitter::<u32>::default();
    let listen = |guard: util::DropGuard| emitter.on(move |_| guard.keep());
    let first = listen(drops.guard());
    listen(drops.guard());
    let third = listen(drops.guard());
    first.remove();
    assert_eq!(drops.count(), 1);

    let (during, count) = (Cell::new(Some(third)), drops.clone());
    emitter.prepend_once(move |_| {
        assert!(during.take().unwrap().remove());
        assert_eq!(count.count(), 1, "it is still to be called");
    });
    emitter.emit(&0).unwrap();
    assert_eq!(drops.count(), 2);
    drop(emitter);
    assert_eq!(drops.count(), 3);
}

#[test]
fn the_drop_of_a_listener_may_use_the_emitter() {
    let (log, emitter) = log_and_emitter();
    let drops_into = |name: &'static str| {
        let (said, within) = (log.clone(), emitter.clone());
        let guard = OnDrop(move || {
            said.say(format!("{name} dropped, {} left", within.listener_count()));
            within.on(says(&said, name)).remove();
        });
        emitter.on(move |_| guard.keep())
    };
    assert!(drops_into("removed").remove());
    drops_into("cleared");
    drops_into("cleared too");
    emitter.remove_all();
    emitter.emit("1").unwrap();
    log.expect(&[
        "removed dropped, 0 left",
        "cleared dropped, 0 left",
        "cleared too dropped, 0 left",
    ]);
}

#[test]
fn a_listener_may_return_nothing_a_result_or_never() {
    let emitter = Emitter::<str>::new();
    emitter.on(|port| {
        let _port: u16 = port.parse()?;
        Ok(())
    });
    emitter.once(|_| -> ! { panic!("never") });
    assert!(emitter.emit("not a port").is_err());
}
