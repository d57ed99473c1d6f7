//! Signals awaited, as a stream, and as promises.
#![cfg(feature = "async")]

mod util;

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::StreamExt;
use unspin::block_on;
use unspin::signal::{self, Signal};
use util::net::run;
use util::poll::Polled;
use util::signals::{alone, is_caught, send};

#[test]
fn signals_are_awaited_one_by_one() {
    let _alone = alone();
    block_on(async {
        let watcher = signal::watch([Signal::USER_1, Signal::USER_2])?;
        send(Signal::USER_2, 2);
        send(Signal::USER_1, 1);
        // Those that wait come by their number.
        assert_eq!(watcher.next().await?, Signal::USER_1);
        assert_eq!(watcher.next().await?, Signal::USER_2);
        assert_eq!(watcher.next().await?, Signal::USER_2);
        unspin::set_immediate(|| send(Signal::USER_1, 1));
        assert_eq!(watcher.next().await?, Signal::USER_1);
        Ok(())
    })
    .expect("nothing in it fails");
}

#[test]
fn a_stream_of_signals_ends_when_the_watcher_is_closed() {
    let _alone = alone();
    block_on(async {
        let watcher = signal::watch(Signal::USER_1)?;
        let closing = watcher.clone();
        unspin::set_immediate(move || {
            send(Signal::USER_1, 3);
            unspin::set_immediate(move || {
                unspin::set_immediate(move || closing.close());
            });
        });
        let all: Vec<_> = watcher.signals().take_while(Result::is_ok).collect().await;
        assert_eq!(all.len(), 3);
        Ok(())
    })
    .expect("nothing in it fails");
}

#[test]
fn no_signal_is_lost_with_a_future() {
    let _alone = alone();
    block_on(async {
        let watcher = signal::watch(Signal::USER_1)?;
        let waiting = Polled::waiting(watcher.next());
        send(Signal::USER_1, 1);
        drop(waiting);
        assert_eq!(watcher.next().await?, Signal::USER_1);
        let limit = Duration::from_millis(1);
        assert!(unspin::timeout(limit, watcher.next()).await.is_err());
        send(Signal::USER_1, 1);
        assert_eq!(watcher.next().await?, Signal::USER_1);
        Ok(())
    })
    .expect("nothing in it fails");
}

#[test]
fn who_waits_in_vain_is_told() {
    let _alone = alone();
    run(|| {
        let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
        let mut waiting = Polled::waiting(watcher.next());
        watcher.on_signal(|_, _| ());
        assert_eq!(waiting.wakes(), 1);
        assert_eq!(waiting.ready().expect_err("a handler").kind(), ErrorKind::InvalidInput);
        drop(waiting);
        watcher.close();
        let mut late = Polled::new(watcher.next());
        assert!(late.ready().is_err());
    });
}

#[test]
fn a_future_that_waits_keeps_the_loop_alive_and_one_that_is_dropped_does_not() {
    let _alone = alone();
    run(|| {
        let watcher = signal::watch(Signal::USER_1).expect("it can be watched");
        let before = unspin::why_alive().len();
        let waiting = Polled::waiting(watcher.next());
        assert_eq!(unspin::why_alive().len(), before + 1);
        assert_eq!(waiting.cancel().wakers_kept(), 0);
        assert_eq!(unspin::why_alive().len(), before);
    });
}

#[test]
fn the_first_of_several_is_awaited_or_promised() {
    let _alone = alone();
    let told = Rc::new(Cell::new(None));
    let promised = Rc::clone(&told);
    block_on(async move {
        signal::once(Signal::USER_1).promise().then(move |signal| promised.set(Some(signal)));
        unspin::set_immediate(|| send(Signal::USER_1, 1));
        let first = signal::once([Signal::USER_2, Signal::USER_1]).await?;
        assert_eq!(first, Signal::USER_1);
        Ok(())
    })
    .expect("nothing in it fails");
    assert_eq!(told.get(), Some(Signal::USER_1));
}

#[test]
fn a_dropped_request_watches_no_more() {
    let _alone = alone();
    block_on(async {
        let once = signal::once(Signal::USER_2);
        assert!(unspin::timeout(Duration::from_millis(1), once).await.is_err());
        assert!(!is_caught(Signal::USER_2));
        Ok(())
    })
    .expect("nothing in it fails");
}
