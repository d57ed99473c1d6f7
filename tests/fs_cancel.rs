//! File operations that nobody wants any more: those that have not begun never happen, and the long
//! ones end halfway.

mod util;

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use unspin::fs::{self, Access, File, FileTimes};
use unspin::{AbortController, EventLoop, Outcome, Request, spawn_blocking};
use util::Log;
use util::files::place;

/// Runs `main` on a loop with one pool thread.
#[track_caller]
fn run<R: Outcome>(main: impl FnOnce() -> R) {
    let event_loop = EventLoop::builder().pool_threads(1).build().expect("descriptors are left");
    assert_eq!(event_loop.run(main).expect("nothing in it fails"), 0);
}

/// Occupies the pool thread until what is returned is dropped.
fn occupy_the_pool() -> Sender<()> {
    let (free, wait) = channel();
    spawn_blocking(move || wait.recv().is_ok()).callback(drop);
    free
}

/// How many requests were cancelled, and told so.
#[derive(Clone, Default)]
struct Told(Rc<Cell<usize>>);

impl Told {
    #[track_caller]
    fn cancel<T: 'static>(&self, request: Request<T>) {
        let told = Rc::clone(&self.0);
        let pending = request.callback(move |result| {
            assert!(result.err().expect("it was cancelled").is_cancelled());
            told.set(told.get() + 1);
        });
        assert!(pending.cancel());
    }

    fn cancel_all_on_paths(&self, path: &Path, other: &Path) {
        self.cancel(fs::read(path));
        self.cancel(fs::read_to_string(path));
        self.cancel(fs::write(other, "text"));
        self.cancel(fs::append(path, "text"));
        self.cancel(fs::open(path));
        self.cancel(fs::create(path));
        self.cancel(fs::metadata(path));
        self.cancel(fs::symlink_metadata(path));
        self.cancel(fs::exists(path));
        self.cancel(fs::access(path, Access::READ));
        self.cancel(fs::create_dir(other));
        self.cancel(fs::create_dir_all(other));
        self.cancel(fs::create_temp_dir(other));
        self.cancel(fs::create_temp_file(other));
        self.cancel(fs::remove_file(path));
        self.cancel(fs::remove_dir(other));
        self.cancel(fs::remove_dir_all(other));
        self.cancel(fs::rename(path, other));
        self.cancel(fs::copy(path, other));
        self.cancel(fs::hard_link(path, other));
        self.cancel(fs::symlink(path, other));
        self.cancel(fs::read_link(path));
        self.cancel(fs::canonicalize(path));
        self.cancel(fs::set_len(path, 1));
        self.cancel(fs::set_times(path, FileTimes::new().modified_now()));
        self.cancel(fs::set_symlink_times(path, FileTimes::new().modified_now()));
        self.cancel(fs::chown(path, None, None));
        self.cancel(fs::lchown(path, None, None));
        self.cancel(fs::file_system(path));
    }

    fn cancel_all_of(&self, file: &File) {
        self.cancel(file.read_at(0, 1));
        self.cancel(file.write_at(0, "text"));
        self.cancel(file.read_vectored_at(0, vec![vec![0]]));
        self.cancel(file.write_vectored_at(0, vec![vec![1]]));
        self.cancel(file.set_len(1));
        self.cancel(file.set_times(FileTimes::new().modified_now()));
        self.cancel(file.metadata());
        self.cancel(file.sync_all());
        self.cancel(file.sync_data());
        self.cancel(file.chown(None, None));
        self.cancel(file.clone().close());
    }
}

#[test]
fn what_has_not_begun_is_cancelled_whatever_it_is_and_never_happens() {
    let (dir, path) = place("file");
    std::fs::write(&path, "12345").expect("it is written");
    let told = Told::default();
    let cancelled = told.clone();
    let (one, other) = (path.clone(), dir.path().join("other"));
    run(move || {
        let occupied = occupy_the_pool();
        let opened = OpenOptions::new().read(true).write(true).open(&one)?;
        cancelled.cancel_all_on_paths(&one, &other);
        cancelled.cancel_all_of(&File::from_std(opened, &one));
        drop(occupied);
        Ok(())
    });
    assert_eq!(told.0.get(), 40);
    assert_eq!(std::fs::read(&path).expect("it is there"), b"12345");
    assert_eq!(dir.path().read_dir().expect("it is there").count(), 1, "nothing else is there");
}

