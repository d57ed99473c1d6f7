//! What reading files costs: `cargo bench -p unspin-rivals --bench files`.
//!
//! Small files in numbers, read or looked at, one at a time and many at once; a large one by pieces;
//! and a tree of directories. The system has all of them in memory: what is measured is the way there and back, and not the disk. Pools may
//! use all cores, so the first figure is time.
#![allow(clippy::disallowed_methods, reason = "measures real time")]

mod many;
mod shelf;
mod stream;
mod tree;

use std::env;
use std::path::Path;
use std::time::Instant;

use unspin_rivals::Result;
use unspin_rivals::args::Args;
use unspin_rivals::machine::Clock;
use unspin_rivals::program::Program;
use unspin_rivals::report::{Contender, Reading, Report};

use shelf::Shelf;

/// How a contender reads: so many files, or bytes of one, or entries, from this path.
enum How {
    Rust(fn(&Path, usize)),
    Libuv(&'static str),
    Node(&'static str),
}

use How::{Libuv, Node, Rust};

struct Row {
    name: &'static str,
    base: &'static str,
    /// Of the shelf.
    kind: Kind,
    contenders: &'static [(&'static str, How)],
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Small,
    Large,
    Tree,
}

const ROWS: &[Row] = &[
    Row {
        name: "4 KiB files, one at a time",
        base: "std",
        kind: Kind::Small,
        contenders: &[
            ("unspin, callback", Rust(many::unspin_callback_one)),
            ("unspin, await", Rust(many::unspin_await_one)),
            ("std", Rust(many::std)),
            ("tokio::fs", Rust(many::tokio_one)),
            ("blocking", Rust(many::smol_one)),
            ("libuv", Libuv("one")),
            ("node", Node("one")),
        ],
    },
    Row {
        name: "4 KiB files, 64 at a time",
        base: "libuv",
        kind: Kind::Small,
        contenders: &[
            ("unspin, callback", Rust(many::unspin_callback_64)),
            ("unspin, await", Rust(many::unspin_await_64)),
            ("tokio::fs", Rust(many::tokio_64)),
            ("blocking", Rust(many::smol_64)),
            ("libuv", Libuv("64")),
            ("node", Node("64")),
        ],
    },
    Row {
        name: "4 KiB files, 64 at a time, beside tokio::fs",
        base: "tokio::fs",
        kind: Kind::Small,
        contenders: &[
            ("unspin, callback", Rust(many::unspin_callback_64)),
            ("unspin, await", Rust(many::unspin_await_64)),
            ("tokio::fs", Rust(many::tokio_64)),
        ],
    },
    Row {
        name: "a large file, 64 KiB at a time",
        base: "std",
        kind: Kind::Large,
        contenders: &[
            ("unspin, callback", Rust(stream::unspin_callback)),
            ("unspin, await", Rust(stream::unspin_await)),
            ("std", Rust(stream::std)),
            ("tokio::fs", Rust(stream::tokio)),
            ("blocking", Rust(stream::smol)),
            ("libuv", Libuv("stream")),
            ("node", Node("stream")),
        ],
    },
    Row {
        name: "stat, one at a time",
        base: "std",
        kind: Kind::Small,
        contenders: &[
            ("unspin, callback", Rust(many::unspin_callback_look_one)),
            ("unspin, await", Rust(many::unspin_await_look_one)),
            ("std", Rust(many::std_look)),
            ("tokio::fs", Rust(many::tokio_look_one)),
            ("blocking", Rust(many::smol_look_one)),
            ("libuv", Libuv("stat-one")),
            ("node", Node("stat-one")),
            ("node, promises", Node("stat-promises-one")),
        ],
    },
    Row {
        name: "stat, 64 at a time",
        base: "tokio::fs",
        kind: Kind::Small,
        contenders: &[
            ("unspin, callback", Rust(many::unspin_callback_look_64)),
            ("unspin, await", Rust(many::unspin_await_look_64)),
            ("tokio::fs", Rust(many::tokio_look_64)),
            ("blocking", Rust(many::smol_look_64)),
            ("libuv", Libuv("stat-64")),
            ("node", Node("stat-64")),
            ("node, promises", Node("stat-promises-64")),
        ],
    },
    Row {
        name: "walk a tree",
        base: "std",
        kind: Kind::Tree,
        contenders: &[
            ("unspin, callback", Rust(tree::unspin_callback)),
            ("unspin, await", Rust(tree::unspin_await)),
            ("std", Rust(tree::std)),
            ("tokio::fs", Rust(tree::tokio)),
            ("blocking", Rust(tree::smol)),
            ("node, opendir", Node("walk-opendir")),
            ("node, readdir", Node("walk-readdir")),
        ],
    },
];

