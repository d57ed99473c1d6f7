//! Dependencies between modules go one way.
//!
//! In lib.rs a blank line between `mod` lines parts two layers, the lowest first. A module may use
//! the layers above its own line, and not its neighbours. (Groups, not single lines, because
//! rustfmt sorts the `mod` lines of a group.) Inside the crate an item is named by its module, not
//! by the re-export at the root, so that this test can see where it comes from.

mod source;

use source::{Token, tokens};
use std::collections::HashMap;

#[test]
fn modules_use_only_the_layers_below_them() {
    let files = source::files();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let faults = faults(&files);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// What is wrong in these files of src/, given as path and text.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let (_, lib) = files.iter().find(|(path, _)| *path == "lib.rs").unwrap();
    let layers = layers(lib);
    let mut faults = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| *path != "lib.rs") {
        let place = module_path(path);
        let module = place[0];
        let Some(own) = layers.get(module) else {
            faults.push(format!("src/{path}:1: lib.rs does not declare `{module}`"));
            continue;
        };
        for Token { text: used, line } in names_at_the_root(&tokens(text), place.len()) {
            match layers.get(used) {
                _ if used == module => {}
                Some(layer) if layer < own => {}
                Some(_) => faults.push(format!("src/{path}:{line}: `{module}` uses `{used}`")),
                None => faults.push(format!(
                    "src/{path}:{line}: name the module after `crate::`; `{used}` is none"
                )),
            }
        }
    }
    faults
}

/// The layer of each module that lib.rs declares: how many blank lines stand above it. Only the
/// order of these numbers means anything.
fn layers(lib: &str) -> HashMap<&str, usize> {
    let blank_above = |line| lib.lines().take(line).filter(|l| l.trim().is_empty()).count();
    tokens(lib)
        .windows(3)
        .filter(|t| t[0].text == "mod" && t[2].text == ";")
        .map(|t| (t[1].text, blank_above(t[1].line)))
        .collect()
}

/// Where a file stands: `["net", "tcp"]` for net/tcp.rs, `["net"]` for net/mod.rs and net.rs.
fn module_path(path: &str) -> Vec<&str> {
    let path = path.trim_end_matches(".rs");
    path.strip_suffix("/mod").unwrap_or(path).split('/').collect()
}

/// The names that stand directly under the crate's root in the paths of a file, which itself is
/// `depth` modules below the root: `a` and `b` in `crate::{a::X, b}`, and `a` in `super::a` where
/// that `super` is the root.
fn names_at_the_root<'a>(tokens: &[Token<'a>], depth: usize) -> Vec<Token<'a>> {
    let mut path = Paths { tokens, found: Vec::new() };
    let mut open = 0;
    let mut inline_modules = Vec::new(); // The braces open where each begins.
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text {
            "crate" | "super" => {
                at = path.follow(at, depth + inline_modules.len());
                continue;
            }
            "mod" if path.text(at + 2) == "{" => inline_modules.push(open),
            "{" => open += 1,
            "}" => {
                open -= 1;
                if inline_modules.last() == Some(&open) {
                    inline_modules.pop();
                }
            }
            _ => {}
        }
        at += 1;
    }
    path.found
}

/// The depth of what comes after a name: whatever it is, it is not the root.
const BELOW_A_NAME: usize = usize::MAX;

struct Paths<'t, 'a> {
    tokens: &'t [Token<'a>],
    found: Vec<Token<'a>>,
}

impl<'a> Paths<'_, 'a> {
    /// Follows the path at `at`, with all its branches, in a module `depth` below the root.
    /// Returns where it ends.
    fn follow(&mut self, mut at: usize, mut depth: usize) -> usize {
        loop {
            depth = match (self.text(at), self.text(at + 1)) {
                ("crate", "::" | "as") => 0,
                ("super", "::" | "as") => depth.saturating_sub(1),
                _ => break,
            };
            at += 2;
        }
        if self.text(at) == "{" {
            return self.follow_group(at + 1, depth);
        }
        if depth == 0 {
            self.found.extend(self.tokens.get(at));
        }
        match self.text(at + 1) {
            "::" => self.follow(at + 2, BELOW_A_NAME),
            _ => at + 1,
        }
    }

    /// Follows each path up to the brace that ends the group.
    fn follow_group(&mut self, mut at: usize, depth: usize) -> usize {
        while !matches!(self.text(at), "}" | "") {
            at = match self.text(at) {
                "," => at + 1,
                "as" => at + 2,
                _ => self.follow(at, depth),
            };
        }
        at + 1
    }

    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text)
    }
}

// The checker, checked: a small crate with `error` at the bottom, then `clock`, then `timer` and
// `pool` side by side, then `net`.

const LIB: &str = "//! A crate.\n\nmod error;\n\npub(crate) mod clock;\n\n\
    mod pool;\n/// Timers.\n#[cfg(unix)]\npub mod timer;\n\npub mod net;\n\npub use net::Tcp;\n";

