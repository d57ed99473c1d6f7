//! Middles and spreads.

/// The middle of some values, and how far they reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The value in the middle; of an even number, the mean of the two.
    pub median: f64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

impl Spread {
    /// Of those values that are numbers; `None` if there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Spread { median: f64::midpoint(low, high), min, max })
    }
}

/// The middle of some values.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    Spread::of(values).map(|spread| spread.median)
}

/// How the values compare with those of the same round, and how far that reaches. Neighbours in
/// time are divided, and only then is the middle taken: so a mood of the machine cancels out.
pub fn ratios(values: &[f64], base: &[f64]) -> Option<Spread> {
    let finite = |ratio: &f64| ratio.is_finite();
    Spread::of(values.iter().zip(base).map(|(value, base)| value / base).filter(finite))
}

#[cfg(test)]
mod tests {
    use super::{Spread, median, ratios};

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn what_is_missing_does_not_count() {
        let spread = Spread { median: 2.0, min: 1.0, max: 3.0 };
        assert_eq!(Spread::of([3.0, f64::NAN, 1.0]), Some(spread));
        assert_eq!(Spread::of([f64::NAN]), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The second round was slow for both.
        let spread = Spread { median: 2.0, min: 2.0, max: 2.0 };
        assert_eq!(ratios(&[2.0, 20.0, 4.0], &[1.0, 10.0, 2.0]), Some(spread));
        assert_eq!(ratios(&[1.0, 3.0], &[0.0, 1.0]).map(|ratio| ratio.median), Some(3.0));
    }
}
