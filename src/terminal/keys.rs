//! From the bytes that a terminal sends to keys, without any I/O.

use std::str;

use crate::terminal::key::{Input, Key, KeyCode, Modifiers};
use crate::terminal::sequence::{self, Meaning};

/// How much of one sequence is looked at. The longest that means a key has about twenty bytes.
const LONGEST: usize = 64;

/// A text that is longer comes in pieces.
const PASTE_LIMIT: usize = 1024 * 1024;

const ESCAPE: u8 = 0x1b;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Makes keys of bytes: [`feed`](Keys::feed) it what a terminal sends, and take the keys out as
/// from an iterator, which can go on after a `None`.
///
/// It knows what xterm, VT220, rxvt, PuTTY and the Linux console send, with modifiers; bracketed
/// paste; focus events; and kitty's keyboard protocol. A key may come in any number of pieces.
/// No bytes make it fail, and what it keeps of them is bounded: a sequence that never ends is
/// passed over, and of a paste at most the limit is collected.
///
/// Whether an escape is the key or the beginning of a sequence is only known when nothing follows:
/// then [`is_ambiguous`](Keys::is_ambiguous) holds, and who has waited long enough, 50 ms or so,
/// calls [`settle`](Keys::settle). [`Stdin::on_key`](crate::stdio::Stdin::on_key) does all that.
///
/// ```
/// use unspin::terminal::{Input, Keys};
///
/// let mut keys = Keys::new();
/// keys.feed(b"q\x1b[1;5A\x03");
/// let names: Vec<String> = keys
///     .by_ref()
///     .map(|input| match input {
///         Input::Key(key) => key.to_string(),
///         other => format!("{other:?}"),
///     })
///     .collect();
/// assert_eq!(names, ["q", "Ctrl-Up", "Ctrl-C"]);
/// ```
#[derive(Clone, Debug)]
pub struct Keys {
    bytes: Vec<u8>,
    /// How many of them are dealt with.
    at: usize,
    /// What follows will not belong to what is there.
    settled: bool,
    within: Within,
    paste_limit: usize,
    /// How much of a paste is known not to hold its end: so that bytes that come one by one are not
    /// searched again and again.
    searched: usize,
}

/// What the next byte is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Nothing,
    /// A sequence that was too long, and has been told of.
    TooLong,
    Paste,
}

/// What the bytes at hand begin with.
enum Step {
    /// So many of them mean this.
    Input(usize, Input),
    /// So many of them mean nothing.
    Skip(usize),
    /// It cannot be told yet.
    Incomplete,
}

impl Keys {
    /// A parser that has seen nothing.
    #[expect(clippy::new_without_default, reason = "a default would not be another one")]
    pub fn new() -> Keys {
        Keys {
            bytes: Vec::new(),
            at: 0,
            settled: false,
            within: Within::Nothing,
            paste_limit: PASTE_LIMIT,
            searched: 0,
        }
    }

    /// Sets how many bytes of a pasted text are collected before a piece of it is told. Default:
    /// 1 MiB; less than 64 becomes 64.
    #[must_use]
    pub fn paste_limit(mut self, bytes: usize) -> Keys {
        self.paste_limit = bytes.max(LONGEST);
        self
    }

    /// Takes bytes as they came. They stay until the keys are taken out.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.settled = false;
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether what is left may be a key, or the beginning of more: an escape, as a rule.
    ///
    /// To be asked when the iterator has said `None`.
    pub fn is_ambiguous(&self) -> bool {
        self.within == Within::Nothing
            && matches!(self.rest(), [ESCAPE] | [ESCAPE, ESCAPE | b'[' | b'O'])
    }

