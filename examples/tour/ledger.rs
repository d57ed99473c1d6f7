//! The account at the end: the loop's, checked against the kernel's.

use std::fmt::Write;
use std::time::Duration;

use unspin::Metrics;

use crate::kernel::Account;

pub(crate) struct Ledger {
    metrics: Metrics,
    kernel: Option<Account>,
}

/// What the loop's clock and the kernel's may differ by: the loop reads its account a moment
/// after the kernel's.
const SLACK: Duration = Duration::from_millis(2);

impl Ledger {
    pub(crate) fn of(metrics: &Metrics, before: Option<Account>) -> Ledger {
        let kernel = Account::of_this_thread().zip(before).map(|(now, before)| now.since(before));
        Ledger { metrics: *metrics, kernel }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.rows() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<30} {value:>12}");
        }
        let _ = writeln!(text, "  {}", self.verdict());
        text
    }

    pub(crate) fn beside(sleeping: &Ledger, spinning: &Ledger) -> String {
        let mut text = format!("  {:<30} {:>12} {:>12}\n", "", "sleeping", "spinning");
        for ((name, one), (_, other)) in sleeping.rows().into_iter().zip(spinning.rows()) {
            let _ = writeln!(text, "  {name:<30} {one:>12} {other:>12}");
        }
        text
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let m = &self.metrics;
        let mut rows = vec![
            ("turns", m.turns.to_string()),
            ("  of which slept", m.turns_slept.to_string()),
            ("  of which ran nothing", m.turns_empty.to_string()),
            ("tasks", m.tasks.to_string()),
            ("ticks and microtasks", (m.ticks + m.microtasks).to_string()),
            ("pool jobs", m.jobs.to_string()),
            ("frames", m.frames.to_string()),
            ("wall", millis(m.wall)),
            ("  = asleep", millis(m.asleep)),
            ("  + running", millis(m.running())),
            ("utilisation", percent(m.utilisation())),
        ];
        if let Some(kernel) = self.kernel {
            let share = kernel.cpu.as_secs_f64() / m.wall.as_secs_f64();
            rows.push(("the kernel counts: CPU", millis(kernel.cpu)));
            rows.push(("  of wall", percent(share)));
            rows.push(("  processor given up, times", kernel.gave_up.to_string()));
        }
        rows
    }

    /// Whether the two accounts can both be true.
    fn verdict(&self) -> &'static str {
        let m = &self.metrics;
        let Some(kernel) = self.kernel else { return "(the kernel's account is read on Linux)" };
        let adds_up = m.wall == m.asleep + m.running();
        if adds_up && kernel.cpu <= m.running() + SLACK {
            "the accounts agree: no CPU was used while the loop says it slept"
        } else {
            "the accounts differ: CPU was used while the loop says it slept"
        }
    }
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
