//! Dates as HTTP writes them.

use std::time::{Duration, SystemTime};

/// "Sun, 06 Nov 1994 08:49:37 GMT"
pub(crate) fn format(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        MONTHS[month],
        second / 3600,
        second / 60 % 60,
        second % 60,
    )
}

/// Year, month from 0, and day of so many days since 1970. The year is taken to begin in March, so
/// that the leap day is its last.
fn civil(days: u64) -> (u64, usize, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(from_march >= 10);
    (year, month as usize, day)
}

/// Seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The header `Date`, made anew when it is asked for and may have become wrong. No timer does that:
/// a server without requests sleeps.
#[derive(Default)]
pub(crate) struct Today {
    text: String,
    /// In the loop's time.
    until: Duration,
}

impl Today {
    pub(crate) fn text(&mut self) -> &str {
        let now = unspin::now();
        if self.text.is_empty() || now >= self.until {
            let wall = wall_time();
            let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.text = format(since.as_secs());
            let left = 1_000_000_000 - since.subsec_nanos();
            self.until = now + Duration::from_nanos(u64::from(left));
        }
        &self.text
    }
}

#[expect(clippy::disallowed_methods, reason = "the date of the wall, which the loop does not keep")]
fn wall_time() -> SystemTime {
    SystemTime::now()
}
