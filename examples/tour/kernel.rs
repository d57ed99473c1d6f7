//! What the kernel counts for this thread, read from where anybody can read it.

use std::fs;
use std::time::Duration;

/// CPU time, and how often the thread gave the processor up. Linux only.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) cpu: Duration,
    pub(crate) gave_up: u64,
}

impl Account {
    pub(crate) fn of_this_thread() -> Option<Account> {
        let schedstat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let nanos = schedstat.split_whitespace().next()?.parse().ok()?;
        let status = fs::read_to_string("/proc/thread-self/status").ok()?;
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        let gave_up = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(Account { cpu: Duration::from_nanos(nanos), gave_up })
    }

    pub(crate) fn since(self, before: Account) -> Account {
        Account { cpu: self.cpu - before.cpu, gave_up: self.gave_up - before.gave_up }
    }
}
