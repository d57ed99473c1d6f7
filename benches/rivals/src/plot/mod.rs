//! Draws figures as SVG, with text that stays text.

mod bars;
mod canvas;
mod lines;
mod shares;

use std::path::Path;

pub use bars::{Bar, Bars};
pub use lines::{Line, Lines};
pub use shares::{Part, Share, Shares};

use crate::Result;
use crate::figures::Figure;
use crate::sheet::Sheet;

/// A group of bars for each row, of the first reading of each contender.
pub fn first_readings(sheet: &Sheet, folder: &Path) -> Result<()> {
    let groups = sheet.rows().map(|row| {
        let firsts: Vec<&Figure> = row
            .chunk_by(|one, next| one.contender == next.contender)
            .filter_map(|of_one| of_one.first())
            .collect();
        Bars::of(&firsts)
    });
    bars::draw(
        &folder.join(format!("{}.svg", sheet.name)),
        &sheet.title,
        &groups.collect::<Vec<_>>(),
    )
}

/// A group of bars for each of those rows that have it, of one reading.
pub fn reading(path: &Path, title: &str, sheet: &Sheet, what: &str) -> Result<()> {
    let groups = sheet.rows().filter_map(|row| {
        let figures: Vec<&Figure> = row.iter().filter(|figure| figure.what == what).collect();
        (!figures.is_empty()).then(|| Bars::of(&figures))
    });
    bars::draw(path, title, &groups.collect::<Vec<_>>())
}

/// Lines over an axis of powers of ten.
pub fn lines(path: &Path, lines: &Lines) -> Result<()> {
    lines::draw(path, lines)
}

/// Bars that are parts of a whole.
pub fn shares(path: &Path, shares: &Shares) -> Result<()> {
    shares::draw(path, shares)
}
