//! `channel`, used by wakers and by the drops of values, in the middle of a call to it.
#![cfg(feature = "async")]

mod util;

use std::cell::RefCell;
use std::rc::Rc;

use unspin::sync::channel;
use unspin::sync::channel::TrySendError;
use util::poll::{Polled, for_ever, on_wake, on_waker_drop};
use util::{Log, OnDrop};

#[test]
fn a_waker_may_send_receive_and_close() {
    let log = Log::new();
    let (sender, receiver) = channel(1);
    let sender: &'static _ = for_ever(sender);
    let receiver = Rc::new(RefCell::new(receiver));
    assert!(sender.try_send(1).is_ok());
    let said = log.clone();
    let mut waiting = Polled::new(sender.send(2));
    let waker = on_wake(move || {
        assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
        said.say("woken");
    });
    assert!(waiting.poll_with(&waker).is_pending());
    assert_eq!(receiver.borrow_mut().try_recv(), Ok(1));
    assert_eq!(waiting.ready(), Ok(()));
    log.expect(&["woken"]);

    // The waker of the receiver takes the value while the send goes on.
    let receives = receiver.clone();
    let said = log.clone();
    let takes = on_wake(move || {
        let value = receives.borrow_mut().try_recv();
        said.say(format!("{value:?}"));
        receives.borrow_mut().close();
    });
    assert_eq!(receiver.borrow_mut().try_recv(), Ok(2));
    {
        let mut receiver = receiver.borrow_mut();
        assert!(Polled::new(receiver.recv()).poll_with(&takes).is_pending());
    }
    assert_eq!(sender.try_send(3), Ok(()));
    assert_eq!(sender.try_send(4), Err(TrySendError::Closed(4)));
    log.expect(&["woken", "Ok(3)"]);
}

#[test]
fn the_drop_of_a_value_may_use_the_channel() {
    let log = Log::new();
    let (sender, mut receiver) = channel(1);
    let (other, said) = (sender.clone(), log.clone());
    let value = move |word: &'static str| {
        let (other, said) = (other.clone(), said.clone());
        let tell = move || {
            let closed = matches!(other.try_send(None), Err(TrySendError::Closed(_)));
            said.say(format!("{word}, closed: {closed}"));
        };
        Some(OnDrop(Box::new(tell) as Box<dyn FnMut()>))
    };
    assert!(sender.try_send(value("received")).is_ok());
    Polled::waiting(sender.send(value("given up"))).cancel();
    drop(receiver.try_recv());
    assert!(receiver.try_recv().is_ok_and(|value| value.is_none()), "what its drop sent");
    assert!(sender.try_send(value("never received")).is_ok());
    drop(receiver);
    drop(value("for nobody"));
    let words = ["given up, closed: false", "received, closed: false"];
    log.expect(
        &[&words[..], &["never received, closed: true", "for nobody, closed: true"]].concat(),
    );
}

#[test]
fn a_waker_that_is_dropped_may_send_and_receive() {
    let (sender, receiver) = channel(1);
    let sender: &'static _ = for_ever(sender);
    let receiver = Rc::new(RefCell::new(receiver));
    assert!(sender.try_send(1).is_ok());
    let receives = receiver.clone();
    let waker = on_waker_drop(move || assert_eq!(receives.borrow_mut().try_recv(), Ok(1)));
    let mut waiting = Polled::new(sender.send(2));
    assert!(waiting.poll_with(&waker).is_pending());
    drop(waker);
    assert_eq!(waiting.ready(), Ok(()), "the drop of the old waker made room");

    assert_eq!(receiver.borrow_mut().try_recv(), Ok(2));
    let waker = on_waker_drop(move || assert_eq!(sender.try_send(3), Ok(())));
    let mut receiver = receiver.borrow_mut();
    let mut receiving = Polled::new(receiver.recv());
    assert!(receiving.poll_with(&waker).is_pending());
    drop(waker);
    assert_eq!(receiving.ready(), Some(3));
}
