//! Single operations, each by several contenders. What they return is nanoseconds of processor time
//! for each operation.

mod countdown;
mod fire;
mod future;
mod pool;
mod promise;
mod queue;
mod request;
mod table;
mod timer;
mod turn;
mod wake;

use std::env;

pub use self::table::OPERATIONS;
use crate::Result;

/// As many at once as stay in the cache.
const BATCH: usize = 1000;

const MILLION: usize = 1_000_000;

/// Measures so many operations.
pub type Measure = fn(usize) -> f64;

/// How a contender is measured.
pub enum How {
    /// In Rust.
    Rust(Measure),
    /// By the C program, which calls it so.
    Libuv(&'static str),
    /// By the Node program, which calls it so.
    Node(&'static str),
}

/// One operation.
pub struct Operation {
    /// As the table calls it.
    pub name: &'static str,
    /// How many make a measurement.
    pub count: usize,
    /// With whom the others are compared.
    pub base: &'static str,
    /// The contenders and their names.
    pub contenders: &'static [(&'static str, How)],
    /// Whether a measurement takes so long that there are fewer of them.
    pub is_slow: bool,
}

impl Operation {
    const fn new(
        name: &'static str,
        count: usize,
        base: &'static str,
        contenders: &'static [(&'static str, How)],
    ) -> Operation {
        Operation { name, count, base, contenders, is_slow: false }
    }

    const fn slowly(self) -> Operation {
        Operation { is_slow: true, ..self }
    }
}

/// With `--measure OPERATION CONTENDER COUNT`, measures and prints the result. Returns whether that
/// was asked for.
pub fn measure_if_asked() -> Result<bool> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flag, operation, contender, count] = arguments.as_slice() else { return Ok(false) };
    if flag != "--measure" {
        return Ok(false);
    }
    let count: usize = count.parse()?;
    let operation = OPERATIONS.iter().find(|known| known.name == operation);
    let contenders = operation.ok_or("no operation is called so")?.contenders;
    let contender = contenders.iter().find(|(name, _)| name == contender);
    let Some((_, How::Rust(measure))) = contender else {
        return Err("it is not measured here".into());
    };
    // Memory is fetched from the system and code is loaded the first time.
    measure((count / 10).max(BATCH));
    println!("{}", measure(count));
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{How, OPERATIONS};

    #[test]
    fn names_are_unique_and_the_base_takes_part() {
        let mut names = HashSet::new();
        for operation in OPERATIONS {
            assert!(names.insert(operation.name), "{}", operation.name);
            let mut contenders = operation.contenders.iter();
            assert!(contenders.any(|(name, _)| *name == operation.base), "{}", operation.name);
        }
    }

    #[test]
    fn each_operation_is_done_to_its_end() {
        // Those with a million timers that wait take a while.
        for operation in OPERATIONS.iter().filter(|operation| !operation.name.contains("wait")) {
            for (name, how) in operation.contenders {
                if let How::Rust(measure) = how {
                    let nanos = measure(2000);
                    assert!(
                        nanos > 0.0 && nanos.is_finite(),
                        "{}: {name}: {nanos}",
                        operation.name
                    );
                }
            }
        }
    }
}
