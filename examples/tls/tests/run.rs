//! The example, run as a user runs it: it says what happened, and ends by itself.

use std::process::Command;

#[test]
fn it_speaks_to_itself_and_ends() {
    let output = Command::new(env!("CARGO_BIN_EXE_unspin-echo-tls")).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[0].starts_with("listening on 127.0.0.1:"), "{text}");
    assert!(lines[1].starts_with("a full") && lines[2].starts_with("a resumed"), "{text}");
    assert!(lines[3].starts_with("16 MiB"), "{text}");
    assert_eq!(lines[4], "3 connections served");
}
