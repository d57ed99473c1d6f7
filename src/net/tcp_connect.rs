//! Connecting by TCP: to an address, a name, or the first of several addresses that answers.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::event_loop::Timer;
use crate::event_loop::core::Loop;
use crate::event_loop::source::Source;
use crate::event_loop::timers::Body;
use crate::net::address::Destination;
use crate::net::connect::{self, Connecting};
use crate::net::connect_options::ConnectOptions;
use crate::net::lookup;
use crate::net::tcp_stream::TcpStream;
use crate::pool::{JobId, Lane};
use crate::request::{Complete, Request, Underway};
use crate::time::whole_millis;
use crate::trace::{At, Label};

/// How long an address is waited for before the next one is tried beside it: Node's
/// `autoSelectFamilyAttemptTimeout`, and what RFC 8305 recommends.
const ATTEMPT_MILLIS: u64 = 250;

pub(crate) fn request(
    at: At,
    destination: Result<Destination>,
    options: ConnectOptions,
) -> Request<TcpStream> {
    Request::new(at, move |core, label, complete| match destination {
        Ok(Destination::One(address)) if options.limit().is_none() => {
            one(core, label, address, &options, complete)
        }
        Ok(destination) => race(core, label, destination, options, complete),
        Err(error) => connect::refuse(core, label, complete, error),
    })
}

fn one(
    core: &Loop,
    label: Label,
    address: SocketAddr,
    options: &ConnectOptions,
    complete: Complete<TcpStream>,
) -> Underway {
    match dial(core, label, address, options) {
        Ok(connecting) => {
            connecting.then(complete);
            connecting.underway()
        }
        Err(error) => connect::refuse(core, label, complete, error),
    }
}

fn dial(
    core: &Loop,
    label: Label,
    address: SocketAddr,
    options: &ConnectOptions,
) -> Result<Rc<Connecting<TcpStream>>> {
    let io = options.dial(address)?;
    connect::begin(core, label, &address, io).map_err(|error| connect::in_context(address, error))
}

fn race(
    core: &Loop,
    label: Label,
    destination: Destination,
    options: ConnectOptions,
    complete: Complete<TcpStream>,
) -> Underway {
    let target = destination.to_string();
    let race = Race::new(core, label, target, options, complete);
    race.limit();
    match destination {
        Destination::One(address) => race.start(vec![address]),
        Destination::FirstOf(addresses) => race.start(addresses),
        Destination::Name(host, port) => race.look_up(host, port),
    }
    race.underway()
}

/// Several addresses of which the first that answers wins. It is owned by what is under way.
struct Race {
    core: Loop,
    label: Label,
    /// What was asked for, for the error.
    target: String,
    options: ConnectOptions,
    lookup: Cell<Option<JobId>>,
    /// Not tried yet.
    left: RefCell<VecDeque<SocketAddr>>,
    attempts: RefCell<Vec<Rc<Connecting<TcpStream>>>>,
    /// Set while an address has its time for itself.
    timer: Cell<Option<Timer>>,
    /// Set while it may be over before it is decided.
    deadline: Cell<Option<Timer>>,
    failures: RefCell<Vec<Error>>,
    /// Taken when it is decided.
    complete: Cell<Option<Complete<TcpStream>>>,
}

impl Race {
    fn new(
        core: &Loop,
        label: Label,
        target: String,
        options: ConnectOptions,
        complete: Complete<TcpStream>,
    ) -> Rc<Race> {
        Rc::new(Race {
            core: Rc::clone(core),
            label,
            target,
            options,
            lookup: Cell::new(None),
            left: RefCell::default(),
            attempts: RefCell::default(),
            timer: Cell::new(None),
            deadline: Cell::new(None),
            failures: RefCell::default(),
            complete: Cell::new(Some(complete)),
        })
    }

    /// Has it end when its time is over, whatever it is at by then.
    fn limit(self: &Rc<Self>) {
        let Some(limit) = self.options.limit() else { return };
        let race = Rc::downgrade(self);
        let body = Body::Deferred(Box::new(move || {
            if let Some(race) = race.upgrade() {
                race.time_is_over(limit);
            }
        }));
        // What keeps the loop alive is what it waits for.
        let timer = self.core.start_timer(self.label, whole_millis(limit), body, false);
        self.deadline.set(Some(timer));
    }

    fn time_is_over(&self, limit: Duration) {
        if let Some(complete) = self.complete.take() {
            self.give_up();
            let mut message = format!("nobody has answered within {limit:?}");
            // Whoever has answered has refused, and that may be what is wrong.
            self.failures.take().iter().for_each(|failure| message += &format!("; {failure}"));
            let error = io::Error::new(io::ErrorKind::TimedOut, message);
            complete(&self.core, Err(connect::in_context(&self.target, error)));
        }
    }

    fn look_up(self: &Rc<Self>, host: String, port: u16) {
        let race = Rc::clone(self);
        let work = move || lookup::addresses(&host, port);
        let found = move |core: &Loop, found| race.looked_up(core, found);
        self.lookup.set(self.core.submit(Lane::Dns, self.label, lookup::NAME, work, found));
    }

