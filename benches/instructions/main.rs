//! Instructions that the most important paths execute: `cargo bench --bench instructions`.
//!
//! Counts hold still on a noisy machine, and times do not: so this is what tells whether a change
//! made something slower. valgrind counts, each path in two lengths, and the difference is what one
//! more operation costs. `-- --check` fails if a path costs more than the baseline beside this file
//! allows; `-- --update` writes that anew. Another compiler makes other code: then a difference is
//! told, and fails nothing.
#![allow(clippy::disallowed_methods, reason = "its peers block, and nobody waits for them")]

mod paths;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use paths::PATHS;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What one more operation may cost above the baseline.
const TOLERANCE: f64 = 1.05;
const SHORT: usize = 5_000;
const LONG: usize = 25_000;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["--run", name, count] => run(name, count.parse()?),
        ["--check"] => check(&measure()?),
        ["--update"] => update(&measure()?),
        _ => measure().map(drop),
    }
}

fn run(name: &str, count: usize) -> Result<()> {
    let path = PATHS.iter().find(|(known, _)| *known == name).ok_or("no such path")?;
    path.1(count)
}

/// Instructions for one operation, by path; none where there is no valgrind.
fn measure() -> Result<BTreeMap<&'static str, f64>> {
    let mut measured = BTreeMap::new();
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not on this machine: nothing is counted");
        return Ok(measured);
    }
    println!("{:<32} {:>12}", "path", "instructions");
    for (name, _) in PATHS {
        let (short, long) = (count(name, SHORT)?, count(name, LONG)?);
        let each = (long - short) as f64 / (LONG - SHORT) as f64;
        println!("{name:<32} {each:>12.1}");
        measured.insert(name, each);
    }
    Ok(measured)
}

/// What valgrind counts for a whole process.
fn count(name: &str, operations: usize) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--run", name, &operations.to_string()])
        .stdout(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name} failed under valgrind:\n{said}").into());
    }
    let line = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) = line.ok_or_else(|| format!("valgrind did not tell a count:\n{said}"))?;
    Ok(number.trim().parse()?)
}

fn baseline() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/baseline.tsv")
}

fn compiler() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn update(measured: &BTreeMap<&str, f64>) -> Result<()> {
    let mut text = format!("# {}\n", compiler()?);
    for (name, _) in PATHS {
        if let Some(each) = measured.get(name) {
            text += &format!("{name}\t{each:.1}\n");
        }
    }
    Ok(fs::write(baseline(), text)?)
}

fn check(measured: &BTreeMap<&str, f64>) -> Result<()> {
    let text = fs::read_to_string(baseline())?;
    let same_compiler = text.starts_with(&format!("# {}\n", compiler()?));
    let mut dearer = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, before) = line.split_once('\t').ok_or("a baseline is a path and a number")?;
        let before: f64 = before.parse()?;
        let Some(now) = measured.get(name) else { continue };
        if *now > before * TOLERANCE {
            dearer.push(format!("{name}: {now:.1} instructions, {before:.1} before"));
        }
    }
    if dearer.is_empty() {
        return Ok(());
    }
    let told = dearer.join("\n");
    if same_compiler {
        return Err(format!(
            "slower than the baseline:\n{told}\nIf that is meant: \
             `cargo bench --bench instructions -- --update`, and say why in the commit."
        )
        .into());
    }
    println!("dearer than with the baseline's compiler, which was another one:\n{told}");
    Ok(())
}
