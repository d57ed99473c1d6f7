//! Bars that are cut into the parts of a whole: where the processor's time went.

use std::path::Path;

use plotters::style::RGBColor;

use super::canvas::{Canvas, LINE, MARGIN, PALE, Side, TITLE, WIDTH};
use crate::Result;

/// A plot of parts.
#[derive(Clone, Debug)]
pub struct Shares {
    /// Above all.
    pub title: String,
    /// What the parts mean, from left to right.
    pub parts: Vec<Part>,
    /// Groups: a heading, and its bars.
    pub groups: Vec<(String, Vec<Share>)>,
    /// Below the axis.
    pub axis: String,
}

/// What one colour means.
#[derive(Clone, Debug)]
pub struct Part {
    /// In the legend.
    pub name: &'static str,
    /// Red, green and blue.
    pub colour: (u8, u8, u8),
}

/// A bar.
#[derive(Clone, Debug)]
pub struct Share {
    /// In front of it.
    pub name: String,
    /// One number a part; the whole is 100.
    pub percents: Vec<f64>,
    /// Behind it.
    pub remark: String,
}

const GAP: i32 = 14;
const FROM: i32 = 230;
const TO: i32 = WIDTH as i32 - 190;

pub(super) fn draw(path: &Path, shares: &Shares) -> Result<()> {
    let lines: i32 = shares.groups.iter().map(|(_, bars)| bars.len() as i32 + 1).sum();
    let bottom = TITLE + LINE + lines * LINE + shares.groups.len() as i32 * GAP;
    let canvas = Canvas::new(path, &shares.title, bottom + 2 * LINE + MARGIN)?;
    draw_axis(&canvas, shares, bottom)?;
    draw_legend(&canvas, &shares.parts)?;
    let mut y = TITLE + LINE;
    for (heading, bars) in &shares.groups {
        canvas.write(heading, (MARGIN, y), Side::Left, 15)?;
        y += LINE;
        for bar in bars {
            draw_bar(&canvas, bar, &shares.parts, y)?;
            y += LINE;
        }
        y += GAP;
    }
    canvas.finish()
}

fn draw_legend(canvas: &Canvas<'_>, parts: &[Part]) -> Result<()> {
    let mut x = FROM;
    for part in parts {
        x = canvas.legend(part.name, (x, TITLE - 6), colour(part))?;
    }
    Ok(())
}

fn draw_axis(canvas: &Canvas<'_>, shares: &Shares, bottom: i32) -> Result<()> {
    for percent in [0, 25, 50, 75, 100] {
        let x = at(f64::from(percent));
        canvas.stroke((x, TITLE + LINE), (x, bottom), PALE)?;
        canvas.write(&format!("{percent} %"), (x, bottom + 12), Side::Centre, 12)?;
    }
    canvas.write(&shares.axis, ((FROM + TO) / 2, bottom + 12 + LINE), Side::Centre, 13)
}

fn draw_bar(canvas: &Canvas<'_>, bar: &Share, parts: &[Part], y: i32) -> Result<()> {
    canvas.write(&bar.name, (FROM - 8, y), Side::Right, 13)?;
    let mut sum = 0.0;
    for (percent, part) in bar.percents.iter().zip(parts) {
        let next = (sum + percent).min(100.0);
        canvas.fill((at(sum), y - 7), (at(next), y + 7), colour(part))?;
        sum = next;
    }
    canvas.write(&bar.remark, (TO + 10, y), Side::Left, 13)
}

fn at(percent: f64) -> i32 {
    FROM + (f64::from(TO - FROM) * percent / 100.0) as i32
}

fn colour(part: &Part) -> RGBColor {
    let (red, green, blue) = part.colour;
    RGBColor(red, green, blue)
}
