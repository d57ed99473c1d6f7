//! Frames: how they are told from each other, cut out of bytes, and written.

use std::io::{Error as IoError, ErrorKind};
use std::ops::Range;

use crate::codec::delimiter::Delimited;
use crate::codec::length::{Header, Number, Prefixed};
use crate::codec::pieces::{Cut, Pieces};
use crate::error::{Error, Result};

/// How frames are told from each other: by their length in front, or a delimiter behind them.
///
/// ```
/// use unspin::codec::Framing;
///
/// # fn main() -> unspin::Result<()> {
/// let mut bytes = Vec::new();
/// Framing::u16().encode(b"hello", &mut bytes)?;
/// assert_eq!(bytes, b"\0\x05hello");
/// // PostgreSQL's: a byte for the kind of message, and a length that counts itself.
/// let _postgres = Framing::u32().after(1).counting_itself();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Framing {
    shape: Shape,
    limit: usize,
}

#[derive(Clone, Debug)]
enum Shape {
    Prefixed(Header),
    Delimited(Delimited),
}

impl Framing {
    /// The longest frame there may be, in bytes, if nothing else is said: 8 MiB.
    pub const DEFAULT_LIMIT: usize = 8 * 1024 * 1024;

    fn prefixed(number: Number) -> Framing {
        let header = Header { number, offset: 0, counts_itself: false };
        Framing { shape: Shape::Prefixed(header), limit: Framing::DEFAULT_LIMIT }
    }

    /// A length of one byte in front of each frame.
    pub fn u8() -> Framing {
        Framing::prefixed(Number::BigEndian(1))
    }

    /// A length of two bytes in front of each frame, the high byte first.
    pub fn u16() -> Framing {
        Framing::prefixed(Number::BigEndian(2))
    }

    /// A length of four bytes in front of each frame, the highest first.
    pub fn u32() -> Framing {
        Framing::prefixed(Number::BigEndian(4))
    }

    /// A length of eight bytes in front of each frame, the highest first.
    pub fn u64() -> Framing {
        Framing::prefixed(Number::BigEndian(8))
    }

    /// A length of one to ten bytes in front of each frame, seven bits a byte, the lowest first, as
    /// Protocol Buffers have it (LEB128).
    pub fn varint() -> Framing {
        Framing::prefixed(Number::Varint)
    }

    /// A delimiter behind each frame, which is given out with none.
    ///
    /// # Panics
    ///
    /// If it is empty.
    pub fn delimited(delimiter: impl AsRef<[u8]>) -> Framing {
        let delimiter = delimiter.as_ref();
        assert!(!delimiter.is_empty(), "a delimiter has at least one byte");
        let limit = Framing::DEFAULT_LIMIT;
        Framing { shape: Shape::Delimited(Delimited::new(delimiter, limit)), limit }
    }

    /// Lengths have their lowest byte first. A varint has it so anyway.
    ///
    /// # Panics
    ///
    /// If the frames have no lengths.
    pub fn little_endian(mut self) -> Framing {
        let header = self.header();
        if let Number::BigEndian(width) = header.number {
            header.number = Number::LittleEndian(width);
        }
        self
    }

    /// The length stands behind so many other bytes of a header. It does not count them.
    ///
    /// Such frames are given out, and are to be given to [`encode`](Framing::encode), with their
    /// whole header, in which that writes the length.
    ///
    /// # Panics
    ///
    /// If the frames have no lengths, or varints.
    pub fn after(mut self, bytes: usize) -> Framing {
        let header = self.header();
        assert!(header.number != Number::Varint, "a header has a length of fixed width");
        header.offset = bytes;
        self
    }

    /// The length counts its own bytes, too.
    ///
    /// # Panics
    ///
    /// If the frames have no lengths, or varints.
    pub fn counting_itself(mut self) -> Framing {
        let header = self.header();
        assert!(header.number != Number::Varint, "what counts itself has a fixed width");
        header.counts_itself = true;
        self
    }

    /// The longest frame there may be, in bytes, header and delimiter not counted.
    pub fn limit(mut self, bytes: usize) -> Framing {
        self.limit = bytes;
        if let Shape::Delimited(delimited) = &mut self.shape {
            *delimited = Delimited::new(delimited.delimiter(), bytes);
        }
        self
    }

