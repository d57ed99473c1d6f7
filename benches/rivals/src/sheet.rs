//! Keeps what a bench found out in a file that people and programs can read.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::figures::Figure;
use crate::stats::Spread;

/// All figures of one bench, and what belongs to them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// That of its files.
    pub name: String,
    /// For readers.
    pub title: String,
    /// The machine, and how it was measured.
    pub facts: Vec<(String, String)>,
    /// Sentences below the table.
    pub notes: Vec<String>,
    /// Row by row, and within a row contender by contender.
    pub figures: Vec<Figure>,
}

/// Of the columns, in the order of the fields of a line.
const HEAD: &str =
    "row\tcontender\twhat\tunit\tmedian\tmin\tmax\tbase\tratio\tratio_min\tratio_max";

/// Where the figures are kept.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks")
}

impl Sheet {
    /// Tab-separated values below lines that begin with `#`.
    pub fn to_tsv(&self) -> String {
        let mut text = format!("# title: {}\n", self.title);
        for (name, value) in &self.facts {
            text += &format!("# {name}: {value}\n");
        }
        for note in &self.notes {
            text += &format!("# note: {note}\n");
        }
        text += HEAD;
        for figure in &self.figures {
            let Figure { row, contender, what, unit, value, ratio, base } = figure;
            let (value, ratio) = (columns(*value), columns(*ratio));
            text += &format!("\n{row}\t{contender}\t{what}\t{unit}\t{value}\t{base}\t{ratio}");
        }
        text + "\n"
    }

    /// The reverse.
    pub fn from_tsv(name: &str, text: &str) -> Result<Sheet> {
        let mut sheet = Sheet { name: name.to_owned(), ..Sheet::default() };
        for line in text.lines().filter(|line| *line != HEAD) {
            match line.strip_prefix("# ").and_then(|line| line.split_once(": ")) {
                Some(("title", title)) => sheet.title = title.to_owned(),
                Some(("note", note)) => sheet.notes.push(note.to_owned()),
                Some((name, value)) => sheet.facts.push((name.to_owned(), value.to_owned())),
                None => sheet.figures.push(figure(line).ok_or_else(|| format!("{name}: {line}"))?),
            }
        }
        Ok(sheet)
    }

    /// All that are kept, the headline first.
    pub fn kept() -> Result<Vec<Sheet>> {
        let mut sheets = Vec::new();
        for entry in fs::read_dir(folder())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "tsv") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                sheets.push(Sheet::from_tsv(&name, &fs::read_to_string(&path)?)?);
            }
        }
        sheets.sort_by_key(|sheet| (sheet.name != "blocking", sheet.name.clone()));
        Ok(sheets)
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = &[Figure]> {
        self.figures.chunk_by(|one, next| one.row == next.row)
    }
}

fn columns(spread: Option<Spread>) -> String {
    spread.map_or_else(
        || "\t\t".to_owned(),
        |Spread { median, min, max }| format!("{median}\t{min}\t{max}"),
    )
}

fn figure(line: &str) -> Option<Figure> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [row, contender, what, unit, median, min, max, base, ratio, ratio_min, ratio_max] =
        <[&str; 11]>::try_from(fields).ok()?;
    Some(Figure {
        row: row.to_owned(),
        contender: contender.to_owned(),
        what: what.to_owned(),
        unit: unit.to_owned(),
        value: spread([median, min, max])?,
        ratio: spread([ratio, ratio_min, ratio_max])?,
        base: base.to_owned(),
    })
}

/// Nothing where the fields are empty, and `None` where they are no numbers.
fn spread(fields: [&str; 3]) -> Option<Option<Spread>> {
    if fields == [""; 3] {
        return Some(None);
    }
    let [median, min, max] = fields.map(str::parse::<f64>);
    Some(Some(Spread { median: median.ok()?, min: min.ok()?, max: max.ok()? }))
}

#[cfg(test)]
mod tests {
    use super::Sheet;
    use crate::figures::Figure;
    use crate::stats::Spread;

    #[test]
    fn what_is_written_is_read_again() {
        let spread = Spread { median: 1.25, min: 1.0, max: 1e-7 };
        let figure = Figure {
            row: "50 × 64 B".to_owned(),
            contender: "tokio".to_owned(),
            what: "CPU per request".to_owned(),
            unit: "µs".to_owned(),
            value: Some(spread),
            ratio: None,
            base: "epoll".to_owned(),
        };
        let missing = Figure { value: None, contender: "libuv".to_owned(), ..figure.clone() };
        let sheet = Sheet {
            name: "echo".to_owned(),
            title: "Echo servers: all of them".to_owned(),
            facts: vec![("kernel".to_owned(), "Linux 6: x".to_owned())],
            notes: vec!["libuv: not on this machine".to_owned()],
            figures: vec![figure, missing],
        };
        assert_eq!(Sheet::from_tsv("echo", &sheet.to_tsv()).unwrap(), sheet);
    }

    #[test]
    fn a_line_that_is_no_figure_is_an_error() {
        let error = Sheet::from_tsv("echo", "half a\tline").unwrap_err();
        assert_eq!(error.to_string(), "echo: half a\tline");
    }
}
