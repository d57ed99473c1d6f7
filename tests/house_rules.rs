//! What no file of src/ may do, whatever it is for.

mod source;

use source::tokens;

const LONGEST_FILE: usize = 500;
const NO_FAULTS: [&str; 0] = [];

#[test]
fn source_keeps_the_house_rules() {
    let faults: Vec<_> =
        source::files().iter().flat_map(|(path, text)| faults(path, text)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// What is wrong in a file of src/.
fn faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        faults.push(format!("src/{path}:{lines}: longer than {LONGEST_FILE} lines"));
    }
    let tokens = tokens(text);
    if !path.starts_with("sys/") {
        for token in tokens.iter().filter(|token| token.text == "unsafe") {
            faults.push(format!("src/{path}:{}: `unsafe` outside src/sys/", token.line));
        }
    }
    if path != "clock.rs" {
        for call in tokens.windows(3).filter(|t| t[1].text == "::" && t[2].text == "now") {
            if let clock @ ("Instant" | "SystemTime") = call[0].text {
                let line = call[0].line;
                faults.push(format!("src/{path}:{line}: `{clock}::now` outside src/clock.rs"));
            }
        }
    }
    faults
}

#[test]
fn a_file_of_the_longest_length_passes_and_one_line_more_does_not() {
    assert_eq!(faults("pool.rs", &"\n".repeat(LONGEST_FILE)), NO_FAULTS);
    let expected = format!("src/pool.rs:{}: longer than 500 lines", LONGEST_FILE + 1);
    assert_eq!(faults("pool.rs", &"\n".repeat(LONGEST_FILE + 1)), [expected]);
}

#[test]
fn unsafe_is_reported_outside_sys() {
    let text = "// unsafe\nfn f() {\n    unsafe { g(\"unsafe\") }\n}\n";
    assert_eq!(faults("net/tcp.rs", text), ["src/net/tcp.rs:3: `unsafe` outside src/sys/"]);
    assert_eq!(faults("sys/fd.rs", text), NO_FAULTS);
    assert_eq!(faults("lib.rs", "#![deny(unsafe_code)]\n"), NO_FAULTS);
}

#[test]
fn reading_the_time_is_reported_outside_the_clock() {
    let text = "/// Not [`Instant::now`].\nfn f() {\n    Instant::now();\n}\n\
        const F: fn() -> SystemTime = std::time::SystemTime::now;\n";
    let expected = [
        "src/timer/mod.rs:3: `Instant::now` outside src/clock.rs",
        "src/timer/mod.rs:5: `SystemTime::now` outside src/clock.rs",
    ];
    assert_eq!(faults("timer/mod.rs", text), expected);
    assert_eq!(faults("clock.rs", text), NO_FAULTS);
}
