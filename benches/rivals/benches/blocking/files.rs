//! What file reads do to a loop: to its timers, and to how much it reads.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};
use unspin_rivals::Result;
use unspin_rivals::machine::{Clock, stay_on};
use unspin_rivals::report::Reading;

use crate::serving::{Setting, percentile};

/// What is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Files {
    pub(crate) count: usize,
    pub(crate) size: usize,
    /// Whether the kernel is told to forget them before each read.
    pub(crate) cold: bool,
}

/// Who reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reader {
    Nobody,
    Loop,
    Pool,
}

/// Reads that are under way at any time.
const DEPTH: usize = 16;

/// The timer that is watched.
const TIMER: Duration = Duration::from_millis(1);

/// The kinds of reading that plots ask for.
pub(crate) const LATE: &str = "timer late, p99";
pub(crate) const READS: &str = "reads";

/// Writes the files; all the same, on disk and in memory.
pub(crate) fn make(folder: &Path, files: Files) -> io::Result<Arc<[PathBuf]>> {
    fs::create_dir_all(folder)?;
    let content = vec![7; files.size];
    let paths = (0..files.count).map(|number| {
        let path = folder.join(number.to_string());
        fs::write(&path, &content)?;
        // What has not been written cannot be forgotten.
        File::open(&path)?.sync_all()?;
        Ok(path)
    });
    paths.collect()
}

fn read(path: &Path, files: Files) -> io::Result<usize> {
    let mut file = File::open(path)?;
    if files.cold {
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    let mut content = Vec::with_capacity(files.size + 1);
    file.read_to_end(&mut content)
}

/// What the callbacks of one measurement share.
struct Run {
    paths: Arc<[PathBuf]>,
    files: Files,
    reader: Reader,
    end: Instant,
    seen: RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    reads: usize,
    /// Nanoseconds by which the timer was late.
    late: Vec<u64>,
}

/// On a thread of its own, whose pool may use all cores.
pub(crate) fn measure(
    paths: &Arc<[PathBuf]>,
    files: Files,
    reader: Reader,
    setting: &Setting,
) -> Result<Vec<Reading>> {
    let paths = Arc::clone(paths);
    let Setting { cores, window, .. } = setting.clone();
    let measured = thread::spawn(move || {
        stay_on(&cores);
        run(paths, files, reader, window)
    });
    measured.join().map_err(|_| "it panicked")?
}

fn run(
    paths: Arc<[PathBuf]>,
    files: Files,
    reader: Reader,
    window: Duration,
) -> Result<Vec<Reading>> {
    let clock = Clock::start();
    let start = Instant::now();
    let seen = RefCell::default();
    let run = Rc::new(Run { paths, files, reader, end: start + window, seen });
    let inside = Rc::clone(&run);
    unspin::run(move || {
        watch(Rc::clone(&inside));
        for number in 0..DEPTH {
            match inside.reader {
                Reader::Nobody => {}
                Reader::Loop => read_on_the_loop(Rc::clone(&inside), number),
                Reader::Pool => read_on_the_pool(Rc::clone(&inside), number),
            }
        }
        Ok(())
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let mut seen = run.seen.take();
    seen.late.sort_unstable();
    let greatest = seen.late.last().map_or(f64::NAN, |nanos| *nanos as f64 / 1e6);
    let reads = seen.reads as f64 / seconds;
    Ok(vec![
        Reading::new(LATE, "ms", percentile(&seen.late, 99.0)),
        Reading::new("timer late, p50", "ms", percentile(&seen.late, 50.0)),
        Reading::new("timer late, at most", "ms", greatest),
        Reading::new(READS, "/s", reads),
        Reading::new("bytes", "MiB/s", reads * files.size as f64 / f64::from(1 << 20)),
        Reading::new("CPU used", "%", clock.nanos_each(1) / 1e7 / seconds),
    ])
}

/// A timer, again and again: by how much is it late?
fn watch(run: Rc<Run>) {
    let due = Instant::now() + TIMER;
    unspin::set_timeout(TIMER, move || {
        let now = Instant::now();
        run.seen.borrow_mut().late.push((now - due).as_nanos() as u64);
        if now < run.end {
            watch(run);
        }
    });
}

/// Each read is a task: the loop gets to its timers after all that wait now.
fn read_on_the_loop(run: Rc<Run>, number: usize) {
    unspin::set_immediate(move || {
        let length = read(&run.paths[number % run.paths.len()], run.files)?;
        if run.goes_on_after(length) {
            read_on_the_loop(run, number + DEPTH);
        }
        Ok(())
    });
}

fn read_on_the_pool(run: Rc<Run>, number: usize) {
    let (paths, files) = (Arc::clone(&run.paths), run.files);
    let job = move || read(&paths[number % paths.len()], files);
    unspin::spawn_blocking(job).callback(move |length| {
        if run.goes_on_after(length??) {
            read_on_the_pool(run, number + DEPTH);
        }
        Ok(())
    });
}

impl Run {
    fn goes_on_after(&self, length: usize) -> bool {
        assert_eq!(length, self.files.size);
        self.seen.borrow_mut().reads += 1;
        Instant::now() < self.end
    }
}
