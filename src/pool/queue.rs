//! The job queue: which job is next. Knows no thread and no lock.

use std::collections::VecDeque;

use super::job::{Job, JobId, Lane};

/// A line may hold this many stale places beyond its live ones before it is swept. Sweeping a short
/// line is not worth the call.
const SLACK: usize = 32;

/// Jobs that wait, oldest first, and how many run.
///
/// The jobs are in a table and the lines hold only their ids, so that a job is cancelled in constant
/// time wherever it stands. Its place in the line stays, stale, until it is skipped or swept.
pub(super) struct Queue {
    table: Table,
    /// One a lane, by `Lane as usize`.
    lines: [Line; Lane::COUNT],
    submitted: u64,
}

/// The waiting jobs by the index of their ids, which are the submitter's keys: as long as its
/// busiest moment made it.
#[derive(Default)]
struct Table {
    jobs: Vec<Option<Box<Job>>>,
}

/// The jobs of one lane.
struct Line {
    /// In the order of submission. One whose job is not in the table is stale.
    places: VecDeque<Place>,
    /// The places that are not stale.
    live: usize,
    running: usize,
    /// `running` never exceeds it.
    limit: usize,
}

#[derive(Clone, Copy)]
struct Place {
    /// Counts all jobs: the lower, the older.
    number: u64,
    id: JobId,
}

impl Queue {
    pub(super) fn new(max_threads: usize) -> Queue {
        // Rounded up, as in libuv, so that a pool of one thread serves every lane.
        let half = max_threads.div_ceil(2);
        let limit = |lane| if lane == Lane::Fs { max_threads } else { half };
        Queue {
            table: Table::default(),
            lines: [Lane::Fs, Lane::Dns, Lane::User].map(|lane| Line::new(limit(lane))),
            submitted: 0,
        }
    }

    /// Queues a job. No other of the same id may be waiting.
    pub(super) fn push(&mut self, job: Box<Job>) {
        self.submitted += 1;
        let line = &mut self.lines[job.lane as usize];
        line.places.push_back(Place { number: self.submitted, id: job.id });
        line.live += 1;
        self.table.put(job);
    }

    /// Takes the oldest job whose lane has room. The caller runs it and then calls `finish`.
    pub(super) fn take(&mut self) -> Option<Box<Job>> {
        let table = &self.table;
        let (place, line) = self
            .lines
            .iter_mut()
            .filter(|line| line.live > 0 && line.room() > 0)
            .filter_map(|line| Some((line.oldest(table)?, line)))
            .min_by_key(|(place, _)| place.number)?;
        line.places.pop_front();
        line.live -= 1;
        line.running += 1;
        self.table.take(place.id)
    }

    /// Notes that a job that was taken has ended: its lane has room again.
    pub(super) fn finish(&mut self, lane: Lane) {
        self.lines[lane as usize].running -= 1;
    }

    /// Takes a job out that has not started.
    pub(super) fn remove(&mut self, id: JobId) -> Option<Box<Job>> {
        let job = self.table.take(id)?;
        let line = &mut self.lines[job.lane as usize];
        line.live -= 1;
        line.sweep(&self.table);
        Some(job)
    }

    /// Takes all jobs out, oldest first.
    pub(super) fn take_all(&mut self) -> Vec<Box<Job>> {
        let mut places: Vec<Place> = Vec::new();
        for line in &mut self.lines {
            places.extend(line.places.drain(..));
            line.live = 0;
        }
        places.sort_unstable_by_key(|place| place.number);
        places.into_iter().filter_map(|place| self.table.take(place.id)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lines.iter().map(|line| line.live).sum()
    }

    pub(super) fn running(&self) -> usize {
        self.lines.iter().map(|line| line.running).sum()
    }

    /// How many of the queued jobs could start now, if there were a thread for each.
    pub(super) fn runnable(&self) -> usize {
        self.lines.iter().map(|line| line.live.min(line.room())).sum()
    }
}

impl Table {
    fn put(&mut self, job: Box<Job>) {
        let index = job.id.index as usize;
        if index >= self.jobs.len() {
            self.jobs.resize_with(index + 1, || None);
        }
        self.jobs[index] = Some(job);
    }