    fn looked_up(self: &Rc<Self>, core: &Loop, found: Result<Vec<SocketAddr>>) {
        self.lookup.set(None);
        match found {
            Ok(addresses) => self.start(addresses),
            Err(error) => {
                if let Some(complete) = self.complete.take() {
                    self.give_up();
                    complete(core, Err(error));
                }
            }
        }
    }

    fn start(self: &Rc<Self>, addresses: Vec<SocketAddr>) {
        self.left.replace(by_turns(self.options.reachable(addresses)));
        self.go_on();
    }

    /// Tries the next address, if one is left. It fails if none is, and nothing is under way.
    fn go_on(self: &Rc<Self>) {
        self.stop_timer();
        if self.is_decided() {
            return;
        }
        while let Some(address) = self.next_address() {
            match dial(&self.core, self.label, address, &self.options) {
                Ok(attempt) => return self.attempted(attempt),
                Err(error) => self.note(error),
            }
        }
        if self.attempts.borrow().is_empty() {
            self.fail();
        }
    }

    fn next_address(&self) -> Option<SocketAddr> {
        self.left.borrow_mut().pop_front()
    }

    fn note(&self, failure: Error) {
        self.failures.borrow_mut().push(failure);
    }

    fn attempted(self: &Rc<Self>, attempt: Rc<Connecting<TcpStream>>) {
        let race = Rc::clone(self);
        attempt.then(Box::new(move |core, result| race.attempt_ended(core, result)));
        self.attempts.borrow_mut().push(attempt);
        if !self.left.borrow().is_empty() {
            let race = Rc::clone(self);
            let body = Body::Deferred(Box::new(move || race.go_on()));
            // What keeps the loop alive is the attempt.
            let timer = self.core.start_timer(self.label, ATTEMPT_MILLIS, body, false);
            self.timer.set(Some(timer));
        }
    }

    fn attempt_ended(self: &Rc<Self>, core: &Loop, result: Result<TcpStream>) {
        self.attempts.borrow_mut().retain(|attempt| attempt.is_under_way());
        match result {
            Ok(stream) => {
                if let Some(complete) = self.complete.take() {
                    self.give_up();
                    complete(core, Ok(stream));
                }
            }
            Err(error) => {
                self.note(error);
                self.go_on();
            }
        }
    }

    fn fail(&self) {
        if let Some(complete) = self.complete.take() {
            self.give_up();
            let error = self.failure();
            self.core.defer(self.label, move |core| complete(core, Err(error)));
        }
    }

    /// All failures as one: of the first one's kind.
    fn failure(&self) -> Error {
        let failures = self.failures.take();
        if let [failure] = &failures[..] {
            return failure.clone();
        }
        let kind = failures.first().map_or(io::ErrorKind::NotFound, Error::kind);
        let all: Vec<String> = failures.iter().map(Error::to_string).collect();
        let message = format!("each address has failed: {}", all.join("; "));
        connect::in_context(&self.target, io::Error::new(kind, message))
    }

    fn is_decided(&self) -> bool {
        let complete = self.complete.take();
        let decided = complete.is_none();
        self.complete.set(complete);
        decided
    }

    fn underway(self: &Rc<Self>) -> Underway {
        let race = Rc::downgrade(self);
        Underway::Other(Box::new(move |_| race.upgrade().is_some_and(|race| race.cancel())))
    }

    fn cancel(&self) -> bool {
        let Some(complete) = self.complete.take() else { return false };
        self.give_up();
        let error = connect::cancelled(&self.target);
        self.core.defer(self.label, move |core| complete(core, Err(error)));
        true
    }

    /// Ends what is under way.
    fn give_up(&self) {
        self.stop_timer();
        if let Some(deadline) = self.deadline.take() {
            deadline.clear();
        }
        if let Some(lookup) = self.lookup.take() {
            // One that runs cannot be stopped; its result will find the race decided, and is not
            // worth waiting for.
            if !self.core.cancel_job(lookup) {
                self.core.set_job_referenced(lookup, false);
            }
        }
        let attempts = self.attempts.take();
        attempts.iter().for_each(|attempt| attempt.abandon());
    }

    fn stop_timer(&self) {
        if let Some(timer) = self.timer.take() {
            timer.clear();
        }
    }
}

/// The families by turns, beginning with the first address's, each in the order it came in: a
/// family that leads nowhere is left after one try.
fn by_turns(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut now, mut other) = (first, second);
    let mut order = VecDeque::new();
    while let Some(address) = now.pop_front() {
        order.push_back(address);
        if !other.is_empty() {
            std::mem::swap(&mut now, &mut other);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::by_turns;

    #[test]
    fn families_take_turns_and_the_rest_of_the_longer_one_follows() {
        let parse = |text: &str| -> Vec<SocketAddr> {
            text.split(' ').map(|it| it.parse().expect("an address")).collect()
        };
        let order = |text| Vec::from(by_turns(parse(text)));
        assert_eq!(
            order("[::1]:1 [::1]:2 [::1]:3 1.1.1.1:4 1.1.1.1:5"),
            parse("[::1]:1 1.1.1.1:4 [::1]:2 1.1.1.1:5 [::1]:3"),
        );
        assert_eq!(
            order("1.1.1.1:1 [::1]:2 [::1]:3 [::1]:4"),
            parse("1.1.1.1:1 [::1]:2 [::1]:3 [::1]:4"),
        );
    }
}