/// Writes into a named pipe for as long as this lives: what reads it would never come to the end.
struct Spring {
    dry: Arc<AtomicBool>,
    /// Bytes that it has written.
    poured: Arc<AtomicUsize>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Spring {
    fn of(path: &Path) -> Spring {
        let status = std::process::Command::new("mkfifo").arg(path).status();
        assert!(status.expect("it can be run").success());
        let mut pipe = OpenOptions::new().read(true).write(true).open(path).expect("a pipe");
        let dry = Arc::new(AtomicBool::new(false));
        let poured = Arc::new(AtomicUsize::new(0));
        let (seen, counted) = (Arc::clone(&dry), Arc::clone(&poured));
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                pipe.write_all(&[1; 4096]).expect("it reads itself");
                counted.fetch_add(4096, Ordering::Relaxed);
                thread::yield_now();
            }
        });
        Spring { dry, poured, thread: Some(thread) }
    }
}

impl Drop for Spring {
    fn drop(&mut self) {
        self.dry.store(true, Ordering::Relaxed);
        // If it waits for room in the pipe, it does so to the end of this process.
        drop(self.thread.take());
    }
}

/// Begins what never ends, aborts it while it runs, and sees that the only thread is free again.
#[track_caller]
fn ends_when_aborted<T: 'static>(request: impl FnOnce(&Path) -> Request<T> + 'static) {
    let (_dir, path) = place("pipe");
    let (log, spring) = (Log::new(), Spring::of(&path));
    let said = log.clone();
    run(move || {
        let controller = AbortController::new();
        let before = spawn_blocking(|| ());
        // When it has come back, the thread has taken the next one.
        let (aborting, last) = (controller.clone(), said.clone());
        before.callback(move |_| {
            aborting.abort();
            spawn_blocking(|| ()).callback(move |_| last.say("free"));
        });
        request(&path).abort_on(controller.signal()).callback(move |result| {
            assert!(result.err().expect("it has no end of its own").is_abort());
            said.say("aborted");
        });
    });
    assert!(spring.poured.load(Ordering::Relaxed) < LONG / 2, "it went on");
    drop(spring);
    log.expect(&["aborted", "free"]);
}

/// What has an end all the same is longer than this.
const LONG: usize = 1 << 30;

#[test]
fn a_long_read_ends_halfway_when_it_is_aborted() {
    ends_when_aborted(|path| fs::read(path));
    ends_when_aborted(|path| fs::read_to_string(path));
    ends_when_aborted(|path| {
        let pipe = std::fs::File::open(path).expect("it has a writer");
        File::from_std(pipe, path).read_at(0, LONG)
    });
}

#[test]
fn a_long_copy_ends_halfway_when_it_is_aborted() {
    ends_when_aborted(|path| {
        let sparse = path.with_file_name("sparse");
        let created = std::fs::File::create(&sparse).expect("it is created");
        created.set_len(1 << 40).expect("it takes no room");
        fs::copy(sparse, "/dev/null")
    });
}

#[cfg(feature = "async")]
#[test]
fn a_long_read_ends_halfway_when_its_future_is_dropped() {
    use std::time::Duration;

    let (_dir, path) = place("pipe");
    let spring = Spring::of(&path);
    run(move || {
        let read = async move {
            let result = unspin::timeout(Duration::from_millis(1), async { fs::read(path).await });
            let error = result.await.expect_err("it has no end of its own");
            assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
            // The loop would not end if it went on.
            Ok(())
        };
        unspin::spawn(read).log_err();
    });
    drop(spring);
}
