//! What the figures look like: why one wants a loop, in four pictures.

use std::path::Path;

use unspin_rivals::Result;
use unspin_rivals::figures::{Figure, number};
use unspin_rivals::plot::{self, Bars, Line, Lines, Part, Share, Shares};
use unspin_rivals::sheet::Sheet;

use crate::files::{LATE, READS};
use crate::servers::ONE_AT_A_TIME;
use crate::serving::{CPU, P99, P99_FROM_DISK, USER};
use crate::{ALL_SILENT, RESTLESS};

pub(crate) fn draw(sheet: &Sheet, folder: &Path) -> Result<()> {
    plot::shares(&folder.join("blocking-1-processor.svg"), &processor(sheet))?;
    plot::lines(&folder.join("blocking-2-latency.svg"), &latency(sheet))?;
    plot::lines(&folder.join("blocking-3-memory.svg"), &memory(sheet))?;
    let title = "Who waits for the disk that others read, of those who serve all?";
    plot::bars(
        &folder.join("blocking-4-disk.svg"),
        title,
        &groups(sheet, P99, &[P99, P99_FROM_DISK]),
    )?;
    let title = "What do file reads do to a loop's timers?";
    plot::bars(&folder.join("blocking-5-files.svg"), title, &groups(sheet, LATE, &[LATE, READS]))
}

/// For each row that begins with this reading, a group for each of those.
fn groups(sheet: &Sheet, first: &str, readings: &[&str]) -> Vec<Bars> {
    let rows = sheet.rows().filter(|row| row[0].what == first);
    let groups = rows.flat_map(|row| {
        let of = move |what: &&str| {
            // Who starves all but one is told in another picture, and would dwarf the others.
            let fair = row.iter().filter(|figure| figure.contender != ONE_AT_A_TIME);
            Bars::of(fair.filter(|figure| figure.what == *what))
        };
        readings.iter().map(of)
    });
    groups.collect()
}

/// Rows of servers without a disk.
fn by_connections(sheet: &Sheet) -> impl Iterator<Item = &[Figure]> {
    sheet.rows().filter(|row| row[0].what == CPU)
}

/// Where a core's time went.
fn processor(sheet: &Sheet) -> Shares {
    let groups = by_connections(sheet).map(|row| {
        let bars = row.chunk_by(|one, next| one.contender == next.contender).map(share);
        (row[0].row.clone(), bars.collect())
    });
    Shares {
        title: "What does the processor do while a server serves?".to_owned(),
        parts: vec![
            Part { name: "the server's own code", colour: (213, 94, 0) },
            Part { name: "the kernel for it", colour: (230, 159, 0) },
            Part { name: "idle, or free for others", colour: (224, 235, 232) },
        ],
        groups: groups.collect(),
        axis: "of one core's time".to_owned(),
    }
}

fn share(of_one: &[Figure]) -> Share {
    let all = value(of_one, CPU).unwrap_or(0.0);
    // Where the kernel never found the server, it used too little to draw the parts of it.
    let user = value(of_one, USER).unwrap_or(0.0);
    let kernel = all - user;
    let requests = number(value(of_one, "requests"));
    Share {
        name: of_one[0].contender.clone(),
        percents: vec![user, kernel, 100.0 - all],
        remark: format!("{requests} requests/s"),
    }
}

fn latency(sheet: &Sheet) -> Lines {
    Lines {
        title: "How long do the slowest of a hundred requests wait?".to_owned(),
        axes: ["connections".to_owned(), "99th percentile of the latency, ms".to_owned()],
        lines: lines(sheet, P99),
    }
}

fn memory(sheet: &Sheet) -> Lines {
    Lines {
        title: "How much memory do connections take?".to_owned(),
        axes: ["connections".to_owned(), "resident memory, MiB".to_owned()],
        lines: lines(sheet, "RSS"),
    }
}

/// One for each contender, through all rows.
fn lines(sheet: &Sheet, what: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let is_point =
        |row: &&[Figure]| !row[0].row.ends_with(ALL_SILENT) && !row[0].row.ends_with(RESTLESS);
    for row in by_connections(sheet).filter(is_point) {
        for of_one in row.chunk_by(|one, next| one.contender == next.contender) {
            let name = &of_one[0].contender;
            let at = lines.iter().position(|line| line.name == *name).unwrap_or_else(|| {
                lines.push(Line { name: name.clone(), points: Vec::new() });
                lines.len() - 1
            });
            if let (Some(x), Some(y)) = (connections(&of_one[0].row), value(of_one, what)) {
                lines[at].points.push((x, y));
            }
        }
    }
    lines
}

/// The number that a row begins with.
fn connections(row: &str) -> Option<f64> {
    row.split(' ').next()?.replace(',', "").parse().ok()
}

fn value(of_one: &[Figure], what: &str) -> Option<f64> {
    let figure = of_one.iter().find(|figure| figure.what == what)?;
    figure.value.map(|spread| spread.median)
}
