//! Bars in groups, each group with its own scale: for who is compared with whom in a row.

use std::path::Path;

use plotters::style::RGBColor;

use super::canvas::{Canvas, INK, LINE, MARGIN, OURS, PALE, Side, THEIRS, TITLE, WIDTH};
use crate::Result;
use crate::figures::{Figure, number};
use crate::stats::Spread;

/// A group of bars.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What all of them show, and the unit.
    pub title: String,
    /// From above to below.
    pub bars: Vec<Bar>,
}

/// A bar, and the line that shows from where to where its value went.
#[derive(Clone, Debug)]
pub struct Bar {
    /// In front of it.
    pub name: String,
    /// `None` is a dash.
    pub value: Option<Spread>,
    /// Of the value.
    pub unit: String,
}

impl Bars {
    /// Of one reading in one row.
    pub fn of<'a>(figures: impl Iterator<Item = &'a Figure>) -> Bars {
        let mut title = String::new();
        let bars = figures.map(|figure| {
            // Who is missing measured nothing.
            if !figure.what.is_empty() {
                title = format!("{}: {}", figure.row, figure.what);
            }
            Bar { name: figure.contender.clone(), value: figure.value, unit: figure.unit.clone() }
        });
        let bars = bars.collect();
        Bars { title, bars }
    }

    fn greatest(&self) -> f64 {
        let values = self.bars.iter().filter_map(|bar| bar.value);
        values.map(|spread| spread.max).fold(f64::MIN_POSITIVE, f64::max)
    }

    fn height(&self) -> i32 {
        LINE * (self.bars.len() as i32 + 1) + GAP
    }
}

/// Between groups.
const GAP: i32 = 16;

/// Where bars begin, and the longest ends.
const FROM: i32 = 230;
const TO: i32 = WIDTH as i32 - 130;

pub(super) fn draw(path: &Path, title: &str, groups: &[Bars]) -> Result<()> {
    let height = TITLE + LINE + groups.iter().map(Bars::height).sum::<i32>();
    let canvas = Canvas::new(path, title, height)?;
    canvas.write(
        "Bars: the middle of all rounds. Thin lines: from the least to the greatest. Each group has its own scale, from 0.",
        (MARGIN, TITLE - 4),
        Side::Left,
        12,
    )?;
    let mut top = TITLE + LINE;
    for group in groups {
        draw_group(&canvas, group, top)?;
        top += group.height();
    }
    canvas.finish()
}

fn draw_group(canvas: &Canvas<'_>, group: &Bars, top: i32) -> Result<()> {
    canvas.write(&group.title, (MARGIN, top), Side::Left, 15)?;
    let scale = f64::from(TO - FROM) / group.greatest();
    let bottom = top + LINE * (group.bars.len() as i32 + 1) - LINE / 2;
    canvas.stroke((FROM, top + LINE / 2), (FROM, bottom), PALE)?;
    for (number, bar) in group.bars.iter().enumerate() {
        draw_bar(canvas, bar, top + LINE * (number as i32 + 1), scale)?;
    }
    Ok(())
}

fn draw_bar(canvas: &Canvas<'_>, bar: &Bar, y: i32, scale: f64) -> Result<()> {
    canvas.write(&bar.name, (FROM - 8, y), Side::Right, 13)?;
    let Some(spread) = bar.value else {
        return canvas.write("-", (FROM + 8, y), Side::Left, 13);
    };
    let [min, end, max] =
        [spread.min, spread.median, spread.max].map(|value| FROM + (value * scale) as i32);
    canvas.fill((FROM, y - 7), (end, y + 7), colour(&bar.name))?;
    canvas.stroke((min, y), (max, y), INK)?;
    canvas.stroke((min, y - 3), (min, y + 3), INK)?;
    canvas.stroke((max, y - 3), (max, y + 3), INK)?;
    let text = format!("{} {}", number(Some(spread.median)), bar.unit);
    canvas.write(text.trim_end(), (end.max(max) + 8, y), Side::Left, 13)
}

fn colour(name: &str) -> RGBColor {
    if name.starts_with("unspin") { OURS } else { THEIRS }
}