    fn header(&mut self) -> &mut Header {
        match &mut self.shape {
            Shape::Prefixed(header) => header,
            Shape::Delimited(_) => panic!("frames with a delimiter have no lengths"),
        }
    }

    /// Appends a frame to `out`, with what tells it from others.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is longer than the limit or than its length can say, if it has the
    /// delimiter in it, or if it is shorter than its [header](Framing::after). `out` is as before.
    pub fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let header = match &self.shape {
            Shape::Prefixed(header) if header.offset > 0 => header.length(),
            _ => 0,
        };
        if frame.len().saturating_sub(header) > self.limit {
            let (length, limit) = (frame.len(), self.limit);
            return Err(refused(format!(
                "a frame of {length} bytes is longer than the limit of {limit} bytes"
            )));
        }
        match &self.shape {
            Shape::Prefixed(header) => {
                out.reserve(frame.len() + header.room());
                header.encode(frame, out).ok_or_else(|| {
                    refused(format!("a frame of {} bytes has no such header", frame.len()))
                })
            }
            Shape::Delimited(delimited) if delimited.can_end(frame) => {
                out.extend_from_slice(frame);
                out.extend_from_slice(delimited.delimiter());
                Ok(())
            }
            Shape::Delimited(_) => Err(refused("a frame has the delimiter in it".to_owned())),
        }
    }
}

fn refused(message: String) -> Error {
    Error::from(IoError::new(ErrorKind::InvalidInput, message))
}

/// Cuts bytes into frames.
///
/// ```
/// use unspin::codec::{FrameDecoder, Framing};
///
/// # fn main() -> unspin::Result<()> {
/// let mut frames = FrameDecoder::new(Framing::u8());
/// let mut chunk = &b"\x03one\x03two\x05thr"[..];
/// assert_eq!(frames.decode(&mut chunk)?, Some(&b"one"[..]));
/// assert_eq!(frames.decode(&mut chunk)?, Some(&b"two"[..]));
/// assert_eq!(frames.decode(&mut chunk)?, None);
/// assert_eq!(frames.decode(&mut &b"ee"[..])?, Some(&b"three"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FrameDecoder(Pieces<FrameCut>);

impl FrameDecoder {
    /// Makes a decoder.
    pub fn new(framing: Framing) -> FrameDecoder {
        let cut = match framing.shape {
            Shape::Prefixed(header) => FrameCut::Prefixed(Prefixed::new(header, framing.limit)),
            Shape::Delimited(delimited) => FrameCut::Delimited(delimited),
        };
        FrameDecoder(Pieces::new(cut))
    }

    /// Takes bytes off the front of `bytes`, up to the end of a frame, and lends that frame; takes
    /// all of them, and says `None`, if no frame ends there.
    ///
    /// # Errors
    ///
    /// `InvalidData` if a frame is longer than the limit: as soon as its length is known, before
    /// any of it is kept. Also if its length is none. Nothing more can be had from it then: all
    /// bytes are taken, and there are no frames.
    pub fn decode<'a, 'c: 'a>(&'a mut self, bytes: &mut &'c [u8]) -> Result<Option<&'a [u8]>> {
        self.0.decode(bytes)
    }

    /// Says that there are no more bytes.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if that is within a frame.
    pub fn finish(&mut self) -> Result<()> {
        self.0.finish().map(drop)
    }

    /// Bytes that it keeps, of a frame whose end has not come: no more than the limit, its header
    /// and delimiter.
    pub fn buffered(&self) -> usize {
        self.0.buffered()
    }
}

#[derive(Clone, Debug)]
enum FrameCut {
    Prefixed(Prefixed),
    Delimited(Delimited),
}

impl Cut for FrameCut {
    fn cut(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        match self {
            FrameCut::Prefixed(cut) => cut.cut(bytes),
            FrameCut::Delimited(cut) => cut.cut(bytes),
        }
    }

    fn body(&mut self, item: &[u8]) -> Range<usize> {
        match self {
            FrameCut::Prefixed(cut) => cut.body(item),
            FrameCut::Delimited(cut) => cut.body(item),
        }
    }

    fn cut_last(&mut self, rest: usize) -> Result<()> {
        match self {
            FrameCut::Prefixed(cut) => cut.cut_last(rest),
            FrameCut::Delimited(cut) => cut.cut_last(rest),
        }
    }
}