    fn take(&mut self, id: JobId) -> Option<Box<Job>> {
        self.jobs.get_mut(id.index as usize)?.take_if(|job| job.id == id)
    }

    fn has(&self, id: JobId) -> bool {
        let job = self.jobs.get(id.index as usize).and_then(Option::as_ref);
        job.is_some_and(|job| job.id == id)
    }
}

impl Line {
    fn new(limit: usize) -> Line {
        Line { places: VecDeque::new(), live: 0, running: 0, limit }
    }

    fn room(&self) -> usize {
        self.limit - self.running
    }

    /// The first live place, which is then at the front.
    fn oldest(&mut self, table: &Table) -> Option<Place> {
        while let Some(&place) = self.places.front() {
            if table.has(place.id) {
                return Some(place);
            }
            self.places.pop_front();
        }
        None
    }

    /// Throws the stale places out once they are the greater part: without it, a line that stands
    /// still would grow with each job that is submitted and cancelled. A sweep looks at fewer than
    /// twice as many places as were cancelled since the last, so a cancel stays constant on average.
    fn sweep(&mut self, table: &Table) {
        if self.places.len() > 2 * self.live + SLACK {
            self.places.retain(|place| table.has(place.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Slots;

    const LANES: [Lane; Lane::COUNT] = [Lane::Fs, Lane::Dns, Lane::User];

    fn job(id: JobId, lane: Lane) -> Box<Job> {
        Job::new(id, lane, false, || ())
    }

    /// The plain way to do what a queue for three threads does.
    #[derive(Default)]
    struct List {
        waiting: Vec<(JobId, Lane)>,
        running: [usize; Lane::COUNT],
    }

    impl List {
        fn take(&mut self) -> Option<JobId> {
            let limit = |lane| if lane == Lane::Fs { 3 } else { 2 };
            let has_room = |lane: Lane| self.running[lane as usize] < limit(lane);
            let next = self.waiting.iter().position(|(_, lane)| has_room(*lane))?;
            let (id, lane) = self.waiting.remove(next);
            self.running[lane as usize] += 1;
            Some(id)
        }
    }

    #[test]
    fn the_queue_does_what_a_list_would() {
        let (mut queue, mut list, mut keys) = (Queue::new(3), List::default(), Slots::new());
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            // Knuth's MMIX generator: any will do. Its low bits are poor.
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let random = (seed >> 33) as usize;
            let lane = LANES[random / 8 % LANES.len()];
            match random % 8 {
                0..3 => {
                    let id = keys.insert(());
                    queue.push(job(id, lane));
                    list.waiting.push((id, lane));
                }
                3 | 4 => {
                    let taken = queue.take().map(|job| job.id);
                    assert_eq!(taken, list.take());
                    // The key is free again, though the job runs: all the more mixing.
                    taken.and_then(|id| keys.remove(id));
                }
                5 if list.running[lane as usize] > 0 => {
                    queue.finish(lane);
                    list.running[lane as usize] -= 1;
                }
                6 if !list.waiting.is_empty() => {
                    let (id, _) = list.waiting.remove(random % list.waiting.len());
                    assert_eq!(queue.remove(id).map(|job| job.id), Some(id));
                    keys.remove(id);
                }
                _ => {}
            }
            assert_eq!(queue.len(), list.waiting.len());
            assert_eq!(queue.running(), list.running.iter().sum::<usize>());
        }
    }

    #[test]
    fn places_of_cancelled_jobs_do_not_pile_up_in_a_line_that_stands_still() {
        let (mut queue, mut keys) = (Queue::new(1), Slots::new());
        let first = keys.insert(());
        queue.push(job(first, Lane::Dns));
        for _ in 1..10_000 {
            let id = keys.insert(());
            queue.push(job(id, Lane::Dns));
            assert!(queue.remove(id).is_some());
            keys.remove(id);
            assert!(queue.lines[Lane::Dns as usize].places.len() <= 2 + SLACK);
        }
        assert_eq!(queue.table.jobs.len(), 2);
        assert_eq!(queue.take().map(|job| job.id), Some(first));
    }
}
