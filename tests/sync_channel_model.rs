//! `channel` against a plain queue: random programs of senders that wait, give up and go.
#![cfg(feature = "async")]

mod util;

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Poll, Waker};

use proptest::prelude::*;
use unspin::sync::channel::{Receiver, SendError, Sender, TryRecvError, TrySendError};
use unspin::sync::{channel, unbounded};
use util::poll::{Polled, on_wake};
use util::{DropGuard, Drops};

#[derive(Clone, Debug)]
enum Step {
    Send,
    TrySend,
    /// Picks a send under way, as `Cancel` does, modulo how many there are.
    Poll(usize),
    Cancel(usize),
    Recv,
    TryRecv,
    AddSender,
    DropSender,
    Close,
    DropReceiver,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => Just(Step::Send),
        10 => Just(Step::TrySend),
        10 => any::<usize>().prop_map(Step::Poll),
        10 => any::<usize>().prop_map(Step::Cancel),
        10 => Just(Step::Recv),
        10 => Just(Step::TryRecv),
        2 => Just(Step::AddSender),
        2 => Just(Step::DropSender),
        1 => Just(Step::Close),
        1 => Just(Step::DropReceiver),
    ];
    proptest::collection::vec(step, 0..80)
}

struct Value {
    number: u32,
    _guard: DropGuard,
}

/// How a send that was begun stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    Waiting,
    Sent,
    Refused,
}

struct Send {
    number: u32,
    future: Polled<'static, Result<(), SendError<Value>>>,
}

/// One endless queue. The first `capacity` values are in the channel; the rest wait for room.
struct Model {
    capacity: usize,
    values: VecDeque<u32>,
    status: Vec<Status>,
    closed: bool,
}

impl Model {
    fn send(&mut self) -> Status {
        let status = match self.closed {
            true => Status::Refused,
            false if self.values.len() < self.capacity => Status::Sent,
            false => Status::Waiting,
        };
        if status != Status::Refused {
            self.values.push_back(self.status.len() as u32);
        }
        self.status.push(status);
        status
    }

    fn recv(&mut self) -> Option<u32> {
        let value = self.values.pop_front()?;
        if let Some(&next) = self.values.get(self.capacity - 1) {
            self.status[next as usize] = Status::Sent;
        }
        Some(value)
    }

    fn cancel(&mut self, number: u32) {
        if self.status[number as usize] == Status::Waiting {
            self.values.retain(|&value| value != number);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        for value in self.values.drain(self.values.len().min(self.capacity)..) {
            self.status[value as usize] = Status::Refused;
        }
    }
}

struct Run {
    model: Model,
    senders: Vec<Sender<Value>>,
    receiver: Option<Receiver<Value>>,
    sends: Vec<Send>,
    drops: Drops,
    /// Whether the receiver waits, by a waker that it left.
    waits: bool,
    woken: Rc<Cell<bool>>,
    waker: Waker,
}

impl Run {
    fn new(capacity: Option<usize>) -> Run {
        let (sender, receiver) = capacity.map_or_else(unbounded, channel);
        let woken = Rc::new(Cell::new(false));
        let wakes = woken.clone();
        Run {
            model: Model {
                capacity: capacity.unwrap_or(usize::MAX),
                values: VecDeque::new(),
                status: Vec::new(),
                closed: false,
            },
            senders: vec![sender],
            receiver: Some(receiver),
            sends: Vec::new(),
            drops: Drops::new(),
            waits: false,
            woken,
            waker: on_wake(move || wakes.set(true)),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send => self.send(),
            Step::TrySend => self.try_send(),
            Step::Poll(which) if !self.sends.is_empty() => self.poll(which % self.sends.len()),
            Step::Cancel(which) if !self.sends.is_empty() => {
                let send = self.sends.remove(which % self.sends.len());
                self.model.cancel(send.number);
            }
            Step::Poll(_) | Step::Cancel(_) => {}
            Step::Recv => self.recv(),
            Step::TryRecv => self.try_recv(),
            Step::AddSender => self.senders.extend(self.senders.first().cloned()),
            Step::DropSender => drop(self.senders.pop()),
            Step::Close => {
                if let Some(receiver) = &mut self.receiver {
                    receiver.close();
                    self.model.close();
                }
            }
            Step::DropReceiver => {
                self.receiver = None;
                self.waits = false;
                self.model.close();
                self.model.values.clear();
            }
        }
        self.check();
    }

