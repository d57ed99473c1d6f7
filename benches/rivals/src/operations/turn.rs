//! Turns that find nothing to do, and what the kernel takes of them.

use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use unspin::{EventLoop, Turn};

use crate::machine::Clock;

/// A poll that returns at once: no turn can be without one.
pub(super) fn epoll_wait(count: usize) -> f64 {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("a descriptor is left");
    let event = eventfd(0, EventfdFlags::CLOEXEC).expect("a descriptor is left");
    let data = epoll::EventData::new_u64(0);
    epoll::add(&poll, &event, data, epoll::EventFlags::IN).expect("it is a new one");
    let mut events = Vec::with_capacity(1024);
    let at_once = Timespec::try_from(Duration::ZERO).expect("it fits");
    let clock = Clock::start();
    for _ in 0..count {
        epoll::wait(&poll, spare_capacity(&mut events), Some(&at_once)).expect("it can be polled");
    }
    assert!(events.is_empty());
    clock.nanos_each(count)
}

/// As a host drives it.
pub(super) fn unspin(count: usize) -> f64 {
    let event_loop = EventLoop::new().expect("descriptors are left");
    let clock = Clock::start();
    for _ in 0..count {
        let turned = event_loop.turn(Turn::NoWait).expect("it can be polled");
        assert_eq!(turned.tasks, 0);
    }
    clock.nanos_each(count)
}
