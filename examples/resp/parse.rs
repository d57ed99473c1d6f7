//! The Redis protocol, as a server reads it: bytes in, commands out.
//!
//! Without I/O, and without the rest of the program. A command that is there as a whole is not
//! copied: its arguments are parts of the input. What has been looked through is not looked through
//! again when more comes. Nothing is allocated by a length that a peer merely announces.

use std::fmt;

/// What a peer may send. The defaults are those of Redis; its version 7 takes as many arguments as
/// its own parser can count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of a line: an inline command, or a length.
    pub(crate) line: usize,
    /// Arguments of a command.
    pub(crate) arguments: usize,
    /// Bytes of an argument.
    pub(crate) argument: usize,
    /// Bytes of a whole command.
    pub(crate) command: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { line: 64 << 10, arguments: 1 << 20, argument: 512 << 20, command: 1 << 30 }
    }
}

/// Why a connection cannot go on, in Redis' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    LongLine,
    LongCount,
    LongLength,
    LongCommand,
    Count,
    Length,
    NoLength(u8),
    Quotes,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            ProtocolError::LongLine => "too big inline request",
            ProtocolError::LongCount => "too big mbulk count string",
            ProtocolError::LongLength => "too big bulk count string",
            ProtocolError::LongCommand => "too big request",
            ProtocolError::Count => "invalid multibulk length",
            ProtocolError::Length => "invalid bulk length",
            ProtocolError::NoLength(byte) => {
                return write!(f, "expected '$', got '{}'", byte.escape_ascii());
            }
            ProtocolError::Quotes => "unbalanced quotes in request",
        };
        f.write_str(words)
    }
}

/// A command: its name and arguments, none if the peer sent an empty line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    /// Bytes of the input that it took.
    pub(crate) length: usize,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
}

impl<'a> Command<'a> {
    /// How many arguments it has, the name among them.
    pub(crate) fn count(&self) -> usize {
        self.spans.len()
    }

    /// The name is argument 0.
    ///
    /// # Panics
    ///
    /// If it has not so many.
    #[inline]
    pub(crate) fn argument(&self, at: usize) -> &'a [u8] {
        let span = self.spans[at];
        &self.bytes[span.start..span.end]
    }

    /// The arguments from this one on.
    pub(crate) fn arguments_from(
        &self,
        at: usize,
    ) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.spans[at.min(self.spans.len())..].iter().map(move |span| &bytes[span.start..span.end])
    }
}

/// What has been seen of the command that is coming.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    limits: Limits,
    /// Where the next thing begins, from the beginning of the command.
    at: usize,
    /// Up to here there is no end of a line.
    searched: usize,
    stage: Stage,
    spans: Vec<Span>,
    /// The words of an inline command, with their quotes taken off.
    words: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    #[default]
    Start,
    /// So many arguments are missing.
    Length(usize),
    /// So many, the first of which has this length.
    Argument(usize, usize),
    Inline,
    Complete,
}

/// Room that is kept for the next command.
const KEPT: usize = 1024;

impl Parser {
    #[cfg(test)]
    pub(crate) fn with_limits(limits: Limits) -> Parser {
        Parser { limits, ..Parser::default() }
    }

