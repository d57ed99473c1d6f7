//! What a bench found out: one figure for each row, contender and reading.

use crate::stats::Spread;

/// The middle of one kind of reading, over all rounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What was done: "50 × 64 B".
    pub row: String,
    /// Who did it.
    pub contender: String,
    /// What was measured: "CPU per request".
    pub what: String,
    /// Of the values: "µs".
    pub unit: String,
    /// `None` where it could not be measured.
    pub value: Option<Spread>,
    /// Divided by that of `base`, round by round.
    pub ratio: Option<Spread>,
    /// Whom the ratio compares with.
    pub base: String,
}

impl Figure {
    /// The middle, with its unit; a dash where there is none.
    pub fn middle(&self) -> String {
        let value = number(self.value.map(|spread| spread.median));
        format!("{value} {}", self.unit).trim_end().to_owned()
    }

    /// Said beside another figure: what it is, too. Nothing of what could not be measured.
    pub fn beside(&self) -> Option<String> {
        self.value?;
        Some(format!("{} {}", self.what, self.middle()))
    }
}

/// A number with three digits that count, or a dash. What was counted has no fraction.
pub fn number(value: Option<f64>) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else { return "-".to_owned() };
    let digits = if value.fract() == 0.0 { 0 } else { 2 - value.abs().log10().floor() as i32 };
    let digits = usize::try_from(digits.min(4)).unwrap_or(0);
    grouped(&format!("{value:.digits$}"))
}

/// A number of things.
pub fn count(things: usize) -> String {
    grouped(&things.to_string())
}

/// With a comma between the thousands.
fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut text = String::new();
    for (at, digit) in whole.char_indices() {
        let left = whole.len() - at;
        if left % 3 == 0 && text.ends_with(|last: char| last.is_ascii_digit()) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

/// From the least to the greatest value.
pub fn range(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |spread| {
        format!("{}–{}", number(Some(spread.min)), number(Some(spread.max)))
    })
}

/// How many times as much as the base; a dash where there is nothing to compare.
pub fn times(ratio: Option<Spread>) -> String {
    match ratio.map(|ratio| ratio.median) {
        Some(few) if few < 100.0 => format!("{few:.2}"),
        many => number(many),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, number};

    #[test]
    fn three_digits_count() {
        let text =
            [1.234_5, 12.345, 123.45, 1_234.5, 1_234_567.0, 0.012_34, 0.000_1, 0.0, -1_500.0, 7.0]
                .map(|value| number(Some(value)));
        let expected =
            ["1.23", "12.3", "123", "1,234", "1,234,567", "0.0123", "0.0001", "0", "-1,500", "7"];
        assert_eq!(text, expected);
        assert_eq!([0, 999, 1_000, 10_000].map(count), ["0", "999", "1,000", "10,000"]);
        assert_eq!(number(None), "-");
        assert_eq!(number(Some(f64::NAN)), "-");
    }
}
