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

/// A group of bars for each of those rows that have it, of one reading.
pub fn reading(path: &Path, title: &str, sheet: &Sheet, what: &str) -> Result<()> {
    let groups = sheet.rows().filter_map(|row| {
        let mut figures = row.iter().filter(|figure| figure.what == what).peekable();
        figures.peek().is_some().then(|| Bars::of(figures))
    });
    bars(path, title, &groups.collect::<Vec<_>>())
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Line, Lines, Part, Share, Shares, first_readings, lines, shares};
    use crate::figures::Figure;
    use crate::sheet::Sheet;
    use crate::stats::Spread;

    fn figure(contender: &str, value: Option<f64>) -> Figure {
        Figure {
            row: "50 × 64 B".to_owned(),
            contender: contender.to_owned(),
            what: value.map_or("", |_| "time").to_owned(),
            unit: "µs".to_owned(),
            value: value.map(|median| Spread { median, min: median / 2.0, max: median * 2.0 }),
            ratio: None,
            base: String::new(),
        }
    }

    /// The text is there for readers and for search, and no coordinate is broken.
    fn check(svg: &str, words: &[&str]) {
        for word in words {
            assert!(svg.contains(&format!("{word}\n</text>")), "{word} is not in {svg}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn a_missing_contender_is_a_dash_among_the_bars() {
        let folder = tempfile::tempdir().unwrap();
        let figures = vec![figure("gone", None), figure("none", Some(0.0)), figure("a", Some(2.5))];
        let sheet = Sheet { name: "echo".to_owned(), figures, ..Sheet::default() };
        first_readings(&sheet, folder.path()).unwrap();
        let svg = fs::read_to_string(folder.path().join("echo.svg")).unwrap();
        check(&svg, &["gone", "-", "none", "0 µs", "a", "2.50 µs", "50 × 64 B: time"]);
    }

    #[test]
    fn lines_without_points_are_drawn_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.svg");
        let line = |name: &str, points: &[(f64, f64)]| Line {
            name: name.to_owned(),
            points: points.to_vec(),
        };
        let plot = Lines {
            title: "Waiting".to_owned(),
            axes: ["connections".to_owned(), "ms".to_owned()],
            lines: vec![line("some", &[(1.0, 0.2), (1000.0, 30.0)]), line("none", &[])],
        };
        lines(&path, &plot).unwrap();
        check(&fs::read_to_string(&path).unwrap(), &["Waiting", "some", "none", "1,000", "ms"]);
        lines(&path, &Lines { lines: Vec::new(), ..plot }).unwrap();
        check(&fs::read_to_string(&path).unwrap(), &["Waiting"]);
    }

    #[test]
    fn parts_may_be_more_than_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shares.svg");
        let bar = Share {
            name: "busy".to_owned(),
            percents: vec![80.0, 40.0],
            remark: "5 /s".to_owned(),
        };
        let part = |name| Part { name, colour: (1, 2, 3) };
        let plot = Shares {
            title: "Time".to_owned(),
            parts: vec![part("one"), part("two")],
            groups: vec![("a group".to_owned(), vec![bar])],
            axis: "of a core".to_owned(),
        };
        shares(&path, &plot).unwrap();
        let words = ["Time", "one", "two", "a group", "busy", "5 /s", "100 %", "of a core"];
        check(&fs::read_to_string(&path).unwrap(), &words);
    }
}