    /// Looks for a command at the beginning of `input`. `None` if there is only a part of it: then
    /// it has to be called with the same bytes and some more. After a command, it has to be called
    /// with what comes behind it.
    pub(crate) fn parse<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<Option<Command<'a>>, ProtocolError> {
        if matches!(self.stage, Stage::Complete) {
            self.start_over();
        }
        let inline = loop {
            match self.stage {
                Stage::Start => {
                    if !self.begin(input)? {
                        return Ok(None);
                    }
                }
                Stage::Inline => {
                    if !self.split_line(input)? {
                        return Ok(None);
                    }
                    break true;
                }
                Stage::Length(0) => break false,
                Stage::Length(missing) => {
                    if !self.read_length(input, missing)? {
                        return Ok(None);
                    }
                }
                Stage::Argument(missing, length) => {
                    if !self.take_argument(input, missing, length)? {
                        return Ok(None);
                    }
                }
                Stage::Complete => break false,
            }
        };
        self.stage = Stage::Complete;
        let bytes = if inline { &self.words[..] } else { input };
        Ok(Some(Command { bytes, spans: &self.spans, length: self.at }))
    }

    fn start_over(&mut self) {
        self.stage = Stage::Start;
        (self.at, self.searched) = (0, 0);
        self.spans.clear();
        self.words.clear();
        if self.spans.capacity() > KEPT {
            self.spans = Vec::new();
        }
        if self.words.capacity() > KEPT {
            self.words = Vec::new();
        }
    }

    /// Reads the count of arguments.
    fn begin(&mut self, input: &[u8]) -> Result<bool, ProtocolError> {
        match input.first() {
            None => return Ok(false),
            Some(b'*') => {}
            Some(_) => {
                self.stage = Stage::Inline;
                return Ok(true);
            }
        }
        let Some(line) = self.line(input, ProtocolError::LongCount)? else { return Ok(false) };
        let count = integer(&line[1..]).ok_or(ProtocolError::Count)?;
        // None and fewer than none are a command of nothing, as in Redis.
        let count = usize::try_from(count).unwrap_or(0);
        if count > self.limits.arguments {
            return Err(ProtocolError::Count);
        }
        self.stage = Stage::Length(count);
        Ok(true)
    }

    fn read_length(&mut self, input: &[u8], missing: usize) -> Result<bool, ProtocolError> {
        match input.get(self.at) {
            None => return Ok(false),
            Some(b'$') => {}
            Some(&byte) => return Err(ProtocolError::NoLength(byte)),
        }
        let Some(line) = self.line(input, ProtocolError::LongLength)? else { return Ok(false) };
        let length = integer(&line[1..]).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|&length| length <= self.limits.argument);
        let length = length.ok_or(ProtocolError::Length)?;
        if self.at + length > self.limits.command {
            return Err(ProtocolError::LongCommand);
        }
        self.stage = Stage::Argument(missing, length);
        Ok(true)
    }

    /// Like Redis, does not look at the two bytes behind an argument.
    fn take_argument(
        &mut self,
        input: &[u8],
        missing: usize,
        length: usize,
    ) -> Result<bool, ProtocolError> {
        let end = self.at + length;
        if input.len() < end + 2 {
            return Ok(false);
        }
        self.spans.push(Span { start: self.at, end });
        self.at = end + 2;
        self.searched = self.at;
        self.stage = Stage::Length(missing - 1);
        Ok(true)
    }

    /// The next line without its end, `None` if that has not come.
    #[inline]
    fn line<'a>(
        &mut self,
        input: &'a [u8],
        too_long: ProtocolError,
    ) -> Result<Option<&'a [u8]>, ProtocolError> {
        let Some(end) = input[self.searched..].iter().position(|&byte| byte == b'\n') else {
            self.searched = input.len();
            let fits = input.len() - self.at <= self.limits.line;
            return if fits { Ok(None) } else { Err(too_long) };
        };
        let end = self.searched + end;
        if end - self.at > self.limits.line {
            return Err(too_long);
        }
        let line = &input[self.at..end];
        self.at = end + 1;
        self.searched = self.at;
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }

    fn split_line(&mut self, input: &[u8]) -> Result<bool, ProtocolError> {
        let Some(line) = self.line(input, ProtocolError::LongLine)? else { return Ok(false) };
        let mut rest = line.trim_ascii_start();
        while !rest.is_empty() {
            let start = self.words.len();
            rest = take_word(rest, &mut self.words).ok_or(ProtocolError::Quotes)?;
            self.spans.push(Span { start, end: self.words.len() });
            rest = rest.trim_ascii_start();
        }
        Ok(true)
    }
}

/// Appends the first word of a line, and returns what is behind it. `None` if a quote is not
/// closed, or not followed by a blank.
fn take_word<'a>(mut line: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match line {
            [] => return Some(line),
            [byte, ..] if byte.is_ascii_whitespace() => return Some(line),
            [quote @ (b'"' | b'\''), rest @ ..] => {
                line = take_quoted(rest, *quote, word)?;
                let ends = line.first().is_none_or(u8::is_ascii_whitespace);
                return ends.then_some(line);
            }
            [byte, rest @ ..] => {
                word.push(*byte);
                line = rest;
            }
        }
    }
}

/// The same up to the closing quote.
fn take_quoted<'a>(mut line: &'a [u8], quote: u8, word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, rest) = match line {
            [] => return None,
            [b'\\', b'x', high, low, rest @ ..] if quote == b'"' && is_hex(*high, *low) => {
                (hex(*high) << 4 | hex(*low), rest)
            }
            [b'\\', escaped, rest @ ..] if quote == b'"' => (unescape(*escaped), rest),
            [b'\\', b'\'', rest @ ..] => (b'\'', rest),
            [byte, rest @ ..] if *byte == quote => return Some(rest),
            [byte, rest @ ..] => (*byte, rest),
        };
        word.push(byte);
        line = rest;
    }
}

fn is_hex(high: u8, low: u8) -> bool {
    high.is_ascii_hexdigit() && low.is_ascii_hexdigit()
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

/// An integer as Redis writes it: no sign but a minus, no zeros in front, no blanks.
pub(crate) fn integer(digits: &[u8]) -> Option<i64> {
    let (negative, digits) = match digits {
        [b'0'] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if !matches!(digits, [b'1'..=b'9', ..]) || digits.len() > 19 {
        return None;
    }
    let mut value: u64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Nineteen digits fit.
        value = value * 10 + u64::from(digit - b'0');
    }
    if negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}
