//! Frames with their length in front.

use std::io::{Error as IoError, ErrorKind};
use std::ops::Range;

use crate::codec::pieces::Cut;
use crate::error::{Error, Result};

/// Bytes of a 64-bit number, seven bits each.
const LONGEST_VARINT: usize = 10;

/// How a length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    BigEndian(usize),
    LittleEndian(usize),
    /// Seven bits a byte, the lowest first, the eighth set in all but the last.
    Varint,
}

/// What stands in front of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) number: Number,
    /// Bytes in front of the length. If there are any, they are given out, and the length as well.
    pub(super) offset: usize,
    pub(super) counts_itself: bool,
}

/// Finds the ends of frames by the lengths in front of them.
#[derive(Clone, Debug)]
pub(super) struct Prefixed {
    header: Header,
    limit: usize,
    /// Bytes of the frame that have been seen.
    seen: usize,
    /// The length, as far as it has been seen.
    value: u64,
    /// Bytes that are still to come, once that is known.
    left: Option<usize>,
    /// Of the frame that was cut off last.
    header_length: usize,
}

impl Prefixed {
    pub(super) fn new(header: Header, limit: usize) -> Prefixed {
        Prefixed { header, limit, seen: 0, value: 0, left: None, header_length: 0 }
    }

    /// Reads a byte of the header; returns the length if that was the last one.
    fn read(&mut self, byte: u8) -> Result<Option<u64>> {
        let at = self.seen.checked_sub(self.header.offset);
        self.seen += 1;
        let Some(at) = at else { return Ok(None) };
        let is_last = match self.header.number {
            Number::BigEndian(width) => {
                self.value = self.value << 8 | u64::from(byte);
                at + 1 == width
            }
            Number::LittleEndian(width) => {
                self.value |= u64::from(byte) << (8 * at);
                at + 1 == width
            }
            Number::Varint => {
                if at + 1 == LONGEST_VARINT && byte > 1 {
                    return Err(invalid("the length of a frame has more than 64 bits".to_owned()));
                }
                self.value |= u64::from(byte & 0x7f) << (7 * at);
                byte < 0x80
            }
        };
        Ok(is_last.then_some(self.value))
    }

    /// The bytes behind a header that says `length`.
    fn body_of(&self, length: u64) -> Result<usize> {
        let own = if self.header.counts_itself { self.seen - self.header.offset } else { 0 };
        let Some(length) = length.checked_sub(own as u64) else {
            return Err(invalid(format!(
                "a frame's length of {length} does not even count itself"
            )));
        };
        if length > self.limit as u64 {
            let limit = self.limit;
            return Err(invalid(format!(
                "a frame of {length} bytes is longer than the limit of {limit} bytes"
            )));
        }
        // It is not above a `usize`.
        Ok(length as usize)
    }

    fn skip_header(&mut self, bytes: &[u8]) -> Result<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            if let Some(length) = self.read(byte)? {
                self.left = Some(self.body_of(length)?);
                self.header_length = self.seen;
                return Ok(at + 1);
            }
        }
        Ok(bytes.len())
    }
}

impl Cut for Prefixed {
    fn cut(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        let header = if self.left.is_none() { self.skip_header(bytes)? } else { 0 };
        let Some(left) = self.left else { return Ok(None) };
        let body = left.min(bytes.len() - header);
        if body < left {
            (self.seen, self.left) = (self.seen + body, Some(left - body));
            return Ok(None);
        }
        (self.seen, self.value, self.left) = (0, 0, None);
        Ok(Some(header + body))
    }

    fn body(&mut self, item: &[u8]) -> Range<usize> {
        if self.header.offset > 0 { 0..item.len() } else { self.header_length..item.len() }
    }

    fn cut_last(&mut self, rest: usize) -> Result<()> {
        let message = match self.left {
            Some(left) => {
                format!(
                    "the stream ended within a frame, after {rest} of {} bytes",
                    rest.saturating_add(left)
                )
            }
            None => "the stream ended within the header of a frame".to_owned(),
        };
        Err(Error::from(IoError::new(ErrorKind::UnexpectedEof, message)))
    }
}

fn invalid(message: String) -> Error {
    Error::from(IoError::new(ErrorKind::InvalidData, message))
}

impl Header {
    /// Writes a frame behind its header. `None` if the header cannot say so much, or if the frame
    /// does not have the header that it should have.
    pub(super) fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let body =
            if self.offset > 0 { frame.len().checked_sub(self.length())? } else { frame.len() };
        let own = if self.counts_itself { self.width() } else { 0 };
        let value = (body + own) as u64;
        if self.width() < 8 && value >> (8 * self.width()) != 0 {
            return None;
        }
        out.extend_from_slice(&frame[..self.offset]);
        self.number.write(value, out);
        out.extend_from_slice(&frame[frame.len() - body..]);
        Some(())
    }

    /// Of the length; a varint has none in particular, and holds every length.
    fn width(&self) -> usize {
        match self.number {
            Number::BigEndian(width) | Number::LittleEndian(width) => width,
            Number::Varint => 8,
        }
    }

    pub(super) fn length(&self) -> usize {
        self.offset + self.width()
    }

    /// The bytes in front of a frame, at most.
    pub(super) fn room(&self) -> usize {
        self.offset + LONGEST_VARINT
    }
}

impl Number {
    fn write(self, mut value: u64, out: &mut Vec<u8>) {
        match self {
            Number::BigEndian(width) => out.extend_from_slice(&value.to_be_bytes()[8 - width..]),
            Number::LittleEndian(width) => out.extend_from_slice(&value.to_le_bytes()[..width]),
            Number::Varint => {
                while value >= 0x80 {
                    out.push(value as u8 | 0x80);
                    value >>= 7;
                }
                out.push(value as u8);
            }
        }
    }
}