fn main() -> Result<()> {
    if measure_if_asked()? {
        return Ok(());
    }
    let args = Args::from_env();
    match Shelf::fill(Path::new(env!("CARGO_TARGET_TMPDIR")), args.quick)? {
        Ok(shelf) => compare(&args, &shelf),
        Err(why) => {
            // The figures of an earlier run stay.
            println!("{why}");
            Ok(())
        }
    }
}

fn compare(args: &Args, shelf: &Shelf) -> Result<()> {
    let mut report = Report::new("files", "Reading files", args);
    let programs = Programs::find();
    report.note(shelf.describe());
    for row in ROWS {
        let contenders = row
            .contenders
            .iter()
            .map(|(name, how)| Contender::new(name, || programs.measure(row, name, how, shelf)));
        report.compare(row.name, row.base, contenders.collect())?;
    }
    report.finish()
}

/// Each measurement has a process of its own: threads that one leaves behind would do work of the
/// next.
struct Programs {
    rust: Program,
    libuv: Program,
    node: Program,
}

impl Programs {
    fn find() -> Programs {
        Programs {
            rust: Program::itself(),
            libuv: Program::libuv("files-libuv", include_str!("../../c/files.c")),
            node: Program::node(concat!(env!("CARGO_MANIFEST_DIR"), "/js/files.js")),
        }
    }

    fn measure(&self, row: &Row, name: &str, how: &How, shelf: &Shelf) -> Result<Vec<Reading>> {
        let (path, count) = shelf.take(row.kind);
        let path = path.to_str().ok_or("the path of the target directory is no text")?;
        let count = count.to_string();
        let figures = match how {
            Rust(_) => self.rust.run(&["--measure", row.name, name, path, &count])?,
            Libuv(how) => self.libuv.run(&[how, path, &count])?,
            Node(how) => self.node.run(&[how, path, &count])?,
        };
        let [time, cpu] = figures[..] else { return Err("time and CPU are two figures".into()) };
        Ok(vec![
            Reading { what: "time", unit: "ms", value: time },
            Reading { what: "CPU", unit: "ms", value: cpu },
        ])
    }
}

/// With `--measure ROW CONTENDER PATH COUNT`, measures and prints the result. Returns whether that
/// was asked for.
fn measure_if_asked() -> Result<bool> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flag, row, contender, path, count] = arguments.as_slice() else { return Ok(false) };
    if flag != "--measure" {
        return Ok(false);
    }
    let (path, count) = (Path::new(path), count.parse::<usize>()?);
    let row = ROWS.iter().find(|known| known.name == row).ok_or("no row is called so")?;
    let contender = row.contenders.iter().find(|(name, _)| name == contender);
    let Some((_, Rust(read))) = contender else { return Err("it is not measured here".into()) };
    // Memory is fetched from the system and code is loaded the first time.
    read(path, count / 10);
    let (time, cpu) = (Instant::now(), Clock::start());
    read(path, count);
    println!("{} {}", time.elapsed().as_secs_f64() * 1e3, cpu.nanos_each(1) / 1e6);
    Ok(true)
}
