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
use crate::sheet::Sheet;

/// A group of bars for each row, of the first reading of each contender.
pub fn first_readings(sheet: &Sheet, folder: &Path) -> Result<()> {
    let groups = sheet.rows().map(|row| {
        let each = row.chunk_by(|one, next| one.contender == next.contender);
        Bars::of(each.filter_map(|of_one| of_one.first()))
    });
    bars(&folder.join(format!("{}.svg", sheet.name)), &sheet.title, &groups.collect::<Vec<_>>())
}

/// Groups of bars, each with its own scale.
pub fn bars(path: &Path, title: &str, groups: &[Bars]) -> Result<()> {
    bars::draw(path, title, groups)
}

/// Lines over an axis of powers of ten.
pub fn lines(path: &Path, lines: &Lines) -> Result<()> {
    lines::draw(path, lines)
}

/// Bars that are parts of a whole.
pub fn shares(path: &Path, shares: &Shares) -> Result<()> {
    shares::draw(path, shares)
}
