//! Keys by name.

use std::fmt;
use std::ops::BitOr;

/// What a terminal sends: a key, pasted text, or something else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted, where [`Feature::BracketedPaste`](crate::terminal::Feature) is on. What is
    /// no UTF-8 is U+FFFD in it.
    Paste {
        /// The text, or a part of it.
        text: String,
        /// Whether this is the end of it: a text above the limit comes in pieces.
        complete: bool,
    },
    /// The terminal's window has the focus now, where [`Feature::FocusEvents`](crate::terminal::Feature) is on.
    FocusGained,
    /// The terminal's window has the focus no longer.
    FocusLost,
    /// A sequence of a form that is known and a meaning that is not: at most 64 bytes of it. It
    /// begins with an escape.
    Unknown(Vec<u8>),
}

/// A key with what was held down. `Display` writes it as people do: `Ctrl-C`, `Alt-Shift-Up`, `é`.
///
/// ```
/// use unspin::terminal::{Key, KeyCode, Modifiers};
///
/// let key = Key::new(KeyCode::Char('c')).with(Modifiers::CTRL);
/// assert_eq!(key.to_string(), "Ctrl-C");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Key {
    /// Which one.
    pub code: KeyCode,
    /// What was held down meanwhile, as far as the terminal tells. Letters come as they were typed:
    /// `A` is `Char('A')`, without [`Modifiers::SHIFT`].
    pub modifiers: Modifiers,
    /// Whether it went down or up. A terminal without [`Feature::KittyKeys`](crate::terminal::Feature)
    /// tells of presses only.
    pub action: KeyAction,
}

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "they are what is printed on the keys")]
pub enum KeyCode {
    /// A letter, a digit, a sign, or a space.
    Char(char),
    Enter,
    Tab,
    Backspace,
    Escape,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Insert,
    Delete,
    /// The 5 in the middle of the keypad, without Num Lock.
    Begin,
    /// A function key by its number: 1 to 35.
    F(u8),
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyAction {
    /// It went down.
    #[default]
    Press,
    /// It stayed down, and counts again.
    Repeat,
    /// It went up.
    Release,
}

/// The keys that change others.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Modifiers(u8);

impl Modifiers {
    /// None of them.
    pub const NONE: Modifiers = Modifiers(0);
    /// Shift.
    pub const SHIFT: Modifiers = Modifiers(1);
    /// Alt, or Option. An escape before the key is this, too.
    pub const ALT: Modifiers = Modifiers(2);
    /// Ctrl.
    pub const CTRL: Modifiers = Modifiers(4);
    /// Super: the Windows or the Command key.
    pub const SUPER: Modifiers = Modifiers(8);
    /// Hyper.
    pub const HYPER: Modifiers = Modifiers(16);
    /// Meta, where it is not Alt.
    pub const META: Modifiers = Modifiers(32);

    const NAMES: [(Modifiers, &str); 6] = [
        (Modifiers::CTRL, "Ctrl"),
        (Modifiers::ALT, "Alt"),
        (Modifiers::SHIFT, "Shift"),
        (Modifiers::SUPER, "Super"),
        (Modifiers::HYPER, "Hyper"),
        (Modifiers::META, "Meta"),
    ];

    /// Of xterm's parameter, which is one more than the bits. Locks are left out.
    pub(super) fn of_parameter(parameter: u32) -> Modifiers {
        Modifiers((parameter.saturating_sub(1) & 0x3f) as u8)
    }

    /// Whether all of `others` are among these.
    pub fn contains(self, others: Modifiers) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Modifiers {
    type Output = Modifiers;

    fn bitor(self, others: Modifiers) -> Modifiers {
        Modifiers(self.0 | others.0)
    }
}

impl fmt::Display for Modifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = Modifiers::NAMES.iter().filter(|(modifier, _)| self.contains(*modifier));
        for (index, (_, name)) in held.enumerate() {
            let dash = if index > 0 { "-" } else { "" };
            write!(f, "{dash}{name}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Modifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Modifiers({self})")
    }
}

impl Key {
    /// A key that was pressed alone.
    pub const fn new(code: KeyCode) -> Key {
        Key { code, modifiers: Modifiers::NONE, action: KeyAction::Press }
    }

    /// The same with `modifiers` held down as well.
    #[must_use]
    pub const fn with(self, modifiers: Modifiers) -> Key {
        Key { modifiers: Modifiers(self.modifiers.0 | modifiers.0), ..self }
    }

    /// Whether this is Ctrl with a letter, which a terminal in raw mode sends in place of a signal.
    ///
    /// ```
    /// use unspin::terminal::{Input, Keys};
    ///
    /// let mut keys = Keys::new();
    /// keys.feed(b"\x03");
    /// assert!(matches!(keys.next(), Some(Input::Key(key)) if key.is_ctrl('c')));
    /// ```
    pub fn is_ctrl(self, letter: char) -> bool {
        self.code == KeyCode::Char(letter) && self.modifiers == Modifiers::CTRL
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.modifiers.is_empty() {
            write!(f, "{}-", self.modifiers)?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            // As it is printed on the key, where it is no text.
            KeyCode::Char(char) if self.modifiers.contains(Modifiers::CTRL) => {
                write!(f, "{}", char.to_ascii_uppercase())
            }
            KeyCode::Char(char) => write!(f, "{char}"),
            KeyCode::F(number) => write!(f, "F{number}"),
            code => write!(f, "{code:?}"),
        }
    }
}
