//! The parser of the example `resp`: what it makes of bytes, however they are cut.

#[path = "../examples/resp/parse.rs"]
mod parse;

use parse::{Command, Limits, Parser, ProtocolError, integer};
use proptest::prelude::*;

fn limits() -> Limits {
    Limits { line: 64, arguments: 8, argument: 100, command: 300 }
}

type Words = Vec<Vec<u8>>;

fn words(command: &Command<'_>) -> Words {
    let each = (0..command.count()).map(|at| command.argument(at).to_vec()).collect();
    assert_eq!(each, command.arguments_from(0).map(<[u8]>::to_vec).collect::<Words>());
    each
}

/// The commands in `pieces`, as a connection would take them, and the error if there is one.
fn commands(pieces: &[&[u8]], limits: Limits) -> (Vec<Words>, Option<ProtocolError>) {
    let (mut parser, mut input, mut found) = (Parser::with_limits(limits), Vec::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match parser.parse(&input) {
                Ok(Some(command)) => {
                    found.push(words(&command));
                    let length = command.length;
                    input.drain(..length);
                }
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

fn all(text: &str) -> (Vec<Words>, Option<ProtocolError>) {
    commands(&[text.as_bytes()], limits())
}

#[track_caller]
fn reads(text: &str, expected: &[&[&str]]) {
    let owned = |words: &&[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let expected: Vec<Words> = expected.iter().map(owned).collect();
    assert_eq!(all(text), (expected, None));
}

#[track_caller]
fn fails(text: &str, error: ProtocolError, words: &str) {
    assert_eq!(all(text), (Vec::new(), Some(error)));
    assert_eq!(error.to_string(), words);
}

#[test]
fn commands_are_arrays_or_lines() {
    reads("*1\r\n$4\r\nPING\r\n", &[&["PING"]]);
    reads("*2\r\n$3\r\nGET\r\n$0\r\n\r\nPING\r\n", &[&["GET", ""], &["PING"]]);
    reads("  SET  a\tb \r\nPING\n", &[&["SET", "a", "b"], &["PING"]]);
    reads("*0\r\n*-1\r\n\r\n  \n", &[&[], &[], &[], &[]]);
    reads("*2\r\n$3\r\nGET\r\n$3\r\n\r\n$\r\n", &[&["GET", "\r\n$"]]);
}

#[test]
fn quotes_of_a_line_are_taken_off() {
    reads("a \"b c\" 'd e' ''\n", &[&["a", "b c", "d e", ""]]);
    reads("\"\\x41\\n\\t\\\\\\\"\\q\" '\\'\\n'\n", &[&["A\n\t\\\"q", "'\\n"]]);
    reads("\"\\x4\"\n", &[&["x4"]]);
    for text in ["\"open\n", "'open\n", "\"a\"b\n", "\"\\\n", "a'b\n"] {
        fails(text, ProtocolError::Quotes, "unbalanced quotes in request");
    }
}

#[test]
fn faults_have_the_words_of_redis() {
    fails("*x\r\n", ProtocolError::Count, "invalid multibulk length");
    fails("*9\r\n", ProtocolError::Count, "invalid multibulk length");
    fails("*2147483648\r\n", ProtocolError::Count, "invalid multibulk length");
    fails("*1\r\n$-1\r\n", ProtocolError::Length, "invalid bulk length");
    fails("*1\r\n$101\r\n", ProtocolError::Length, "invalid bulk length");
    fails("*1\r\n$1073741824\r\n", ProtocolError::Length, "invalid bulk length");
    fails("*1\r\n$+4\r\n", ProtocolError::Length, "invalid bulk length");
    fails("*1\r\nPING\r\n", ProtocolError::NoLength(b'P'), "expected '$', got 'P'");
    fails("*1\r\n\0", ProtocolError::NoLength(0), "expected '$', got '\\x00'");
}

#[test]
fn lines_and_commands_have_an_end() {
    let endless = "x".repeat(65);
    fails(&endless, ProtocolError::LongLine, "too big inline request");
    fails(&format!("{endless}\n"), ProtocolError::LongLine, "too big inline request");
    let digits = "1".repeat(65);
    fails(&format!("*{digits}"), ProtocolError::LongCount, "too big mbulk count string");
    fails(&format!("*1\r\n${digits}"), ProtocolError::LongLength, "too big bulk count string");
    let argument = format!("$99\r\n{}\r\n", "x".repeat(99));
    fails(&format!("*4\r\n{}", argument.repeat(4)), ProtocolError::LongCommand, "too big request");
    reads(&format!("{}\n", "x".repeat(64)), &[&[&"x".repeat(64)]]);
}

#[test]
fn integers_are_what_redis_writes() {
    for value in [0, 1, -1, 10, i64::MAX, i64::MIN] {
        assert_eq!(integer(value.to_string().as_bytes()), Some(value));
    }
    let others =
        ["", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "0x1", "9223372036854775808"];
    for text in others.iter().chain(&["-9223372036854775809", "99999999999999999999"]) {
        assert_eq!(integer(text.as_bytes()), None, "{text}");
    }
}

fn encode(commands: &[Words]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for words in commands {
        bytes.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes
}

/// Bytes among which the protocol's own are frequent.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        prop::sample::select(&b"*$\r\n\"'\\ x0123-"[..]),
        prop::sample::select(&b"\r\n*1$"[..]),
        any::<u8>(),
    ];
    prop::collection::vec(byte, 0..200)
}

fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn what_is_sent_arrives(
        commands in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let bytes = encode(&commands);
        prop_assert_eq!(self::commands(&cut(&bytes, &cuts), limits()), (commands, None));
    }

    #[test]
    fn any_bytes_mean_the_same_however_they_are_cut(
        bytes in likely(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let whole = commands(&[&bytes], limits());
        prop_assert_eq!(commands(&cut(&bytes, &cuts), limits()), whole.clone());
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(commands(&single, limits()), whole);
    }
}
