//! Keys from bytes: what terminals send, in whole and in pieces.

use proptest::prelude::*;
use unspin::terminal::{Input, KeyAction, Keys};

/// Names of what the bytes mean, as far as that is known without waiting.
fn names(bytes: &[u8]) -> Vec<String> {
    let mut keys = Keys::new();
    keys.feed(bytes);
    keys.map(|input| name(&input)).collect()
}

fn name(input: &Input) -> String {
    match input {
        Input::Key(key) if key.action == KeyAction::Press => key.to_string(),
        Input::Key(key) => format!("{key} {:?}", key.action),
        Input::Paste { text, complete: true } => format!("paste {text}"),
        Input::Paste { text, complete: false } => format!("part {text}"),
        Input::Unknown(bytes) => format!("? {}", bytes[1..].escape_ascii()),
        other => format!("{other:?}"),
    }
}

#[track_caller]
fn expect(bytes: &[u8], expected: &[&str]) {
    assert_eq!(names(bytes), expected, "{}", bytes.escape_ascii());
}

#[test]
fn letters_and_control_keys() {
    expect("aZ5 é€🦀".as_bytes(), &["a", "Z", "5", "Space", "é", "€", "🦀"]);
    expect(b"\t\r\n\x7f\x08", &["Tab", "Enter", "Enter", "Backspace", "Backspace"]);
    expect(b"\x00\x01\x03\x1a", &["Ctrl-Space", "Ctrl-A", "Ctrl-C", "Ctrl-Z"]);
    expect(b"\x1c\x1d\x1e\x1f", &["Ctrl-\\", "Ctrl-]", "Ctrl-^", "Ctrl-_"]);
}

#[test]
fn alt_is_an_escape_before_the_key() {
    expect(b"\x1ba\x1bZ\x1b\r\x1b\x7f", &["Alt-a", "Alt-Z", "Alt-Enter", "Alt-Backspace"]);
    expect("\x1bé\x1b\x03".as_bytes(), &["Alt-é", "Ctrl-Alt-C"]);
    expect(b"\x1b\x1b[A\x1b\x1bOP", &["Alt-Up", "Alt-F1"]);
    expect(b"\x1b\x1ba", &["Escape", "Alt-a"]);
}

#[test]
fn arrows_and_their_neighbours_as_each_terminal_sends_them() {
    expect(b"\x1b[A\x1b[B\x1b[C\x1b[D", &["Up", "Down", "Right", "Left"]);
    expect(b"\x1bOA\x1bOB\x1bOC\x1bOD", &["Up", "Down", "Right", "Left"]);
    expect(b"\x1b[H\x1b[F\x1bOH\x1bOF", &["Home", "End", "Home", "End"]);
    expect(b"\x1b[1~\x1b[4~\x1b[7~\x1b[8~", &["Home", "End", "Home", "End"]);
    expect(b"\x1b[2~\x1b[3~\x1b[5~\x1b[6~", &["Insert", "Delete", "PageUp", "PageDown"]);
    expect(b"\x1b[E\x1bOE", &["Begin", "Begin"]);
    expect(b"\x1b[Z\x1b[1;5Z", &["Shift-Tab", "Ctrl-Shift-Tab"]);
}

#[test]
fn function_keys_as_each_terminal_sends_them() {
    let to_twelve = |from: usize| (from..=12).map(|f| format!("F{f}")).collect::<Vec<_>>();
    let xterm =
        b"\x1bOP\x1bOQ\x1bOR\x1bOS\x1b[15~\x1b[17~\x1b[18~\x1b[19~\x1b[20~\x1b[21~\x1b[23~\x1b[24~";
    assert_eq!(names(xterm), to_twelve(1));
    assert_eq!(names(b"\x1b[11~\x1b[12~\x1b[13~\x1b[14~\x1b[15~"), to_twelve(1)[..5]);
    assert_eq!(names(b"\x1b[[A\x1b[[B\x1b[[C\x1b[[D\x1b[[E"), to_twelve(1)[..5]);
    expect(b"\x1b[25~\x1b[26~\x1b[28~\x1b[29~", &["F13", "F14", "F15", "F16"]);
    expect(b"\x1b[31~\x1b[34~\x1b[33~\x1b[32~", &["F17", "F20", "F19", "F18"]);
    expect(b"\x1b[22~\x1b[27~\x1b[30~\x1b[99~", &["? [22~", "? [27~", "? [30~", "? [99~"]);
}

