//! What a server has used of the machine, as the kernel counts it.

use std::fs;
use std::time::Duration;

use unspin_rivals::Result;

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
        let mut usage = Usage { cpu: Duration::ZERO, ticks, switches: 0 };
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let thread = thread?.path();
            let (Ok(times), Ok(status)) = (
                fs::read_to_string(thread.join("schedstat")),
                fs::read_to_string(thread.join("status")),
            ) else {
                // It has ended in the meantime.
                continue;
            };
            let nanos = times.split_whitespace().next().ok_or("an empty schedstat")?;
            usage.cpu += Duration::from_nanos(nanos.parse()?);
            usage.switches += field(&status, "voluntary_ctxt_switches:")?;
            usage.switches += field(&status, "nonvoluntary_ctxt_switches:")?;
        }
        Ok(usage)
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

/// Bytes of memory in use.
pub(crate) fn resident(process: u32) -> Result<u64> {
    // The count in `status` is kept in batches, and so can be off by megabytes.
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    Ok(field(&rollup, "Rss:")? * 1024)
}

fn field(text: &str, name: &str) -> Result<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let value = value.and_then(|value| value.split_whitespace().next());
    Ok(value.ok_or_else(|| format!("no {name} in it"))?.parse()?)
}
