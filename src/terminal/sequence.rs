//! Escape sequences of keys: what xterm, VT220, rxvt, PuTTY, the Linux console and kitty send.
//!
//! ECMA-48 gives their form: `ESC [`, parameters, a final byte. What they mean is in
//! xterm's *Control Sequences* and kitty's *Comprehensive keyboard handling in terminals*.

use std::str;

use crate::terminal::key::{Input, Key, KeyAction, KeyCode, Modifiers};

/// What bytes that begin with `ESC [` or `ESC O` are.
pub(super) enum Meaning {
    /// So many of them are one sequence, which means this.
    Input(usize, Input),
    /// So many of them say that a text follows.
    PasteBegins(usize),
    /// No sequence: two keys.
    Keys,
    /// It cannot be told yet.
    Incomplete,
}

/// Reads one sequence; whatever it is, it is no longer than the bytes.
pub(super) fn read(bytes: &[u8]) -> Meaning {
    match bytes {
        [_, b'O', ..] => single_shift(bytes),
        // F1 to F5 of the Linux console.
        [_, b'[', b'[', last, ..] => match last {
            b'A'..=b'E' => key(4, KeyCode::F(last - b'A' + 1), Modifiers::NONE),
            _ => unknown(&bytes[..3]),
        },
        [_, b'[', b'['] => Meaning::Incomplete,
        _ => control_sequence(bytes),
    }
}

fn key(length: usize, code: KeyCode, modifiers: Modifiers) -> Meaning {
    Meaning::Input(length, Input::Key(Key::new(code).with(modifiers)))
}

fn unknown(bytes: &[u8]) -> Meaning {
    Meaning::Input(bytes.len(), Input::Unknown(bytes.to_vec()))
}

/// `ESC O`, old modifiers, and a letter: VT100's arrows, function keys and keypad.
fn single_shift(bytes: &[u8]) -> Meaning {
    let parameters = bytes[2..].iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b';'));
    let length = 2 + parameters.count();
    let Some(last) = bytes.get(length) else { return Meaning::Incomplete };
    let (code, modifiers) = match last {
        b'a'..=b'd' => (arrow(last - b'a'), Modifiers::CTRL),
        b'I' => (KeyCode::Tab, Modifiers::NONE),
        b'M' => (KeyCode::Enter, Modifiers::NONE),
        b'X' => (KeyCode::Char('='), Modifiers::NONE),
        // The keypad, from its star to its nine.
        b'j'..=b'y' => (KeyCode::Char((last - 0x40) as char), Modifiers::NONE),
        _ => match lettered(*last) {
            Some(code) => (code, Modifiers::NONE),
            None => return Meaning::Keys,
        },
    };
    let held = Parameters::of(&bytes[2..length]).last();
    key(length + 1, code, modifiers | Modifiers::of_parameter(held))
}

fn arrow(index: u8) -> KeyCode {
    [KeyCode::Up, KeyCode::Down, KeyCode::Right, KeyCode::Left][usize::from(index & 3)]
}

/// The keys whose sequence ends in a letter of their own.
fn lettered(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A'..=b'D' => arrow(last - b'A'),
        b'E' => KeyCode::Begin,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    })
}

/// The keys that have a number.
fn numbered(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        // There are gaps where VT220 had none of these keys.
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23..=26 => KeyCode::F(number as u8 - 12),
        28..=29 => KeyCode::F(number as u8 - 13),
        31..=34 => KeyCode::F(number as u8 - 14),
        _ => return None,
    })
}

/// `ESC [`, parameters, what is between, and a final byte.
fn control_sequence(bytes: &[u8]) -> Meaning {
    let count = |from: usize, set: fn(&u8) -> bool| {
        bytes[from..].iter().take_while(|byte| set(byte)).count()
    };
    let parameters = 2 + count(2, |byte| (0x30..=0x3f).contains(byte));
    let is_number = parameters > 2 && bytes[2..parameters].iter().all(u8::is_ascii_digit);
    if is_number && bytes.get(parameters) == Some(&b'$') {
        // rxvt's Shift.
        return tilde(&bytes[..=parameters], Modifiers::SHIFT);
    }
    let between = parameters + count(parameters, |byte| (0x20..=0x2f).contains(byte));
    match bytes.get(between) {
        None => Meaning::Incomplete,
        Some(0x40..=0x7e) if between == parameters => finished(&bytes[..=between], bytes),
        Some(0x40..=0x7e) => unknown(&bytes[..=between]),
        Some(_) if between == 2 => Meaning::Keys,
        // It was broken off: what comes now is something else.
        Some(_) => unknown(&bytes[..between]),
    }
}

