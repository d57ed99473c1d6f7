//! What a server has used of the machine, as the kernel counts it.

use std::fs;
use std::time::Duration;

use unspin_rivals::Result;
use unspin_rivals::account::Account;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Processor time of all threads, to the nanosecond.
    pub(crate) cpu: Duration,
    pub(crate) ticks: Ticks,
    /// How often its threads stopped, by their own will or not.
    pub(crate) switches: u64,
}

/// Where the kernel found the process when it looked, some hundred times a second: enough of them
/// tell how its time was shared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ticks {
    user: u64,
    kernel: u64,
}

impl Usage {
    pub(crate) fn of(process: u32) -> Result<Usage> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The name in parentheses may hold anything; the times are the 12th and 13th word after it.
        let (_, words) = stat.rsplit_once(')').ok_or("no name in stat")?;
        let mut words = words.split_whitespace().skip(11).map(str::parse::<u64>);
        let mut next = || words.next().ok_or("a short stat");
        let ticks = Ticks { user: next()??, kernel: next()?? };
        let account = Account::of(process);
        Ok(Usage { cpu: account.cpu()?, ticks, switches: account.switches()? })
    }
}

impl Ticks {
    pub(crate) fn since(self, before: Ticks) -> Ticks {
        Ticks { user: self.user - before.user, kernel: self.kernel - before.kernel }
    }

    pub(crate) fn add(&mut self, more: Ticks) {
        self.user += more.user;
        self.kernel += more.kernel;
    }

    /// The share of the time outside the kernel; not a number if the process was never found.
    pub(crate) fn user_share(self) -> f64 {
        self.user as f64 / (self.user + self.kernel) as f64
    }
}
