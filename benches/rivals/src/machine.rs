//! The machine: what it is, its clock, its limits, and how to have it hold still.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::sys;

/// Stays on one core, and has the scheduler run this process and its children in batches: nobody is
/// preempted because he woke another, and no cache line crosses cores. Returns what came of it, in
/// words.
pub fn keep_still() -> String {
    let batched = if sys::schedule_in_batches().is_ok() { "in batches" } else { "not in batches" };
    match cores().first() {
        Some(core) if stay_on(&[*core]) => format!("on core {core}, {batched}"),
        _ => format!("on any core, {batched}"),
    }
}

/// The cores that this thread may use.
#[cfg(target_os = "linux")]
pub fn cores() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};

    let Ok(allowed) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect()
}

/// Stays on these cores: this thread, and the threads and processes that it will start.
#[cfg(target_os = "linux")]
pub fn stay_on(cores: &[usize]) -> bool {
    use rustix::thread::{CpuSet, sched_setaffinity};

    let mut only = CpuSet::new();
    cores.iter().for_each(|core| only.set(*core));
    sched_setaffinity(None, &only).is_ok()
}

/// Unknown here.
#[cfg(not(target_os = "linux"))]
pub fn cores() -> Vec<usize> {
    Vec::new()
}

/// Only Linux can.
#[cfg(not(target_os = "linux"))]
pub fn stay_on(_cores: &[usize]) -> bool {
    false
}

/// Allows this process, and those that it will start, as many descriptors as may be. Returns how
/// many that is.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { raised } else { limit };
    now.current.unwrap_or(u64::MAX)
}

/// Measures the processor time of this process: of all its threads.
pub struct Clock(Duration);

impl Clock {
    /// Measures from now on.
    pub fn start() -> Clock {
        Clock(processor_time())
    }

    /// Nanoseconds for each of `count` operations since the start.
    pub fn nanos_each(&self, count: usize) -> f64 {
        (processor_time() - self.0).as_nanos() as f64 / count as f64
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// What the figures were measured on, and with.
pub struct Machine {
    /// Names and values, in the order in which they are shown.
    pub facts: Vec<(&'static str, String)>,
}

/// Packages whose version is part of a figure.
const PACKAGES: [&str; 9] = [
    "mio",
    "tokio",
    "async-executor",
    "async-io",
    "blocking",
    "calloop",
    "futures",
    "rustix",
    "hyper",
];

impl Machine {
    /// Asks the system, the lock file, and the programs that may be on the machine.
    pub fn describe() -> Machine {
        let uname = rustix::system::uname();
        let kernel = [uname.sysname(), uname.release(), uname.machine()];
        let facts = vec![
            ("date", said_by("date", &["+%F"])),
            ("processor", processor()),
            ("cores", all_cores()),
            ("kernel", kernel.map(|part| part.to_string_lossy().into_owned()).join(" ")),
            ("rustc", said_by("rustc", &["--version"])),
            ("packages", packages()),
            ("libuv", said_by("pkg-config", &["--modversion", "libuv"])),
            ("node", said_by("node", &["--version"])),
        ];
        Machine { facts }
    }
}

/// The first line that a program prints; a dash where there is no such program.
fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok();
    let line = output.filter(|output| output.status.success()).and_then(|output| {
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.lines().next()?.trim().to_owned())
    });
    line.unwrap_or_else(|| "-".to_owned())
}

fn processor() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "-".to_owned(), |(_, name)| name.to_owned())
}

/// Also those that this program has left to others.
fn all_cores() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    match cpuinfo.lines().filter(|line| line.starts_with("processor")).count() {
        0 => "-".to_owned(),
        count => count.to_string(),
    }
}

/// As the lock file has them.
fn packages() -> String {
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
    let lock = fs::read_to_string(lock).unwrap_or_default();
    let found =
        PACKAGES.iter().filter_map(|name| Some(format!("{name} {}", version(&lock, name)?)));
    found.collect::<Vec<_>>().join(", ")
}

fn version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let (_, rest) = lock.split_once(&entry)?;
    rest.split_once('"').map(|(version, _)| version)
}

#[cfg(test)]
mod tests {
    use super::{Machine, version};

    #[test]
    fn a_version_is_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"tokio-util\"\nversion = \"0.7.0\"\n\n\
                    [[package]]\nname = \"tokio\"\nversion = \"1.54.1\"\n";
        assert_eq!(version(lock, "tokio"), Some("1.54.1"));
        assert_eq!(version(lock, "mio"), None);
    }

    #[test]
    fn no_fact_is_empty() {
        for (name, value) in Machine::describe().facts {
            assert!(!value.is_empty(), "{name}");
        }
    }
}
