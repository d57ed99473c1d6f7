//! Items that end with certain bytes.

use std::io::{BufRead, Error as IoError, ErrorKind};
use std::ops::Range;

use crate::codec::pieces::Cut;
use crate::error::{Error, Result};

/// Where `byte` is first.
pub(super) fn find(byte: u8, mut bytes: &[u8]) -> Option<usize> {
    let all = bytes;
    // std's only fast search for a byte that is public.
    let passed = bytes.skip_until(byte).unwrap_or(all.len());
    let last = passed.checked_sub(1)?;
    (all[last] == byte).then_some(last)
}

/// Says that an item, of which so many bytes have come, is too long.
pub(super) fn too_long(what: &str, limit: usize) -> Error {
    let message = format!("a {what} is longer than the limit of {limit} bytes");
    Error::from(IoError::new(ErrorKind::InvalidData, message))
}

/// Finds a delimiter of any length, also where chunks cut it in two: as Knuth, Morris and Pratt do,
/// so that no byte is looked at again.
#[derive(Clone, Debug)]
pub(crate) struct Delimited {
    delimiter: Box<[u8]>,
    /// How much of the delimiter is still matched where the byte after this many does not fit.
    fallback: Box<[usize]>,
    matched: usize,
    /// Bytes of the item that have been seen.
    seen: usize,
    limit: usize,
}

impl Delimited {
    pub(super) fn new(delimiter: &[u8], limit: usize) -> Delimited {
        let fallback = fallback_of(delimiter);
        let delimiter = delimiter.into();
        Delimited { delimiter, fallback, matched: 0, seen: 0, limit }
    }

    /// Whether a frame, with the delimiter behind it, is read as that frame.
    pub(super) fn can_end(&self, frame: &[u8]) -> bool {
        let mut delimited = Delimited::new(&self.delimiter, usize::MAX);
        let end = self.delimiter.len();
        delimited.find_end(frame).is_none() && delimited.find_end(&self.delimiter) == Some(end)
    }

    pub(super) fn delimiter(&self) -> &[u8] {
        &self.delimiter
    }

    /// The end of the delimiter among `bytes`.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.matched == 0 {
                at += find(self.delimiter[0], &bytes[at..])?;
            }
            self.matched = self.matched_with(bytes[at]);
            at += 1;
            if self.matched == self.delimiter.len() {
                self.matched = 0;
                return Some(at);
            }
        }
        None
    }

    fn matched_with(&self, byte: u8) -> usize {
        let mut matched = self.matched;
        while self.delimiter[matched] != byte {
            if matched == 0 {
                return 0;
            }
            matched = self.fallback[matched - 1];
        }
        matched + 1
    }
}

/// For each start of the delimiter: how long the longest of its ends is that is a start, too.
fn fallback_of(delimiter: &[u8]) -> Box<[usize]> {
    let mut fallback = vec![0; delimiter.len()];
    let mut matched = 0;
    for at in 1..delimiter.len() {
        while matched > 0 && delimiter[at] != delimiter[matched] {
            matched = fallback[matched - 1];
        }
        matched += usize::from(delimiter[at] == delimiter[matched]);
        fallback[at] = matched;
    }
    fallback.into()
}

impl Cut for Delimited {
    fn cut(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        // What may still be an item within the limit, and no more: a flood is not searched.
        let most = self.limit.saturating_add(self.delimiter.len()) - self.seen;
        let offered = &bytes[..bytes.len().min(most)];
        let end = self.find_end(offered);
        if end.is_none() && self.seen + offered.len() - self.matched > self.limit {
            return Err(too_long("frame", self.limit));
        }
        self.seen = if end.is_some() { 0 } else { self.seen + offered.len() };
        Ok(end)
    }

    fn body(&mut self, item: &[u8]) -> Range<usize> {
        0..item.len() - self.delimiter.len()
    }

    fn cut_last(&mut self, _rest: usize) -> Result<()> {
        let message = "the stream ended within a frame, before its delimiter";
        Err(Error::from(IoError::new(ErrorKind::UnexpectedEof, message)))
    }
}
