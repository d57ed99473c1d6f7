//! `oneshot`: one value, and the ends that go before it came.
#![cfg(feature = "async")]

mod util;

use std::cell::Cell;

use unspin::sync::{Closed, oneshot};
use util::poll::{Polled, now, on_waker_drop};
use util::{Drops, Log, run_virtual};

#[test]
fn the_value_arrives_and_wakes_once() {
    let (sender, receiver) = oneshot();
    let mut receiving = Polled::waiting(receiver);
    assert_eq!(sender.send(7), Ok(()));
    assert_eq!(receiving.wakes(), 1);
    assert_eq!(receiving.ready(), Ok(7));
    assert_eq!(receiving.ready(), Err(Closed), "it was taken");
}

#[test]
fn a_value_sent_before_the_first_poll_is_there() {
    let (sender, receiver) = oneshot();
    assert_eq!(sender.send(7), Ok(()));
    assert_eq!(now(receiver), Ok(7));
}

#[test]
fn a_sender_that_goes_without_a_value_closes() {
    let (sender, receiver) = oneshot::<u32>();
    let mut receiving = Polled::waiting(receiver);
    drop(sender);
    assert_eq!(receiving.wakes(), 1);
    assert_eq!(receiving.ready(), Err(Closed));
}

#[test]
fn a_value_for_nobody_comes_back() {
    let (mut sender, receiver) = oneshot();
    assert!(!sender.is_closed());
    {
        let mut closed = Polled::waiting(sender.closed());
        drop(receiver);
        assert_eq!(closed.wakes(), 1);
        closed.ready();
    }
    now(sender.closed());
    assert!(sender.is_closed());
    assert_eq!(sender.send(7), Err(7));
}

#[test]
fn a_value_that_nobody_takes_is_dropped_with_the_receiver() {
    let drops = Drops::new();
    let (sender, receiver) = oneshot();
    assert!(sender.send(drops.guard()).is_ok());
    assert_eq!(drops.count(), 0);
    drop(receiver);
    assert_eq!(drops.count(), 1);
}

#[test]
fn waiting_can_be_given_up_and_begun_again() {
    let (sender, mut receiver) = oneshot();
    drop(Polled::waiting(&mut receiver));
    assert_eq!(sender.send(7), Ok(()));
    assert_eq!(now(receiver), Ok(7));
}

#[test]
fn the_last_waker_is_the_one_that_is_woken() {
    let (sender, mut receiver) = oneshot();
    let first = Polled::waiting(&mut receiver);
    assert_eq!(first.wakers_kept(), 1);
    drop(first);
    let mut second = Polled::waiting(&mut receiver);
    second.pending();
    assert_eq!(second.wakers_kept(), 1, "the same waker is not kept twice");
    assert_eq!(sender.send(7), Ok(()));
    assert_eq!(second.wakes(), 1);
}

#[test]
fn no_waker_outlives_its_end() {
    let (mut sender, receiver) = oneshot::<u32>();
    let receiving = Polled::waiting(receiver);
    let closed = Polled::waiting(sender.closed());
    assert_eq!((receiving.wakers_kept(), closed.wakers_kept()), (1, 1));
    assert_eq!(receiving.cancel().wakers_kept(), 0);
    assert_eq!(closed.cancel().wakers_kept(), 0, "it was woken");

    let (mut sender, receiver) = oneshot::<u32>();
    let closed = Polled::waiting(sender.closed()).cancel();
    assert_eq!(closed.wakers_kept(), 1);
    drop(sender);
    assert_eq!(closed.wakers_kept(), 0);
    drop(receiver);
}

#[test]
fn a_waker_that_is_dropped_may_send() {
    let (sender, mut receiver) = oneshot();
    let sender = Cell::new(Some(sender));
    let sends = on_waker_drop(move || assert_eq!(sender.take().unwrap().send(7), Ok(())));
    let mut receiving = Polled::new(&mut receiver);
    assert!(receiving.poll_with(&sends).is_pending());
    drop(sends);
    // The new waker takes the place of the old one, whose drop sends: not one wake is missed.
    assert_eq!(receiving.ready(), Ok(7));
}

#[test]
fn on_the_loop_the_future_goes_on_in_the_checkpoint_of_the_callback() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let (sender, receiver) = oneshot();
        let words = said.clone();
        unspin::spawn(async move { words.say(receiver.await.unwrap()) });
        let words = said.clone();
        unspin::set_immediate(move || {
            assert_eq!(sender.send("value"), Ok(()));
            words.say("sent");
        });
        unspin::set_immediate(said.add("next task"));
    });
    log.expect(&["sent", "value", "next task"]);
}
