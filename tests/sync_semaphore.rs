//! `Semaphore`: fair, whatever is asked for and whoever gives up.
#![cfg(feature = "async")]

mod util;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use proptest::prelude::*;
use unspin::sync::{Closed, Permit, Semaphore};
use util::poll::{Polled, for_ever, must_wait, now, on_wake};
use util::{Log, millis, run_virtual};

#[test]
fn permits_come_back_when_they_are_dropped() {
    let semaphore = Semaphore::new(3);
    let two = now(semaphore.acquire(2)).unwrap();
    assert_eq!((two.count(), semaphore.available()), (2, 1));
    assert!(semaphore.try_acquire(2).is_none());
    let one = semaphore.clone().try_acquire(1).unwrap();
    drop(two);
    assert_eq!(semaphore.available(), 2);
    drop(one);
    assert_eq!(semaphore.available(), 3);
}

#[test]
fn a_large_request_is_not_starved_by_small_ones() {
    let semaphore = Semaphore::new(3);
    let held: Vec<_> = (0..3).map(|_| semaphore.try_acquire(1).unwrap()).collect();
    let mut large = Polled::waiting(semaphore.acquire(3));
    let small = Polled::waiting(semaphore.acquire(1));
    for (given, permit) in held.into_iter().enumerate() {
        assert_eq!((large.wakes(), small.wakes()), (0, 0));
        assert_eq!(semaphore.available(), given);
        assert!(semaphore.try_acquire(1).is_none(), "a newcomer does not overtake");
        assert!(must_wait(semaphore.acquire(0)));
        drop(permit);
    }
    assert_eq!((large.wakes(), small.wakes()), (1, 0));
    drop(large.ready());
    assert_eq!(small.wakes(), 1);
}

#[test]
fn what_a_cancelled_request_was_given_goes_to_the_next() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.try_acquire(2);
    let first = Polled::waiting(semaphore.acquire(2));
    let mut second = Polled::waiting(semaphore.acquire(1));
    let mut third = Polled::waiting(semaphore.acquire(1));
    drop(held);
    assert_eq!((first.wakes(), second.wakes(), third.wakes()), (1, 0, 0));
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 1));
    let _permits = (second.ready().unwrap(), third.ready().unwrap());
    assert_eq!(semaphore.available(), 0);
}

#[test]
fn those_behind_a_large_request_go_on_when_it_gives_up() {
    let semaphore = Semaphore::new(3);
    let _held = semaphore.try_acquire(1);
    let large = Polled::waiting(semaphore.acquire(3));
    let mut small = Polled::waiting(semaphore.acquire(2));
    drop(large);
    assert_eq!(small.wakes(), 1);
    assert_eq!(small.ready().unwrap().count(), 2);
}

#[test]
fn who_waits_when_it_closes_gets_an_error_and_who_was_served_a_permit() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire(1);
    let mut served = Polled::waiting(semaphore.acquire(1));
    let mut waiting = Polled::waiting(semaphore.acquire(1));
    drop(held);
    semaphore.close();
    assert!(semaphore.is_closed());
    assert_eq!((served.wakes(), waiting.wakes()), (1, 1));
    let permit = served.ready().unwrap();
    assert_eq!(waiting.ready().err(), Some(Closed));
    drop(permit);
    assert_eq!(semaphore.available(), 1);
    assert!(semaphore.try_acquire(1).is_none());
    assert_eq!(now(semaphore.acquire(1)).err(), Some(Closed));
}

#[test]
#[should_panic(expected = "3 permits were asked of a semaphore of 2")]
fn more_permits_than_there_are_is_a_mistake() {
    drop(Semaphore::new(2).acquire(3));
}

#[test]
fn a_waker_may_acquire_and_release() {
    let log = Log::new();
    let semaphore: &'static Semaphore = for_ever(Semaphore::new(2));
    let held = Rc::new(RefCell::new(Vec::from_iter(semaphore.try_acquire(1))));
    let last = semaphore.try_acquire(1);
    let mut first = Polled::new(semaphore.acquire(1));
    let (said, holds) = (log.clone(), held.clone());
    let waker = on_wake(move || {
        assert!(semaphore.try_acquire(1).is_none(), "the second stands before it");
        let permits = holds.take();
        said.say("first");
        drop(permits);
        said.say("gave back");
    });
    assert!(first.poll_with(&waker).is_pending());
    let mut second = Polled::new(semaphore.acquire(1));
    let said = log.clone();
    assert!(second.poll_with(&on_wake(move || said.say("second"))).is_pending());
    drop(last);
    log.expect(&["first", "second", "gave back"]);
    let _permits = (first.ready().unwrap(), second.ready().unwrap());
    assert_eq!(semaphore.available(), 0);
}

