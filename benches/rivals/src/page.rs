//! The one page of all figures, `docs/benchmarks/README.md`, made of the sheets.

use std::fs;

use crate::Result;
use crate::figures::{Figure, range, times};
use crate::sheet::{Sheet, folder};

/// How it is measured; kept beside the figures for those who only read.
const HEAD: &str = include_str!("page.md");

/// Puts it together from all sheets that are kept.
pub(crate) fn rebuild() -> Result<()> {
    let folder = folder();
    let mut pictures = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".svg") {
            pictures.push(name);
        }
    }
    pictures.sort();
    fs::write(folder.join("README.md"), page(&Sheet::kept()?, &pictures))?;
    Ok(())
}

fn page(sheets: &[Sheet], pictures: &[String]) -> String {
    let mut text = HEAD.to_owned();
    for sheet in sheets {
        for picture in pictures.iter().filter(|picture| belongs(picture, &sheet.name)) {
            text += &format!("\n![{}]({picture})\n", sheet.title);
        }
    }
    if !sheets.is_empty() {
        text += "\n## All figures\n\n";
        text += &table(sheets);
        text += &notes(sheets);
        text += &machines(sheets);
    }
    text
}

/// `echo.svg` and `echo-memory.svg` are pictures of `echo`.
fn belongs(picture: &str, sheet: &str) -> bool {
    let rest = picture.strip_prefix(sheet);
    rest.is_some_and(|rest| rest.starts_with('.') || rest.starts_with('-'))
}

fn table(sheets: &[Sheet]) -> String {
    let mut text = "| Bench | Row | Who | What | Median | Least to most | Compared | Besides |\n\
                    |---|---|---|---|--:|--:|--:|---|\n"
        .to_owned();
    for sheet in sheets {
        for row in sheet.rows() {
            for of_one in row.chunk_by(|one, next| one.contender == next.contender) {
                text += &line(&sheet.name, &of_one[0], &of_one[1..]);
            }
        }
    }
    text
}

fn line(bench: &str, first: &Figure, others: &[Figure]) -> String {
    let others: Vec<String> = others.iter().filter_map(Figure::beside).collect();
    let cells = [
        bench.to_owned(),
        first.row.clone(),
        first.contender.clone(),
        first.what.clone(),
        first.middle(),
        range(first.value),
        compared(first),
        others.join("; "),
    ];
    // A bar in a name would end its cell.
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn compared(figure: &Figure) -> String {
    match figure.ratio {
        Some(_) => format!("{} × {}", times(figure.ratio), figure.base),
        None => "-".to_owned(),
    }
}

fn notes(sheets: &[Sheet]) -> String {
    let notes: Vec<String> = sheets
        .iter()
        .flat_map(|sheet| sheet.notes.iter().map(|note| format!("* {}: {note}\n", sheet.name)))
        .collect();
    if notes.is_empty() { String::new() } else { format!("\n## Notes\n\n{}", notes.concat()) }
}

/// Each description once, with the benches that were run on it.
fn machines(sheets: &[Sheet]) -> String {
    let mut text = "\n## The machine\n".to_owned();
    let mut told: Vec<&Sheet> = Vec::new();
    for sheet in sheets {
        if told.iter().any(|other| other.facts == sheet.facts) {
            continue;
        }
        let same = sheets.iter().filter(|other| other.facts == sheet.facts);
        let names: Vec<&str> = same.map(|other| other.name.as_str()).collect();
        text += &format!("\n| {} | |\n|---|---|\n", names.join(", "));
        for (name, value) in &sheet.facts {
            text += &format!("| {name} | {value} |\n");
        }
        told.push(sheet);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{HEAD, page};
    use crate::figures::Figure;
    use crate::sheet::Sheet;
    use crate::stats::Spread;

    fn sheet(name: &str) -> Sheet {
        let figure = Figure {
            row: "a row".to_owned(),
            contender: "who".to_owned(),
            what: "time".to_owned(),
            unit: "µs".to_owned(),
            value: Some(Spread { median: 2.0, min: 1.0, max: 3.0 }),
            ratio: Some(Spread { median: 0.5, min: 0.5, max: 0.5 }),
            base: "base".to_owned(),
        };
        let unknown = Figure { what: "unknown".to_owned(), value: None, ..figure.clone() };
        let memory = Figure { what: "RSS".to_owned(), unit: "MiB".to_owned(), ..figure.clone() };
        Sheet {
            name: name.to_owned(),
            title: format!("About {name}"),
            facts: vec![("cores".to_owned(), "2".to_owned())],
            notes: vec!["a note".to_owned()],
            figures: vec![figure, unknown, memory],
        }
    }

    #[test]
    fn a_line_for_each_contender_and_the_machine_once() {
        let page = page(&[sheet("echo"), sheet("files")], &["echo-2.svg".to_owned()]);
        let line = "| echo | a row | who | time | 2 µs | 1–3 | 0.50 × base | RSS 2 MiB |\n";
        assert!(page.contains(line), "{page}");
        assert!(page.contains("![About echo](echo-2.svg)\n"), "{page}");
        assert!(page.contains("* files: a note\n"), "{page}");
        assert!(page.ends_with("\n| echo, files | |\n|---|---|\n| cores | 2 |\n"), "{page}");
    }

    #[test]
    fn the_page_that_is_kept_begins_with_this_text() {
        let kept = fs::read_to_string(crate::sheet::folder().join("README.md")).unwrap();
        assert!(kept.starts_with(HEAD), "page.md has changed: copy it, or measure anew");
    }

    #[test]
    fn without_figures_there_is_only_the_text() {
        assert_eq!(page(&[], &[]), HEAD);
    }
}
