//! Questions to another thread, which sleeps, and its answers, for which this one sleeps.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};

use super::countdown::{Countdown, measured_on_unspin};
use super::runtime::{Runtime, tokio_runtime};
use crate::machine::Clock;

/// A thread that gives an answer to each question. It ends with the one who asks.
fn answering(answer: impl Fn() + Send + 'static) -> (Sender<()>, JoinHandle<()>) {
    let (ask, asked) = mpsc::channel();
    let thread = thread::spawn(move || asked.iter().for_each(|()| answer()));
    (ask, thread)
}

/// Answers, and the future that waits for one.
#[derive(Default)]
struct Answers {
    given: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

/// The answer is a wake of a future, by its waker alone.
pub(super) async fn futures<R: Runtime>(_: R, count: usize) -> f64 {
    let answers = Arc::new(Answers::default());
    let (ask, thread) = answering({
        let answers = Arc::clone(&answers);
        move || {
            answers.given.fetch_add(1, Ordering::SeqCst);
            let waker = answers.waker.lock().expect("nobody panics").take();
            waker.into_iter().for_each(Waker::wake);
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
    thread.join().expect("nobody panics");
    nanos
}

/// What the answers, which come as closures, go on with.
struct Asking {
    ask: Sender<()>,
    countdown: Rc<Countdown>,
}

thread_local! {
    static ASKING: RefCell<Option<Asking>> = const { RefCell::new(None) };
}

/// The answer is a closure that runs on the loop.
pub(super) fn posts(count: usize) -> f64 {
    measured_on_unspin(move |nanos| {
        let remote = unspin::remote();
        let kept = unspin::keep_alive();
        let (ask, _) = answering(move || {
            let _kept = &kept;
            remote.post(answered).expect("the loop is kept alive");
        });
        let countdown = Countdown::start(count, &nanos);
        ask.send(()).expect("it listens");
        ASKING.set(Some(Asking { ask, countdown }));
    })
}

fn answered() {
    ASKING.with_borrow_mut(|asking| match asking {
        Some(Asking { ask, countdown }) if countdown.call() > 0 => {
            ask.send(()).expect("it listens");
        }
        _ => *asking = None,
    });
}

/// The answer is a number, and a wake of the poll.
pub(super) fn mio_waker(count: usize) -> f64 {
    let mut poll = mio::Poll::new().expect("a descriptor is left");
    let waker = mio::Waker::new(poll.registry(), mio::Token(0)).expect("a descriptor is left");
    let given = Arc::new(AtomicUsize::new(0));
    let (ask, thread) = answering({
        let given = Arc::clone(&given);
        move || {
            given.fetch_add(1, Ordering::SeqCst);
            waker.wake().expect("the poll is there");
        }
    });
    let mut events = mio::Events::with_capacity(1024);
    let clock = Clock::start();
    for number in 1..=count {
        ask.send(()).expect("it listens");
        while given.load(Ordering::SeqCst) < number {
            poll.poll(&mut events, None).expect("it can be polled");
        }
    }
    let nanos = clock.nanos_each(count);
    drop(ask);
    thread.join().expect("nobody panics");
    nanos
}

/// The answer is a message in a channel that a future receives from.
pub(super) fn tokio_channel(count: usize) -> f64 {
    let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let (ask, thread) = answering(move || sender.send(()).expect("it is received"));
    let nanos = tokio_runtime().block_on(async move {
        let clock = Clock::start();
        for _ in 0..count {
            ask.send(()).expect("it listens");
            answers.recv().await.expect("the thread is there");
        }
        clock.nanos_each(count)
    });
    thread.join().expect("nobody panics");
    nanos
}