#[test]
fn modifiers_of_xterm_and_of_rxvt() {
    expect(b"\x1b[1;2A\x1b[1;3A\x1b[1;5A", &["Shift-Up", "Alt-Up", "Ctrl-Up"]);
    expect(b"\x1b[1;8P\x1b[1;9H", &["Ctrl-Alt-Shift-F1", "Super-Home"]);
    expect(b"\x1b[3;5~\x1b[24;6~", &["Ctrl-Delete", "Ctrl-Shift-F12"]);
    expect(b"\x1b[27;5;9~\x1b[27;6;65~", &["Ctrl-Tab", "Ctrl-Shift-A"]);
    expect(b"\x1bO5P\x1bO1;2Q", &["Ctrl-F1", "Shift-F2"]);
    expect(b"\x1b[a\x1b[d\x1bOa\x1bOd", &["Shift-Up", "Shift-Left", "Ctrl-Up", "Ctrl-Left"]);
    expect(b"\x1b[3$\x1b[3^\x1b[3@", &["Shift-Delete", "Ctrl-Delete", "Ctrl-Shift-Delete"]);
}

#[test]
fn the_keypad_in_its_own_mode() {
    expect(b"\x1bOM\x1bOj\x1bOk\x1bOm\x1bOn\x1bOo", &["Enter", "*", "+", "-", ".", "/"]);
    expect(b"\x1bOp\x1bOy\x1bOX\x1bOI", &["0", "9", "=", "Tab"]);
}

#[test]
fn kittys_protocol() {
    expect(b"\x1b[97;5u\x1b[27u\x1b[13;2u", &["Ctrl-A", "Escape", "Shift-Enter"]);
    expect(b"\x1b[97;1:1u\x1b[97;1:2u\x1b[97;1:3u", &["a", "a Repeat", "a Release"]);
    expect(b"\x1b[1;5:3A\x1b[3;1:2~", &["Ctrl-Up Release", "Delete Repeat"]);
    expect(b"\x1b[97:65;2;65u\x1b[57399u\x1b[57376u", &["Shift-a", "0", "F13"]);
    expect(b"\x1b[57427u\x1b[57414u\x1b[57358u", &["Begin", "Enter", "? [57358u"]);
    expect(b"\x1b[1114112u\x1b[55296u", &["? [1114112u", "? [55296u"]);
}

#[test]
fn focus_and_answers_are_no_keys() {
    expect(b"\x1b[I\x1b[O", &["FocusGained", "FocusLost"]);
    expect(b"\x1b[24;80R\x1b[?62;22c", &["? [24;80R", "? [?62;22c"]);
    expect(b"\x1b[?2026;2$y\x1b[<0;3;4M", &["? [?2026;2$y", "? [<0;3;4M"]);
    expect(b"\x1b[M !!x", &["? [M !!", "x"]);
}

#[test]
fn a_sequence_that_is_broken_off_does_not_take_the_next_key_with_it() {
    expect(b"\x1b[1;5\x03", &["? [1;5", "Ctrl-C"]);
    expect(b"\x1b[1;5\x1b[A", &["? [1;5", "Up"]);
    expect("\x1b[é".as_bytes(), &["Alt-[", "é"]);
    expect(b"\x1bO\x03\x1bO!", &["Alt-O", "Ctrl-C", "Alt-O", "!"]);
    expect(b"\x1b[[x\x1b[[A", &["? [[", "x", "F1"]);
}

#[test]
fn a_paste_is_one_event_whatever_is_in_it() {
    expect(b"a\x1b[200~rm -rf\n\x03\x1b[A\x1b[201~b", &["a", "paste rm -rf\n\x03\x1b[A", "b"]);
    expect(b"\x1b[200~\x1b[201~", &["paste "]);
    expect(b"\x1b[200~\xffx\x1b[201~", &["paste \u{fffd}x"]);
    expect(b"\x1b[201~", &["? [201~"]);
}

#[test]
fn a_paste_above_the_limit_comes_in_pieces_and_whole_characters() {
    let text = "é".repeat(100);
    let mut keys = Keys::new().paste_limit(65);
    keys.feed(format!("\x1b[200~{text}\x1b[201~x").as_bytes());
    let inputs: Vec<Input> = keys.collect();
    let (mut pasted, mut pieces) = (String::new(), Vec::new());
    for input in &inputs[..inputs.len() - 1] {
        let Input::Paste { text, complete } = input else { panic!("{input:?}") };
        pasted.push_str(text);
        pieces.push((text.len(), *complete));
    }
    assert_eq!(pasted, text);
    assert_eq!(pieces, [(64, false), (64, false), (64, false), (8, true)]);
    assert_eq!(name(&inputs[inputs.len() - 1]), "x");
}

#[test]
fn what_is_no_utf_8_is_told_as_such() {
    expect(b"\xffa\x80\xc3(", &["\u{fffd}", "a", "\u{fffd}", "\u{fffd}", "("]);
    expect(b"\xf0\x9f\xa6x", &["\u{fffd}", "x"]);
}

