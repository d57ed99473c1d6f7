//! Blocking against non-blocking: `cargo bench -p unspin-rivals --bench blocking`.
//!
//! One small server, written in five ways, under clients most of which are silent; then with a slow
//! disk behind it; then what reading files does to a loop. See `docs/benchmarks/README.md`.
#![allow(clippy::disallowed_methods, reason = "measures real time, and some servers block")]

mod client;
mod disk;
mod files;
mod pictures;
mod servers;
mod serving;
mod usage;

use std::env;
use std::time::Duration;

use client::Shape;
use files::{Files, Reader};
use servers::{BLOCKED, CALLBACKS, WAYS};
use serving::{First, Setting};
use unspin_rivals::args::Args;
use unspin_rivals::report::{Contender, Report};
use unspin_rivals::{Result, machine};

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let ["--serve", way, core, disk] = *arguments.iter().map(String::as_str).collect::<Vec<_>>()
    {
        return serving::serve(way, core, disk);
    }
    let args = Args::from_env();
    let mut report = Report::new("blocking", "Blocking, spinning, sleeping", &args);
    report.set_rounds(5);
    report.draw_with(pictures::draw);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let setting = Setting {
        cores: machine::cores(),
        folder: folder.path().to_owned(),
        warm_up: Duration::from_millis(if args.quick { 20 } else { 100 }),
        window: Duration::from_millis(if args.quick { 100 } else { 600 }),
    };
    compare_servers(&mut report, &setting)?;
    compare_with_disk(&mut report, &setting)?;
    compare_readers(&mut report, &args, &setting)?;
    report.finish()
}

/// Most clients are silent: so many talk, or all if there are fewer.
const ACTIVE: usize = 50;

/// Those of a process besides its connections.
const SPARE_DESCRIPTORS: u64 = 64;

fn compare_servers(report: &mut Report, setting: &Setting) -> Result<()> {
    let descriptors = machine::raise_descriptor_limit();
    report.note(match setting.cores.len() {
        0 | 1 => "server and clients share one core",
        _ => "the server has one core to itself, and its clients another",
    });
    if let Some(last) = setting.cores.last() {
        machine::stay_on(&[*last]);
    }
    for shape in shapes() {
        let row = row_name(shape);
        if shape.connections as u64 + SPARE_DESCRIPTORS > descriptors {
            let limit = format!("a process may have {descriptors} descriptors");
            report.note(format!("{row}: left out, as {limit}"));
            continue;
        }
        let contenders = WAYS.map(|way| serving::contender(way, shape, First::Cpu, setting));
        report.compare(&row, CALLBACKS, contenders.into())?;
    }
    Ok(())
}

fn shapes() -> Vec<Shape> {
    let talking = [1, 10, 100, 1_000, 10_000].map(|all| Shape::mostly_silent(all, ACTIVE));
    let mut shapes = vec![Shape::mostly_silent(100, 0)];
    shapes.extend(talking);
    shapes.push(Shape { thought: Duration::ZERO, ..Shape::mostly_silent(ACTIVE, ACTIVE) });
    shapes
}

fn compare_with_disk(report: &mut Report, setting: &Setting) -> Result<()> {
    let shape = Shape { from_disk: ACTIVE / 5, ..Shape::mostly_silent(100, ACTIVE) };
    let ways = WAYS.into_iter().chain([BLOCKED]);
    let contenders = ways.map(|way| serving::contender(way, shape, First::Latency, setting));
    report.compare(&row_name(shape), CALLBACKS, contenders.collect())
}

/// How rows end that have no place among those with more and more connections.
const ALL_SILENT: &str = ", all silent";
const RESTLESS: &str = ", without a pause";

fn row_name(Shape { connections, active, from_disk, thought }: Shape) -> String {
    let name = match connections {
        1 => "1 connection".to_owned(),
        few @ ..1000 => format!("{few} connections"),
        thousands => format!("{},000 connections", thousands / 1000),
    };
    match (active, from_disk) {
        (0, _) => name + ALL_SILENT,
        _ if thought.is_zero() => name + RESTLESS,
        (_, some @ 1..) => format!("{name}, {active} active, {some} of them from a slow disk"),
        _ if active < connections => format!("{name}, {active} active"),
        _ => name,
    }
}

const HOT: Files = Files { count: 64, size: 4 * 1024, cold: false };
const COLD: Files = Files { count: 16, size: 4 * 1024 * 1024, cold: true };

fn compare_readers(report: &mut Report, args: &Args, setting: &Setting) -> Result<()> {
    for (row, name, files) in
        [("files of 4 KiB, in memory", "hot", HOT), ("files of 4 MiB, on disk", "cold", COLD)]
    {
        if !args.picks(row) {
            continue;
        }
        let paths = files::make(&setting.folder.join(name), files)?;
        let contender = |name, reader| {
            let paths = &paths;
            Contender::new(name, move || files::measure(paths, files, reader, setting))
        };
        let contenders = vec![
            contender("no reads", Reader::Nobody),
            contender("read on the loop's thread", Reader::Loop),
            contender("read on the pool", Reader::Pool),
        ];
        report.compare(row, "read on the pool", contenders)?;
    }
    Ok(())
}