#[track_caller]
fn expect(path: &str, text: &str, expected: &[&str]) {
    assert_eq!(faults(&[("lib.rs", LIB), (path, text)]), expected);
}

#[test]
fn a_use_of_a_lower_layer_passes() {
    expect("timer/mod.rs", "use crate::clock::Clock;\nuse crate::error;\n", &[]);
    expect("net/tcp.rs", "fn f() -> crate::error::Result { crate::pool::go(|| 1) }", &[]);
}

#[test]
fn an_upward_use_is_reported() {
    expect("clock.rs", "\nuse crate::net::Tcp;\n", &["src/clock.rs:2: `clock` uses `net`"]);
}

#[test]
fn a_sideways_use_is_reported() {
    expect("pool/job.rs", "use crate::timer;\n", &["src/pool/job.rs:1: `pool` uses `timer`"]);
}

#[test]
fn a_path_without_use_counts() {
    let text = "fn f() {\n    crate::net::tcp::<u8>();\n}\n";
    expect("timer/mod.rs", text, &["src/timer/mod.rs:2: `timer` uses `net`"]);
}

#[test]
fn super_counts_where_it_reaches_the_root() {
    expect("clock.rs", "use super::net;\n", &["src/clock.rs:1: `clock` uses `net`"]);
    expect("pool/mod.rs", "use super::net;\n", &["src/pool/mod.rs:1: `pool` uses `net`"]);
    let text = "use super::Job;\n\nuse super::super::net::Tcp;\n";
    expect("pool/job.rs", text, &["src/pool/job.rs:3: `pool` uses `net`"]);
    let text = "use super::{\n    Job,\n    super::timer,\n};\nuse self::super::super::net;\n";
    let expected =
        ["src/pool/job.rs:3: `pool` uses `timer`", "src/pool/job.rs:5: `pool` uses `net`"];
    expect("pool/job.rs", text, &expected);
}

#[test]
fn super_may_leave_an_inline_module() {
    expect("clock.rs", "fn f() {}\nmod tests {\n    use super::*;\n}\n", &[]);
    let text = "mod tests {\n    use super::super::net;\n}\nuse super::net;\n";
    let expected = ["src/clock.rs:2: `clock` uses `net`", "src/clock.rs:4: `clock` uses `net`"];
    expect("clock.rs", text, &expected);
    expect("pool/job.rs", "mod tests { use super::super::Pool; }\npub(super) fn f() {}\n", &[]);
}

#[test]
fn each_name_of_a_brace_group_counts() {
    let text = "use crate::{error, net};\n";
    expect("pool/mod.rs", text, &["src/pool/mod.rs:1: `pool` uses `net`"]);
    let text = "use crate::{\n    clock::{Clock, net},\n    error as e,\n    timer::{self, List},\n    \
        net::{Tcp},\n};\n";
    let expected =
        ["src/pool/mod.rs:4: `pool` uses `timer`", "src/pool/mod.rs:5: `pool` uses `net`"];
    expect("pool/mod.rs", text, &expected);
}

#[test]
fn a_name_at_the_root_must_be_a_module() {
    let fault = |line: usize, name: &str| {
        format!("src/net/mod.rs:{line}: name the module after `crate::`; `{name}` is none")
    };
    expect("net/mod.rs", "use crate::Tcp;\n", &[&fault(1, "Tcp")]);
    expect("net/mod.rs", "use crate::*;\nuse super::*;\n", &[&fault(1, "*"), &fault(2, "*")]);
    expect("net/mod.rs", "\nuse crate as root;\n", &[&fault(2, "root")]);
    expect("net/mod.rs", "pub(crate) fn f() {}\npub(in crate::net) fn g() {}\n", &[]);
}

#[test]
fn comments_and_strings_do_not_count() {
    let text = r##"//! See [`crate::net::Tcp`].
/* crate::net /* */ crate::net */
fn f<'a>() { g('"', "\"crate::net", r#""crate::net"#, b'\'', '{', '\"'); }
mod tests { use super::*; }
use crate::net;
"##;
    expect("clock.rs", text, &["src/clock.rs:5: `clock` uses `net`"]);
}

#[test]
fn a_lifetime_does_not_begin_a_character() {
    let text = "fn f(x: &'static crate::net::Tcp) {}\n";
    expect("clock.rs", text, &["src/clock.rs:1: `clock` uses `net`"]);
}

#[test]
fn mod_lines_of_every_visibility_and_with_attributes_count() {
    let layers = layers(LIB);
    let mut names: Vec<_> = layers.keys().copied().collect();
    names.sort_by_key(|name| (layers[name], *name));
    assert_eq!(names, ["error", "clock", "pool", "timer", "net"]);
    assert_eq!(layers["pool"], layers["timer"]);
    assert!(layers["error"] < layers["clock"] && layers["timer"] < layers["net"]);
}

#[test]
fn a_file_that_lib_rs_does_not_declare_is_reported() {
    expect("tls.rs", "use crate::net;\n", &["src/tls.rs:1: lib.rs does not declare `tls`"]);
}
