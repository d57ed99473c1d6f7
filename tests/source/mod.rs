//! The crate's own source, as the tests that read it see it: words and punctuation with their
//! lines, without comments, strings and characters.

use std::fs;
use std::path::Path;

/// A word, `::`, or one other character of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// Every Rust file under src/: its path from there, and its text.
pub(crate) fn files() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, "", &mut files);
    assert!(files.iter().any(|(path, _)| path == "lib.rs"), "no lib.rs in {}", src.display());
    files.sort();
    files
}

fn collect(dir: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap().path();
        let name = entry.file_name().unwrap().to_str().unwrap();
        if entry.is_dir() {
            collect(&entry, &format!("{prefix}{name}/"), files);
        } else if name.ends_with(".rs") {
            files.push((format!("{prefix}{name}"), fs::read_to_string(&entry).unwrap()));
        }
    }
}

/// The code of `source`, cut up.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = length_to_skip(rest, first);
        let length = if skipped > 0 { skipped } else { length_to_keep(rest, first) };
        let (text, tail) = rest.split_at(length);
        if skipped == 0 {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = tail;
    }
    tokens
}

fn length_to_keep(rest: &str, first: char) -> usize {
    match first {
        _ if in_word(first) => rest.find(|c| !in_word(c)).unwrap_or(rest.len()),
        ':' if rest.starts_with("::") => 2,
        _ => first.len_utf8(),
    }
}

/// Of white space, a comment or a literal; 0 for anything else.
fn length_to_skip(rest: &str, first: char) -> usize {
    match first {
        '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
        '/' if rest.starts_with("/*") => block_comment(rest),
        '"' => quoted(rest, '"'),
        'r' | 'b' | 'c' => raw_string(rest).unwrap_or(0),
        '\'' => {
            let mut after = rest.chars().skip(1);
            match (after.next(), after.next()) {
                (Some('\\'), _) | (_, Some('\'')) => quoted(rest, '\''),
                _ => 1, // The tick of a lifetime.
            }
        }
        _ if first.is_whitespace() => first.len_utf8(),
        _ => 0,
    }
}

/// Of a literal that begins with `quote` and ends with the next one that no backslash precedes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Of `r#"…"#` with its prefix, if that is what stands here.
fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let hashes = rest[prefix.len()..].find(|c| c != '#')?;
    let start = prefix.len() + hashes + 1;
    rest[start - 1..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

/// Of a `/* … */`, which may hold others.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    for (at, pair) in rest.as_bytes().windows(2).enumerate() {
        match pair {
            b"/*" => depth += 1,
            b"*/" if depth == 1 => return at + 2,
            b"*/" => depth -= 1,
            _ => {}
        }
    }
    rest.len()
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
