//! Random timer programs on the virtual clock, against the rules in their plainest form.
//!
//! The model has a list per delay and looks through all lists for the next one. A list is known by
//! the deadline that it was put in order by, and by when that was. A late list is run to the end of
//! its due part, then the next list has its turn.

mod util;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use unspin::Timer;
use util::{DropGuard, Drops, virtual_loop};

/// The timers that a program may start.
const TIMERS: usize = 40;

/// A step of `main` or of a timer's callback. Timers are known by the order they are started in.
#[derive(Clone, Debug)]
enum Step {
    Start(Kind, u64),
    /// Moves the clock, in microseconds.
    Advance(u64),
    Clear(usize),
    Refresh(usize),
    Unref(usize),
    Ref(usize),
    /// Drops the program's handle.
    Forget(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Timeout,
    Timer,
    /// Clears itself in its call of that number.
    Interval(usize),
}

/// Each call takes the next script; when there are none left, calls do nothing.
#[derive(Clone, Debug)]
struct Program {
    main: Vec<Step>,
    calls: Vec<Vec<Step>>,
}

/// What happened: which timer was called, and when.
type Trace = Vec<(usize, Duration)>;

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        3 => Just(Kind::Timeout),
        1 => Just(Kind::Timer),
        1 => (1..4_usize).prop_map(Kind::Interval),
    ];
    // Few delays, so that lists have several timers, and deadlines coincide.
    let delay = prop_oneof![3 => 0..4_u64, 2 => prop_oneof![Just(10_u64), Just(20), Just(50)], 1 => 5..40_u64];
    prop_oneof![
        5 => (kind, delay).prop_map(|(kind, delay)| Step::Start(kind, delay)),
        2 => prop_oneof![0..30_u64, Just(60)].prop_map(|millis| Step::Advance(millis * 1000)),
        1 => (0..5_000_u64).prop_map(Step::Advance),
        2 => (0..TIMERS).prop_map(Step::Clear),
        2 => (0..TIMERS).prop_map(Step::Refresh),
        1 => (0..TIMERS).prop_map(Step::Unref),
        1 => (0..TIMERS).prop_map(Step::Ref),
        1 => (0..TIMERS).prop_map(Step::Forget),
    ]
}

fn program() -> impl Strategy<Value = Program> {
    let script = |most| prop::collection::vec(step(), 0..most);
    (script(20), prop::collection::vec(script(4), 0..30))
        .prop_map(|(main, calls)| Program { main, calls })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn timers_do_what_the_rules_say(program in program()) {
        let (called, drops, started) = run(&program);
        prop_assert_eq!(called, Model::run(&program));
        prop_assert_eq!(drops, started, "each callback is dropped once");
    }
}

// The loop.

/// What the callbacks share.
struct Shared {
    timers: RefCell<Vec<Option<Timer>>>,
    calls: RefCell<VecDeque<Vec<Step>>>,
    trace: RefCell<Trace>,
    drops: Drops,
    started: Cell<usize>,
}

/// Returns what was called, how many callbacks were dropped, and how many timers were started.
fn run(program: &Program) -> (Trace, usize, usize) {
    let shared = Rc::new(Shared {
        timers: RefCell::default(),
        calls: RefCell::new(program.calls.iter().cloned().collect()),
        trace: RefCell::default(),
        drops: Drops::new(),
        started: Cell::new(0),
    });
    let event_loop = virtual_loop();
    event_loop.run(|| shared.perform(&program.main)).expect("nothing fails");
    drop(event_loop);
    (shared.trace.take(), shared.drops.count(), shared.started.get())
}

impl Shared {
    fn perform(self: &Rc<Self>, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::Start(kind, delay) => self.start(kind, delay),
                Step::Advance(micros) => {
                    unspin::advance(Duration::from_micros(micros)).expect("the clock is virtual");
                }
                Step::Clear(index) => self.with(index, Timer::clear),
                Step::Refresh(index) => self.with(index, Timer::refresh),
                Step::Unref(index) => self.with(index, |timer| _ = timer.unref()),
                Step::Ref(index) => self.with(index, |timer| _ = timer.ref_()),
                Step::Forget(index) => self.forget(index),
            }
        }
    }

    fn with(&self, index: usize, f: impl FnOnce(&Timer)) {
        let timer = self.timers.borrow().get(index).cloned().flatten();
        if let Some(timer) = timer {
            f(&timer);
        }
    }

    fn forget(&self, index: usize) {
        let timer = self.timers.borrow_mut().get_mut(index).and_then(Option::take);
        drop(timer);
    }

    fn start(self: &Rc<Self>, kind: Kind, delay: u64) {
        let index = self.started.get();
        if index == TIMERS {
            return;
        }
        self.started.set(index + 1);
        let (shared, guard) = (Rc::clone(self), self.drops.guard());
        let call = move |_: &DropGuard| {
            shared.trace.borrow_mut().push((index, unspin::now()));
            let steps = shared.calls.borrow_mut().pop_front().unwrap_or_default();
            shared.perform(&steps);
        };
        let delay = util::millis(delay);
        let timer = match kind {
            Kind::Timeout => unspin::set_timeout(delay, move || call(&guard)),
            Kind::Timer => unspin::set_timer(delay, move |_| call(&guard)),
            Kind::Interval(most) => {
                let mut calls = 0;
                unspin::set_interval(delay, move |timer| {
                    calls += 1;
                    if calls == most {
                        timer.clear();
                    }
                    call(&guard);
                })
            }
        };
        self.timers.borrow_mut().push(Some(timer));
    }
}

