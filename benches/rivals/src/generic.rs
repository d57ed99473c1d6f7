//! Operations that are the same code for each rival. Each returns nanoseconds per operation.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::machine::Clock;
use crate::rival::Rival;

/// For a timer that never fires here.
pub(crate) const LONG: Duration = Duration::from_secs(1000);

/// As many at once as stay in the cache.
pub(crate) const BATCH: usize = 1000;

/// Futures that are finished at their first poll, by batches.
pub(crate) async fn spawn<R: Rival>(rival: R, count: usize) -> f64 {
    let polled = Rc::new(Cell::new(0));
    let one = || {
        let polled = Rc::clone(&polled);
        rival.spawn(async move { polled.set(polled.get() + 1) })
    };
    let clock = Clock::start();
    for _ in 0..count / BATCH {
        (1..BATCH).for_each(|_| R::detach(one()));
        // The queues are fair: the last one is the last.
        one().await;
    }
    let nanos = clock.nanos_each(count);
    assert_eq!(polled.get(), count);
    nanos
}

/// One future at a time.
pub(crate) async fn spawn_and_await<R: Rival>(rival: R, count: usize) -> f64 {
    let clock = Clock::start();
    for _ in 0..count {
        rival.spawn(async {}).await;
    }
    clock.nanos_each(count)
}

pub(crate) async fn yield_alone<R: Rival>(_: R, count: usize) -> f64 {
    let clock = Clock::start();
    for _ in 0..count {
        R::yield_now().await;
    }
    clock.nanos_each(count)
}

pub(crate) async fn yield_among_100<R: Rival>(rival: R, count: usize) -> f64 {
    let clock = Clock::start();
    let one = || {
        rival.spawn(async move {
            for _ in 0..count / 100 {
                R::yield_now().await;
            }
        })
    };
    let all: Vec<_> = (0..100).map(|_| one()).collect();
    for handle in all {
        handle.await;
    }
    clock.nanos_each(count)
}

/// Another thread, which answers by waking.
struct Answers {
    given: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

/// A question to another thread, which sleeps, and its answer, for which this one sleeps.
pub(crate) async fn wakes<R: Rival>(_: R, count: usize) -> f64 {
    let answers = Arc::new(Answers { given: AtomicUsize::new(0), waker: Mutex::default() });
    let (ask, asked) = mpsc::channel::<()>();
    let other = thread::spawn({
        let answers = Arc::clone(&answers);
        move || {
            for () in asked {
                answers.given.fetch_add(1, Ordering::SeqCst);
                let waker = answers.waker.lock().expect("nobody panics").take();
                waker.into_iter().for_each(Waker::wake);
            }
        }
    });
    let clock = Clock::start();
    for number in 1..=count {
        ask.send(()).expect("it listens");
        poll_fn(|cx| {
            *answers.waker.lock().expect("nobody panics") = Some(cx.waker().clone());
            let given = answers.given.load(Ordering::SeqCst) >= number;
            if given { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
    let nanos = clock.nanos_each(count);
    drop(ask);
    other.join().expect("nobody panics");
    nanos
}

/// One after the other.
pub(crate) async fn repeat<F: Future<Output = ()>>(count: usize, operation: impl Fn() -> F) -> f64 {
    let clock = Clock::start();
    for _ in 0..count {
        operation().await;
    }
    clock.nanos_each(count)
}

/// Polls a future once, so that it registers wherever it has to.
pub(crate) async fn begin_and_drop(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}