    fn next_value(&self) -> Value {
        Value { number: self.model.status.len() as u32, _guard: self.drops.guard() }
    }

    fn send(&mut self) {
        let Some(sender) = self.senders.first().cloned() else { return };
        let value = self.next_value();
        let number = value.number;
        let mut future = Polled::new(async move { sender.send(value).await });
        let result = future.poll();
        let status = self.model.send();
        if expect_sent(result, number, status) {
            self.sends.push(Send { number, future });
        }
    }

    fn poll(&mut self, which: usize) {
        let Send { number, future } = &mut self.sends[which];
        let status = self.model.status[*number as usize];
        if !expect_sent(future.poll(), *number, status) {
            self.sends.remove(which);
        }
    }

    fn try_send(&mut self) {
        let Some(sender) = self.senders.first() else { return };
        let value = self.next_value();
        let number = value.number;
        match sender.try_send(value) {
            Ok(()) => assert_eq!(self.model.send(), Status::Sent),
            Err(TrySendError::Closed(value)) => {
                assert_eq!((value.number, self.model.send()), (number, Status::Refused));
            }
            Err(TrySendError::Full(value)) => {
                assert_eq!((value.number, self.model.send()), (number, Status::Waiting));
                self.model.cancel(number);
            }
        }
    }

    fn recv(&mut self) {
        let Some(mut receiver) = self.receiver.take() else { return };
        self.woken.set(false);
        let result = Polled::new(receiver.recv()).poll_with(&self.waker);
        self.receiver = Some(receiver);
        let number = self.model.recv();
        match result {
            Poll::Ready(Some(value)) => assert_eq!(Some(value.number), number),
            Poll::Ready(None) => assert!(number.is_none() && self.is_over()),
            Poll::Pending => assert!(number.is_none() && !self.is_over()),
        }
        self.waits = number.is_none() && !self.is_over();
    }

    fn try_recv(&mut self) {
        let over = self.is_over();
        let Some(receiver) = &mut self.receiver else { return };
        match (receiver.try_recv(), self.model.recv()) {
            (Ok(value), number) => assert_eq!(Some(value.number), number),
            (Err(TryRecvError::Closed), number) => assert!(number.is_none() && over),
            (Err(TryRecvError::Empty), number) => assert!(number.is_none() && !over),
        }
    }

    /// Whether no value will come after those that are there.
    fn is_over(&self) -> bool {
        self.model.closed || (self.senders.is_empty() && self.sends.is_empty())
    }

    fn check(&self) {
        for Send { number, future } in &self.sends {
            let waits = self.model.status[*number as usize] == Status::Waiting;
            assert_eq!(future.wakes(), usize::from(!waits), "send {number}");
        }
        // The one who closes it is the receiver itself.
        let ended = self.senders.is_empty() && self.sends.is_empty();
        if self.waits && (ended || !self.model.values.is_empty()) {
            assert!(self.woken.get(), "the receiver is woken");
        }
    }

    fn end(self) {
        let Run { model, senders, receiver, sends, drops, .. } = self;
        drop((senders, sends, receiver));
        assert_eq!(drops.count(), model.status.len(), "each value is dropped once");
    }
}

/// Whether the send is still under way, which the model must say too.
fn expect_sent(result: Poll<Result<(), SendError<Value>>>, number: u32, status: Status) -> bool {
    match result {
        Poll::Ready(Ok(())) => assert_eq!(status, Status::Sent),
        Poll::Ready(Err(SendError(value))) => {
            assert_eq!((value.number, status), (number, Status::Refused));
        }
        Poll::Pending => assert_eq!(status, Status::Waiting),
    }
    status == Status::Waiting
}

proptest! {
    #[test]
    fn a_channel_is_a_queue(capacity in proptest::option::of(1_usize..4), steps in steps()) {
        let mut run = Run::new(capacity);
        for step in steps {
            run.step(step);
        }
        run.end();
    }
}
