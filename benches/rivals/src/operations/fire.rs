//! Timers that fire.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::thread;
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::{LocalSet, unconstrained};

use super::MILLION;
use super::countdown::{Countdown, measured, measured_on_unspin};
use super::timer::{Timers, Tokio, late, soon};
use crate::runtime::tokio_runtime;

pub(super) fn unspin(count: usize) -> f64 {
    unspin_among(0, count)
}

pub(super) fn unspin_among_a_million(count: usize) -> f64 {
    unspin_among(MILLION, count)
}

fn unspin_among(waiting: usize, count: usize) -> f64 {
    measured_on_unspin(move |nanos| {
        for number in 0..waiting {
            unspin::set_timeout(late(number), || ());
        }
        let countdown = Countdown::start(count, &nanos);
        for number in 0..count {
            let countdown = Rc::clone(&countdown);
            unspin::set_timeout(soon(number), move || {
                if countdown.call() == 0 {
                    unspin::stop();
                }
            });
        }
    })
}

pub(super) fn tokio(count: usize) -> f64 {
    tokio_among(0, count)
}

pub(super) fn tokio_among_a_million(count: usize) -> f64 {
    tokio_among(MILLION, count)
}

/// A future for each timer: it is how that runtime calls back.
fn tokio_among(waiting: usize, count: usize) -> f64 {
    measured(|nanos| {
        let main = async move {
            let waiting: Vec<_> = (0..waiting).map(|number| Tokio.start(late(number))).collect();
            let over = Rc::new(Notify::new());
            let countdown = Countdown::start(count, &nanos);
            for number in 0..count {
                let (countdown, over) = (Rc::clone(&countdown), Rc::clone(&over));
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(soon(number)).await;
                    if countdown.call() == 0 {
                        over.notify_one();
                    }
                });
            }
            over.notified().await;
            drop(waiting);
        };
        LocalSet::new().block_on(&tokio_runtime(), unconstrained(main));
    })
}

pub(super) fn heap(count: usize) -> f64 {
    heap_among(0, count)
}

pub(super) fn heap_among_a_million(count: usize) -> f64 {
    heap_among(MILLION, count)
}

/// What a loop would be that kept its timers in a heap, and had nothing else to do.
fn heap_among(waiting: usize, count: usize) -> f64 {
    measured(|nanos| {
        let mut heap = BinaryHeap::new();
        let mut start = |number: usize, delay, callback| {
            heap.push(Entry { due: Reverse((Instant::now() + delay, number)), callback });
        };
        (0..waiting).for_each(|number| start(number, late(number), Box::new(|| ())));
        let countdown = Countdown::start(count, &nanos);
        for number in 0..count {
            let countdown = Rc::clone(&countdown);
            let callback = move || {
                countdown.call();
            };
            start(waiting + number, soon(number), Box::new(callback));
        }
        fire(&mut heap, count);
    })
}

/// A timer in a heap. Its number has those of one deadline fire in order.
struct Entry {
    due: Reverse<(Instant, usize)>,
    callback: Box<dyn FnOnce()>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.due == other.due
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        self.due.cmp(&other.due)
    }
}

fn fire(heap: &mut BinaryHeap<Entry>, mut left: usize) {
    let mut now = Instant::now();
    while left > 0 {
        let Some(first) = heap.peek() else { return };
        let Reverse((deadline, _)) = first.due;
        if deadline <= now {
            heap.pop().into_iter().for_each(|entry| (entry.callback)());
            left -= 1;
        } else {
            thread::sleep(deadline - now);
            now = Instant::now();
        }
    }
}
