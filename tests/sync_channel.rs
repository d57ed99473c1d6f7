//! `channel`: values in the order of their sends, and an end that loses none.
#![cfg(feature = "async")]

mod util;

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use unspin::sync::channel::{Receiver, SendError, TryRecvError, TrySendError};
use unspin::sync::{channel, unbounded};
use util::poll::{Polled, must_wait, now};
use util::{Drops, Log, run_virtual};

/// What is there to receive now, and whether more may come.
fn drain<T>(receiver: &mut Receiver<T>) -> (Vec<T>, TryRecvError) {
    let mut values = Vec::new();
    loop {
        match receiver.try_recv() {
            Ok(value) => values.push(value),
            Err(end) => return (values, end),
        }
    }
}

#[test]
fn values_come_in_order_and_a_receiver_is_woken() {
    let (sender, mut receiver) = channel(2);
    assert!(must_wait(receiver.recv()));
    let mut receiving = Polled::waiting(receiver.recv());
    assert_eq!(now(sender.send(1)), Ok(()));
    assert_eq!(sender.try_send(2), Ok(()));
    assert_eq!(receiving.wakes(), 1);
    assert_eq!(receiving.ready(), Some(1));
    drop(receiving);
    assert_eq!(drain(&mut receiver), (vec![2], TryRecvError::Empty));
}

#[test]
fn a_full_channel_makes_senders_wait_in_the_order_of_arrival() {
    let (sender, mut receiver) = channel(1);
    assert_eq!(sender.try_send(0), Ok(()));
    let mut first = Polled::waiting(sender.send(1));
    let other = sender.clone();
    let mut second = Polled::waiting(other.send(2));
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)), "the room is taken");
    assert_eq!(first.ready(), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(second.ready(), Ok(()));
    assert_eq!(drain(&mut receiver).0, [2]);
}

#[test]
fn a_send_that_waits_is_not_overtaken_by_one_that_need_not() {
    let (sender, mut receiver) = channel(2);
    let values = [0, 1].map(|value| sender.try_send(value));
    assert_eq!(values, [Ok(()), Ok(())]);
    let mut waiting = Polled::waiting(sender.send(2));
    let received = [receiver.try_recv(), receiver.try_recv()];
    assert_eq!(received, [Ok(0), Ok(1)]);
    // There is room, and the sender that waited has not been polled yet.
    assert_eq!(sender.try_send(3), Ok(()));
    assert_eq!(waiting.ready(), Ok(()));
    assert_eq!(drain(&mut receiver).0, [2, 3]);
}

#[test]
fn a_send_dropped_while_it_waits_is_never_received() {
    let (sender, mut receiver) = channel(1);
    let drops = Drops::new();
    assert!(sender.try_send(drops.guard()).is_ok());
    let waiting = Polled::waiting(sender.send(drops.guard()));
    let mut behind = Polled::waiting(sender.send(drops.guard()));
    drop(waiting);
    assert_eq!(drops.count(), 1);
    drop(drain(&mut receiver));
    assert!(behind.ready().is_ok());
    assert_eq!(drops.count(), 3, "the first and the last");
}

