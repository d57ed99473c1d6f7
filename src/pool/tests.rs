//! What the tests have in common, and jobs that start and end as they should.
//!
//! Tests wait for events and never for time, but for one that waits for an idle thread to end.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::{Job, JobId, Lane, Pool};

/// Ends a test that would hang. Nothing takes so long.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn receive<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(LIMIT).expect("in time")
}

/// What a job of the tests returns.
pub(super) type Output = Box<dyn Any + Send>;

type Work = Box<dyn FnOnce() -> Output + Send>;

pub(super) fn job<T: Send + 'static>(
    number: u32,
    lane: Lane,
    body: impl FnOnce() -> T + Send + 'static,
) -> Box<Job> {
    let work: Work = Box::new(move || Box::new(body()));
    Job::new(JobId { index: number, generation: number }, lane, true, work)
}

pub(super) fn result_of(job: &mut Job) -> thread::Result<Output> {
    job.take_result::<Output, Work>().expect("it ran")
}

pub(super) struct Fixture {
    pub(super) pool: Pool,
    pub(super) wakes: Receiver<()>,
    submitted: Cell<u32>,
    ended: RefCell<VecDeque<Box<Job>>>,
    /// Dropped to let the jobs of `submit_stuck` go on.
    pub(super) gate: Option<Sender<()>>,
    pub(super) at_gate: Receiver<()>,
    /// Receives the lane of each job of `submit_stuck` that starts.
    pub(super) starts: (Sender<Lane>, Receiver<Lane>),
}

impl Fixture {
    pub(super) fn new(max_threads: usize) -> Fixture {
        let (woken, wakes) = unbounded();
        let wake = Arc::new(move || {
            let _ = woken.send(());
        });
        let (gate, at_gate) = unbounded();
        Fixture {
            pool: Pool::new(max_threads, wake),
            wakes,
            submitted: Cell::new(0),
            ended: RefCell::default(),
            gate: Some(gate),
            at_gate,
            starts: unbounded(),
        }
    }

    pub(super) fn submit<T: Send + 'static>(
        &self,
        lane: Lane,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> JobId {
        self.submitted.set(self.submitted.get() + 1);
        let job = job(self.submitted.get(), lane, body);
        let id = job.id;
        self.pool.submit(job).expect("a thread");
        id
    }

    /// Submits a job that runs until `open`.
    pub(super) fn submit_stuck(&self, lane: Lane) -> JobId {
        let (start, gate) = (self.starts.0.clone(), self.at_gate.clone());
        self.submit(lane, move || {
            let _ = start.send(lane);
            let _ = gate.recv();
        })
    }

    /// Waits until `count` stuck jobs have started, and counts those of each lane.
    pub(super) fn wait_for_starts(&self, count: usize) -> [usize; 3] {
        let mut started = [0; 3];
        for _ in 0..count {
            started[receive(&self.starts.1) as usize] += 1;
        }
        started
    }

    pub(super) fn open(&mut self) {
        self.gate = None;
    }

    /// The next job that has ended.
    pub(super) fn ended(&self) -> Box<Job> {
        loop {
            if let Some(job) = self.try_ended() {
                return job;
            }
            receive(&self.wakes);
        }
    }

    pub(super) fn try_ended(&self) -> Option<Box<Job>> {
        let mut ended = self.ended.borrow_mut();
        self.pool.take_ended(|job| ended.push_back(job));
        ended.pop_front()
    }
}

/// Says that it was dropped, and then panics if it was asked to.
pub(super) struct Tell {
    pub(super) dropped: Sender<u32>,
    pub(super) name: u32,
    pub(super) panics: bool,
}

impl Drop for Tell {
    fn drop(&mut self) {
        let _ = self.dropped.send(self.name);
        if self.panics {
            resume_unwind(Box::new("dropped"));
        }
    }
}

fn name_of_next_thread(fixture: &Fixture) -> String {
    fixture.submit(Lane::Fs, || thread::current().name().unwrap_or_default().to_owned());
    *result_of(&mut fixture.ended()).expect("no panic").downcast().expect("a string")
}

#[test]
fn no_thread_starts_before_the_first_job() {
    assert_eq!(Fixture::new(4).pool.threads(), 0);
}

#[test]
fn a_burst_starts_a_thread_for_each_job_up_to_the_most() {
    let mut fixture = Fixture::new(3);
    for expected in [1, 2, 3, 3, 3] {
        fixture.submit_stuck(Lane::Fs);
        assert_eq!(fixture.pool.threads(), expected);
    }
    fixture.wait_for_starts(3);
    assert_eq!((fixture.pool.running(), fixture.pool.queued()), (3, 2));

    fixture.open();
    for _ in 0..5 {
        fixture.ended();
    }
    assert_eq!((fixture.pool.running(), fixture.pool.queued()), (0, 0));
}

#[test]
fn a_pool_of_no_threads_has_one() {
    let fixture = Fixture::new(0);
    fixture.submit_stuck(Lane::User);
    fixture.submit_stuck(Lane::User);
    assert_eq!(fixture.pool.threads(), 1);
}

