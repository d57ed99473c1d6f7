//! Paper, ink and letters that all plots share.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Result;

pub(crate) const WIDTH: u32 = 900;

/// Between the edge and what is drawn.
pub(crate) const MARGIN: i32 = 16;

/// Of a line of text, with what surrounds it.
pub(crate) const LINE: i32 = 22;

/// Of the title, with the room below it.
pub(crate) const TITLE: i32 = 52;

/// The loop is easy to find in every plot.
pub(crate) const OURS: RGBColor = RGBColor(0, 121, 107);
pub(crate) const THEIRS: RGBColor = RGBColor(144, 164, 174);
pub(crate) const INK: RGBColor = RGBColor(38, 50, 56);
pub(crate) const PALE: RGBColor = RGBColor(207, 216, 220);

/// Of lines that cross: told apart by those who see no red and green, too.
pub(crate) const COLOURS: [RGBColor; 6] = [
    RGBColor(213, 94, 0),
    RGBColor(86, 180, 233),
    RGBColor(204, 121, 167),
    OURS,
    RGBColor(230, 159, 0),
    RGBColor(0, 114, 178),
];

/// A place on the paper, in pixels.
pub(crate) type At = (i32, i32);

pub(crate) struct Canvas<'a> {
    pub(crate) area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Where a text ends or begins.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Left,
    Centre,
    Right,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(path: &'a Path, title: &str, height: i32) -> Result<Canvas<'a>> {
        let area = SVGBackend::new(path, (WIDTH, height.try_into()?)).into_drawing_area();
        area.fill(&WHITE)?;
        let canvas = Canvas { area };
        canvas.write(title, (MARGIN, MARGIN + 10), Side::Left, 19)?;
        Ok(canvas)
    }

    /// Text whose middle line goes through this place.
    pub(crate) fn write(&self, text: &str, at: At, side: Side, size: i32) -> Result<()> {
        let side = match side {
            Side::Left => HPos::Left,
            Side::Centre => HPos::Center,
            Side::Right => HPos::Right,
        };
        let style = ("sans-serif", size).into_font().color(&INK);
        self.area.draw(&Text::new(text, at, style.pos(Pos::new(side, VPos::Center))))?;
        Ok(())
    }

    pub(crate) fn fill(&self, from: At, to: At, colour: RGBColor) -> Result<()> {
        self.area.draw(&Rectangle::new([from, to], colour.filled()))?;
        Ok(())
    }

    pub(crate) fn stroke(&self, from: At, to: At, colour: RGBColor) -> Result<()> {
        self.area.draw(&PathElement::new(vec![from, to], colour.stroke_width(1)))?;
        Ok(())
    }

    /// A coloured box with its meaning; returns where the next one may stand.
    pub(crate) fn legend(&self, text: &str, (x, y): At, colour: RGBColor) -> Result<i32> {
        self.fill((x, y - 6), (x + 12, y + 6), colour)?;
        self.write(text, (x + 18, y), Side::Left, 13)?;
        Ok(x + 18 + width_of(text) + 24)
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.area.present()?;
        Ok(())
    }
}

/// About how wide a text of the usual size is: fonts differ, and none is asked.
fn width_of(text: &str) -> i32 {
    text.chars().count() as i32 * 7
}