    /// Takes what is left for keys: nothing that follows will belong to it.
    pub fn settle(&mut self) {
        self.settled = true;
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn step(&mut self) -> Step {
        match self.within {
            Within::Nothing => self.key(),
            Within::TooLong => self.skip(),
            Within::Paste => self.paste(),
        }
    }

    fn key(&mut self) -> Step {
        match self.rest() {
            [] => Step::Incomplete,
            [ESCAPE, ..] => self.escape(),
            rest => character(rest, self.settled),
        }
    }

    fn escape(&mut self) -> Step {
        let rest = self.rest();
        match rest {
            // rxvt's Alt with a key that has a sequence.
            [ESCAPE, ESCAPE, b'[' | b'O', ..] => self.sequence(1),
            [ESCAPE, b'[' | b'O', ..] => self.sequence(0),
            [ESCAPE] | [ESCAPE, ESCAPE] if !self.settled => Step::Incomplete,
            [ESCAPE] | [ESCAPE, ESCAPE, ..] => Step::Input(1, plain(KeyCode::Escape)),
            _ => with_alt(1, character(&rest[1..], self.settled)),
        }
    }

    /// A sequence behind so many escapes that mean Alt.
    fn sequence(&mut self, alts: usize) -> Step {
        let rest = &self.rest()[alts..];
        let rest = &rest[..rest.len().min(LONGEST)];
        let keys = || with_alt(alts + 1, character(&rest[1..], true));
        match sequence::read(rest) {
            Meaning::Input(length, input) => with_alt(alts, Step::Input(length, input)),
            Meaning::Keys => keys(),
            Meaning::PasteBegins(length) => {
                self.within = Within::Paste;
                Step::Skip(alts + length)
            }
            Meaning::Incomplete if rest.len() == LONGEST => {
                let input = Input::Unknown(rest.to_vec());
                self.within = Within::TooLong;
                Step::Input(alts + LONGEST, input)
            }
            // Two bytes are a key with Alt; more are no key whatever comes.
            Meaning::Incomplete if self.settled && rest.len() == 2 => keys(),
            Meaning::Incomplete if self.settled => {
                Step::Input(alts + rest.len(), Input::Unknown(rest.to_vec()))
            }
            Meaning::Incomplete => Step::Incomplete,
        }
    }

    fn skip(&mut self) -> Step {
        let rest = self.rest();
        let inner = rest.iter().take_while(|byte| (0x20..=0x3f).contains(*byte)).count();
        let Some(last) = rest.get(inner) else {
            return if inner == 0 { Step::Incomplete } else { Step::Skip(inner) };
        };
        let length = inner + usize::from((0x40..=0x7e).contains(last));
        self.within = Within::Nothing;
        Step::Skip(length)
    }

    /// The text up to the end mark; of one above the limit, a piece.
    fn paste(&mut self) -> Step {
        let rest = &self.bytes[self.at..];
        // What is behind the limit may be a part of the end mark.
        let most = self.paste_limit + PASTE_END.len();
        let rest = &rest[..rest.len().min(most)];
        let mut windows = rest[self.searched..].windows(PASTE_END.len());
        let end = windows.position(|window| window == PASTE_END);
        if end.is_none() && rest.len() < most {
            self.searched = rest.len().saturating_sub(PASTE_END.len() - 1);
            return Step::Incomplete;
        }
        let length = match end {
            Some(end) => self.searched + end,
            None => whole_characters(&rest[..self.paste_limit]),
        };
        let text = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.searched = 0;
        match end {
            Some(_) => {
                self.within = Within::Nothing;
                Step::Input(length + PASTE_END.len(), Input::Paste { text, complete: true })
            }
            None => Step::Input(length, Input::Paste { text, complete: false }),
        }
    }
}

impl Iterator for Keys {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        loop {
            match self.step() {
                Step::Input(length, input) => {
                    self.at += length;
                    return Some(input);
                }
                Step::Skip(length) => self.at += length,
                Step::Incomplete => {
                    self.bytes.drain(..self.at);
                    self.at = 0;
                    return None;
                }
            }
        }
    }
}

fn plain(code: KeyCode) -> Input {
    Input::Key(Key::new(code))
}

/// The same behind so many escapes, which mean Alt if there are any.
fn with_alt(escapes: usize, step: Step) -> Step {
    match step {
        Step::Input(length, Input::Key(key)) if escapes > 0 => {
            Step::Input(escapes + length, Input::Key(key.with(Modifiers::ALT)))
        }
        Step::Input(length, input) => Step::Input(escapes + length, input),
        Step::Skip(length) => Step::Skip(escapes + length),
        Step::Incomplete => Step::Incomplete,
    }
}

/// The key that the first character is.
fn character(bytes: &[u8], settled: bool) -> Step {
    let Some(first) = bytes.first() else { return Step::Incomplete };
    if first.is_ascii() {
        return Step::Input(1, Input::Key(ascii(*first)));
    }
    let (length, char) = match str::from_utf8(&bytes[..bytes.len().min(4)]) {
        Ok(text) => first_of(text),
        Err(error) if error.valid_up_to() > 0 => {
            first_of(str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default())
        }
        Err(error) => match error.error_len() {
            Some(length) => (length, char::REPLACEMENT_CHARACTER),
            None if settled => (bytes.len(), char::REPLACEMENT_CHARACTER),
            None => return Step::Incomplete,
        },
    };
    Step::Input(length, plain(KeyCode::Char(char)))
}

fn first_of(text: &str) -> (usize, char) {
    let char = text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
    (char.len_utf8(), char)
}

fn ascii(byte: u8) -> Key {
    let ctrl = |char: u8| Key::new(KeyCode::Char(char as char)).with(Modifiers::CTRL);
    match byte {
        0 => ctrl(b' '),
        // Some terminals send the one for Backspace, some the other.
        0x08 | 0x7f => Key::new(KeyCode::Backspace),
        b'\t' => Key::new(KeyCode::Tab),
        // The second is what comes where the terminal translates the first.
        b'\r' | b'\n' => Key::new(KeyCode::Enter),
        ESCAPE => Key::new(KeyCode::Escape),
        0x01..=0x1a => ctrl(byte - 1 + b'a'),
        0x1c..=0x1f => ctrl(byte + 0x40),
        _ => Key::new(KeyCode::Char(byte as char)),
    }
}

/// How many of these bytes there are without the beginning of a character at their end.
fn whole_characters(bytes: &[u8]) -> usize {
    let begins = |byte: &u8| *byte & 0xc0 != 0x80;
    let last = bytes.iter().rev().take(4).position(begins).map(|back| bytes.len() - 1 - back);
    match last {
        Some(last) if str::from_utf8(&bytes[last..]).is_err_and(|e| e.error_len().is_none()) => {
            last
        }
        _ => bytes.len(),
    }
}
