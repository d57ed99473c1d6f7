//! Questions to another thread, which sleeps, and its answers, for which this one sleeps.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};

use super::countdown::{Countdown, measured_on_unspin};
use crate::machine::Clock;
use crate::runtime::{Runtime, tokio_runtime};

/// Asks a thread, which gives an answer to each question. The thread ends when nobody can ask.
///
/// It waits by parking: a channel's receiver looks about for a while before it sleeps, which costs
/// more than all that is measured here.
struct Asker {
    asked: Arc<Asked>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Asked {
    questions: AtomicUsize,
    over: AtomicBool,
}

impl Asker {
    fn of(answer: impl Fn() + Send + 'static) -> Asker {
        let asked = Arc::<Asked>::default();
        let thread = thread::spawn({
            let asked = Arc::clone(&asked);
            move || asked.answer(answer)
        });
        Asker { asked, thread }
    }

    fn ask(&self) {
        self.asked.questions.fetch_add(1, Ordering::SeqCst);
        self.thread.thread().unpark();
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.asked.over.store(true, Ordering::SeqCst);
        self.thread.thread().unpark();
    }
}

impl Asked {
    fn answer(&self, answer: impl Fn()) {
        let mut answered = 0;
        while !self.over.load(Ordering::SeqCst) {
            if self.questions.load(Ordering::SeqCst) > answered {
                answered += 1;
                answer();
            } else {
                thread::park();
            }
        }
    }
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
    let asker = Asker::of({
        let answers = Arc::clone(&answers);
        move || {
            answers.given.fetch_add(1, Ordering::SeqCst);
            let waker = answers.waker.lock().expect("nobody panics").take();
            waker.into_iter().for_each(Waker::wake);
        }
    });
    let clock = Clock::start();
    for number in 1..=count {
        asker.ask();
        poll_fn(|cx| {
            *answers.waker.lock().expect("nobody panics") = Some(cx.waker().clone());
            let given = answers.given.load(Ordering::SeqCst) >= number;
            if given { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
    clock.nanos_each(count)
}

/// What the answers, which come as closures, go on with.
struct Asking {
    asker: Asker,
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
        let asker = Asker::of(move || {
            let _kept = &kept;
            remote.post(answered).expect("the loop is kept alive");
        });
        let countdown = Countdown::start(count, &nanos);
        asker.ask();
        ASKING.set(Some(Asking { asker, countdown }));
    })
}

fn answered() {
    ASKING.with_borrow_mut(|asking| match asking {
        Some(Asking { asker, countdown }) if countdown.call() > 0 => asker.ask(),
        _ => *asking = None,
    });
}

/// The answer is a number, and a wake of the poll.
pub(super) fn mio_waker(count: usize) -> f64 {
    let mut poll = mio::Poll::new().expect("a descriptor is left");
    let waker = mio::Waker::new(poll.registry(), mio::Token(0)).expect("a descriptor is left");
    let given = Arc::new(AtomicUsize::new(0));
    let asker = Asker::of({
        let given = Arc::clone(&given);
        move || {
            given.fetch_add(1, Ordering::SeqCst);
            waker.wake().expect("the poll is there");
        }
    });
    let mut events = mio::Events::with_capacity(1024);
    let clock = Clock::start();
    for number in 1..=count {
        asker.ask();
        while given.load(Ordering::SeqCst) < number {
            poll.poll(&mut events, None).expect("it can be polled");
        }
    }
    clock.nanos_each(count)
}

/// The answer is a message in a channel that a future receives from.
pub(super) fn tokio_channel(count: usize) -> f64 {
    let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let asker = Asker::of(move || sender.send(()).expect("it is received"));
    tokio_runtime().block_on(async move {
        let clock = Clock::start();
        for _ in 0..count {
            asker.ask();
            answers.recv().await.expect("the thread is there");
        }
        clock.nanos_each(count)
    })
}
