//! The ends of jobs, threads and the pool.

use std::panic::resume_unwind;
use std::time::Duration;

use crossbeam_channel::unbounded;

use crate::clock;

use super::tests::{Fixture, LIMIT, Tell, job, receive};
use super::thread::IDLE;
use super::{JobId, Lane, Shutdown};

#[test]
fn a_job_cancelled_before_its_start_is_dropped_once_and_never_runs() {
    let mut fixture = Fixture::new(1);
    let (dropped, drops) = unbounded();
    let stuck = fixture.submit_stuck(Lane::Fs);
    let tell = Tell { dropped, name: 1, panics: false };
    let cancelled = fixture.submit(Lane::Fs, move || tell.dropped.send(0));

    assert!(fixture.pool.cancel(cancelled));
    assert!(!fixture.pool.cancel(cancelled));
    fixture.open();
    let after = fixture.submit(Lane::Fs, || ());
    assert_eq!([fixture.ended().id, fixture.ended().id], [stuck, after]);
    assert_eq!(drops.try_iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_job_that_runs_or_ended_cannot_be_cancelled() {
    let mut fixture = Fixture::new(1);
    let id = fixture.submit_stuck(Lane::Fs);
    fixture.wait_for_starts(1);
    assert!(!fixture.pool.cancel(id));
    fixture.open();
    assert_eq!(fixture.ended().id, id);
    assert!(!fixture.pool.cancel(id));
}

#[test]
fn shutting_down_waits_for_running_jobs_and_joins_the_threads() {
    let mut fixture = Fixture::new(3);
    for _ in 0..3 {
        fixture.submit_stuck(Lane::Fs);
    }
    fixture.wait_for_starts(3);
    fixture.open();
    let clean = Shutdown { dropped: 0, left_behind: 0 };
    assert_eq!(fixture.pool.shut_down(Duration::MAX), clean);
    assert_eq!((fixture.pool.threads(), fixture.pool.close().len()), (0, 3));

    assert_eq!(fixture.pool.shut_down(LIMIT), clean, "it may be repeated");
    assert!(fixture.pool.submit(job(9, Lane::Fs, || ())).is_err());
}

#[test]
fn shutting_down_wakes_idle_threads() {
    let fixture = Fixture::new(1);
    fixture.submit(Lane::Fs, || ());
    fixture.ended();
    let begun = clock::now();
    fixture.pool.shut_down(LIMIT);
    assert!(clock::now() - begun < IDLE / 2, "it waited until the thread ended by itself");
}

#[test]
fn shutting_down_leaves_a_stuck_job_behind() {
    let mut fixture = Fixture::new(2);
    let id = fixture.submit_stuck(Lane::Fs);
    fixture.wait_for_starts(1);
    let one_left = Shutdown { dropped: 0, left_behind: 1 };
    assert_eq!(fixture.pool.shut_down(Duration::ZERO), one_left);
    assert_eq!(fixture.pool.shut_down(Duration::from_millis(1)), one_left);

    fixture.open();
    assert_eq!(fixture.ended().id, id);
    assert_eq!(fixture.pool.shut_down(LIMIT), Shutdown { dropped: 0, left_behind: 0 });
}

#[test]
fn shutting_down_drops_queued_jobs_once_and_in_order_also_if_one_panics() {
    let fixture = Fixture::new(1);
    let (dropped, drops) = unbounded();
    fixture.submit_stuck(Lane::Fs);
    fixture.wait_for_starts(1);
    for (name, lane) in (0..).zip([Lane::User, Lane::Fs, Lane::Dns, Lane::Fs]) {
        let tell = Tell { dropped: dropped.clone(), name, panics: name == 1 };
        fixture.submit(lane, move || drop(tell));
    }
    let shutdown = fixture.pool.shut_down(Duration::ZERO);
    assert_eq!(shutdown, Shutdown { dropped: 4, left_behind: 1 });
    assert_eq!(drops.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(fixture.pool.shut_down(Duration::ZERO).dropped, 0);
}

#[test]
fn dropping_the_pool_drops_queued_jobs_and_waits_for_nothing() {
    let Fixture { pool, wakes, starts, at_gate, gate, .. } = Fixture::new(1);
    let (start, (dropped, drops)) = (starts.0, unbounded());
    let tell = |name| Tell { dropped: dropped.clone(), name, panics: false };
    let (result, queued) = (tell(1), tell(2));
    let stuck = move || (start.send(Lane::Fs).is_ok(), at_gate.recv().is_ok(), result);
    pool.submit(job(1, Lane::Fs, stuck)).expect("a thread");
    receive(&starts.1);
    pool.submit(job(2, Lane::Fs, move || drop(queued))).expect("a thread");

    drop(pool);
    assert_eq!(drops.try_iter().collect::<Vec<_>>(), [2]);
    drop(gate);
    assert_eq!(receive(&drops), 1, "nobody takes the result");
    // The thread has ended, and with it the last who could wake the loop; it never did.
    assert!(wakes.recv_timeout(LIMIT).is_err_and(|error| error.is_disconnected()));
}

#[test]
fn a_thread_outlives_a_result_that_nobody_receives_and_that_panics_when_dropped() {
    let Fixture { pool, wakes, .. } = Fixture::new(1);
    pool.close();
    let (dropped, drops) = unbounded();
    let tell = |name| Tell { dropped: dropped.clone(), name, panics: true };
    let (first, second, third) = (tell(1), tell(2), tell(3));
    let panicking = move || -> () { resume_unwind(Box::new(second)) };
    let lane = Lane::Fs;
    for job in [job(1, lane, move || first), job(2, lane, panicking), job(3, lane, move || third)] {
        pool.submit(job).expect("a thread");
    }
    assert_eq!([receive(&drops), receive(&drops), receive(&drops)], [1, 2, 3]);
    assert!(wakes.is_empty(), "nothing was sent that the loop should be woken for");
}

#[test]
fn every_job_of_a_storm_is_done_cancelled_or_dropped() {
    let fixture = Fixture::new(4);
    let lanes = [Lane::Fs, Lane::Dns, Lane::User];
    let ids: Vec<JobId> =
        (0..3000).map(|index| fixture.submit(lanes[index % lanes.len()], || ())).collect();
    let cancelled = ids.iter().rev().step_by(2).filter(|id| fixture.pool.cancel(**id)).count();
    let Shutdown { dropped, left_behind } = fixture.pool.shut_down(LIMIT);
    let done = fixture.pool.close().len();
    assert_eq!(done + cancelled + dropped, ids.len());
    // Nobody took anything, so one wake is for all.
    assert_eq!((left_behind, fixture.wakes.len()), (0, usize::from(done > 0)));
    assert_eq!((fixture.pool.queued(), fixture.pool.threads()), (0, 0));
}