#[test]
fn a_send_dropped_after_there_was_room_has_been_sent() {
    let (sender, mut receiver) = channel(1);
    assert!(sender.try_send(0).is_ok());
    let waiting = Polled::waiting(sender.send(1));
    assert_eq!(receiver.try_recv(), Ok(0));
    drop(waiting);
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn a_send_that_is_not_polled_sends_nothing() {
    let (sender, mut receiver) = unbounded();
    let drops = Drops::new();
    drop(sender.send(drops.guard()));
    assert_eq!(drops.count(), 1);
    assert_eq!(receiver.try_recv().err(), Some(TryRecvError::Empty));
}

#[test]
fn what_was_sent_before_the_last_sender_went_is_received() {
    let (sender, mut receiver) = channel(2);
    let other = sender.clone();
    assert!(sender.try_send(1).is_ok());
    drop(sender);
    assert!(other.try_send(2).is_ok());
    drop(other);
    assert_eq!(now(receiver.recv()), Some(1));
    assert_eq!(now(receiver.recv()), Some(2));
    assert_eq!(now(receiver.recv()), None);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn the_end_of_the_last_sender_wakes() {
    let (sender, mut receiver) = channel::<u32>(1);
    let other = sender.clone();
    let mut receiving = Polled::waiting(receiver.recv());
    drop(sender);
    assert_eq!(receiving.wakes(), 0);
    drop(other);
    assert_eq!(receiving.wakes(), 1);
    assert_eq!(receiving.ready(), None);
}

#[test]
fn close_gives_waiting_values_back_and_leaves_what_was_sent() {
    let (sender, mut receiver) = channel(1);
    assert!(sender.try_send(1).is_ok());
    let mut sent = Polled::waiting(sender.send(2));
    let mut waiting = Polled::waiting(sender.send(3));
    assert_eq!(receiver.try_recv(), Ok(1));
    receiver.close();
    assert!(sender.is_closed());
    assert_eq!((sent.wakes(), waiting.wakes()), (1, 1));
    assert_eq!(waiting.ready(), Err(SendError(3)));
    assert_eq!(sent.ready(), Ok(()));
    assert_eq!(sender.try_send(4), Err(TrySendError::Closed(4)));
    assert_eq!(now(sender.send(4)), Err(SendError(4)));
    assert_eq!(drain(&mut receiver), (vec![2], TryRecvError::Closed));
}

#[test]
fn the_drop_of_the_receiver_drops_what_was_not_received() {
    let (sender, mut receiver) = channel(1);
    let drops = Drops::new();
    assert!(sender.try_send(drops.guard()).is_ok());
    let mut waiting = Polled::waiting(sender.send(drops.guard()));
    let mut receiving = Polled::new(receiver.recv());
    drop(receiving.ready());
    drop(receiving);
    assert_eq!(drops.count(), 1);
    drop(receiver);
    assert_eq!(drops.count(), 2);
    assert!(waiting.ready().is_ok(), "it had been sent");
    assert!(now(sender.send(drops.guard())).is_err());
    assert_eq!(drops.count(), 3);
}

#[test]
fn dropped_receivers_keep_no_waker() {
    let (sender, mut receiver) = channel::<u32>(1);
    let mut receiving = Polled::waiting(receiver.recv());
    receiving.pending();
    assert_eq!(receiving.wakers_kept(), 1);
    let receiving = receiving.cancel();
    drop(receiver);
    assert_eq!(receiving.wakers_kept(), 0);
    drop(sender);
}

#[test]
fn a_receiver_is_a_stream() {
    let (sender, mut receiver) = unbounded();
    assert!(sender.try_send(1).is_ok());
    let mut next = || Polled::new(poll_fn(|cx| Pin::new(&mut receiver).poll_next(cx))).poll();
    assert_eq!(next(), std::task::Poll::Ready(Some(1)));
    assert!(next().is_pending());
    drop(sender);
    assert_eq!(next(), std::task::Poll::Ready(None));
}

#[test]
#[should_panic(expected = "room for one value")]
fn a_channel_without_room_is_a_mistake() {
    channel::<u32>(0);
}

#[test]
fn errors_say_what_happened_and_go_into_ours() {
    let (sender, mut receiver) = channel(1);
    assert!(sender.try_send(0).is_ok());
    let full = sender.try_send(1).unwrap_err();
    assert_eq!(full.to_string(), "the channel is full");
    assert_eq!(unspin::Error::from(full).to_string(), "the channel is full");
    receiver.close();
    let closed = sender.try_send(1).unwrap_err();
    let closed = unspin::Error::from(closed);
    assert!(closed.downcast_ref::<unspin::sync::Closed>().is_some());
    let closed = unspin::Error::from(now(sender.send(1)).unwrap_err());
    assert!(closed.downcast_ref::<unspin::sync::Closed>().is_some());
}

#[test]
fn on_the_loop_a_slow_receiver_slows_its_senders() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let (sender, mut receiver) = channel(1);
        for name in ["a", "b"] {
            let (sender, said) = (sender.clone(), said.clone());
            unspin::spawn(async move {
                for number in 1..=2 {
                    sender.send(format!("{name}{number}")).await.unwrap();
                    said.say(format!("sent {name}{number}"));
                }
            });
        }
        drop(sender);
        unspin::spawn(async move {
            while let Some(value) = receiver.recv().await {
                said.say(format!("got {value}"));
                unspin::yield_now().await;
            }
            said.say("end");
        });
    });
    log.expect(&[
        "sent a1", "got a1", "sent a2", "got a2", "sent b1", "got b1", "sent b2", "got b2", "end",
    ]);
}