#[test]
fn a_waker_cannot_take_what_its_future_was_given() {
    let semaphore: &'static Semaphore = for_ever(Semaphore::new(1));
    let held = semaphore.try_acquire(1);
    let log = Log::new();
    let said = log.clone();
    let mut waiting = Polled::new(semaphore.acquire(1));
    let takes = on_wake(move || said.say(format!("{:?}", semaphore.try_acquire(1))));
    assert!(waiting.poll_with(&takes).is_pending());
    drop(held);
    log.expect(&["None"]);
    assert!(waiting.ready().is_ok());
}

#[test]
fn on_the_loop_so_many_are_under_way_at_a_time() {
    let log = Log::new();
    let said = log.clone();
    run_virtual(move || {
        let semaphore = Semaphore::new(2);
        for name in ["a", "b", "c"] {
            let (semaphore, said) = (semaphore.clone(), said.clone());
            unspin::spawn(async move {
                let permit = semaphore.acquire(1).await.unwrap();
                said.say(format!("{name} begins"));
                let (sender, timer) = unspin::sync::oneshot();
                unspin::set_timeout(millis(5), move || drop(sender.send(permit)));
                drop(timer.await);
                said.say(format!("{name} ends"));
            });
        }
    });
    log.expect(&["a begins", "b begins", "a ends", "c begins", "b ends", "c ends"]);
}

#[derive(Clone, Debug)]
enum Step {
    Acquire(usize),
    TryAcquire(usize),
    /// Each of these picks one, modulo how many there are.
    Poll(usize),
    Cancel(usize),
    Release(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..=TOTAL).prop_map(Step::Acquire),
        1 => (0..=TOTAL).prop_map(Step::TryAcquire),
        2 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::Cancel),
        3 => any::<usize>().prop_map(Step::Release),
    ]
}

const TOTAL: usize = 4;

/// A request, and how it stands by the model: what it was given, if it was.
struct Request<'a> {
    count: usize,
    served: bool,
    future: Polled<'a, Result<Permit, Closed>>,
}

/// The plain rule: as long as the first in line can have what it asks for, it gets it.
fn serve(requests: &mut VecDeque<Request<'_>>, available: &mut usize) {
    for request in requests.iter_mut().filter(|request| !request.served) {
        if request.count > *available {
            break;
        }
        *available -= request.count;
        request.served = true;
    }
}

proptest! {
    #[test]
    fn permits_go_where_a_plain_queue_sends_them(steps in proptest::collection::vec(step(), 0..80)) {
        let semaphore = Semaphore::new(TOTAL);
        let mut available = TOTAL;
        let mut requests = VecDeque::new();
        let mut permits: Vec<Permit> = Vec::new();
        for step in steps {
            match step {
                Step::Acquire(count) => {
                    let mut future = Polled::new(semaphore.acquire(count));
                    let first = requests.iter().all(|request: &Request| request.served);
                    if first && count <= available {
                        available -= count;
                        permits.push(future.ready().unwrap());
                    } else {
                        future.pending();
                        requests.push_back(Request { count, served: false, future });
                    }
                }
                Step::TryAcquire(count) => {
                    let first = requests.iter().all(|request| request.served);
                    let permit = semaphore.try_acquire(count);
                    prop_assert_eq!(permit.is_some(), first && count <= available);
                    available -= permit.as_ref().map_or(0, Permit::count);
                    permits.extend(permit);
                }
                Step::Poll(which) if !requests.is_empty() => {
                    let which = which % requests.len();
                    if requests[which].served {
                        let mut request = requests.remove(which).unwrap();
                        permits.push(request.future.ready().unwrap());
                    } else {
                        requests[which].future.pending();
                    }
                }
                Step::Cancel(which) if !requests.is_empty() => {
                    let request = requests.remove(which % requests.len()).unwrap();
                    available += if request.served { request.count } else { 0 };
                    drop(request);
                }
                Step::Release(which) if !permits.is_empty() => {
                    let permit = permits.swap_remove(which % permits.len());
                    available += permit.count();
                    drop(permit);
                }
                Step::Poll(_) | Step::Cancel(_) | Step::Release(_) => {}
            }
            serve(&mut requests, &mut available);
            prop_assert_eq!(semaphore.available(), available);
            for request in &requests {
                prop_assert_eq!(request.future.wakes(), usize::from(request.served));
            }
        }
        requests.clear();
        permits.clear();
        prop_assert_eq!(semaphore.available(), TOTAL);
    }
}
