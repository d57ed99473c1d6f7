//! `Notify`: one or all, and no word lost.
#![cfg(feature = "async")]

mod util;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use unspin::sync::Notify;
use util::Log;
use util::poll::{Polled, for_ever, must_wait, now, on_wake, on_waker_drop};

#[test]
fn one_word_for_nobody_is_kept_and_two_are_one() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    now(notify.notified());
    assert!(must_wait(notify.notified()));
}

#[test]
fn notify_one_chooses_whoever_has_waited_longest() {
    let notify = Notify::new();
    let mut waiting: Vec<_> = (0..3).map(|_| Polled::waiting(notify.notified())).collect();
    notify.notify_one();
    assert_eq!(waiting.iter().map(Polled::wakes).collect::<Vec<_>>(), [1, 0, 0]);
    waiting[0].ready();
    waiting[1].pending();
    notify.notify_one();
    waiting[1].ready();
    notify.notify_one();
    waiting[2].ready();
    assert!(must_wait(notify.notified()), "each word went to a future");
}

#[test]
fn a_future_waits_from_its_first_poll_on() {
    let notify = Notify::new();
    let mut made_first = Polled::new(notify.notified());
    let mut polled_first = Polled::waiting(notify.notified());
    made_first.pending();
    notify.notify_one();
    polled_first.ready();
    made_first.pending();
}

#[test]
fn notify_all_completes_who_exists_and_leaves_no_permit() {
    let notify = Notify::new();
    let mut waiting: Vec<_> = (0..3).map(|_| Polled::waiting(notify.notified())).collect();
    let mut not_polled = Polled::new(notify.notified());
    notify.notify_all();
    for future in &mut waiting {
        assert_eq!(future.wakes(), 1);
        future.ready();
    }
    not_polled.ready();
    assert!(must_wait(notify.notified()));
}

#[test]
fn who_is_completed_by_notify_all_leaves_the_permit() {
    let notify = Notify::new();
    let mut early = Polled::new(notify.notified());
    notify.notify_one();
    notify.notify_all();
    early.ready();
    now(notify.notified());
}

#[test]
fn a_cancelled_future_passes_its_word_on() {
    let notify = Notify::new();
    let first = Polled::waiting(notify.notified());
    let mut second = Polled::waiting(notify.notified());
    notify.notify_one();
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second);
    now(notify.notified());

    second = Polled::waiting(notify.notified());
    second.cancel();
    notify.notify_one();
    now(notify.notified());
}

#[test]
fn a_future_that_finished_passes_nothing_on() {
    let notify = Notify::new();
    let mut first = Polled::waiting(notify.notified());
    notify.notify_one();
    first.ready();
    drop(first);
    assert!(must_wait(notify.notified()));
}

#[test]
fn what_notify_all_completed_is_not_passed_on() {
    let notify = Notify::new();
    let first = Polled::waiting(notify.notified());
    notify.notify_all();
    drop(first);
    assert!(must_wait(notify.notified()));
}

#[test]
fn a_word_before_notify_all_is_still_passed_on() {
    let notify = Notify::new();
    let first = Polled::waiting(notify.notified());
    notify.notify_one();
    notify.notify_all();
    drop(first);
    now(notify.notified());
}

#[test]
fn a_future_cancelled_in_the_middle_leaves_the_others_in_order() {
    let notify = Notify::new();
    let log = Log::new();
    let mut waiting: Vec<_> = (0..5).map(|_| Polled::waiting(notify.notified())).collect();
    for middle in [3, 1, 0] {
        drop(waiting.remove(middle));
    }
    for _ in 0..3 {
        notify.notify_one();
        log.say(format!("{:?}", waiting.iter().map(Polled::wakes).collect::<Vec<_>>()));
    }
    log.expect(&["[1, 0]", "[1, 1]", "[1, 1]"]);
}

#[test]
fn a_new_waker_takes_the_place_of_the_old_one() {
    let notify = Notify::new();
    let log = Log::new();
    let said = log.clone();
    let mut waiting = Polled::new(notify.notified());
    assert!(waiting.poll_with(&on_wake(move || said.say("old"))).is_pending());
    let said = log.clone();
    assert!(waiting.poll_with(&on_wake(move || said.say("new"))).is_pending());
    notify.notify_one();
    log.expect(&["new"]);
}

#[test]
fn a_waker_may_notify_wait_and_cancel() {
    let notify: &'static Notify = for_ever(Notify::default());
    let log = Log::new();
    let others = Rc::new(RefCell::new(Vec::new()));
    let mut first = Polled::new(notify.notified());
    let (said, added) = (log.clone(), others.clone());
    let waker = on_wake(move || {
        said.say("first");
        // One goes, one comes: it is not part of the round.
        let gone = added.borrow_mut().pop();
        drop::<Option<Polled<'_, ()>>>(gone);
        added.borrow_mut().push(Polled::waiting(notify.notified()));
        notify.notify_one();
    });
    assert!(first.poll_with(&waker).is_pending());
    let mut second = Polled::waiting(notify.notified());
    others.borrow_mut().push(Polled::waiting(notify.notified()));
    notify.notify_all();
    second.ready();
    first.ready();
    others.borrow_mut()[0].ready();
    assert!(must_wait(notify.notified()));
    log.expect(&["first"]);
}

#[test]
fn a_waker_that_is_dropped_may_notify() {
    let notify: &'static Notify = for_ever(Notify::default());
    let mut waiting = Polled::new(notify.notified());
    let waker = on_waker_drop(|| notify.notify_one());
    assert!(waiting.poll_with(&waker).is_pending());
    drop(waker);
    waiting.ready();

    let dropped = Rc::new(Cell::new(0));
    let count = dropped.clone();
    let waker = on_waker_drop(move || {
        count.set(count.get() + 1);
        notify.notify_all();
    });
    let mut waiting = Polled::new(notify.notified());
    assert!(waiting.poll_with(&waker).is_pending());
    drop(waker);
    waiting.cancel();
    assert_eq!(dropped.get(), 1);
}