#[test]
fn a_job_submitted_in_answer_to_a_completion_starts_no_second_thread() {
    let (woken, wakes) = unbounded();
    let (go_on, may_go_on) = unbounded::<()>();
    // Keeps the thread from going back to the queue before the test has looked.
    let wake = Arc::new(move || {
        let _ = woken.send(());
        let _ = may_go_on.recv();
    });
    let pool = Pool::new(4, wake);
    pool.submit(job(1, Lane::Fs, || ())).expect("a thread");
    receive(&wakes);
    assert_eq!(pool.running(), 0);
    pool.submit(job(2, Lane::Fs, || ())).expect("a thread");
    assert_eq!(pool.threads(), 1);

    drop(go_on);
    assert_eq!(pool.shut_down(LIMIT).left_behind, 0);
}

#[test]
fn threads_are_named_by_the_lowest_free_number() {
    let fixture = Fixture::new(2);
    fixture.submit_stuck(Lane::Fs);
    fixture.wait_for_starts(1);
    assert_eq!(name_of_next_thread(&fixture), "unspin-pool-2");
}

#[test]
fn an_idle_thread_ends_and_the_next_job_starts_another() {
    thread_local!(static AT_END: RefCell<Option<Tell>> = const { RefCell::new(None) });

    let fixture = Fixture::new(2);
    let (dropped, drops) = unbounded();
    let tell = Tell { dropped, name: 1, panics: false };
    fixture.submit(Lane::Fs, move || AT_END.set(Some(tell)));
    fixture.ended();
    receive(&drops);
    assert_eq!(fixture.pool.threads(), 0);
    assert_eq!(name_of_next_thread(&fixture), "unspin-pool-1");
}

#[test]
fn idle_threads_are_woken_for_as_many_jobs_as_there_are() {
    let mut fixture = Fixture::new(4);
    for _ in 0..10 {
        for _ in 0..4 {
            fixture.submit_stuck(Lane::Fs);
        }
        // All four at once: a thread that slept on would be missed here.
        fixture.wait_for_starts(4);
        fixture.open();
        for _ in 0..4 {
            fixture.ended();
        }
        (fixture.gate, fixture.at_gate) = {
            let (gate, at_gate) = unbounded();
            (Some(gate), at_gate)
        };
    }
    assert_eq!(fixture.pool.threads(), 4);
}

#[test]
fn a_slow_lane_leaves_half_of_the_threads_to_files() {
    for slow in [Lane::Dns, Lane::User] {
        let mut fixture = Fixture::new(4);
        for _ in 0..4 {
            fixture.submit_stuck(slow);
        }
        assert_eq!(fixture.pool.threads(), 2, "no thread starts for a job whose lane is full");
        for _ in 0..2 {
            fixture.submit_stuck(Lane::Fs);
        }
        let started = fixture.wait_for_starts(4);
        assert_eq!((started[slow as usize], started[Lane::Fs as usize]), (2, 2));
        assert_eq!(fixture.pool.queued(), 2);

        fixture.open();
        for _ in 0..6 {
            fixture.ended();
        }
    }
}

#[test]
fn the_half_of_a_slow_lane_is_rounded_up() {
    for (max_threads, half) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)] {
        let fixture = Fixture::new(max_threads);
        for _ in 0..6 {
            fixture.submit_stuck(Lane::Dns);
        }
        assert_eq!(fixture.pool.threads(), half, "of {max_threads}");
    }
}

#[test]
fn one_thread_takes_jobs_of_all_lanes_in_the_order_of_submission() {
    let mut fixture = Fixture::new(1);
    let mut ids = vec![fixture.submit_stuck(Lane::Fs)];
    for lane in [Lane::User, Lane::Fs, Lane::Dns, Lane::Dns, Lane::User, Lane::Fs] {
        ids.push(fixture.submit(lane, || ()));
    }
    fixture.open();
    let ended: Vec<JobId> = ids.iter().map(|_| fixture.ended().id).collect();
    assert_eq!(ended, ids);
}

#[test]
fn a_job_that_ended_is_what_it_was() {
    let fixture = Fixture::new(1);
    let id = fixture.submit(Lane::Dns, || 42_u32);
    let mut done = fixture.ended();
    assert_eq!((done.id, done.lane, done.lane.name()), (id, Lane::Dns, "dns"));
    assert!(done.queued_and_ran().is_some());
    assert_eq!(*result_of(&mut done).expect("no panic").downcast::<u32>().expect("a u32"), 42);
}

#[test]
fn a_completion_is_there_when_the_loop_is_woken() {
    let fixture = Fixture::new(1);
    for _ in 0..100 {
        fixture.submit(Lane::Fs, || ());
        receive(&fixture.wakes);
        assert!(fixture.try_ended().is_some());
    }
}

#[test]
fn captured_values_are_dropped_before_the_job_has_ended() {
    let fixture = Fixture::new(1);
    let (dropped, drops) = unbounded();
    let tell = Tell { dropped, name: 1, panics: false };
    fixture.submit(Lane::Fs, move || tell.dropped.send(0));
    fixture.ended();
    assert_eq!(drops.try_iter().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_panic_is_the_result_of_its_job_and_the_thread_goes_on() {
    let mut fixture = Fixture::new(1);
    fixture.submit_stuck(Lane::Fs);
    fixture.submit(Lane::Fs, || -> () { resume_unwind(Box::new("payload")) });
    // Queued before the panic, so that no other thread is started for it.
    fixture.submit(Lane::Fs, || ());
    fixture.open();
    assert!(result_of(&mut fixture.ended()).is_ok());
    let payload = result_of(&mut fixture.ended()).expect_err("a panic");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"payload"));
    assert!(result_of(&mut fixture.ended()).is_ok());
}
