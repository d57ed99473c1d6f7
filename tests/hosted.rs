//! An engine with a job queue of its own, drained at every checkpoint.

mod util;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use unspin::{CallbackKind, EventLoop, Hosted, Turn};
use util::{Log, millis, panic_text};

type Job = Box<dyn FnOnce()>;

/// A tiny engine: jobs that may queue more jobs.
#[derive(Clone, Default)]
struct Engine(Rc<RefCell<VecDeque<Job>>>);

impl Engine {
    fn queue(&self, job: impl FnOnce() + 'static) {
        self.0.borrow_mut().push_back(Box::new(job));
    }

    fn next(&self) -> Option<Job> {
        self.0.borrow_mut().pop_front()
    }

    fn drain(&self) -> Hosted {
        while let Some(job) = self.next() {
            job();
        }
        Hosted::Quiet
    }

    /// Runs one job at a time.
    fn step(&self) -> Hosted {
        if let Some(job) = self.next() {
            job();
        }
        if self.0.borrow().is_empty() { Hosted::Quiet } else { Hosted::More }
    }
}

fn hosting(hook: impl FnMut() -> Hosted + 'static) -> EventLoop {
    EventLoop::builder().virtual_time().checkpoint_hook(hook).build().expect("a loop")
}

fn hosting_engine() -> (EventLoop, Engine) {
    let engine = Engine::default();
    let hosted = engine.clone();
    (hosting(move || hosted.drain()), engine)
}

#[test]
fn its_jobs_run_after_ticks_and_microtasks() {
    let (event_loop, engine) = hosting_engine();
    let log = Log::new();
    event_loop
        .run(|| {
            engine.queue(log.add("job"));
            unspin::queue_microtask(log.add("micro"));
            unspin::next_tick(log.add("tick"));
            unspin::set_immediate(log.add("immediate"));
        })
        .expect("nothing fails");
    log.expect(&["tick", "micro", "job", "immediate"]);
}

#[test]
fn both_sides_are_drained_until_both_are_quiet() {
    let (event_loop, engine) = hosting_engine();
    let log = Log::new();
    let (jobs, said) = (engine.clone(), log.clone());
    event_loop
        .run(|| {
            unspin::set_immediate(log.add("immediate"));
            engine.queue(move || {
                said.say("job 1");
                let (inner, inner_jobs) = (said.clone(), jobs.clone());
                unspin::queue_microtask(move || {
                    inner.say("micro");
                    inner_jobs.queue(inner.add("job 3"));
                });
                jobs.queue(said.add("job 2"));
                unspin::next_tick(said.add("tick"));
            });
        })
        .expect("nothing fails");
    log.expect(&["job 1", "job 2", "tick", "micro", "job 3", "immediate"]);
}

#[test]
fn the_hook_is_called_at_the_checkpoint_of_every_task() {
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    let event_loop = hosting(move || {
        counted.set(counted.get() + 1);
        Hosted::Quiet
    });
    event_loop
        .run(|| {
            unspin::set_immediate(|| ());
            unspin::set_timeout(millis(1), || ());
        })
        .expect("nothing fails");
    assert_eq!(calls.get(), 3, "main, the immediate, the timeout");
}

#[test]
fn an_engine_that_has_more_gets_a_call_in_each_turn() {
    let engine = Engine::default();
    let hosted = engine.clone();
    let event_loop = hosting(move || hosted.step());
    let log = Log::new();
    event_loop
        .run(|| {
            for word in ["job 1", "job 2", "job 3"] {
                engine.queue(log.add(word));
            }
            unspin::on_prepare({
                let log = log.clone();
                move || log.say("turn")
            })
            .remove();
        })
        .expect("nothing fails");
    log.expect(&["job 1", "job 2", "job 3"]);
    let metrics = event_loop.metrics();
    assert_eq!((metrics.turns, metrics.turns_slept), (2, 0));
}

#[test]
fn an_engine_that_has_more_keeps_the_loop_from_sleeping() {
    let engine = Engine::default();
    let hosted = engine.clone();
    let event_loop =
        EventLoop::builder().checkpoint_hook(move || hosted.step()).build().expect("a loop");
    let _kept = event_loop.remote().keep_alive();
    event_loop
        .enter(|| {
            for _ in 0..4 {
                engine.queue(|| ());
            }
        })
        .expect("it is not busy");
    assert!(event_loop.is_alive());
    assert!(event_loop.next_deadline().is_some());
    // Would sleep for ever otherwise.
    event_loop.turn(Turn::Block).expect("it turns");
    event_loop.turn(Turn::Block).expect("it turns");
    assert!(event_loop.next_deadline().is_some());
    event_loop.turn(Turn::NoWait).expect("it turns");
    assert!(event_loop.next_deadline().is_none());
    assert_eq!(event_loop.metrics().turns_slept, 0);
}

#[test]
fn a_panic_of_the_hook_is_uncaught_and_it_is_called_again() {
    let mut calls = 0;
    let log = Log::new();
    let said = log.clone();
    let event_loop = hosting(move || {
        calls += 1;
        said.say(format!("call {calls}"));
        if calls == 1 { panic!("in the engine") } else { Hosted::Quiet }
    });
    event_loop
        .run(|| {
            let said = log.clone();
            unspin::on_uncaught(move |uncaught| {
                assert_eq!(uncaught.kind(), CallbackKind::Hosted);
                assert!(uncaught.error().is_panic());
                unspin::next_tick(said.add("tick of the hook"));
            });
            unspin::set_immediate(log.add("immediate"));
        })
        .expect("a hook takes the panic");
    log.expect(&["call 1", "tick of the hook", "call 2", "immediate", "call 3"]);
}

#[test]
fn a_panic_of_the_hook_without_an_uncaught_hook_goes_on_from_run() {
    let event_loop = hosting(|| panic!("in the engine"));
    let run = AssertUnwindSafe(|| event_loop.run(|| ()));
    let payload = catch_unwind(run).expect_err("the hook panics");
    assert_eq!(panic_text(&*payload), "in the engine");
}

#[test]
fn the_engine_gets_no_call_after_the_exit_hooks() {
    let queues: [fn(); 3] = [
        || unspin::exit(1),
        || unspin::next_tick(|| unspin::exit(1)),
        || unspin::queue_microtask(|| unspin::exit(1)),
    ];
    for queue in queues {
        let log = Log::new();
        let said = log.clone();
        let event_loop = hosting(move || {
            said.say("engine");
            Hosted::Quiet
        });
        event_loop
            .run(|| {
                let said = log.clone();
                unspin::on_exit(move |_| said.say("exit"));
                queue();
            })
            .expect("exit is no failure");
        log.expect(&["exit"]);
    }
}

#[test]
fn a_job_may_exit() {
    let (event_loop, engine) = hosting_engine();
    let log = Log::new();
    let code = event_loop.run(|| {
        engine.queue(|| unspin::exit(6));
        engine.queue(log.add("never"));
        unspin::set_immediate(log.add("never"));
    });
    assert_eq!(code.expect("exit is no failure"), 6);
    log.expect(&[]);
}