// The model. Time is in nanoseconds.

#[derive(Default)]
struct Model {
    now: u64,
    timers: Vec<ModelTimer>,
    lists: Vec<List>,
    /// Lists put in order so far.
    placed: u64,
    calls: VecDeque<Vec<Step>>,
    trace: Trace,
}

struct ModelTimer {
    kind: Kind,
    delay: u64,
    start: u64,
    calls: usize,
    pending: bool,
    referenced: bool,
    /// Cleared, or a timeout that was called.
    over: bool,
    /// Its handle was dropped: nothing can be done to it from outside of its own call.
    forgotten: bool,
}

/// The pending timers of one delay, in the order they were started.
struct List {
    delay: u64,
    /// The deadline it was put in order by, and when that was.
    place: (u64, u64),
    timers: Vec<usize>,
}

impl Model {
    fn run(program: &Program) -> Trace {
        let mut model =
            Model { calls: program.calls.iter().cloned().collect(), ..Model::default() };
        model.perform(&program.main);
        let mut alive = model.is_alive();
        if alive {
            model.run_due();
        }
        // Whether the loop is alive is asked before those timers, and then after each turn.
        while alive {
            if model.is_alive() {
                let next = model.lists.iter().map(|list| list.place.0).min();
                model.now = model.now.max(next.expect("what is alive is in a list"));
            }
            model.run_due();
            alive = model.is_alive();
        }
        model.trace
    }

    fn is_alive(&self) -> bool {
        self.timers.iter().any(|timer| timer.pending && timer.referenced)
    }

    fn perform(&mut self, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::Start(kind, delay) if self.timers.len() < TIMERS => {
                    let delay = delay.max(1) * 1_000_000;
                    let timer = ModelTimer {
                        kind,
                        delay,
                        start: 0,
                        calls: 0,
                        pending: false,
                        referenced: true,
                        over: false,
                        forgotten: false,
                    };
                    self.timers.push(timer);
                    self.arm(self.timers.len() - 1, self.now);
                }
                Step::Start(..) => {}
                Step::Advance(micros) => self.now += micros * 1000,
                Step::Clear(index) => self.clear(index),
                Step::Refresh(index)
                    if self.timers.get(index).is_some_and(|t| !t.over && !t.forgotten) =>
                {
                    self.arm(index, self.now);
                }
                Step::Refresh(_) => {}
                Step::Forget(index) => {
                    if let Some(timer) = self.timers.get_mut(index) {
                        timer.forgotten = true;
                    }
                }
                Step::Unref(index) => self.set_referenced(index, false),
                Step::Ref(index) => self.set_referenced(index, true),
            }
        }
    }

    fn set_referenced(&mut self, index: usize, referenced: bool) {
        if let Some(timer) = self.timers.get_mut(index).filter(|timer| !timer.forgotten) {
            timer.referenced = referenced;
        }
    }

    /// Puts a timer at the end of the list of its delay.
    fn arm(&mut self, index: usize, start: u64) {
        self.lists.iter_mut().for_each(|list| list.timers.retain(|timer| *timer != index));
        let timer = &mut self.timers[index];
        (timer.start, timer.pending) = (start, true);
        let delay = timer.delay;
        match self.lists.iter_mut().find(|list| list.delay == delay) {
            Some(list) => list.timers.push(index),
            None => {
                let place = (start + delay, self.next_place());
                self.lists.push(List { delay, place, timers: vec![index] });
            }
        }
    }

    fn next_place(&mut self) -> u64 {
        self.placed += 1;
        self.placed
    }

    /// Takes a timer out, and its list if that is empty then.
    fn clear(&mut self, index: usize) {
        let Some(timer) = self.timers.get_mut(index).filter(|timer| !timer.forgotten) else {
            return;
        };
        timer.over = true;
        if std::mem::take(&mut timer.pending) {
            for list in &mut self.lists {
                list.timers.retain(|timer| *timer != index);
            }
            let delay = timer.delay;
            self.lists.retain(|list| list.delay != delay || !list.timers.is_empty());
        }
    }

    /// One Timers phase.
    fn run_due(&mut self) {
        let now = self.now;
        while let Some(first) = self.lists.iter().min_by_key(|list| list.place) {
            if first.place.0 > now {
                return;
            }
            self.run_list(first.place.1, now);
        }
    }

    /// Runs a list to the end of its due part. It is known by its place, which is its own.
    fn run_list(&mut self, place: u64, now: u64) {
        while let Some(list) = self.lists.iter_mut().find(|list| list.place.1 == place) {
            let Some(&index) = list.timers.first() else {
                self.lists.retain(|list| list.place.1 != place);
                return;
            };
            let due = self.timers[index].start + list.delay;
            if due > now {
                self.placed += 1;
                list.place = (due, self.placed);
                return;
            }
            list.timers.remove(0);
            self.call(index);
        }
    }

    fn call(&mut self, index: usize) {
        self.trace.push((index, Duration::from_nanos(self.now)));
        let start = self.now;
        let timer = &mut self.timers[index];
        timer.pending = false;
        timer.calls += 1;
        match timer.kind {
            Kind::Timeout => timer.over = true,
            Kind::Interval(most) if timer.calls == most => timer.over = true,
            _ => {}
        }
        let steps = self.calls.pop_front().unwrap_or_default();
        self.perform(&steps);
        let timer = &self.timers[index];
        if matches!(timer.kind, Kind::Interval(_)) && !timer.over {
            self.arm(index, start);
        }
    }
}
