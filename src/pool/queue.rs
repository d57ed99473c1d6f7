//! The job queue: which job is next. Knows no thread and no lock.

use std::collections::{HashMap, VecDeque};

use super::job::{Job, JobId, Lane};

/// A line may hold this many stale ids beyond its live ones before it is swept. Sweeping a short
/// line is not worth the call.
const SLACK: usize = 32;

/// Jobs that wait, oldest first, and how many run.
///
/// The jobs are in a map and the lines hold only ids, so that a job is cancelled in constant time
/// wherever it stands. Its id stays behind in the line, stale, until it is skipped or swept.
pub(super) struct Queue {
    jobs: HashMap<JobId, Job>,
    /// One a lane, by `Lane as usize`.
    lines: [Line; Lane::COUNT],
}

/// The jobs of one lane.
struct Line {
    /// In the order of submission. An id that is not in `Queue::jobs` is stale.
    ids: VecDeque<JobId>,
    /// The ids that are not stale.
    live: usize,
    running: usize,
    /// `running` never exceeds it.
    limit: usize,
}

impl Queue {
    pub(super) fn new(max_threads: usize) -> Queue {
        // Rounded up, as in libuv, so that a pool of one thread serves every lane.
        let half = max_threads.div_ceil(2);
        let limit = |lane| if lane == Lane::Fs { max_threads } else { half };
        Queue {
            jobs: HashMap::new(),
            lines: [Lane::Fs, Lane::Dns, Lane::User].map(|lane| Line::new(limit(lane))),
        }
    }

    /// Queues a job. Its id must be higher than all before.
    pub(super) fn push(&mut self, job: Job) {
        let line = &mut self.lines[job.lane as usize];
        line.ids.push_back(job.id);
        line.live += 1;
        self.jobs.insert(job.id, job);
    }

    /// Takes the oldest job whose lane has room. The caller runs it and then calls `finish`.
    pub(super) fn take(&mut self) -> Option<Job> {
        let jobs = &self.jobs;
        let (id, line) = self
            .lines
            .iter_mut()
            .filter(|line| line.room() > 0)
            .filter_map(|line| Some((line.oldest(jobs)?, line)))
            .min_by_key(|(id, _)| *id)?;
        line.ids.pop_front();
        line.live -= 1;
        line.running += 1;
        self.jobs.remove(&id)
    }

    /// Notes that a job that was taken has ended: its lane has room again.
    pub(super) fn finish(&mut self, lane: Lane) {
        self.lines[lane as usize].running -= 1;
    }

    /// Takes a job out that has not started.
    pub(super) fn remove(&mut self, id: JobId) -> Option<Job> {
        let job = self.jobs.remove(&id)?;
        let line = &mut self.lines[job.lane as usize];
        line.live -= 1;
        line.sweep(&self.jobs);
        Some(job)
    }

    /// Takes all jobs out, oldest first.
    pub(super) fn take_all(&mut self) -> Vec<Job> {
        for line in &mut self.lines {
            line.ids.clear();
            line.live = 0;
        }
        let mut jobs: Vec<Job> = self.jobs.drain().map(|(_, job)| job).collect();
        jobs.sort_unstable_by_key(|job| job.id);
        jobs
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn running(&self) -> usize {
        self.lines.iter().map(|line| line.running).sum()
    }

    /// How many of the queued jobs could start now, if there were a thread for each.
    pub(super) fn runnable(&self) -> usize {
        self.lines.iter().map(|line| line.live.min(line.room())).sum()
    }
}

impl Line {
    fn new(limit: usize) -> Line {
        Line { ids: VecDeque::new(), live: 0, running: 0, limit }
    }

    fn room(&self) -> usize {
        self.limit - self.running
    }

    /// The first live id, which is then at the front.
    fn oldest(&mut self, jobs: &HashMap<JobId, Job>) -> Option<JobId> {
        while let Some(&id) = self.ids.front() {
            if jobs.contains_key(&id) {
                return Some(id);
            }
            self.ids.pop_front();
        }
        None
    }

    /// Throws the stale ids out once they are the greater part: without it, a line that stands
    /// still would grow with each job that is submitted and cancelled. A sweep looks at fewer than
    /// twice as many ids as were cancelled since the last, so a cancel stays constant on average.
    fn sweep(&mut self, jobs: &HashMap<JobId, Job>) {
        if self.ids.len() > 2 * self.live + SLACK {
            self.ids.retain(|id| jobs.contains_key(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const LANES: [Lane; Lane::COUNT] = [Lane::Fs, Lane::Dns, Lane::User];

    fn job(id: u64, lane: Lane) -> Job {
        Job { id: JobId(id), lane, work: Box::new(|| Box::new(())), submitted: clock::now() }
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
        let (mut queue, mut list) = (Queue::new(3), List::default());
        let mut seed = 1_u64;
        for id in 0..20_000 {
            // Knuth's MMIX generator: any will do. Its low bits are poor.
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let random = (seed >> 33) as usize;
            let lane = LANES[random / 8 % LANES.len()];
            match random % 8 {
                0..3 => {
                    queue.push(job(id, lane));
                    list.waiting.push((JobId(id), lane));
                }
                3 | 4 => assert_eq!(queue.take().map(|job| job.id), list.take()),
                5 if list.running[lane as usize] > 0 => {
                    queue.finish(lane);
                    list.running[lane as usize] -= 1;
                }
                6 if !list.waiting.is_empty() => {
                    let (id, _) = list.waiting.remove(random % list.waiting.len());
                    assert_eq!(queue.remove(id).map(|job| job.id), Some(id));
                }
                _ => {}
            }
            assert_eq!(queue.len(), list.waiting.len());
            assert_eq!(queue.running(), list.running.iter().sum());
        }
    }

    #[test]
    fn ids_of_cancelled_jobs_do_not_pile_up_in_a_line_that_stands_still() {
        let mut queue = Queue::new(1);
        queue.push(job(0, Lane::Dns));
        for id in 1..10_000 {
            queue.push(job(id, Lane::Dns));
            assert!(queue.remove(JobId(id)).is_some());
            assert!(queue.lines[Lane::Dns as usize].ids.len() <= 2 + SLACK);
        }
        assert_eq!(queue.take().map(|job| job.id), Some(JobId(0)));
    }
}
