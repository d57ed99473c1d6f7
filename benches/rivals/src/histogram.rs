//! How long many things took, in a few kilobytes.

/// Each doubling is cut into as many parts: a figure is off by a thirty-second at most.
const PARTS: u64 = 32;
const PART_BITS: u32 = PARTS.trailing_zeros();

/// Longer ones count as this long: 2⁴⁰ ns are 18 minutes.
const LONGEST: u64 = (1 << 40) - 1;

/// Counts durations by their size.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; part_of(LONGEST) + 1], total: 0 }
    }
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, nanos: u64) {
        self.counts[part_of(nanos.min(LONGEST))] += 1;
        self.total += 1;
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// The nanoseconds that so many of a hundred did not exceed; `None` of nothing.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let rank = ((self.total as f64 * percent / 100.0).ceil() as u64).max(1);
        let mut seen = 0;
        let part = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some((start_of(part) + start_of(part + 1) - 1) as f64 / 2.0)
    }
}

/// Numbers below `PARTS` have a part each; each further doubling has `PARTS` of them.
fn part_of(nanos: u64) -> usize {
    let doublings = (nanos | (PARTS - 1)).ilog2() + 1 - PART_BITS;
    let part = u64::from(doublings) * PARTS + (nanos >> doublings.saturating_sub(1)) % PARTS;
    part as usize
}

/// The least number in a part.
fn start_of(part: usize) -> u64 {
    let (doublings, part) = (part as u64 / PARTS, part as u64 % PARTS);
    if doublings == 0 { part } else { (PARTS + part) << (doublings - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_between_the_ends_of_its_part() {
        for bits in 0..40 {
            for number in [1_u64 << bits, (1 << bits) + 1, (1 << bits) * 3 / 2, (2 << bits) - 1] {
                let number = number.min(LONGEST);
                let part = part_of(number);
                assert!(start_of(part) <= number, "{number}");
                assert!(number < start_of(part + 1), "{number}");
                assert!(start_of(part + 1) - start_of(part) <= (number / PARTS).max(1), "{number}");
            }
        }
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50.0), None);
        (1..=1000).for_each(|micros| histogram.add(micros * 1000));
        for (percent, exact) in [(0.0, 1e3), (50.0, 500e3), (99.0, 990e3), (100.0, 1000e3)] {
            let found = histogram.percentile(percent).unwrap();
            assert!((found / exact - 1.0).abs() < 1.0 / PARTS as f64, "{percent}: {found}");
        }
        histogram.add(u64::MAX);
        assert!(histogram.percentile(100.0).unwrap() > 1e12);
        histogram.clear();
        assert_eq!(histogram.percentile(50.0), None);
    }
}
