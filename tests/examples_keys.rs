//! The example that shows keys, run at a terminal.
#![cfg(target_os = "linux")]

mod example;
mod util;

use std::process::{Command, Stdio};

use example::binary;
use util::pty::{COOKED, Pty, RAW, Session};

fn keys() -> Session {
    let pty = Pty::open();
    pty.set_size(80, 24);
    let mut session = pty.start(Command::new(binary("keys")));
    session.expect("press a key, or q to end");
    session
}

#[test]
fn what_is_typed_is_named_until_the_last_key_and_the_terminal_is_as_before() {
    let mut session = keys();
    assert_eq!(session.mode(), RAW);
    session.type_("aé\x01\x1b[A\x1b[1;5C".as_bytes());
    for name in ["a\r\n", "é\r\n", "Ctrl-A\r\n", "Up\r\n", "Ctrl-Right\r\n"] {
        session.expect(name);
    }
    session.type_(b"\x1b[200~two\nlines\x1b[201~");
    session.expect(r#"pasted "two\nlines""#);
    session.type_(b"q");
    let (status, mode) = session.mode_at_end();
    assert_eq!((status.code(), mode), (Some(0), COOKED));
}

#[test]
fn an_interrupt_is_a_key_that_ends_it_too() {
    let mut session = keys();
    session.type_(b"\x03");
    session.expect("Ctrl-C\r\n");
    let (status, mode) = session.mode_at_end();
    assert_eq!((status.code(), mode), (Some(0), COOKED));
}

#[test]
fn a_new_size_is_shown() {
    let mut session = keys();
    session.set_size(100, 40);
    session.expect("the window has 100");
    session.type_(b"q");
    assert_eq!(session.end().0.code(), Some(0));
}

#[test]
fn without_a_terminal_it_says_so() {
    let mut command = Command::new(binary("keys"));
    let output = command.stdin(Stdio::null()).output().expect("it can be run");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the input is no terminal"), "{said}");
}
