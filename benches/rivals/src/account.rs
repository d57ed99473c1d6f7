//! What the kernel has put down to a process: time, wake-ups, memory. And, where the machine counts
//! them, instructions.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use perf_event::events::Hardware;
use perf_event::{Builder, Counter};

use crate::{Result, sys};

/// The account of another process. Exact while that one sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    process: u32,
}

impl Account {
    /// Of a process that runs.
    pub fn of(process: u32) -> Account {
        Account { process }
    }

    /// Processor time of all its threads, to the nanosecond.
    pub fn cpu(&self) -> Result<Duration> {
        Ok(sys::processor_time_of(self.process)?)
    }

    /// How often its threads have slept and been woken. A thread that has ended is not in it.
    pub fn wakes(&self) -> Result<u64> {
        self.sum_of(&[WAKES])
    }

    /// How often its threads have stopped: to sleep, or because another one had its turn.
    pub fn switches(&self) -> Result<u64> {
        self.sum_of(&[WAKES, "nonvoluntary_ctxt_switches:"])
    }

    /// Reads what each thread has once: it may have thousands.
    fn sum_of(&self, names: &[&str]) -> Result<u64> {
        let mut sum = 0;
        for thread in fs::read_dir(self.path("task"))? {
            match fs::read_to_string(thread?.path().join("status")) {
                Ok(status) => {
                    for name in names {
                        sum += field(&status, name)?;
                    }
                }
                // It ended between the two calls; the kernel says either, by how far it had come.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if error.raw_os_error() == Some(NO_SUCH_PROCESS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sum)
    }

    /// Bytes of memory that it has in use.
    pub fn resident(&self) -> Result<u64> {
        // The short files of the same directory count in batches, and so can be off by megabytes.
        let rollup = fs::read_to_string(self.path("smaps_rollup"))?;
        Ok(field(&rollup, "Rss:")? * 1024)
    }

    fn path(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.process))
    }
}

const WAKES: &str = "voluntary_ctxt_switches:";

const NO_SUCH_PROCESS: i32 = rustix::io::Errno::SRCH.raw_os_error();

/// The number behind a name at the start of a line.
fn field(text: &str, name: &str) -> Result<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let value = value.and_then(|value| value.split_whitespace().next());
    Ok(value.ok_or_else(|| format!("no {name} in it"))?.parse()?)
}

/// Counts a process's instructions outside the kernel, while it is told to.
///
/// In a virtual machine a counter that counts can make each switch of threads many times dearer: so
/// it counts in a window of its own, and not while time is measured.
pub struct Instructions {
    counter: Counter,
}

impl Instructions {
    /// Of a process, and of the threads that it starts from now on. `None` where the machine or its
    /// administrator does not give them away.
    pub fn of(process: u32) -> Option<Instructions> {
        let process = process.try_into().ok()?;
        let mut builder = Builder::new().observe_pid(process).kind(Hardware::INSTRUCTIONS);
        builder.inherit(true);
        Some(Instructions { counter: builder.build().ok()? })
    }

    /// How many there are while `work` is done.
    pub fn during<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<(u64, T)> {
        self.counter.reset()?;
        self.counter.enable()?;
        let done = work();
        self.counter.disable()?;
        Ok((self.counter.read()?, done?))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

    use super::*;

    #[test]
    fn a_field_is_found_at_the_start_of_its_line() {
        let status = "Name:\tx\nnonvoluntary_ctxt_switches:\t9\nvoluntary_ctxt_switches:\t12\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:").unwrap(), 12);
        assert_eq!(field("Rss:    2048 kB\n", "Rss:").unwrap(), 2048);
        assert!(field(status, "Rss:").is_err());
    }

    /// A process that answers each line.
    struct Answers {
        child: Child,
        to: ChildStdin,
        from: BufReader<ChildStdout>,
    }

    impl Answers {
        fn start() -> Answers {
            let mut command = Command::new("sh");
            command.args(["-c", "while read line; do echo $line; done"]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let mut answers = Answers { child, to, from: BufReader::new(from) };
            answers.ask();
            answers
        }

        fn ask(&mut self) {
            self.to.write_all(b"?\n").unwrap();
            self.from.read_line(&mut String::new()).unwrap();
        }
    }

    #[test]
    fn what_a_child_does_is_put_down_to_it() {
        let mut answers = Answers::start();
        let account = Account::of(answers.child.id());
        let (cpu, wakes) = (account.cpu().unwrap(), account.wakes().unwrap());
        // A question that comes soon after the last is found without sleep.
        let has_slept = (0..10_000).any(|_| {
            answers.ask();
            account.wakes().unwrap() > wakes
        });
        assert!(has_slept);
        assert!(account.cpu().unwrap() > cpu);
        assert!(account.resident().unwrap() > 4096);
        drop(answers.to);
        answers.child.wait().unwrap();
        assert!(account.cpu().is_err());
    }

    #[test]
    fn instructions_are_counted_where_they_may_be() {
        let mut answers = Answers::start();
        let Some(mut instructions) = Instructions::of(answers.child.id()) else { return };
        let (counted, ()) = instructions
            .during(|| {
                answers.ask();
                Ok(())
            })
            .unwrap();
        assert!(counted > 1000, "{counted}");
    }

    #[test]
    fn of_nobody_there_are_no_figures() {
        let nobody = Account::of(u32::MAX);
        assert!(nobody.cpu().is_err() && nobody.wakes().is_err() && nobody.resident().is_err());
        assert!(Instructions::of(u32::MAX).is_none());
    }
}