#[test]
fn keys_come_in_any_number_of_pieces() {
    let mut keys = Keys::new();
    let mut told = Vec::new();
    for byte in "é\x1b[1;5A\x1b[200~hi\x1b[201~🦀".bytes() {
        keys.feed(&[byte]);
        told.extend(keys.by_ref().map(|input| name(&input)));
    }
    assert_eq!(told, ["é", "Ctrl-Up", "paste hi", "🦀"]);
}

#[test]
fn a_lone_escape_is_a_key_when_nothing_follows() {
    for (bytes, expected) in [
        (&b"\x1b"[..], &["Escape"][..]),
        (b"\x1b\x1b", &["Escape", "Escape"]),
        (b"\x1b[", &["Alt-["]),
        (b"\x1bO", &["Alt-O"]),
    ] {
        let mut keys = Keys::new();
        keys.feed(bytes);
        assert_eq!(keys.next(), None);
        assert!(keys.is_ambiguous());
        keys.settle();
        let told: Vec<String> = keys.by_ref().map(|input| name(&input)).collect();
        assert_eq!(told, expected);
        assert!(!keys.is_ambiguous());
        keys.feed(b"[A");
        assert_eq!(keys.map(|input| name(&input)).collect::<Vec<_>>(), ["[", "A"]);
    }
}

#[test]
fn what_can_only_be_the_beginning_of_more_is_waited_for() {
    for bytes in [&b"a"[..], b"\x1b[1", b"\x1b[1;", b"\xc3", b"\x1b[200~x", b"\x1b[200~\x1b"] {
        let mut keys = Keys::new();
        keys.feed(bytes);
        keys.by_ref().for_each(drop);
        assert!(!keys.is_ambiguous(), "{}", bytes.escape_ascii());
    }
    let mut keys = Keys::new();
    keys.feed(b"\x1b[1;");
    keys.settle();
    assert_eq!(keys.map(|input| name(&input)).collect::<Vec<_>>(), ["? [1;"]);
}

#[test]
fn a_sequence_without_end_is_passed_over() {
    let mut bytes = b"\x1b[".to_vec();
    bytes.extend([b'1'; 100_000]);
    bytes.extend(b"Ax");
    let mut keys = Keys::new();
    keys.feed(&bytes);
    let inputs: Vec<Input> = keys.collect();
    let Input::Unknown(beginning) = &inputs[0] else { panic!("{:?}", inputs[0]) };
    assert_eq!(beginning.len(), 64);
    assert_eq!(inputs[1..].iter().map(name).collect::<Vec<_>>(), ["x"]);
}

/// Bytes that make sequences likely.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        4 => Just(b"\x1b".to_vec()),
        4 => Just(b"\x1b[".to_vec()),
        2 => Just(b"\x1bO".to_vec()),
        1 => Just(b"\x1b[200~".to_vec()),
        1 => Just(b"\x1b[201~".to_vec()),
        1 => Just(vec![b'1'; 70]),
        4 => "[0-9;:]{1,4}".prop_map(String::into_bytes),
        4 => "[@-~ -/]".prop_map(String::into_bytes),
        2 => any::<char>().prop_map(|char| char.to_string().into_bytes()),
        4 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn how_the_bytes_are_cut_makes_no_difference(
        bytes in bytes(),
        cuts in prop::collection::vec(1usize..9, 1..20),
    ) {
        let mut whole = Keys::new().paste_limit(64);
        whole.feed(&bytes);
        let expected: Vec<Input> = whole.by_ref().collect();

        let mut cut = Keys::new().paste_limit(64);
        let (mut told, mut rest, mut cuts) = (Vec::new(), &bytes[..], cuts.into_iter().cycle());
        while !rest.is_empty() {
            let length = cuts.next().unwrap().min(rest.len());
            cut.feed(&rest[..length]);
            told.extend(cut.by_ref());
            rest = &rest[length..];
        }
        prop_assert_eq!(&told, &expected);
        prop_assert_eq!(cut.is_ambiguous(), whole.is_ambiguous());

        // Nothing is kept for ever, unless a paste goes on.
        whole.settle();
        cut.settle();
        prop_assert_eq!(whole.by_ref().collect::<Vec<_>>(), cut.collect::<Vec<_>>());
        prop_assert!(!whole.is_ambiguous());
    }

    #[test]
    fn what_is_typed_comes_back(text in "[ -~é€🦀]{0,50}") {
        let mut keys = Keys::new();
        keys.feed(text.as_bytes());
        let typed: String = keys
            .map(|input| match name(&input).as_str() {
                "Space" => " ".to_owned(),
                name => name.to_owned(),
            })
            .collect();
        prop_assert_eq!(typed, text);
    }
}
