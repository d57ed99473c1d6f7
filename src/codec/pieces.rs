//! What all decoders share: the bytes of an item that has not come to its end.

use std::ops::Range;

use crate::error::Result;

/// More than this is not kept for the next item, if one needed it.
const KEPT: usize = 64 * 1024;

/// Finds the ends of items. It sees each byte once.
pub(crate) trait Cut {
    /// Looks at bytes that follow those it has seen, and says how many of them belong to the item
    /// if it ends among them. Otherwise all of them do.
    fn cut(&mut self, bytes: &[u8]) -> Result<Option<usize>>;

    /// What of the item, which was cut off last, is given out.
    fn body(&mut self, item: &[u8]) -> Range<usize>;

    /// At the end of all bytes: whether what is left, which is not empty, is an item.
    fn cut_last(&mut self, rest: usize) -> Result<()>;
}

/// Puts items together from chunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces<C> {
    cut: C,
    /// The part of an item that came in earlier chunks; or the one that was lent last.
    partial: Vec<u8>,
    /// It was lent, and is to be forgotten.
    lent: bool,
    failed: bool,
}

impl<C: Cut> Pieces<C> {
    pub(crate) fn new(cut: C) -> Pieces<C> {
        Pieces { cut, partial: Vec::new(), lent: false, failed: false }
    }

    /// Takes bytes off the front of `bytes`, up to the end of an item, and lends that; all of them
    /// if none ends there. After an error it takes everything, and has no more items.
    pub(crate) fn decode<'a, 'c: 'a>(
        &'a mut self,
        bytes: &mut &'c [u8],
    ) -> Result<Option<&'a [u8]>> {
        self.forget_lent();
        if self.failed {
            *bytes = &[];
            return Ok(None);
        }
        match self.cut.cut(bytes) {
            Ok(Some(length)) => {
                let (item, rest) = bytes.split_at(length);
                *bytes = rest;
                Ok(Some(self.complete(item)))
            }
            Ok(None) => {
                self.partial.extend_from_slice(bytes);
                *bytes = &[];
                Ok(None)
            }
            Err(error) => {
                *bytes = &[];
                self.fail();
                Err(error)
            }
        }
    }

    fn complete<'a, 'c: 'a>(&'a mut self, end: &'c [u8]) -> &'a [u8] {
        let item = if self.partial.is_empty() {
            end
        } else {
            self.partial.extend_from_slice(end);
            self.lent = true;
            &self.partial
        };
        &item[self.cut.body(item)]
    }

    /// The bytes have come to an end: lends what is left, if that is an item.
    pub(crate) fn finish(&mut self) -> Result<Option<&[u8]>> {
        self.forget_lent();
        if self.failed || self.partial.is_empty() {
            return Ok(None);
        }
        if let Err(error) = self.cut.cut_last(self.partial.len()) {
            self.fail();
            return Err(error);
        }
        self.lent = true;
        let body = self.cut.body(&self.partial);
        Ok(Some(&self.partial[body]))
    }

    /// Bytes that it holds for an item that has not ended.
    pub(crate) fn buffered(&self) -> usize {
        if self.lent { 0 } else { self.partial.len() }
    }

    fn fail(&mut self) {
        self.failed = true;
        self.partial = Vec::new();
    }

    fn forget_lent(&mut self) {
        if !std::mem::take(&mut self.lent) {
            return;
        }
        self.partial.clear();
        if self.partial.capacity() > KEPT {
            self.partial = Vec::new();
        }
    }
}
