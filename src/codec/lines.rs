//! Lines.

use std::ops::Range;

use crate::codec::delimiter::{find, too_long};
use crate::codec::pieces::{Cut, Pieces};
use crate::error::Result;

/// Cuts bytes into lines: at `\n`, which is given out with no line, nor is a `\r` in front of it.
///
/// ```
/// use unspin::codec::LineDecoder;
///
/// # fn main() -> unspin::Result<()> {
/// let mut lines = LineDecoder::new();
/// let mut found = Vec::new();
/// for mut chunk in [&b"on"[..], b"e\r\ntwo\nth", b"ree"] {
///     while let Some(line) = lines.decode(&mut chunk)? {
///         found.push(line.to_vec());
///     }
/// }
/// found.extend(lines.finish()?.map(<[u8]>::to_vec));
/// assert_eq!(found, [&b"one"[..], b"two", b"three"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct LineDecoder(Pieces<LineCut>);

impl LineDecoder {
    /// The longest line there may be, in bytes, if nothing else is said: 64 KiB.
    pub const DEFAULT_LIMIT: usize = 64 * 1024;

    /// Makes a decoder with the default limit.
    pub fn new() -> LineDecoder {
        LineDecoder::default()
    }

    /// Makes a decoder that refuses lines of more than so many bytes, their end not counted.
    pub fn with_limit(bytes: usize) -> LineDecoder {
        LineDecoder(Pieces::new(LineCut { limit: bytes, ..LineCut::default() }))
    }

    /// Takes bytes off the front of `bytes`, up to the end of a line, and lends that line; takes all
    /// of them, and says `None`, if no line ends there.
    ///
    /// # Errors
    ///
    /// `InvalidData` if a line is longer than the limit. Nothing more can be had from it then: all
    /// bytes are taken, and there are no lines.
    pub fn decode<'a, 'c: 'a>(&'a mut self, bytes: &mut &'c [u8]) -> Result<Option<&'a [u8]>> {
        self.0.decode(bytes)
    }

    /// Says that there are no more bytes: lends the last line, if no `\n` is behind it. A `\r` at
    /// its end belongs to it.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is longer than the limit.
    pub fn finish(&mut self) -> Result<Option<&[u8]>> {
        self.0.finish()
    }

    /// Bytes that it keeps, of a line whose end has not come: no more than the limit, and one.
    pub fn buffered(&self) -> usize {
        self.0.buffered()
    }
}

#[derive(Clone, Debug)]
struct LineCut {
    limit: usize,
    /// Bytes of the line that have been seen.
    seen: usize,
    /// The last of them was a `\r`, which may belong to the end.
    is_returned: bool,
}

impl Default for LineCut {
    fn default() -> LineCut {
        LineCut { limit: LineDecoder::DEFAULT_LIMIT, seen: 0, is_returned: false }
    }
}

impl Cut for LineCut {
    fn cut(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        // What may still be a line within the limit, and no more: a flood is not searched.
        let most = self.limit.saturating_add(2) - self.seen;
        let offered = &bytes[..bytes.len().min(most)];
        let newline = find(b'\n', offered);
        let text = &offered[..newline.unwrap_or(offered.len())];
        let is_returned = text.last().map_or(self.is_returned, |&last| last == b'\r');
        let seen = self.seen + text.len();
        if seen - usize::from(is_returned) > self.limit {
            return Err(too_long("line", self.limit));
        }
        (self.seen, self.is_returned) = newline.map_or((seen, is_returned), |_| (0, false));
        Ok(newline.map(|at| at + 1))
    }

    fn body(&mut self, item: &[u8]) -> Range<usize> {
        let Some(line) = item.strip_suffix(b"\n") else { return 0..item.len() };
        0..line.strip_suffix(b"\r").unwrap_or(line).len()
    }

    fn cut_last(&mut self, rest: usize) -> Result<()> {
        if rest > self.limit { Err(too_long("line", self.limit)) } else { Ok(()) }
    }
}

/// The length of the first line of `bytes` with its end; `None` if it has none yet. Of the bytes so
/// many were `searched` before, and had none.
///
/// # Errors
///
/// `InvalidData` if the line is longer than `limit`, its end not counted.
pub(crate) fn line_end(bytes: &[u8], searched: usize, limit: usize) -> Result<Option<usize>> {
    let newline = find(b'\n', &bytes[searched..]).map(|at| searched + at);
    let text = &bytes[..newline.unwrap_or(bytes.len())];
    if text.strip_suffix(b"\r").unwrap_or(text).len() > limit {
        return Err(too_long("line", limit));
    }
    Ok(newline.map(|at| at + 1))
}
