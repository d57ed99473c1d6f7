//! The tables of docs/libuv.md name tests: each of them is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The functions of each file below `directory`, by the file's name.
fn functions(directory: &Path, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in fs::read_dir(directory).expect("it is a directory") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("it is text");
            let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
            let words = text.split("fn ").skip(1);
            let names = words.filter_map(|word| word.split(['(', '<']).next());
            found.entry(name).or_default().extend(names.map(str::to_owned));
        }
    }
}

/// What stands between backticks in the cells behind the first: tests, and other words.
fn named(table: &str) -> impl Iterator<Item = &str> {
    let rows = table.lines().filter(|line| line.starts_with('|'));
    let cells = rows.flat_map(|row| row.split(" | ").skip(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2))
}

/// A test's name is a sentence, with its file before it or without.
fn is_test(word: &str) -> bool {
    let name = word.rsplit("::").next().unwrap_or(word);
    let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    name.matches('_').count() >= 4 && name.split("::").all(is_name)
}

#[test]
fn every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeMap::new();
    functions(&root.join("tests"), &mut tests);
    functions(&root.join("src"), &mut tests);
    let table = fs::read_to_string(root.join("docs/libuv.md")).expect("it is there");
    let missing: Vec<_> = named(&table)
        .filter(|word| is_test(word))
        .filter(|word| match word.rsplit_once("::") {
            Some((file, name)) if tests.contains_key(file) => !tests[file].contains(name),
            // A module within a file, or the file is said before.
            Some((_, name)) => !tests.values().any(|names| names.contains(name)),
            None => !tests.values().any(|names| names.contains(*word)),
        })
        .collect();
    assert!(missing.is_empty(), "docs/libuv.md names what is not there: {missing:#?}");
    assert!(named(&table).filter(|word| is_test(word)).count() > 150, "the tables are found");
}
