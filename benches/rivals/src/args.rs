//! What the command line asks for.

use std::env;

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// One short round instead of all: the figures show only that it works.
    pub quick: bool,
    /// Rows to measure, by a part of their name. Empty: all of them.
    pub only: Vec<String>,
}

impl Args {
    /// Reads this program's arguments. Without `--bench`, which `cargo bench` passes and
    /// `cargo test` does not, it is quick.
    pub fn from_env() -> Args {
        Args::parse(env::args().skip(1))
    }

    fn parse(words: impl Iterator<Item = String>) -> Args {
        let (flags, only): (Vec<String>, Vec<String>) =
            words.partition(|word| word.starts_with('-'));
        let has = |flag: &str| flags.iter().any(|given| given == flag);
        Args { quick: has("--quick") || !has("--bench"), only }
    }

    /// Whether this row was asked for.
    pub fn picks(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| row.contains(part))
    }

    /// How many times each contender is measured.
    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { 7 }
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn parse(line: &str) -> Args {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn only_cargo_bench_measures_in_full() {
        assert!(parse("").quick);
        assert!(parse("--quick --bench").quick);
        assert!(!parse("--bench").quick);
    }

    #[test]
    fn words_pick_rows_by_a_part_of_their_name() {
        assert!(parse("--bench").picks("50 × 64 B"));
        assert!(parse("--bench 64 idle").picks("50 × 64 B"));
        assert!(!parse("--bench idle").picks("50 × 64 B"));
    }
}
