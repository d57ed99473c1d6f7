//! What the tests share: a log of words, counters of drops, loops on the virtual clock, processes
//! of their own, and captured log events.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::cell::RefCell;
use std::env;
use std::process::{Command, Output};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use unspin::{EventLoop, Outcome};

pub mod ends;
pub mod events;
pub mod files;
#[cfg(feature = "async")]
pub mod futures;
pub mod input;
pub mod net;
pub mod poll;
pub mod pty;
pub mod signals;
pub mod udp;
pub mod watch;

/// Words in the order in which callbacks said them.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn new() -> Log {
        Log::default()
    }

    /// A callback that says `word`.
    pub fn add(&self, word: &str) -> impl FnMut() + Clone + use<> + 'static {
        let (log, word) = (self.clone(), word.to_owned());
        move || log.say(word.as_str())
    }

    pub fn say(&self, word: impl Into<String>) {
        self.0.borrow_mut().push(word.into());
    }

    /// What was said so far.
    pub fn words(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    #[track_caller]
    pub fn expect(&self, words: &[&str]) {
        assert_eq!(self.words(), words);
    }
}

/// Counts how many of its guards were dropped, on whatever thread.
#[derive(Clone, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub fn new() -> Drops {
        Drops::default()
    }

    pub fn guard(&self) -> DropGuard {
        DropGuard(self.clone())
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// One drop for its counter.
pub struct DropGuard(Drops);

impl DropGuard {
    /// Makes a closure own the guard.
    pub fn keep(&self) {}
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Calls a closure when it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> OnDrop<F> {
    /// Makes a closure own the value.
    pub fn keep(&self) {}
}

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A loop whose clock stands still while callbacks run.
pub fn virtual_loop() -> EventLoop {
    EventLoop::builder().virtual_time().build().expect("the system has descriptors left")
}

/// Runs `main` on a virtual clock, to an end without failure.
#[track_caller]
pub fn run_virtual<R: Outcome>(main: impl FnOnce() -> R) {
    let event_loop = virtual_loop();
    assert_eq!(event_loop.run(main).expect("nothing in it fails"), 0);
}

/// The same on the real clock.
#[track_caller]
pub fn run_real<R: Outcome>(main: impl FnOnce() -> R) {
    let event_loop = EventLoop::new().expect("the system has descriptors left");
    assert_eq!(event_loop.run(main).expect("nothing in it fails"), 0);
}

/// The text that a caught panic left.
pub fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| Some(payload.downcast_ref::<String>()?)).expect("the panic left a text")
}

pub const CHILD: &str = "UNSPIN_TEST_CHILD";

/// Whether this process was started by `in_child`.
pub fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Runs one test of this binary in a process of its own, where `is_child` holds.
pub fn in_child(test: &str) -> Output {
    child(test).output().expect("a test binary can be run")
}

/// The command that does so.
pub fn child(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("a test knows its binary"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    command
}

/// What a child printed to its standard output, the test harness's lines included.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a child printed to its standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs all tests of this binary but this one again, in a process that hears of its children's ends
/// by signals.
#[track_caller]
pub fn again_without_pidfd(this: &str) {
    let binary = env::current_exe().expect("a test knows its binary");
    let mut again = Command::new(binary);
    let output = again.args(["--skip", this]).env("UNSPIN_PIDFD", "0").output();
    let output = output.expect("a test binary can be run");
    assert!(output.status.success(), "{}", stdout(&output));
}