/// A sequence with nothing between its parameters and its final byte. `bytes` go on behind it.
fn finished(sequence: &[u8], bytes: &[u8]) -> Meaning {
    let length = sequence.len();
    let (inner, last) = (&sequence[2..length - 1], sequence[length - 1]);
    match last {
        b'~' => tilde(sequence, Modifiers::NONE),
        b'^' => tilde(sequence, Modifiers::CTRL),
        b'@' => tilde(sequence, Modifiers::CTRL | Modifiers::SHIFT),
        b'u' => kitty(sequence),
        b'Z' => with_modifiers(sequence, KeyCode::Tab, Modifiers::SHIFT),
        b'a'..=b'd' if inner.is_empty() => key(length, arrow(last - b'a'), Modifiers::SHIFT),
        b'I' if inner.is_empty() => Meaning::Input(length, Input::FocusGained),
        b'O' if inner.is_empty() => Meaning::Input(length, Input::FocusLost),
        // A click as X10 had it: three bytes follow, of any value.
        b'M' if inner.is_empty() => bytes.get(..length + 3).map_or(Meaning::Incomplete, unknown),
        _ => match lettered(last) {
            Some(code) => with_modifiers(sequence, code, Modifiers::NONE),
            None => unknown(sequence),
        },
    }
}

/// `ESC [ 1 ; modifiers LETTER`. With another number in front it is an answer, such as where the
/// cursor is.
fn with_modifiers(sequence: &[u8], code: KeyCode, modifiers: Modifiers) -> Meaning {
    let parameters = Parameters::of(&sequence[2..sequence.len() - 1]);
    match parameters.get(0, 0) {
        Some(0 | 1) => told(sequence, parameters.key(code, modifiers)),
        _ => unknown(sequence),
    }
}

fn told(sequence: &[u8], key: Key) -> Meaning {
    Meaning::Input(sequence.len(), Input::Key(key))
}

/// `ESC [ number ; modifiers ~`, and rxvt's relatives of it.
fn tilde(sequence: &[u8], modifiers: Modifiers) -> Meaning {
    let parameters = Parameters::of(&sequence[2..sequence.len() - 1]);
    let code = match parameters.get(0, 0) {
        Some(200) => return Meaning::PasteBegins(sequence.len()),
        // xterm's modifyOtherKeys: the character comes third.
        Some(27) => parameters.get(2, 0).and_then(coded),
        Some(number) => numbered(number),
        None => None,
    };
    match code {
        Some(code) => told(sequence, parameters.key(code, modifiers)),
        None => unknown(sequence),
    }
}

/// `ESC [ code ; modifiers : action u`.
fn kitty(sequence: &[u8]) -> Meaning {
    let parameters = Parameters::of(&sequence[2..sequence.len() - 1]);
    match parameters.get(0, 0).and_then(coded) {
        Some(code) => told(sequence, parameters.key(code, Modifiers::NONE)),
        None => unknown(sequence),
    }
}

/// The key that a code point stands for; kitty's own are in the Private Use Area.
fn coded(code: u32) -> Option<KeyCode> {
    const KEYPAD: [KeyCode; 11] = [
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Insert,
        KeyCode::Delete,
        KeyCode::Begin,
    ];
    Some(match code {
        9 => KeyCode::Tab,
        10 | 13 | 57414 => KeyCode::Enter,
        27 => KeyCode::Escape,
        8 | 127 => KeyCode::Backspace,
        57376..=57398 => KeyCode::F((code - 57376) as u8 + 13),
        57399..=57408 => KeyCode::Char((b'0' + (code - 57399) as u8) as char),
        57409..=57413 => KeyCode::Char(b"./*-+"[(code - 57409) as usize] as char),
        57415 => KeyCode::Char('='),
        57416 => KeyCode::Char(','),
        57417..=57427 => KEYPAD[(code - 57417) as usize],
        // Locks, media keys, and modifiers pressed alone.
        57344..=63743 | 0..=31 => return None,
        _ => KeyCode::Char(char::from_u32(code)?),
    })
}

/// Numbers, parted by semicolons; each with more of them, parted by colons.
struct Parameters<'a>(&'a str);

impl Parameters<'_> {
    fn of(bytes: &[u8]) -> Parameters<'_> {
        Parameters(str::from_utf8(bytes).unwrap_or_default())
    }

    /// A number by its place; 0 if it is left out, `None` if it is none.
    fn get(&self, index: usize, inner: usize) -> Option<u32> {
        let group = self.0.split(';').nth(index).unwrap_or_default();
        let number = group.split(':').nth(inner).unwrap_or_default();
        if number.is_empty() { Some(0) } else { number.parse().ok() }
    }

    fn last(&self) -> u32 {
        self.0.rsplit(';').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// The key, with the modifiers and the action of the second place.
    fn key(&self, code: KeyCode, modifiers: Modifiers) -> Key {
        let held = Modifiers::of_parameter(self.get(1, 0).unwrap_or(0));
        let action = match self.get(1, 1) {
            Some(2) => KeyAction::Repeat,
            Some(3) => KeyAction::Release,
            _ => KeyAction::Press,
        };
        Key { action, ..Key::new(code).with(modifiers | held) }
    }
}
